/*
 * Three workers fragment packets to one server. No identification is used twice, not even by
 * different workers.
 *
 *     berlin 10.0.1.0/24 --- GRE, MTU 8000 ---+--- [ worker 0 | 1 | 2 ] uplink, MTU 1500
 */
#include "bed.h"
#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { UNDERLAY, UPLINK, UDP = 17, WORKERS = 3, FLOWS = 60, PACKETS = 45000, AT_ONCE = 15 };
enum { NUMBERS = 65536, FRAGMENTS = 2, ID_AT = 14 + 4, OFFSET_AT = 14 + 6 };

static const char yaml[] =
	"workers: 3\n"
	"ports:\n"
	"  - {name: underlay, driver: memory, mtu: 9000, next-hop-mac: '02:00:00:00:00:aa'}\n"
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
	"sites:\n"
	"  - name: berlin\n"
	"    tunnels: [{name: b1, local: 198.51.100.1, remote: 198.51.100.10, port: underlay,\n"
	"               mtu: 8000}]\n"
	"egress:\n"
	"  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: [1-8]}]}\n"
	"flows: {capacity: 16384}\n";

static void send_packet(struct bed *bed, unsigned i)
{
	const struct frame f = {
		.outer_src = IP(198, 51, 100, 10),
		.outer_dst = IP(198, 51, 100, 1),
		.src = IP(10, 0, 1, 10),
		.dst = IP(192, 0, 2, 80),
		.sport = (uint16_t)(1024 + i % FLOWS),
		.dport = 53,
		.proto = UDP,
		.payload = 1600,
		.ttl = 64,
	};
	uint8_t bytes[BED_FRAME_MAX];

	bed_send(bed, UNDERLAY, bytes, frame_build(&f, bytes));
}

/* Marks the identification of each first fragment. Returns the number of fragments. */
static unsigned take_all(struct bed *bed, uint8_t *seen)
{
	uint8_t bytes[BED_FRAME_MAX];
	unsigned n = 0;

	for (; bed_take(bed, UPLINK, bytes) > 0; n++)
		if (bytes[OFFSET_AT] == 0x20 && bytes[OFFSET_AT + 1] == 0)
			seen[bytes[ID_AT] << 8 | bytes[ID_AT + 1]]++;
	return n;
}

static void test_no_number_comes_twice(void **state)
{
	static uint8_t seen[NUMBERS];
	struct bed *bed = bed_create(yaml, 7);
	unsigned n = 0;

	for (unsigned i = 0; i < PACKETS; i += AT_ONCE) {
		for (unsigned j = 0; j < AT_ONCE; j++)
			send_packet(bed, i + j);
		bed_run(bed);
		n += take_all(bed, seen);
	}
	assert_int_equal(n, PACKETS * FRAGMENTS);
	for (unsigned w = 0; w < WORKERS; w++) {
		struct worker_counters c;

		worker_read_counters(bed_worker(bed, w), &c);
		/* each has made some, but no more than it has numbers */
		assert_in_range(c.fragments_made, PACKETS / 10, NUMBERS / WORKERS);
	}
	for (unsigned i = 0; i < NUMBERS; i++)
		if (seen[i] > 1)
			fail_msg("identification %u came %u times", i, seen[i]);
	bed_check(bed);
	bed_destroy(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_number_comes_twice)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
