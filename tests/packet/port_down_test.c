/*
 * The interface of a port disappears. Workers stop using the port, and every packet for it is
 * counted as port_down. When the interface is back, the same flows go on.
 *
 *     berlin 10.0.1.0/24 --- GRE, a queue for each worker ---+--- [ workers ] uplink
 *
 * With two workers half of the packets for the uplink change workers on their way there.
 */
#include "bed.h"
#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { UNDERLAY, UPLINK, UDP = 17, FLOWS = 100, LARGE = 1700 };

static struct bed *start(unsigned workers)
{
	char yaml[1024];

	snprintf(yaml, sizeof(yaml),
		 "workers: %u\n"
		 "ports:\n"
		 "  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa', mtu: "
		 "2000}\n"
		 "  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
		 "sites:\n"
		 "  - name: berlin\n"
		 "    tunnels:\n"
		 "      - {name: b1, local: 198.51.100.1, remote: 198.51.100.10, port: underlay}\n"
		 "egress:\n"
		 "  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: "
		 "[1-8]}]}\n"
		 "flows: {capacity: 16384}\n",
		 workers);
	return bed_create(yaml, 7);
}

static void send_all(struct bed *bed, uint16_t payload)
{
	uint8_t bytes[BED_FRAME_MAX];

	for (uint16_t i = 0; i < FLOWS; i++) {
		const struct frame f = {
			.outer_src = IP(198, 51, 100, 10),
			.outer_dst = IP(198, 51, 100, 1),
			.src = IP(10, 0, 1, 10),
			.dst = IP(192, 0, 2, 80),
			.sport = (uint16_t)(1024 + i),
			.dport = 53,
			.proto = UDP,
			.payload = payload,
			.ttl = 64,
		};

		bed_send(bed, UNDERLAY, bytes, frame_build(&f, bytes));
	}
	bed_run(bed);
}

static unsigned take_all(struct bed *bed)
{
	uint8_t bytes[BED_FRAME_MAX];
	unsigned n = 0;

	while (bed_take(bed, UPLINK, bytes) > 0)
		n++;
	return n;
}

/* Packets in the queue of a closed port are not received: its device may be gone. */
static void check_not_received(struct bed *bed)
{
	static const uint8_t bytes[64];
	uint64_t before = bed_counters(bed).rx;

	bed_send(bed, UPLINK, bytes, sizeof(bytes));
	bed_run(bed);
	assert_int_equal(bed_counters(bed).rx, before);
	bed_close(bed, UPLINK, false);
	bed_run(bed);
	assert_int_equal(bed_counters(bed).rx, before + 1);
}

static void check(unsigned workers)
{
	struct bed *bed = start(workers);
	struct worker_counters c;

	send_all(bed, 8);
	assert_int_equal(take_all(bed), FLOWS);

	bed_close(bed, UPLINK, true);
	send_all(bed, 8);
	assert_int_equal(take_all(bed), 0);
	c = bed_counters(bed);
	assert_int_equal(c.drops[DROP_PORT_DOWN], FLOWS);
	assert_int_equal(c.handed_out, c.handed_in);

	send_all(bed, LARGE); /* each would leave in two fragments: both are lost */
	assert_int_equal(take_all(bed), 0);
	c = bed_counters(bed);
	assert_int_equal(c.drops[DROP_PORT_DOWN], 3 * FLOWS);
	assert_int_equal(c.fragments_made, FLOWS);

	check_not_received(bed);
	send_all(bed, 8);
	assert_int_equal(take_all(bed), FLOWS);
	c = bed_counters(bed);
	assert_int_equal(c.flows_created, FLOWS); /* no new flow was opened */
	assert_int_equal(c.drops[DROP_PORT_DOWN], 3 * FLOWS);
	bed_check(bed);
	bed_destroy(bed);
}

/*
 * The routes disappear with the port. Site hosts get rate-limited ICMP errors; all other packets
 * are counted as port_down. This holds for known flows and for first packets.
 */
static void check_without_routes(bool known)
{
	struct bed *bed = start(1);
	struct worker_counters c;

	if (known)
		send_all(bed, 8);
	assert_int_equal(take_all(bed), known ? FLOWS : 0);
	bed_close(bed, UPLINK, true);
	bed_move(bed, 0);
	send_all(bed, 8);
	c = bed_counters(bed);
	assert_true(c.answers[ANSWER_UNREACHABLE] > 0);
	assert_true(c.drops[DROP_PORT_DOWN] > 0);
	assert_int_equal(c.answers[ANSWER_UNREACHABLE] + c.drops[DROP_PORT_DOWN], FLOWS);
	bed_destroy(bed);
}

static void without_routes(void **state)
{
	check_without_routes(true);
	check_without_routes(false);
}

static void one_worker(void **state)
{
	check(1);
}

static void two_workers(void **state)
{
	check(2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_worker),
		cmocka_unit_test(two_workers),
		cmocka_unit_test(without_routes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
