/*
 * One tunnel, whose packets all come by one queue, uses the whole gateway: records and ports of all
 * workers. And a site's limit holds for all workers together.
 *
 *     berlin --- GRE ---+--- [ worker 0 | worker 1 | ... ] --- uplink     a queue for each worker
 *     madrid --- GRE ---+
 */
#include "bed.h"
#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { UNDERLAY, UPLINK, UDP = 17, BERLIN = 10, MADRID = 20 };

static const char text[] =
	"workers: %u\n"
	"ports:\n"
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
	"sites:\n"
	"  - name: berlin\n"
	"    tunnels:\n"
	"      - {name: b1, local: 198.51.100.1, remote: 198.51.100.10, port: underlay}\n"
	"  - name: madrid\n"
	"    tunnels:\n"
	"      - {name: m1, local: 198.51.100.1, remote: 198.51.100.20, port: underlay}\n"
	"egress:\n"
	"  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: [%s]}]}\n"
	"flows: {capacity: %u, limits: {flows: %u, flows-per-source: %u}}\n";

static struct bed *make_bed(unsigned workers, const char *slices, unsigned capacity, unsigned limit)
{
	char yaml[2048];

	bed_queues = workers;
	snprintf(yaml, sizeof(yaml), text, workers, slices, capacity, limit, limit);
	return bed_create(yaml, 5);
}

static void finish(struct bed *bed)
{
	bed_check(bed);
	bed_destroy(bed);
	bed_queues = 1;
}

/* A new flow by this queue, to one server or to a server of its own. */
static void open_flow(struct bed *bed, unsigned site, unsigned queue, unsigned number, bool one)
{
	uint8_t bytes[BED_FRAME_MAX];
	const struct frame f = {
		.outer_src = IP(198, 51, 100, 0) + site,
		.outer_dst = IP(198, 51, 100, 1),
		.src = IP(10, 0, 1, 10) + number % 100,
		.dst = IP(192, 0, 2, 80) + (one ? 0 : number % 50),
		.sport = (uint16_t)(1024 + number),
		.dport = 53,
		.proto = UDP,
		.ttl = 64,
		.payload = 8,
	};

	bed_send_to(bed, UNDERLAY, queue, bytes, frame_build(&f, bytes));
	bed_run(bed);
}

static unsigned take_all(struct bed *bed)
{
	uint8_t bytes[BED_FRAME_MAX];
	unsigned n = 0;

	while (bed_take(bed, UPLINK, bytes) > 0)
		n++;
	while (bed_take(bed, UNDERLAY, bytes) > 0)
		; /* errors */
	return n;
}

/* All records of the gateway, but for what its reserve leaves to madrid. */
static void records_of_all_workers(void **state)
{
	enum { CAPACITY = 2048 };
	unsigned workers = *(unsigned *)*state, came = 0, more = 0;
	struct bed *bed = make_bed(workers, "1-31", CAPACITY, CAPACITY);
	struct worker_counters c;

	for (unsigned i = 0; i < CAPACITY + 200; i++) {
		open_flow(bed, BERLIN, 0, i, false);
		came += take_all(bed);
	}
	assert_in_range(came, CAPACITY - CAPACITY / 16 - workers,
			CAPACITY - CAPACITY / 16 + workers);
	c = bed_counters(bed);
	assert_int_equal(c.flows, came);
	assert_true(c.spilled > came / workers * (workers - 1) - workers);
	/* each of the others tries what nobody has room for: no packet goes round */
	assert_in_range(c.handed_in, 0, (uint64_t)(CAPACITY + 200) * (workers - 1));

	open_flow(bed, BERLIN, 0, came - 1, false); /* a flow that is far away goes on */
	assert_int_equal(take_all(bed), 1);
	assert_int_equal(bed_counters(bed).flows, came);
	for (unsigned i = 0; i < CAPACITY / 16 / workers; i++) {
		open_flow(bed, MADRID, 0, i, false);
		more += take_all(bed);
	}
	assert_true(more > CAPACITY / 16 / workers - workers); /* the reserve is there */
	finish(bed);
}

/* All ports towards one server, whichever worker has them. */
static void ports_of_all_workers(void **state)
{
	enum { PORTS = 2048 };
	unsigned workers = *(unsigned *)*state, came = 0;
	struct bed *bed = make_bed(workers, "1", 16384, 16384);

	for (unsigned i = 0; i < PORTS - PORTS / 16; i++) {
		open_flow(bed, BERLIN, workers - 1, i, true);
		came += take_all(bed);
	}
	assert_int_equal(came, PORTS - PORTS / 16); /* all but the reserve */
	assert_true(bed_counters(bed).spilled > 0);
	finish(bed);
}

/* By all queues in turn, or by one. */
static void one_limit_for_all_workers(void **state)
{
	enum { LIMIT = 100 };
	unsigned workers = *(unsigned *)*state;

	for (unsigned in_turn = 0; in_turn < 2; in_turn++) {
		struct bed *bed = make_bed(workers, "1-31", 16384, LIMIT);

		for (unsigned i = 0; i < 3 * LIMIT; i++)
			open_flow(bed, BERLIN, in_turn ? i % workers : 0, i, false);
		assert_int_equal(take_all(bed), LIMIT);
		assert_int_equal(bed_counters(bed).flows, LIMIT);
		assert_int_equal(bed_counters(bed).spilled, 0);
		for (unsigned i = 0; i < LIMIT; i++)
			open_flow(bed, MADRID, i % workers, i, false);
		assert_int_equal(take_all(bed), LIMIT); /* it has its own */
		finish(bed);
	}
}

int main(void)
{
	static unsigned two = 2, four = 4;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(records_of_all_workers, &two),
		cmocka_unit_test_prestate(records_of_all_workers, &four),
		cmocka_unit_test_prestate(ports_of_all_workers, &two),
		cmocka_unit_test_prestate(ports_of_all_workers, &four),
		cmocka_unit_test_prestate(one_limit_for_all_workers, &two),
		cmocka_unit_test_prestate(one_limit_for_all_workers, &four),
	};

	return cmocka_run_group_tests_name("spill", tests, NULL, NULL);
}
