/*
 * Reassembled packets of IPv6: their keys, their bounds, their verdicts and how they leave. Rows of
 * fragments are in fragment6_test.c; the topology is in parcel.h.
 */
#include "parcel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { UNDERLAY = PARCEL_UNDERLAY, UPLINK = PARCEL_UPLINK, LIFE_S = PARCEL_LIFE_S };
enum { PER_SITE = PARCEL_PER_SITE, ALL = PARCEL_ALL };
enum { ACK = 16, TCP = 6, UDP = 17, ICMP6 = 58, REPLY = 129 };

static const char yaml[] = PARCEL_YAML("flows: {capacity: 4096}\n");
static const char four_workers[] = PARCEL_YAML("flows: {capacity: 4096}\nworkers: 4\n");

static struct parcel parcel;
static struct fragments fragments;

static struct frame from_site(uint8_t proto, bool madrid)
{
	return parcel_from_site(proto, madrid, true);
}

/*
 * Two sites send the same fragments, in turn. Each fragment is joined with those of its own site.
 */
static void sites_do_not_mix(void **state)
{
	static struct parcel berlin, madrid;
	struct bed *bed = bed_create(yaml, 1);
	struct frame b = from_site(UDP, false), m = from_site(UDP, true), out;
	const struct fragment first = {0, 1400}, last = {1400, 2000};
	uint32_t id;
	const char *why;

	parcel_size(&b, 2040);
	parcel_size(&m, 2040);
	parcel_pack(&berlin, &b, SITE);
	parcel_pack(&madrid, &m, SITE);
	parcel_send_fragment(bed, &berlin, first.at, first.end);
	parcel_send_fragment(bed, &madrid, last.at, last.end);
	assert_int_equal(bed_counters(bed).held, 2);
	parcel_send_fragment(bed, &madrid, first.at, first.end);
	assert_true(fragments_take(bed, UPLINK, &fragments, &out, &why));
	assert_int_equal(out.token, m.token);
	id = fragments.id;
	parcel_send_fragment(bed, &berlin, last.at, last.end);
	assert_true(fragments_take(bed, UPLINK, &fragments, &out, &why));
	assert_int_equal(out.token, b.token);
	/* Outside both have one address, so the packets must differ. */
	assert_int_equal(fragments.n, 2);
	assert_int_not_equal(fragments.id, id);
	bed_check(bed);
	bed_destroy(bed);
}

/* Fragments with other identifications, in any bit, or other addresses are not joined either. */
static void keys_differ(void **state)
{
	struct bed *bed = bed_create(yaml, 1);
	static struct parcel parcels[8];
	const struct fragment first = {0, 504}, last = {504, 1000};

	for (size_t i = 0; i < ARRAY_SIZE(parcels); i++) {
		struct frame f = from_site(UDP, false);

		f.token = i;
		f.src6.b[15] += i & 1;
		f.dst6.b[15] += i >> 1 & 1;
		parcel_size(&f, 1040);
		parcel_pack(&parcels[i], &f, SITE);
		parcels[i].id ^= (i & 4) << 24;
		parcel_send_fragment(bed, &parcels[i], first.at, first.end);
	}
	for (size_t i = 0; i < ARRAY_SIZE(parcels); i++) {
		struct frame out;
		const char *why;

		parcel_send_fragment(bed, &parcels[i], last.at, last.end);
		assert_true(fragments_take(bed, UPLINK, &fragments, &out, &why));
		assert_int_equal(out.token, i);
	}
	bed_check(bed);
	bed_destroy(bed);
}

static void send_first_of_ipv4(struct bed *bed, uint16_t id)
{
	struct frame f = from_site(UDP, false);
	uint8_t whole[BED_FRAME_MAX], packet[BED_FRAME_MAX], frame[BED_FRAME_MAX];
	size_t len;

	f.six = false;
	f.src = IP(10, 0, 1, 10);
	f.dst = IP(192, 0, 2, 80);
	f.payload = 992;
	len = frame_build_inner(&f, whole);
	len = fragment4_make(whole, len, &(struct fragment){0, 504}, id, packet);
	bed_send(bed, UNDERLAY, frame, frame_wrap(&f, packet, len, frame));
	bed_run(bed);
}

/*
 * berlin fills its share, which counts both families. Packets of madrid and of the Internet are
 * still reassembled.
 */
static void a_site_has_its_part(void **state)
{
	static struct parcel berlin, madrid, back;
	struct bed *bed = bed_create(yaml, 1);
	struct frame b = from_site(UDP, false), m = from_site(UDP, true), r, out;
	const struct fragment first = {0, 504}, last = {504, 1000};
	uint8_t frame[BED_FRAME_MAX];
	const char *why;

	r = parcel_answer_to(bed, &m);
	parcel_size(&b, 1040);
	parcel_size(&m, 1040);
	parcel_size(&r, 1040);
	parcel_pack(&berlin, &b, SITE);
	parcel_pack(&madrid, &m, SITE);
	parcel_pack(&back, &r, INTERNET);
	parcel_send_fragment(bed, &madrid, first.at, first.end);
	parcel_send_fragment(bed, &back, first.at, first.end);
	for (unsigned i = 0; i < 3 * ALL; i++) {
		berlin.id++;
		parcel_send_fragment(bed, &berlin, first.at, first.end);
		send_first_of_ipv4(bed, (uint16_t)i);
	}
	assert_int_equal(bed_counters(bed).held, 2 + PER_SITE);
	assert_int_equal(bed_counters(bed).drops[DROP_FRAGMENT_LIMIT], 6 * ALL - PER_SITE);
	parcel_send_fragment(bed, &madrid, last.at, last.end);
	assert_true(fragments_take(bed, UPLINK, &fragments, &out, &why));
	assert_int_equal(out.token, m.token);
	parcel_send_fragment(bed, &back, last.at, last.end);
	assert_true(fragments_take(bed, UNDERLAY, &fragments, &out, &why));
	assert_int_equal(fragments.first.outer_dst, PARCEL_SPAIN);
	/* The newest packets of berlin are still there. */
	parcel_send_fragment(bed, &berlin, last.at, last.end);
	assert_true(fragments_take(bed, UPLINK, &fragments, &out, &why));
	assert_int_equal(out.token, b.token);
	worker_advance_clock(bed_worker(bed, 0), LIFE_S + 1);
	assert_int_equal(bed_counters(bed).held, 0);
	assert_int_equal(bed_counters(bed).answers[ANSWER_FRAGMENT_TIMEOUT], PER_SITE - 1);
	while (bed_take(bed, UNDERLAY, frame) > 0)
		;
	bed_check(bed);
	bed_destroy(bed);
}

/* The largest packets, in both directions. Their source assumes 1,448 bytes, and so do we. */
static void largest(void **state)
{
	static const size_t sizes[] = {20000, 65000, 65100, 65200, 65495, 65528, 65535};
	struct bed *bed = bed_create(yaml, 1);
	struct frame f = from_site(UDP, false), back = parcel_answer_to(bed, &f), out;

	for (size_t i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
		enum whence from = i % 2 == 0 ? SITE : INTERNET;
		struct frame *in = from == SITE ? &f : &back;
		const char *why = "";

		parcel_size(in, sizes[i / 2]);
		parcel_pack(&parcel, in, from);
		parcel_send(bed, &parcel, 1400);
		if (!fragments_take(bed, from == SITE ? UPLINK : UNDERLAY, &fragments, &out, &why))
			fail_msg("%zu bytes: %s", sizes[i / 2], why);
		assert_int_equal(fragments.len, 14 + sizes[i / 2]);
		assert_int_equal(fragments.largest, 1448);
		assert_int_equal(out.token, in->token);
	}
	bed_check(bed);
	bed_destroy(bed);
}

/*
 * Fragments that leave are no larger than those of the source, but not more than can be
 * reassembled.
 */
static void many_fragments(void **state)
{
	struct bed *bed = bed_create(yaml, 1);
	struct frame f = from_site(UDP, false);

	parcel_size(&f, 2040);
	parcel_pack(&parcel, &f, SITE);
	parcel_send(bed, &parcel, 8);
	assert_int_equal(bed_counters(bed).drops[DROP_FRAGMENT_LIMIT], 129);
	assert_int_equal(bed_counters(bed).held, 250 - 129);
	worker_advance_clock(bed_worker(bed, 0), LIFE_S + 1);
	assert_int_equal(bed_counters(bed).drops[DROP_FRAGMENT_TIMEOUT], 250 - 129);
	bed_check(bed);
	bed_destroy(bed);
}

/*
 * A reassembled packet is handled like any other: its hop limit has expired, it may not open a
 * flow, or it is a ping.
 */
static void reassembled_are_judged(void **state)
{
	static const struct {
		uint8_t ttl, tcp_flags, proto;
		enum drop drop; /* DROP_NONE: it is answered */
		size_t size; /* of the answer */
	} cases[] = {
		{1, 0, UDP, DROP_NONE, 1280}, {64, 4, TCP, DROP_NO_FLOW}, /* answered by a reset */
	};
	static const size_t sizes[] = {3000, 50000, 65535};

	for (size_t i = 0; i < ARRAY_SIZE(cases) * ARRAY_SIZE(sizes); i++) {
		size_t c = i / ARRAY_SIZE(sizes);
		struct bed *bed = bed_create(yaml, 1);
		struct frame f = from_site(cases[c].proto, false), out;
		const char *why;

		f.ttl = cases[c].ttl;
		f.tcp_flags = cases[c].tcp_flags;
		parcel_size(&f, sizes[i % ARRAY_SIZE(sizes)]);
		parcel_pack(&parcel, &f, SITE);
		parcel_send(bed, &parcel, 1400);
		if (cases[c].drop != DROP_NONE) {
			assert_int_equal(bed_counters(bed).drops[cases[c].drop], 1);
		} else {
			assert_true(fragments_take(bed, UNDERLAY, &fragments, &out, &why));
			assert_int_equal(fragments.len - 14, cases[c].size);
			assert_int_equal(out.icmp_type, 3);
		}
		bed_check(bed);
		bed_destroy(bed);
	}
}

/* A ping to the gateway itself, of any size: the reply goes back as the request came. */
static void ping_the_gateway(void **state)
{
	static const size_t sizes[] = {1040, 1441, 4048, 65535};
	static const struct ip6 inside = PARCEL_INSIDE6;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct bed *bed = bed_create(yaml, 1);
		struct frame f = from_site(ICMP6, false), out;
		const char *why = "";

		f.dst6 = inside;
		parcel_size(&f, sizes[i]);
		parcel_pack(&parcel, &f, SITE);
		parcel_send(bed, &parcel, 1400);
		if (!fragments_take(bed, UNDERLAY, &fragments, &out, &why))
			fail_msg("%zu bytes: %s", sizes[i], why);
		assert_int_equal(out.icmp_type, REPLY);
		assert_int_equal(fragments.len - 14, sizes[i]);
		assert_int_equal(out.token, f.token);
		bed_check(bed);
		bed_destroy(bed);
	}
}

static int compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The next identification cannot be predicted (RFC 7739), and none is used twice. */
static void identifications(void **state)
{
	enum { N = 4096 };
	struct bed *bed = bed_create(yaml, 1);
	static uint32_t ids[N];
	unsigned ones[32] = {0}, up = 0, near = 0;
	struct frame f = from_site(UDP, false), out;
	const char *why;

	parcel_size(&f, 1540);
	parcel_pack(&parcel, &f, SITE);
	for (unsigned i = 0; i < N; i++) {
		parcel_send(bed, &parcel, 1400);
		assert_true(fragments_take(bed, UPLINK, &fragments, &out, &why));
		assert_int_equal(fragments.n, 2);
		ids[i] = fragments.id;
		for (unsigned bit = 0; bit < 32; bit++)
			ones[bit] += fragments.id >> bit & 1;
		up += i > 0 && ids[i] > ids[i - 1];
		near += i > 0 && ids[i] - ids[i - 1] + 1000 < 2000;
	}
	/* Ten standard deviations of a fair coin. */
	for (unsigned bit = 0; bit < 32; bit++)
		assert_in_range(ones[bit], N / 2 - 320, N / 2 + 320);
	assert_in_range(up, N / 2 - 320, N / 2 + 320);
	assert_in_range(near, 0, 2);
	qsort(ids, N, sizeof(ids[0]), compare);
	for (unsigned i = 1; i < N; i++)
		assert_int_not_equal(ids[i], ids[i - 1]);
	bed_check(bed);
	bed_destroy(bed);
}

/*
 * A router behind the uplink reports that one of our fragments was too big. The error about a first
 * fragment is forwarded to the host, whose flow it names. An error about a later fragment is not.
 */
static void errors_about_fragments(void **state)
{
	static const struct ip6 router = IP6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), host = PARCEL_HOST6;
	struct bed *bed = bed_create(yaml, 1);
	struct frame f = from_site(UDP, false), out, embedded;
	uint8_t frame[BED_FRAME_MAX], fragment[2][BED_FRAME_MAX];
	const char *why;
	size_t len;

	parcel_size(&f, 2040);
	parcel_pack(&parcel, &f, SITE);
	parcel_send(bed, &parcel, 1400);
	for (unsigned i = 0; i < 2; i++)
		assert_true(bed_take(bed, UPLINK, fragment[i]) > 500);
	for (unsigned i = 0; i < 2; i++) {
		const struct frame error = {
			.six = true,
			.src6 = router,
			.dst6 = PARCEL_EGRESS6,
			.proto = ICMP6,
			.icmp_type = 2,
			.dport = 1300,
			.data = fragment[i] + 14,
			.payload = 500,
		};

		bed_send(bed, UPLINK, frame, frame_build(&error, frame));
		bed_run(bed);
	}
	len = bed_take(bed, UNDERLAY, frame);
	assert_true(len > 0 && frame_parse(frame, len, &out, &why));
	assert_int_equal(out.outer_dst, PARCEL_BERLIN);
	assert_memory_equal(&out.dst6, &host, 16);
	assert_int_equal(out.dport, 1300);
	assert_true(frame_parse_quote(frame + 14 + 24 + 48, 500, &embedded, &why));
	assert_memory_equal(&embedded.src6, &host, 16);
	assert_int_equal(embedded.sport, 5000);
	assert_int_equal(bed_take(bed, UNDERLAY, frame), 0);
	assert_int_equal(bed_counters(bed).drops[DROP_ICMP_EMBEDDED], 1);
	bed_check(bed);
	bed_destroy(bed);
}

/*
 * With four workers the fragments of a packet arrive at each of them in turn, and one of them has
 * the flow.
 */
static void several_workers(void **state)
{
	struct bed *bed = bed_create(four_workers, 1);
	uint32_t x = 1;

	for (unsigned i = 0; i < 500; i++) {
		struct frame f = from_site(UDP, i % 2), out;
		const char *why = "";

		f.sport = (uint16_t)(1000 + i);
		f.token = i;
		parcel_size(&f, 1300 + (x = x * 1664525 + 1013904223) % 3000);
		parcel_pack(&parcel, &f, SITE);
		parcel.id = i;
		parcel_send(bed, &parcel, 720);
		if (!fragments_take(bed, UPLINK, &fragments, &out, &why))
			fail_msg("packet %u: %s", i, why);
		assert_int_equal(out.token, i);
		assert_int_equal(out.payload, f.payload);
		assert_in_range(fragments.largest, 0, 1280); /* whichever worker parsed it last */
	}
	assert_true(bed_counters(bed).handed_in > 500);
	bed_check(bed);
	bed_destroy(bed);
}

/* Without a table for IPv6 flows no fragment is held. */
static void without_ipv6(void **state)
{
	struct bed *bed = bed_create(PARCEL_YAML_NO_IPV6("flows: {capacity: 4096}\n"), 1);
	struct frame f = from_site(UDP, false);

	parcel_size(&f, 2040);
	parcel_pack(&parcel, &f, SITE);
	parcel_send(bed, &parcel, 1400);
	assert_int_equal(bed_counters(bed).drops[DROP_NO_IPV6], 2);
	bed_check(bed);
	bed_destroy(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sites_do_not_mix),	  cmocka_unit_test(keys_differ),
		cmocka_unit_test(a_site_has_its_part),	  cmocka_unit_test(largest),
		cmocka_unit_test(many_fragments),	  cmocka_unit_test(reassembled_are_judged),
		cmocka_unit_test(ping_the_gateway),	  cmocka_unit_test(identifications),
		cmocka_unit_test(errors_about_fragments), cmocka_unit_test(several_workers),
		cmocka_unit_test(without_ipv6),
	};

	return cmocka_run_group_tests_name("reassembled6", tests, NULL, NULL);
}
