/*
 * Fragments: each row is a packet, how it is fragmented, in which order the fragments arrive, and
 * whether the reassembled packet is forwarded.
 */
#include "parcel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BERLIN PARCEL_BERLIN
#define HOST PARCEL_HOST
#define INSIDE PARCEL_INSIDE
#define SERVER PARCEL_SERVER
#define EGRESS PARCEL_EGRESS

enum { UNDERLAY = PARCEL_UNDERLAY, UPLINK = PARCEL_UPLINK, LIFE_S = PARCEL_LIFE_S };
enum { ACK = 16, TCP = 6, UDP = 17, ICMP = 1, ECHO = 8, REPLY = 0 };
enum { ARRIVALS_MAX = 12, PER_SITE = PARCEL_PER_SITE, ALL = PARCEL_ALL };

static const char yaml[] = PARCEL_YAML("flows: {capacity: 4096}\n");
static const char four_workers[] = PARCEL_YAML("flows: {capacity: 4096}\nworkers: 4\n");

struct arrival {
	size_t at, end; /* payload bytes; {0, 0}: no more fragments */
	bool no_more; /* MF is clear although it is not the last fragment */
	uint8_t poison; /* XORed into its first byte */
};

struct row {
	const char *why;
	enum whence from;
	uint8_t proto;
	size_t size; /* of the packet that is fragmented, with its IPv4 header */
	struct arrival arrivals[ARRIVALS_MAX]; /* in the order of arrival */
	unsigned fragments; /* fragments that leave; 0: none */
	enum drop drop; /* why packets were dropped at once, */
	unsigned dropped; /* and how many */
	unsigned held; /* wait, and are dropped as fragment_timeout later */
	bool told; /* except for the first fragment, which an ICMP error answers */
};

/* clang-format off */
static const struct row rows[] = {
	{"two fragments from a site",       SITE, UDP, 1020, {{0, 504}, {504, 1000}}, 1},
	{"two fragments, last one first",   SITE, UDP, 1020, {{504, 1000}, {0, 504}}, 1},
	{"two fragments from the Internet", INTERNET, UDP, 1020, {{0, 504}, {504, 1000}}, 1},
	{"from the Internet, last one first", INTERNET, UDP, 1020, {{504, 1000}, {0, 504}}, 1},
	{"a tunnel packet in two",          TUNNEL, UDP, 1020, {{0, 504}, {504, 1000}}, 1},
	{"a tunnel packet in two, last one first", TUNNEL, UDP, 1020, {{504, 1000}, {0, 504}}, 1},
	{"three fragments, 123",            SITE, UDP, 1020, {{0, 320}, {320, 640}, {640, 1000}}, 1},
	{"three fragments, 132",            SITE, UDP, 1020, {{0, 320}, {640, 1000}, {320, 640}}, 1},
	{"three fragments, 213",            SITE, UDP, 1020, {{320, 640}, {0, 320}, {640, 1000}}, 1},
	{"three fragments, 231",            SITE, UDP, 1020, {{320, 640}, {640, 1000}, {0, 320}}, 1},
	{"three fragments, 312",            SITE, UDP, 1020, {{640, 1000}, {0, 320}, {320, 640}}, 1},
	{"three fragments, 321",            SITE, UDP, 1020, {{640, 1000}, {320, 640}, {0, 320}}, 1},
	{"a TCP SYN in two",                SITE, TCP, 1020, {{0, 504}, {504, 1000}}, 1},
	{"a large ping",                    SITE, ICMP, 1020, {{0, 504}, {504, 1000}}, 1},
	{"an answer to TCP in three",       INTERNET, TCP, 1020, {{0, 320}, {640, 1000}, {320, 640}}, 1},
	{"an answer to a ping in three",    INTERNET, ICMP, 1020, {{0, 320}, {640, 1000}, {320, 640}}, 1},
	{"fragments of eight bytes",        SITE, UDP, 52,
	 {{0, 8}, {24, 32}, {8, 16}, {16, 24}}, 1},
	{"a last fragment of one byte",     SITE, UDP, 1029, {{0, 1008}, {1008, 1009}}, 1},
	{"larger than the uplink: leaves in fragments", SITE, UDP, 3020,
	 {{0, 1400}, {1400, 2800}, {2800, 3000}}, 3},
	{"larger than the tunnel: leaves in fragments", INTERNET, UDP, 1600, {{0, 1480}, {1480, 1580}}, 2},
	{"a tunnel packet larger than the uplink", TUNNEL, UDP, 3020,
	 {{1400, 2800}, {0, 1400}, {2800, 3000}}, 3},

	{"the same fragment again",         SITE, UDP, 1020, {{0, 504}, {0, 504}, {504, 1000}}, 1,
	 DROP_FRAGMENT, 1},
	{"the last fragment again",         SITE, UDP, 1020, {{504, 1000}, {504, 1000}, {0, 504}}, 1,
	 DROP_FRAGMENT, 1},
	{"the same place, other bytes",     SITE, UDP, 1020, {{0, 504}, {0, 504, .poison = 1}, {504, 1000}},
	 0, DROP_FRAGMENT, 2, 1},
	{"overlaps the end of the first",   SITE, UDP, 1020, {{0, 504}, {496, 1000}}, 0, DROP_FRAGMENT, 2},
	{"overlaps the beginning of the last", SITE, UDP, 1020, {{504, 1000}, {0, 512}}, 0,
	 DROP_FRAGMENT, 2},
	{"covers all that was there",       SITE, UDP, 1020, {{320, 640}, {0, 960}}, 0, DROP_FRAGMENT, 2},
	{"lies within what was there",      SITE, UDP, 1020, {{0, 640}, {320, 480, .poison = 9}}, 0,
	 DROP_FRAGMENT, 2},
	{"overlaps from the Internet",      INTERNET, UDP, 1020, {{0, 504}, {496, 1000}}, 0,
	 DROP_FRAGMENT, 2},
	{"overlaps in a tunnel packet",     TUNNEL, UDP, 1020, {{0, 504}, {496, 1000}}, 0,
	 DROP_FRAGMENT, 2},
	{"two ends",                        SITE, UDP, 1020, {{504, 1000}, {320, 400, .no_more = true}}, 0,
	 DROP_FRAGMENT, 2},
	{"goes on behind the end",          SITE, UDP, 1020, {{320, 400, .no_more = true}, {504, 1000}}, 0,
	 DROP_FRAGMENT, 2},
	{"more behind the end",             SITE, UDP, 1020, {{8, 320, .no_more = true}, {320, 640}}, 0,
	 DROP_FRAGMENT, 2},

	{"a TCP header cut in two",         SITE, TCP, 1020, {{0, 16}, {16, 1000}}, 0, DROP_FRAGMENT, 2},
	{"a TCP header cut at eight bytes", SITE, TCP, 1020, {{0, 8}, {8, 1000}}, 0, DROP_FRAGMENT, 2},
	{"a TCP header of just its length", SITE, TCP, 1020, {{0, 24}, {24, 1000}}, 1},
	{"tiny from the Internet",          INTERNET, TCP, 1020, {{0, 8}, {8, 1000}}, 0, DROP_FRAGMENT, 2},

	{"the first is missing",            SITE, UDP, 1020, {{504, 1000}}, 0, .held = 1},
	{"the last is missing",             SITE, UDP, 1020, {{0, 504}}, 0, .held = 1, .told = true},
	{"the middle is missing",           SITE, UDP, 1020, {{0, 320}, {640, 1000}}, 0, .held = 2, .told = true},
	{"the middle of a ping is missing", SITE, ICMP, 1020, {{640, 1000}, {0, 320}}, 0, .held = 2, .told = true},
	{"the middle is missing, from the Internet",
					    INTERNET, UDP, 1020, {{0, 320}, {640, 1000}}, 0, .held = 2},
	{"the middle of a tunnel packet is missing",
					    TUNNEL, UDP, 1020, {{0, 320}, {640, 1000}}, 0, .held = 2},
};
/* clang-format on */

static struct frame from_site(uint8_t proto, bool madrid)
{
	return parcel_from_site(proto, madrid, false);
}

static size_t header_of(uint8_t proto)
{
	return proto == TCP ? 40 : 28;
}

static void send_arrival(struct bed *bed, const struct parcel *parcel,
			 const struct arrival *arrival)
{
	uint8_t packet[BED_FRAME_MAX];
	size_t len = parcel_fragment(parcel, arrival->at, arrival->end, packet);

	if (arrival->no_more) {
		packet[6] &= 0xdf;
		frame_mend(packet);
	}
	if (arrival->poison != 0)
		packet[20] ^= arrival->poison;
	parcel_put(bed, parcel, packet, len);
}

static struct parcel parcel;
static struct fragments fragments;

static void check_out(struct bed *bed, const struct row *row, const struct frame *in)
{
	unsigned port = row->from == INTERNET ? UNDERLAY : UPLINK;
	uint8_t frame[BED_FRAME_MAX];
	struct frame out;
	const char *why;

	if (row->fragments == 0) {
		if (bed_take(bed, port, frame) != 0)
			fail_msg("%s: something went on", row->why);
		return;
	}
	if (!fragments_take(bed, port, &fragments, &out, &why))
		fail_msg("%s: %s", row->why, why);
	if (fragments.n != row->fragments)
		fail_msg("%s: %u fragments", row->why, fragments.n);
	assert_int_equal(out.token, in->token);
	assert_int_equal(out.payload, in->payload);
	assert_int_equal(out.dst, row->from == INTERNET ? HOST : SERVER);
	assert_int_equal(out.src, row->from == INTERNET ? SERVER : EGRESS);
	assert_int_equal(fragments.first.outer_dst, row->from == INTERNET ? BERLIN : 0);
}

static void check_counters(struct bed *bed, const struct row *row, unsigned sent)
{
	struct worker_counters c = bed_counters(bed);

	bed_expect_drops(bed, row->why, row->drop, row->dropped);
	assert_int_equal(c.held, row->held);
	if (row->fragments > 0)
		assert_int_equal(c.fragments_joined, sent - row->dropped - 1);
	for (unsigned s = 0; s < LIFE_S; s++)
		worker_advance_clock(bed_worker(bed, 0), 1);
	assert_int_equal(bed_counters(bed).held, row->held);
	worker_advance_clock(bed_worker(bed, 0), 1);
	c = bed_counters(bed);
	assert_int_equal(c.held, 0);
	assert_int_equal(c.drops[DROP_FRAGMENT_TIMEOUT], row->held - row->told);
	assert_int_equal(c.answers[ANSWER_FRAGMENT_TIMEOUT], row->told);
}

/* The error embeds as much of the first fragment as fits. */
static void check_told(struct bed *bed, const struct row *row)
{
	uint8_t frame[BED_FRAME_MAX];
	size_t len = bed_take(bed, UNDERLAY, frame), n = len;
	const uint8_t *embedded = frame_inner(frame, &n) + 28;
	struct frame out;
	const char *why;

	if (!row->told) {
		assert_int_equal(len, 0);
		return;
	}
	if (!frame_parse(frame, len, &out, &why))
		fail_msg("%s: wrong %s", row->why, why);
	assert_int_equal(out.outer_dst, BERLIN);
	assert_int_equal(out.src, INSIDE);
	assert_int_equal(out.dst, HOST);
	assert_int_equal(out.icmp_type, 11);
	assert_int_equal(out.icmp_code, 1);
	assert_memory_equal(embedded + 12, parcel.packet + 12, 8);
	assert_memory_equal(embedded + 20, parcel.packet + 20, n - 28 - 20);
	assert_int_equal(n, row->arrivals[0].at == 0 && row->arrivals[0].end == 504 ? 28 + 524
										    : 28 + 340);
}

/* The size of a tunnel packet is that of its outer packet. */
static uint16_t payload_of(const struct row *row)
{
	return (uint16_t)(row->size - header_of(row->proto) - (row->from == TUNNEL ? 24 : 0));
}

static void check_row(const struct row *row)
{
	struct bed *bed = bed_create(yaml, 1);
	struct frame f = from_site(row->proto, false);
	unsigned sent = 0;

	if (row->from == INTERNET)
		f = parcel_answer_to(bed, &f);
	f.payload = payload_of(row);
	parcel_pack(&parcel, &f, row->from);
	assert_int_equal(parcel.len, row->size);
	for (; sent < ARRIVALS_MAX && row->arrivals[sent].end != 0; sent++)
		send_arrival(bed, &parcel, &row->arrivals[sent]);
	check_out(bed, row, &f);
	check_counters(bed, row, sent);
	check_told(bed, row);
	bed_check(bed);
	bed_destroy(bed);
}

static void every_row(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(&rows[i]);
}

/*
 * Two sites send the same fragments, in turn. Each fragment is joined with those of its own site.
 */
static void sites_do_not_mix(void **state)
{
	static struct parcel berlin, madrid;
	struct bed *bed = bed_create(yaml, 1);
	struct frame b = from_site(UDP, false), m = from_site(UDP, true), out;
	const struct arrival first = {0, 504}, last = {504, 1000};
	const char *why;

	b.payload = m.payload = 1000 - 8;
	parcel_pack(&berlin, &b, SITE);
	parcel_pack(&madrid, &m, SITE);
	send_arrival(bed, &berlin, &first);
	send_arrival(bed, &madrid, &last);
	assert_int_equal(bed_counters(bed).held, 2);
	send_arrival(bed, &madrid, &first);
	assert_true(fragments_take(bed, UPLINK, &fragments, &out, &why));
	assert_int_equal(out.token, m.token);
	send_arrival(bed, &berlin, &last);
	assert_true(fragments_take(bed, UPLINK, &fragments, &out, &why));
	assert_int_equal(out.token, b.token);
	bed_check(bed);
	bed_destroy(bed);
}

/* Fragments of other protocols or identifications are not joined either. */
static void keys_differ(void **state)
{
	struct bed *bed = bed_create(yaml, 1);
	const uint8_t protos[] = {UDP, TCP, ICMP, UDP};
	static struct parcel parcels[ARRAY_SIZE(protos)];
	const struct arrival first = {0, 504}, last = {504, 1000};

	for (size_t i = 0; i < ARRAY_SIZE(protos); i++) {
		struct frame f = from_site(protos[i], false);

		f.token = i;
		f.payload = (uint16_t)(1020 - header_of(protos[i]));
		parcel_pack(&parcels[i], &f, SITE);
		parcels[i].id += i / 3;
		send_arrival(bed, &parcels[i], &first);
	}
	for (size_t i = 0; i < ARRAY_SIZE(protos); i++) {
		struct frame out;
		const char *why;

		send_arrival(bed, &parcels[i], &last);
		assert_true(fragments_take(bed, UPLINK, &fragments, &out, &why));
		assert_int_equal(out.token, i);
		assert_int_equal(out.proto, protos[i]);
	}
	bed_check(bed);
	bed_destroy(bed);
}

/*
 * berlin fills its share with incomplete packets. Packets of madrid and of the Internet are still
 * reassembled.
 */
static void a_site_has_its_part(void **state)
{
	static struct parcel berlin, madrid;
	struct bed *bed = bed_create(yaml, 1);
	struct frame b = from_site(UDP, false), m = from_site(UDP, true), out;
	const struct arrival first = {0, 504}, last = {504, 1000};
	uint8_t frame[BED_FRAME_MAX];
	const char *why;

	b.payload = m.payload = 1000 - 8;
	parcel_pack(&berlin, &b, SITE);
	parcel_pack(&madrid, &m, SITE);
	send_arrival(bed, &madrid, &first);
	for (unsigned i = 0; i < 3 * ALL; i++) {
		berlin.id++;
		send_arrival(bed, &berlin, &first);
	}
	assert_int_equal(bed_counters(bed).held, 1 + PER_SITE);
	assert_int_equal(bed_counters(bed).drops[DROP_FRAGMENT_LIMIT], 3 * ALL - PER_SITE);
	send_arrival(bed, &madrid, &last);
	assert_true(fragments_take(bed, UPLINK, &fragments, &out, &why));
	assert_int_equal(out.token, m.token);
	/* The newest packets of berlin are still there. */
	send_arrival(bed, &berlin, &last);
	assert_true(fragments_take(bed, UPLINK, &fragments, &out, &why));
	assert_int_equal(out.token, b.token);
	worker_advance_clock(bed_worker(bed, 0), LIFE_S + 1);
	assert_int_equal(bed_counters(bed).held, 0);
	assert_int_equal(bed_counters(bed).answers[ANSWER_FRAGMENT_TIMEOUT], PER_SITE - 1);
	for (unsigned i = 0; i < PER_SITE - 1; i++)
		assert_int_equal(bed_take(bed, UNDERLAY, frame), 14 + 24 + 28 + 524);
	bed_check(bed);
	bed_destroy(bed);
}

/* No ICMP error is sent about the fragments of an ICMP error, or of packets from the Internet. */
static void who_is_not_told(void **state)
{
	static const struct {
		enum whence from;
		uint8_t icmp_type;
	} cases[] = {{SITE, 3}, {SITE, 11}, {SITE, 5}, {INTERNET, REPLY}, {TUNNEL, ECHO}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bed *bed = bed_create(yaml, 1);
		struct frame f = from_site(ICMP, false);
		uint8_t frame[BED_FRAME_MAX];

		if (cases[i].from == INTERNET)
			f = parcel_answer_to(bed, &f);
		f.icmp_type = cases[i].icmp_type;
		f.payload = 1000;
		parcel_pack(&parcel, &f, cases[i].from);
		send_arrival(bed, &parcel, &(struct arrival){0, 504});
		worker_advance_clock(bed_worker(bed, 0), LIFE_S + 1);
		assert_int_equal(bed_counters(bed).drops[DROP_FRAGMENT_TIMEOUT], 1);
		assert_int_equal(bed_take(bed, UNDERLAY, frame), 0);
		bed_check(bed);
		bed_destroy(bed);
	}
}

/* A packet of more fragments than are joined uses no more memory than others. */
static void too_many_fragments(void **state)
{
	struct bed *bed = bed_create(yaml, 1);
	struct frame f = from_site(UDP, false);

	f.payload = 2000 - 8;
	parcel_pack(&parcel, &f, SITE);
	parcel_send(bed, &parcel, 8);
	/* 129 fragments are dropped together; the others wait until the timeout */
	assert_int_equal(bed_counters(bed).drops[DROP_FRAGMENT_LIMIT], 129);
	worker_advance_clock(bed_worker(bed, 0), LIFE_S + 1);
	assert_int_equal(bed_counters(bed).drops[DROP_FRAGMENT_TIMEOUT], 250 - 129);
	bed_check(bed);
	bed_destroy(bed);
}

/* The largest packets, in both directions, in fragments of 1,400 bytes. */
static void largest(void **state)
{
	static const size_t sizes[] = {20000, 65000, 65300, 65400, 65471, 65500, 65534, 65535};
	struct bed *bed = bed_create(yaml, 1);
	struct frame f = from_site(UDP, false), back = parcel_answer_to(bed, &f), out;

	for (size_t i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
		size_t size = sizes[i / 2];
		enum whence from = i % 2 == 0 ? SITE : INTERNET;
		struct frame *in = from == SITE ? &f : &back;
		const char *why = "";

		in->payload = (uint16_t)(size - 28);
		parcel_pack(&parcel, in, from);
		parcel_send(bed, &parcel, 1400);
		if (!fragments_take(bed, from == SITE ? UPLINK : UNDERLAY, &fragments, &out, &why))
			fail_msg("%zu bytes: %s", size, why);
		assert_int_equal(fragments.len, 14 + size);
		assert_int_equal(out.token, in->token);
	}
	bed_check(bed);
	bed_destroy(bed);
}

/* A ping of death: the last fragment ends beyond the largest IP packet. */
static void ping_of_death(void **state)
{
	struct bed *bed = bed_create(yaml, 1);
	struct frame f = from_site(ICMP, false);
	uint8_t packet[BED_FRAME_MAX], frame[BED_FRAME_MAX];

	f.payload = 1000;
	frame_build_inner(&f, packet);
	packet[6] = 0x1f; /* offset 65,528 */
	packet[7] = 0xff;
	frame_mend(packet);
	bed_send(bed, UNDERLAY, frame, frame_wrap(&f, packet, 1028, frame));
	bed_run(bed);
	assert_int_equal(bed_counters(bed).drops[DROP_FRAGMENT], 1);
	bed_check(bed);
	bed_destroy(bed);
}

/* The tunnel packet is fragmented, and its inner packet is a fragment, too. */
static void both_at_once(void **state)
{
	static struct parcel outer;
	struct bed *bed = bed_create(yaml, 1);
	struct frame f = from_site(UDP, false), out;
	const char *why;

	f.payload = 2000 - 8;
	parcel_pack(&parcel, &f, SITE);
	for (unsigned i = 0; i < 2; i++) {
		const struct fragment fragment = {i * 1000, (i + 1) * 1000};
		uint8_t packet[BED_FRAME_MAX], bytes[BED_FRAME_MAX];
		size_t len = fragment4_make(parcel.packet, parcel.len, &fragment, 0x7777, packet);

		outer.len = frame_wrap(&f, packet, len, bytes) - 14;
		memcpy(outer.packet, bytes + 14, outer.len);
		outer.around = f;
		outer.around.outer_dst = 0;
		outer.port = UNDERLAY;
		outer.id = (uint16_t)(100 + i);
		send_arrival(bed, &outer, &(struct arrival){504, outer.len - 20});
		send_arrival(bed, &outer, &(struct arrival){0, 504});
	}
	if (!fragments_take(bed, UPLINK, &fragments, &out, &why))
		fail_msg("%s", why);
	assert_int_equal(out.token, f.token);
	assert_int_equal(bed_counters(bed).fragments_joined, 3);
	bed_check(bed);
	bed_destroy(bed);
}

/*
 * A reassembled packet is handled like any other: its TTL has expired, it is too big, or it may not
 * open a flow.
 */
static void reassembled_are_judged(void **state)
{
	static const struct {
		uint8_t ttl, tcp_flags, proto;
		enum drop drop; /* DROP_NONE: an ICMP error answers it */
	} cases[] = {
		{1, 0, UDP, DROP_NONE},
		{64, 4, TCP, DROP_NO_FLOW}, /* answered by a reset */
		{64, 0, 132, DROP_NONE},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bed *bed = bed_create(yaml, 1);
		struct frame f = from_site(cases[i].proto, false);
		uint8_t frame[BED_FRAME_MAX];

		f.ttl = cases[i].ttl;
		f.tcp_flags = cases[i].tcp_flags;
		f.payload = 50000;
		parcel_pack(&parcel, &f, SITE);
		parcel_send(bed, &parcel, 1400);
		if (cases[i].drop != DROP_NONE)
			assert_int_equal(bed_counters(bed).drops[cases[i].drop], 1);
		else
			assert_int_equal(bed_take(bed, UNDERLAY, frame), 14 + 24 + 576);
		bed_check(bed);
		bed_destroy(bed);
	}
}

/* With four workers fragments of one packet come to each of them in turn. */
static void several_workers(void **state)
{
	struct bed *bed = bed_create(four_workers, 1);
	uint32_t x = 1;

	for (unsigned i = 0; i < 500; i++) {
		struct frame f = from_site(UDP, i % 2), out;
		enum whence from = i % 3 == 0 ? TUNNEL : SITE;
		const char *why = "";

		f.sport = (uint16_t)(1000 + i);
		f.token = i;
		f.payload = (uint16_t)(1000 + (x = x * 1664525 + 1013904223) % 3000);
		parcel_pack(&parcel, &f, from);
		parcel.id = (uint16_t)i;
		parcel_send(bed, &parcel, 720);
		if (!fragments_take(bed, UPLINK, &fragments, &out, &why))
			fail_msg("packet %u: %s", i, why);
		assert_int_equal(out.token, i);
		assert_int_equal(out.payload, f.payload);
	}
	bed_check(bed);
	bed_destroy(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(sites_do_not_mix),
		cmocka_unit_test(keys_differ),
		cmocka_unit_test(a_site_has_its_part),
		cmocka_unit_test(too_many_fragments),
		cmocka_unit_test(largest),
		cmocka_unit_test(ping_of_death),
		cmocka_unit_test(both_at_once),
		cmocka_unit_test(reassembled_are_judged),
		cmocka_unit_test(several_workers),
		cmocka_unit_test(who_is_not_told),
	};

	return cmocka_run_group_tests_name("fragment", tests, NULL, NULL);
}
