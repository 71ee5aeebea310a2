/*
 * The answer to a probe ends at the gateway: it is written down, counted as `probe`, and no drop of
 * the tunnel. Any other echo reply of no flow is refused as ever. With two workers it does not
 * matter which one meets it.
 *
 *     berlin --- b1, GRE 198.51.100.10 ---[ gateway 10.255.0.1, fd00:ff::1 ]
 */
#include "bed.h"
#include "frame.h"

#include "path/probes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define GATEWAY IP(198, 51, 100, 1)
#define BERLIN IP(198, 51, 100, 10)
#define OURS IP(10, 255, 0, 1)
#define THEIRS IP(10, 255, 0, 2)

enum { UNDERLAY, B1 = 1, SLOT = 1, NUMBER = 0x55, ICMP = 1, ICMPV6 = 58, REPLY = 0, REPLY6 = 129 };

static const char yaml[] =
	"flows: {capacity: 1024, capacity-ipv6: 64}\n"
	"workers: 2\n"
	"ports:\n"
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
	"sites:\n"
	"  - name: berlin\n"
	"    tunnels:\n"
	"      - {name: b1, port: underlay, local: 198.51.100.1, remote: 198.51.100.10,\n"
	"         address: 10.255.0.1, address6: 'fd00:ff::1'}\n"
	"egress:\n"
	"  - name: internet\n"
	"    port: uplink\n"
	"    addresses: [{address: 203.0.113.1, slices: [1]}, {address: '2001:db8::1', slices: "
	"[1]}]\n";

static void reply(struct bed *bed, unsigned queue, bool six, uint64_t number)
{
	uint8_t data[PROBE_LEN - 8] = {0}, bytes[BED_FRAME_MAX];
	const struct frame f = {.outer_src = BERLIN,
				.outer_dst = GATEWAY,
				.src = THEIRS,
				.dst = OURS,
				.six = six,
				.src6 = IP6(0xfd00, 0xff, 0, 0, 0, 0, 0, 2),
				.dst6 = IP6(0xfd00, 0xff, 0, 0, 0, 0, 0, 1),
				.sport = 9,
				.proto = six ? ICMPV6 : ICMP,
				.icmp_type = six ? REPLY6 : REPLY,
				.ttl = 64,
				.data = data,
				.payload = sizeof(data)};

	memcpy(data, &number, sizeof(number));
	data[PROBE_TUNNEL_AT - 7] = B1;
	data[PROBE_SLOT_AT - 8] = SLOT;
	bed_send_to(bed, UNDERLAY, queue, bytes, frame_build(&f, bytes));
	bed_run(bed);
}

static void ends_here(void **state)
{
	struct bed *bed = bed_create(yaml, 1);
	uint64_t number = NUMBER;

	for (unsigned queue = 0; queue < 2; queue++) {
		for (unsigned six = 0; six < 2; six++, number++) {
			struct tunnel_counters before, after;
			uint64_t probes = bed_counters(bed).drops[DROP_PROBE];
			uint64_t others = bed_counters(bed).drops[DROP_NO_FLOW];

			for (unsigned i = 0; i < bed_workers(bed); i++)
				probe_await(worker_probes(bed_worker(bed, i), B1), SLOT, number);
			worker_read_tunnel(bed_worker(bed, queue), B1, &before);
			reply(bed, queue, six, number);
			assert_int_equal(bed_counters(bed).drops[DROP_PROBE], probes + 1);
			worker_read_tunnel(bed_worker(bed, queue), B1, &after);
			assert_int_equal(after.drops, before.drops);
			assert_int_equal(after.rx_packets, before.rx_packets + 1);
			assert_true(probe_answered(worker_probes(bed_worker(bed, 0), B1), SLOT,
						   number) != 0 ||
				    probe_answered(worker_probes(bed_worker(bed, 1), B1), SLOT,
						   number) != 0);
			reply(bed, queue, six, number + 100);
			assert_int_equal(bed_counters(bed).drops[DROP_NO_FLOW], others + 1);
		}
	}
	bed_check(bed);
	bed_destroy(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(ends_here)};

	return cmocka_run_group_tests_name("packet/probe", tests, NULL, NULL);
}
