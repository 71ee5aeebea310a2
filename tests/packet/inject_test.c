/*
 * Packets of the control thread leave by the nexthop, tunnel or port that they name, also while
 * a substitute stands in for the tunnel. Each is counted once, and what cannot be sent is dropped
 * by name.
 *
 *     berlin 10.0.1.0/24 --- b1, GRE 198.51.100.10 ---+
 *                        --- b2, GRE 198.51.100.11 ---+---[ gateway ]--- uplink
 *                        --- b3, GRE 2001:db8::12 ----+   203.0.113.1
 */
#include "bed.h"
#include "frame.h"

#include "worker/inject.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define BERLIN IP(198, 51, 100, 10)
#define BERLIN_2 IP(198, 51, 100, 11)
#define INSIDE IP(10, 255, 0, 1)
#define PEER IP(10, 255, 0, 2)

enum { UNDERLAY, UPLINK };
enum { B1 = 1, B2, B3, GONE = 9 };
enum { UDP = 17, NO_PORT = 7 };

static const char yaml[] =
	"flows: {capacity: 1024}\n"
	"workers: 2\n"
	"ports:\n"
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
	"sites:\n"
	"  - name: berlin\n"
	"    prefixes: [10.0.1.0/24]\n"
	"    tunnels:\n"
	"      - {name: b1, type: gre, port: underlay, local: 198.51.100.1, remote: "
	"198.51.100.10}\n"
	"      - {name: b2, type: gre, port: underlay, local: 198.51.100.1, remote: "
	"198.51.100.11,\n"
	"         key: 7, mtu: 1300}\n"
	"      - {name: b3, type: gre, port: underlay, local: '2001:db8::1', remote: "
	"'2001:db8::12'}\n"
	"egress:\n"
	"  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: [1]}]}\n";

static struct bed *bed;

static int setup(void **state)
{
	bed = bed_create(yaml, 1);
	return 0;
}

static int teardown(void **state)
{
	bed_check(bed);
	bed_destroy(bed);
	return 0;
}

static struct frame packet(bool six, uint64_t token)
{
	return (struct frame){.src = INSIDE,
			      .dst = PEER,
			      .six = six,
			      .src6 = IP6(0xfd00, 0, 0, 0, 0, 0, 0, 1),
			      .dst6 = IP6(0xfd00, 0, 0, 0, 0, 0, 0, 2),
			      .sport = 5,
			      .dport = 7,
			      .proto = UDP,
			      .ttl = 64,
			      .payload = 40,
			      .token = token};
}

static bool inject(enum inject_kind kind, uint16_t to, bool six, uint64_t token)
{
	struct frame f = packet(six, token);
	uint8_t bytes[BED_FRAME_MAX];
	size_t len = kind == INJECT_FRAME ? frame_build(&f, bytes) : frame_build_inner(&f, bytes);

	return worker_inject(bed_worker(bed, 0), kind, to, bytes, len);
}

/* The next frame of a port, and by which tunnel it goes: 0: by none; -1: there is no frame. */
static int taken_from(unsigned port, struct frame *out)
{
	uint8_t frame[BED_FRAME_MAX];
	size_t len = bed_take(bed, port, frame);
	const char *why = "";

	if (len == 0)
		return -1;
	if (!frame_parse(frame, len, out, &why))
		fail_msg("%s is wrong", why);
	assert_int_equal(out->ttl, 64);
	if (out->outer_six)
		return B3;
	return out->outer_dst == BERLIN ? B1 : out->outer_dst == BERLIN_2 ? B2 : 0;
}

static void each_goes_its_way(void **state)
{
	const struct {
		const char *why;
		uint16_t failed, substitute;
		enum inject_kind kind;
		uint16_t to;
		bool six;
		unsigned port;
		int by;
	} rows[] = {
		{"a tunnel", 0, 0, INJECT_TUNNEL, B1, false, UNDERLAY, B1},
		{"IPv6 in it", 0, 0, INJECT_TUNNEL, B1, true, UNDERLAY, B1},
		{"one with a key", 0, 0, INJECT_TUNNEL, B2, false, UNDERLAY, B2},
		{"one over IPv6", 0, 0, INJECT_TUNNEL, B3, false, UNDERLAY, B3},
		{"itself, though another stands in", B1, B2, INJECT_TUNNEL, B1, false, UNDERLAY,
		 B1},
		{"the same over IPv6", B3, B1, INJECT_TUNNEL, B3, true, UNDERLAY, B3},
		{"and with another outer family", B1, B3, INJECT_TUNNEL, B1, true, UNDERLAY, B1},
		{"down without a substitute", B1, 0, INJECT_TUNNEL, B1, false, UNDERLAY, B1},
		{"as flows go", 0, 0, INJECT_NEXTHOP, B1, false, UNDERLAY, B1},
		{"as flows go, by the substitute", B1, B2, INJECT_NEXTHOP, B1, false, UNDERLAY, B2},
		{"a frame", 0, 0, INJECT_FRAME, UPLINK, false, UPLINK, 0},
		{"a frame, IPv6", 0, 0, INJECT_FRAME, UNDERLAY, true, UNDERLAY, 0},
	};
	uint64_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct frame out;
		int by;

		bed_fail(bed, rows[i].failed, false, rows[i].substitute);
		assert_true(inject(rows[i].kind, rows[i].to, rows[i].six, i));
		bed_run(bed);
		by = taken_from(rows[i].port, &out);
		if (by != rows[i].by || out.token != i || out.six != rows[i].six)
			fail_msg("%s: goes by %d", rows[i].why, by);
		assert_int_equal(bed_counters(bed).injected, ++n);
	}
	bed_expect_drops(bed, "all were sent", DROP_NONE, 0);
}

static void what_cannot_be_sent_is_dropped_by_name(void **state)
{
	const struct {
		const char *why;
		uint16_t gone;
		bool closed;
		enum inject_kind kind;
		uint16_t to;
		enum drop drop;
	} rows[] = {
		{"no such tunnel", 0, false, INJECT_TUNNEL, GONE, DROP_TUNNEL_GONE},
		{"removed", B1, false, INJECT_NEXTHOP, B1, DROP_TUNNEL_GONE},
		{"nobody has the id", 0, false, INJECT_NEXTHOP, NEXTHOP_LAST, DROP_NO_NEIGHBOUR},
		{"no such port", 0, false, INJECT_FRAME, NO_PORT, DROP_PORT_DOWN},
		{"a closed port", 0, true, INJECT_FRAME, UPLINK, DROP_PORT_DOWN},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t before = bed_counters(bed).drops[rows[i].drop];

		bed_fail(bed, rows[i].gone, true, 0);
		bed_close(bed, UPLINK, rows[i].closed);
		assert_true(inject(rows[i].kind, rows[i].to, false, i));
		bed_run(bed);
		if (bed_counters(bed).drops[rows[i].drop] != before + 1)
			fail_msg("%s: not counted as %s", rows[i].why,
				 drop_infos[rows[i].drop].name);
	}
}

/* The ring is full: the caller hears of it. A turn sends 32, and the order stays. */
static void a_turn_sends_some(void **state)
{
	struct frame out;

	for (uint64_t i = 0; i < INJECT_ROOM; i++)
		assert_true(inject(INJECT_TUNNEL, B1, false, i));
	assert_false(inject(INJECT_TUNNEL, B1, false, INJECT_ROOM));
	assert_int_equal(worker_turn(bed_worker(bed, 0)), INJECT_PER_TURN);
	for (uint64_t i = 0; i < INJECT_PER_TURN; i++) {
		assert_int_equal(taken_from(UNDERLAY, &out), B1);
		assert_int_equal(out.token, i);
	}
	assert_int_equal(taken_from(UNDERLAY, &out), -1);
	assert_true(inject(INJECT_TUNNEL, B1, false, INJECT_ROOM));
	for (uint64_t i = INJECT_PER_TURN; i <= INJECT_ROOM; i++) {
		if (i % INJECT_PER_TURN == 0)
			worker_turn(bed_worker(bed, 0));
		assert_int_equal(taken_from(UNDERLAY, &out), B1);
		assert_int_equal(out.token, i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_goes_its_way, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_sent_is_dropped_by_name, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_turn_sends_some, setup, teardown),
	};

	return cmocka_run_group_tests_name("packet/inject", tests, NULL, NULL);
}
