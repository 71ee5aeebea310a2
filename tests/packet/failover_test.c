/*
 * A tunnel is down or removed, and has a substitute. From the next table on, return packets of
 * quiet flows go by the substitute. No flow changes, and packets are counted for the tunnel that
 * carried them.
 *
 *     berlin 10.0.1.0/24 --- b1, GRE 198.51.100.10 ---+
 *                        --- b2, GRE 198.51.100.11 ---+---[ gateway ]--- uplink
 *                        --- b3, GRE 2001:db8::12 ----+   203.0.113.1
 */
#include "bed.h"
#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define GATEWAY IP(198, 51, 100, 1)
#define BERLIN IP(198, 51, 100, 10)
#define BERLIN_2 IP(198, 51, 100, 11)
#define HOST IP(10, 0, 1, 10)
#define SERVER IP(192, 0, 2, 80)
#define EGRESS IP(203, 0, 113, 1)

enum { UNDERLAY, UPLINK };
enum { B1 = 1, B2, B3, TUNNELS = 3 };
enum { UDP = 17, FLOWS = 500 };

static const char yaml[] =
	"flows: {capacity: 1024}\n"
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
static uint16_t ports[FLOWS]; /* egress ports of the flows */

static bool take(unsigned port, struct frame *out)
{
	uint8_t frame[BED_FRAME_MAX];
	size_t len = bed_take(bed, port, frame);
	const char *why = "";

	if (len == 0)
		return false;
	if (!frame_parse(frame, len, out, &why))
		fail_msg("%s is wrong", why);
	return true;
}

/* Opens all flows by b1. */
static int setup(void **state)
{
	uint8_t bytes[BED_FRAME_MAX];
	struct frame out;

	bed = bed_create(yaml, 1);
	for (uint16_t i = 0; i < FLOWS; i++) {
		const struct frame f = {.outer_src = BERLIN,
					.outer_dst = GATEWAY,
					.src = HOST,
					.dst = SERVER,
					.sport = (uint16_t)(1000 + i),
					.dport = 53,
					.proto = UDP};

		bed_send(bed, UNDERLAY, bytes, frame_build(&f, bytes));
		bed_run(bed);
		assert_true(take(UPLINK, &out));
		ports[i] = out.sport;
	}
	return 0;
}

static int teardown(void **state)
{
	bed_check(bed);
	bed_destroy(bed);
	return 0;
}

static void answer(uint16_t flow, uint16_t payload)
{
	const struct frame f = {.src = SERVER,
				.dst = EGRESS,
				.sport = 53,
				.dport = ports[flow],
				.proto = UDP,
				.payload = payload,
				.df = true,
				.token = flow};
	uint8_t bytes[BED_FRAME_MAX];

	bed_send(bed, UPLINK, bytes, frame_build(&f, bytes));
	bed_run(bed);
}

/* Sends the answer of flow number @flow. Returns the tunnel by which it goes; 0: none. */
static uint16_t comes_home(uint16_t flow)
{
	struct frame out;

	answer(flow, 100);
	if (!take(UNDERLAY, &out))
		return 0;
	assert_int_equal(out.dst, HOST);
	assert_int_equal(out.dport, 1000 + flow);
	assert_int_equal(out.token, flow);
	if (out.outer_six)
		return B3;
	assert_int_equal(out.has_key, out.outer_dst == BERLIN_2);
	return out.outer_dst == BERLIN ? B1 : B2;
}

static uint64_t sent_by(uint16_t tunnel)
{
	struct tunnel_counters c;

	worker_read_tunnel(bed_worker(bed, 0), tunnel, &c);
	return c.tx_packets;
}

static void all_come_home_by(uint16_t tunnel)
{
	uint64_t before[TUNNELS + 1];

	for (uint16_t t = 1; t <= TUNNELS; t++)
		before[t] = sent_by(t);
	for (uint16_t i = 0; i < FLOWS; i++)
		assert_int_equal(comes_home(i), tunnel);
	for (uint16_t t = 1; t <= TUNNELS; t++)
		assert_int_equal(sent_by(t) - before[t], t == tunnel ? FLOWS : 0);
	assert_int_equal(bed_counters(bed).flows, FLOWS);
}

static void substitute_stands_in(void **state)
{
	all_come_home_by(B1);
	bed_fail(bed, B1, false, B2);
	all_come_home_by(B2);
	bed_fail(bed, B1, true, B2);
	all_come_home_by(B2);
	bed_fail(bed, B1, false, B3); /* B3 is over IPv6: another Ethernet type, other headers */
	all_come_home_by(B3);
	bed_fail(bed, B1, false, 0); /* no substitute: the tunnel is used although it is down */
	all_come_home_by(B1);
	bed_fail(bed, B1, true, 0);
	bed_expect_drops(bed, "nothing was lost so far", DROP_NONE, 0);
	for (uint16_t i = 0; i < FLOWS; i++)
		assert_int_equal(comes_home(i), 0);
	bed_expect_drops(bed, "gone", DROP_TUNNEL_GONE, FLOWS);
	bed_fail(bed, 0, false, 0); /* all tunnels work again; no flow has changed */
	all_come_home_by(B1);
}

/* The MTU is that of the substitute. */
static void mtu_is_the_substitutes(void **state)
{
	struct frame out;

	bed_fail(bed, B1, false, B2);
	answer(0, 1300 - 28);
	assert_true(take(UNDERLAY, &out));
	assert_int_equal(out.payload, 1300 - 28);
	answer(0, 1300 - 27);
	assert_false(take(UNDERLAY, &out));
	assert_true(take(UPLINK, &out));
	assert_int_equal(out.icmp_type, 3);
	assert_int_equal(out.icmp_code, 4);
	assert_int_equal(out.dport, 1300);
}

/* A packet that is larger than any MTU: no too-big error is sent for a removed tunnel. */
static void what_is_gone_answers_nobody(void **state)
{
	struct frame out;

	bed_fail(bed, B1, true, 0);
	answer(0, 1472);
	assert_false(take(UNDERLAY, &out) || take(UPLINK, &out));
	bed_expect_drops(bed, "gone", DROP_TUNNEL_GONE, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(substitute_stands_in, setup, teardown),
		cmocka_unit_test_setup_teardown(mtu_is_the_substitutes, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_gone_answers_nobody, setup, teardown),
	};

	return cmocka_run_group_tests_name("packet/failover", tests, NULL, NULL);
}
