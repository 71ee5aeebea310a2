/*
 * Many routes: a new flow goes where its route leads at that moment. A worker that has looked up a
 * destination forgets it with every change.
 *
 *     berlin 10.0.1.0/24 --- GRE 198.51.100.10 ---[ gateway ]--- uplink, next hops ..:bb and ..:44
 *                                                                2,000 routes of 24 bits
 */
#include "bed.h"

#include "../unit/dice.h"
#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define GATEWAY IP(198, 51, 100, 1)
#define BERLIN IP(198, 51, 100, 10)
#define HOST IP(10, 0, 1, 10)

enum { UNDERLAY, UPLINK };
enum { UDP = 17, NEIGHBOUR = 0xbb, MANY = 2000, FEW = 40, ROUNDS = 60, FLOWS = 60 };

static const char yaml[] =
	"flows: {capacity: 8192}\n"
	"ports:\n"
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
	"sites:\n"
	"  - name: berlin\n"
	"    prefixes: [10.0.1.0/24]\n"
	"    tunnels:\n"
	"      - {name: b, type: gre, port: underlay, local: 198.51.100.1, remote: 198.51.100.10}\n"
	"egress:\n"
	"  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: [1-30]}]}\n";

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

/* The first packet of another flow to a host behind @route. */
static void put(unsigned route)
{
	static uint16_t sport;
	const struct frame f = {
		.outer_src = BERLIN,
		.outer_dst = GATEWAY,
		.src = HOST,
		.dst = ntohl(bed_prefix(route).addr) + 1,
		.sport = ++sport,
		.dport = 53,
		.proto = UDP,
	};
	uint8_t frame[BED_FRAME_MAX];

	bed_send(bed, UNDERLAY, frame, frame_build(&f, frame));
}

static void expect(bool other, unsigned round, unsigned route)
{
	uint8_t frame[BED_FRAME_MAX];
	int to = bed_take(bed, UPLINK, frame) == 0 ? -1 : frame[5];

	if (to != (other ? NEIGHBOUR ^ 0xff : NEIGHBOUR))
		fail_msg("round %u: a flow behind route %u went to %#x", round, route, to);
}

/* Of the first @n routes some turn to the other neighbour. Bursts go to few of them, again and again. */
static void change(unsigned n)
{
	static uint8_t other[MANY];
	uint64_t dice = n;

	memset(other, 0, sizeof(other));
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned routes[FLOWS];

		for (unsigned i = 0; i < FEW; i++)
			other[dice_next(&dice) % FEW] ^= 1;
		bed_route(bed, other, n);
		for (unsigned i = 0; i < FLOWS; i++) {
			routes[i] = (unsigned)dice_next(&dice) % FEW;
			put(routes[i]);
		}
		bed_run(bed);
		for (unsigned i = 0; i < FLOWS; i++)
			expect(other[routes[i]], round, routes[i]);
	}
}

static void test_many_routes(void **state)
{
	change(MANY);
}

static void test_few_routes(void **state)
{
	change(FEW);
}

/* The default route takes over at once when the routes are gone, and the other way round. */
static void test_routes_come_and_go(void **state)
{
	static uint8_t other[MANY];

	memset(other, 1, sizeof(other));
	for (unsigned round = 0; round < 6; round++) {
		bed_route(bed, other, round % 2 == 0 ? MANY : MANY - 1);
		for (unsigned i = MANY - 3; i < MANY; i++)
			put(i);
		bed_run(bed);
		for (unsigned i = MANY - 3; i < MANY; i++)
			expect(round % 2 == 0 || i < MANY - 1, round, i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_many_routes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_few_routes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_routes_come_and_go, setup, teardown),
	};

	return cmocka_run_group_tests_name("packet/route_cache", tests, NULL, NULL);
}
