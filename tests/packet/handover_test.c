/*
 * Two workers whose queues are never empty: packets that they hand to each other are still
 * processed.
 *
 *     berlin 10.0.1.0/24 --- GRE ---+--- [ worker 0 | worker 1 ] uplink     two queues at either port
 *
 * Each flow begins at one worker. Then the NIC is reset, and all its packets come by the other queue.
 */
#include "bed.h"
#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { UNDERLAY, UPLINK, UDP = 17, WORKERS = 2, PACKETS = 1200, BURST = 64, TURNS = 6 };

static const char yaml[] =
	"workers: 2\n"
	"ports:\n"
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
	"sites:\n"
	"  - name: berlin\n"
	"    tunnels:\n"
	"      - {name: b1, local: 198.51.100.1, remote: 198.51.100.10, port: underlay}\n"
	"egress:\n"
	"  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: [1-8]}]}\n"
	"flows: {capacity: 16384}\n";

static void send_flow(struct bed *bed, unsigned queue, uint16_t sport)
{
	const struct frame f = {
		.outer_src = IP(198, 51, 100, 10),
		.outer_dst = IP(198, 51, 100, 1),
		.src = IP(10, 0, 1, 10),
		.dst = IP(192, 0, 2, 80),
		.sport = sport,
		.dport = 53,
		.proto = UDP,
		.payload = 8,
		.ttl = 64,
	};
	uint8_t bytes[BED_FRAME_MAX];

	bed_send_to(bed, UNDERLAY, queue, bytes, frame_build(&f, bytes));
}

static unsigned take_all(struct bed *bed)
{
	uint8_t bytes[BED_FRAME_MAX];
	unsigned n = 0;

	while (bed_take(bed, UPLINK, bytes) > 0)
		n++;
	return n;
}

static void test_full_queues_do_not_starve_the_rings(void **state)
{
	struct worker_counters c[WORKERS];
	unsigned came = 0;
	struct bed *bed;

	bed_queues = WORKERS;
	bed = bed_create(yaml, 7);

	for (unsigned i = 0; i < PACKETS; i++) {
		send_flow(bed, i % WORKERS, (uint16_t)(1024 + i));
		bed_run(bed);
		assert_int_equal(take_all(bed), 1);
	}
	assert_int_equal(bed_counters(bed).handed_in, 0);
	for (unsigned i = 0; i < PACKETS; i++)
		send_flow(bed, (i + 1) % WORKERS, (uint16_t)(1024 + i));
	for (unsigned turn = 0; turn < TURNS; turn++) {
		for (unsigned i = 0; i < WORKERS; i++)
			worker_turn(bed_worker(bed, i));
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		worker_read_counters(bed_worker(bed, i), &c[i]);
		/* its queue is not empty yet */
		assert_true(c[i].rx + BURST <= 2 * PACKETS / WORKERS);
		assert_true(c[i].handed_out > 0);
		assert_true(c[i].handed_in > 0);
	}
	came = take_all(bed);
	bed_run(bed);
	came += take_all(bed);
	assert_int_equal(came, PACKETS);
	assert_int_equal(bed_counters(bed).flows, PACKETS);
	assert_int_equal(bed_counters(bed).handed_in, PACKETS);
	bed_check(bed);
	bed_destroy(bed);
	bed_queues = 1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_queues_do_not_starve_the_rings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
