/*
 * Fragments of tunnel packets over IPv6: each row is a tunnel packet, how the site's side
 * fragmented it, and whether the inner packet is forwarded. The topology is in parcel.h.
 */
#include "parcel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { UNDERLAY = PARCEL_UNDERLAY, UPLINK = PARCEL_UPLINK, LIFE_S = PARCEL_LIFE_S };
enum { UDP = 17, ICMP6 = 58, OPTIONS = 60, ARRIVALS_MAX = 6 };

static const char yaml[] = PARCEL_YAML("flows: {capacity: 4096}\n");
static const char four_workers[] = PARCEL_YAML("flows: {capacity: 4096}\nworkers: 4\n");
static const char no_ipv6_flows[] = PARCEL_YAML_NO_IPV6("flows: {capacity: 4096}\nworkers: 4\n");

static const char one_worker_no_ipv6[] = PARCEL_YAML_NO_IPV6("flows: {capacity: 4096}\n");

enum change { AS_IS, STRANGER, NOT_GRE, WITH_OPTIONS, LATER_IS_UDP };

struct row {
	const char *why;
	bool six; /* family of the inner packet of @size bytes */
	size_t size;
	/* in the order of arrival: bytes behind the outer IPv6 header */
	struct fragment arrivals[ARRIVALS_MAX];
	unsigned fragments; /* fragments that leave by the uplink */
	enum drop drop; /* why packets were dropped at once, */
	unsigned dropped; /* and how many */
	unsigned held; /* wait, and are dropped as fragment_timeout later, without an ICMP error */
	enum change change;
};

/* clang-format off */
static const struct row rows[] = {
	{"IPv4 inside, in two",             false, 1020, {{0, 504}, {504, 1024}}, 1},
	{"IPv6 inside, in two",             true, 1020, {{0, 504}, {504, 1024}}, 1},
	{"the last one first",              false, 1020, {{504, 1024}, {0, 504}}, 1},
	{"three, 231",                      true, 1020, {{320, 640}, {640, 1024}, {0, 320}}, 1},
	{"three, 312",                      false, 1020, {{640, 1024}, {0, 320}, {320, 640}}, 1},
	{"cut behind GRE",      true, 1020, {{8, 1024}, {0, 8}}, 1},
	{"options in front of GRE, as Linux has them", false, 1020, {{0, 504}, {504, 1032}}, 1,
	 .change = WITH_OPTIONS},
	{"larger than the uplink: leaves in fragments", false, 3000,
	 {{0, 1400}, {1400, 2800}, {2800, 3004}}, 3},
	{"larger than the uplink, but IPv6 that came whole inside: answered", true, 3000,
	 {{0, 1400}, {1400, 2800}, {2800, 3004}}, 0},
	{"the same again",                  false, 1020, {{0, 504}, {0, 504}, {504, 1024}}, 1, DROP_FRAGMENT, 1},
	{"overlaps (RFC 5722)",             false, 1020, {{0, 504}, {496, 1024}}, 0, DROP_FRAGMENT, 2},
	{"overlaps the last",               true, 1020, {{504, 1024}, {0, 512}}, 0, DROP_FRAGMENT, 2},
	{"the middle is missing",           false, 1020, {{0, 320}, {640, 1024}}, 0, .held = 2},
	{"the first is missing",            true, 1020, {{504, 1024}}, 0, .held = 1},
	{"from a stranger",                 false, 1020, {{0, 504}, {504, 1024}}, 0,
	 DROP_GRE_UNKNOWN, 2, .change = STRANGER},
	{"of what is not GRE",              false, 1020, {{0, 504}, {504, 1024}}, 0, DROP_NOT_OURS, 2,
	 .change = NOT_GRE},
	{"a later one that says it is not GRE", false, 1020, {{0, 504}, {504, 1024}}, 0, DROP_NOT_OURS, 1, 1,
	 .change = LATER_IS_UDP},
};
/* clang-format on */

static struct parcel parcel;
static struct fragments fragments;

static void make_parcel(const struct row *row, struct frame *f)
{
	static const struct ip6 stranger = IP6(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 0x66);

	*f = parcel_from_porto(UDP, row->six);
	if (row->change == STRANGER)
		f->outer_src6 = stranger;
	if (row->change == WITH_OPTIONS) {
		f->outer_next = OPTIONS;
		f->outer_extensions = (const uint8_t *)"\x2f\0\x04\x01\x04\x01\x01\0";
		f->n_outer_extensions = 8;
	}
	parcel_size(f, row->size);
	parcel_pack(&parcel, f, TUNNEL);
	if (row->change == NOT_GRE)
		parcel.packet[6] = UDP;
}

static void send_arrival(struct bed *bed, const struct row *row, const struct fragment *arrival)
{
	uint8_t packet[BED_FRAME_MAX];
	size_t len = parcel_fragment(&parcel, arrival->at, arrival->end, packet);

	if (row->change == LATER_IS_UDP && arrival->at > 0)
		packet[40] = UDP;
	parcel_put(bed, &parcel, packet, len);
}

static void check_out(struct bed *bed, const struct row *row, const struct frame *in)
{
	uint8_t frame[BED_FRAME_MAX];
	struct frame out;
	const char *why;

	if (row->fragments == 0) {
		if (bed_take(bed, UPLINK, frame) != 0)
			fail_msg("%s: something went on", row->why);
		return;
	}
	if (!fragments_take(bed, UPLINK, &fragments, &out, &why))
		fail_msg("%s: %s", row->why, why);
	if (fragments.n != row->fragments)
		fail_msg("%s: %u fragments", row->why, fragments.n);
	assert_int_equal(out.six, row->six);
	assert_int_equal(out.token, in->token);
	assert_int_equal(out.payload, in->payload);
}

static void check_counters(struct bed *bed, const struct row *row)
{
	struct worker_counters c = bed_counters(bed);

	bed_expect_drops(bed, row->why, row->drop, row->dropped);
	assert_int_equal(c.held, row->held);
	worker_advance_clock(bed_worker(bed, 0), LIFE_S + 1);
	c = bed_counters(bed);
	assert_int_equal(c.held, 0);
	assert_int_equal(c.drops[DROP_FRAGMENT_TIMEOUT], row->held);
}

static void every_row(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bed *bed = bed_create(yaml, 1);
		uint8_t frame[BED_FRAME_MAX];
		struct frame f;
		unsigned answers;

		make_parcel(&rows[i], &f);
		for (unsigned k = 0; k < ARRIVALS_MAX && rows[i].arrivals[k].end != 0; k++)
			send_arrival(bed, &rows[i], &rows[i].arrivals[k]);
		check_out(bed, &rows[i], &f);
		check_counters(bed, &rows[i]);
		answers = bed_counters(bed).answers[ANSWER_TOO_BIG];
		assert_int_equal(bed_take(bed, UNDERLAY, frame) > 0, answers);
		bed_check(bed);
		bed_destroy(bed);
	}
}

/* The tunnel packets are fragmented, and their inner packets are fragments, too. */
static void both_at_once(void **state)
{
	for (unsigned six = 0; six < 2; six++) {
		struct bed *bed = bed_create(yaml, 1);
		struct frame f = parcel_from_porto(UDP, six), out;
		static struct parcel inner;
		const char *why;

		parcel_size(&f, 2000);
		parcel_pack(&inner, &f, SITE);
		for (size_t at = 0, total = inner.len - parcel_front(&inner); at < total;
		     at += 1000) {
			uint8_t packet[BED_FRAME_MAX], bytes[BED_FRAME_MAX];
			size_t end = at + 1000 < total ? at + 1000 : total;
			size_t len = parcel_fragment(&inner, at, end, packet);

			parcel_pack(&parcel, &f, TUNNEL);
			parcel.len = frame_wrap(&f, packet, len, bytes) - 14;
			memcpy(parcel.packet, bytes + 14, parcel.len);
			parcel.id = (uint32_t)at;
			parcel_send(bed, &parcel, 600);
		}
		if (!fragments_take(bed, UPLINK, &fragments, &out, &why))
			fail_msg("%s", why);
		assert_int_equal(out.token, f.token);
		assert_int_equal(bed_counters(bed).fragments_joined, 1 + 1 + 1);
		bed_check(bed);
		bed_destroy(bed);
	}
}

/* Fragments arrive at four workers in turn; also without a table for IPv6 flows. */
static void with_four_workers(const char *text, bool both)
{
	struct bed *bed = bed_create(text, 1);

	for (unsigned i = 0; i < 300; i++) {
		struct frame f = parcel_from_porto(UDP, both && i % 2), out;
		const char *why = "";

		f.sport = (uint16_t)(1000 + i);
		f.token = i;
		parcel_size(&f, 1000 + i);
		parcel_pack(&parcel, &f, TUNNEL);
		parcel.id = i;
		parcel_send(bed, &parcel, 256);
		if (!fragments_take(bed, UPLINK, &fragments, &out, &why))
			fail_msg("packet %u: %s", i, why);
		assert_int_equal(out.token, i);
		assert_int_equal(out.payload, f.payload);
	}
	assert_true(bed_counters(bed).handed_in > 300);
	bed_check(bed);
	bed_destroy(bed);
}

static void several_workers(void **state)
{
	with_four_workers(four_workers, true);
	with_four_workers(no_ipv6_flows, false);
}

/*
 * If no IPv6 is forwarded, a fragment of an inner IPv6 packet is not held, even if its tunnel
 * packet came in fragments.
 */
static void without_ipv6_flows(void **state)
{
	struct bed *bed = bed_create(one_worker_no_ipv6, 1);
	struct frame f = parcel_from_porto(UDP, true);
	uint8_t packet[BED_FRAME_MAX], bytes[BED_FRAME_MAX];
	static struct parcel inner;
	size_t len;

	parcel_size(&f, 2000);
	parcel_pack(&inner, &f, SITE);
	len = parcel_fragment(&inner, 0, 1000, packet);
	parcel_pack(&parcel, &f, TUNNEL);
	parcel.len = frame_wrap(&f, packet, len, bytes) - 14;
	memcpy(parcel.packet, bytes + 14, parcel.len);
	parcel_send(bed, &parcel, 600);
	bed_expect_drops(bed, "an IPv6 fragment in fragments", DROP_NO_IPV6, 1);
	worker_advance_clock(bed_worker(bed, 0), LIFE_S + 1);
	bed_run(bed);
	bed_expect_answer(bed, "an IPv6 fragment in fragments", 0);
	assert_int_equal(bed_counters(bed).held, 0);
	bed_check(bed);
	bed_destroy(bed);
}

/* Fragments from a thousand addresses to a tunnel's end do not disturb those of a site. */
static void strangers_leave_room(void **state)
{
	enum { WAITING = 12, SOURCE = 8 };
	static struct parcel waiting[WAITING];
	struct bed *bed = bed_create(yaml, 1);
	struct frame f = parcel_from_site(UDP, false, false), out;
	const char *why = "";

	parcel_size(&f, 1020);
	for (unsigned i = 0; i < WAITING; i++) {
		f.token = i;
		parcel_pack(&waiting[i], &f, SITE);
		waiting[i].id = i;
		parcel_send_fragment(bed, &waiting[i], 0, 504);
	}
	f = parcel_from_porto(UDP, false);
	parcel_size(&f, 1020);
	parcel_pack(&parcel, &f, TUNNEL);
	for (unsigned i = 0; i < 1000; i++) {
		parcel.packet[SOURCE + 14] = (uint8_t)(1 + i / 256);
		parcel.packet[SOURCE + 15] = (uint8_t)i;
		parcel_send_fragment(bed, &parcel, 0, 504);
	}
	for (unsigned i = 0; i < WAITING; i++) {
		parcel_send_fragment(bed, &waiting[i], 504, 1000);
		if (!fragments_take(bed, UPLINK, &fragments, &out, &why))
			fail_msg("packet %u: %s", i, why);
		assert_int_equal(out.token, i);
	}
	worker_advance_clock(bed_worker(bed, 0), LIFE_S + 1);
	bed_run(bed);
	bed_check(bed);
	bed_destroy(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(both_at_once),
		cmocka_unit_test(several_workers),
		cmocka_unit_test(without_ipv6_flows),
		cmocka_unit_test(strangers_leave_room),
	};

	return cmocka_run_group_tests_name("outer6_fragment", tests, NULL, NULL);
}
