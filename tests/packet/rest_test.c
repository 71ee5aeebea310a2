/*
 * A server that never stops sending: packets to a session that has ended reach no host of another
 * site.
 *
 *   expiry    random flows of two sites towards one server, which keeps sending to every port that it
 *             ever saw. A port gets to another site only after it has rested.
 *   restart   a run does not begin with the ports of the previous run
 *
 * REST_SEED=n runs it with other ports.
 */
#include "../unit/dice.h"
#include "bed.h"
#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { UNDERLAY, UPLINK };
enum { SYN = 2, ACK = 16, ICMP = 1, TCP = 6, UDP = 17, ICMP6 = 58 };
enum { ECHO = 8, ECHO_REPLY = 0, ECHO6 = 128, ECHO_REPLY6 = 129 };
enum {
	TIMEOUT = 300,
	REST = 120,
	STEP_MAX = 60,
	STEPS = 600,
	SLICE = 64,
	FIRST_PORT = 100 * SLICE,
	HAND_IDLE = 64,
	CAPACITY = 4096,
};

#define SERVER IP(192, 0, 2, 80)
#define EGRESS IP(203, 0, 113, 1)

static const struct ip6 host6 = IP6(0xfd00, 0, 0, 0, 0, 0, 0, 0x10);
static const struct ip6 server6 = IP6(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0x80);
static const struct ip6 egress6 = IP6(0x2001, 0xdb8, 2, 0, 0, 0, 0, 1);

static const char yaml[] =
	"flows: {capacity: 4096, capacity-ipv6: 4096, refresh: %s, limits: {half-open: 4096},\n"
	"  timeouts: {udp: 300s, tcp-opening: 300s, icmp: 300s}}\n"
	"ports:\n"
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
	"sites:\n"
	"  - name: berlin\n"
	"    tunnels: [{name: b, local: 198.51.100.1, remote: 198.51.100.10, port: underlay}]\n"
	"  - name: madrid\n"
	"    tunnels: [{name: m, local: 198.51.100.1, remote: 198.51.100.11, port: underlay}]\n"
	"egress:\n"
	"  - {name: e, port: uplink, slice-size: %u, mapping: %s,\n"
	"     addresses: [{address: '%s', slices: [%u]}]}\n";

static const struct row {
	const char *why;
	const char *refresh;
	const char *mapping;
	uint8_t proto;
	bool six;
} rows[] = {
	{"UDP", "both", "address-and-port-dependent", UDP},
	{"TCP", "both", "address-and-port-dependent", TCP},
	{"ICMP", "both", "address-and-port-dependent", ICMP},
	{"UDP, the server keeps nothing alive", "outbound", "address-and-port-dependent", UDP},
	{"TCP, the same", "outbound", "address-and-port-dependent", TCP},
	{"ICMP, the same", "outbound", "address-and-port-dependent", ICMP},
	{"UDP, one port towards everybody", "outbound", "endpoint-independent", UDP},
	{"TCP, the same", "both", "endpoint-independent", TCP},
	{"ICMP, the same", "outbound", "endpoint-independent", ICMP},
	{"IPv6, UDP", "both", "address-and-port-dependent", UDP, true},
	{"IPv6, TCP", "outbound", "address-and-port-dependent", TCP, true},
	{"ICMPv6", "both", "address-and-port-dependent", ICMP6, true},
	{"ICMPv6, the server keeps nothing alive", "outbound", "address-and-port-dependent", ICMP6,
	 true},
};

static struct bed *bed;
static uint64_t seed = 7;
static uint32_t now_s;

/* For each port: the site whose flow was alive last, and when. */
static struct last {
	uint8_t site; /* 0: none yet; 1: berlin; 2: madrid */
	uint32_t at_s;
} lasts[SLICE];

static void start(const struct row *row, unsigned slice_size, uint32_t epoch)
{
	char text[2048];

	snprintf(text, sizeof(text), yaml, row->refresh, slice_size, row->mapping,
		 row->six ? "2001:db8:2::1" : "203.0.113.1",
		 slice_size == SLICE ? FIRST_PORT / SLICE : 1);
	bed_epoch = epoch;
	bed = bed_create(text, seed);
	worker_hold_clock(bed_worker(bed, 0), 0);
	now_s = 0;
}

static void stop(void)
{
	bed_check(bed);
	bed_destroy(bed);
}

static void wait_for(uint32_t seconds)
{
	worker_advance_clock(bed_worker(bed, 0), seconds);
	for (unsigned i = 0; i <= CAPACITY / HAND_IDLE; i++)
		worker_turn(bed_worker(bed, 0));
	now_s += seconds;
}

static bool send_and_take(unsigned in, const struct frame *f, unsigned out_port, struct frame *out)
{
	uint8_t bytes[BED_FRAME_MAX];
	const char *why = "";
	size_t len;

	bed_send(bed, in, bytes, frame_build(f, bytes));
	bed_run(bed);
	len = bed_take(bed, out_port, bytes);
	if (len > 0)
		assert_true(frame_parse(bytes, len, out, &why));
	return len > 0;
}

static bool is_echo(const struct row *row)
{
	return row->proto == ICMP || row->proto == ICMP6;
}

/* Sends a first packet of site 1 or 2. Returns its egress port, or 0. */
static uint16_t open_flow(const struct row *row, uint8_t site, uint16_t sport)
{
	const struct frame f = {
		.outer_src = IP(198, 51, 100, 9) + site,
		.outer_dst = IP(198, 51, 100, 1),
		.six = row->six,
		.src = IP(10, 0, 1, 10),
		.dst = SERVER,
		.src6 = host6,
		.dst6 = server6,
		.sport = sport,
		.dport = is_echo(row) ? 0 : 443,
		.proto = row->proto,
		.tcp_flags = row->proto == TCP ? SYN : 0,
		.icmp_type = row->proto == ICMP6 ? ECHO6 : ECHO,
		.payload = 8,
	};
	struct frame out;

	return send_and_take(UNDERLAY, &f, UPLINK, &out) ? out.sport : 0;
}

/* The server sends another packet to the port. Returns the site that it reaches, or 0. */
static uint8_t send_return(const struct row *row, uint16_t port)
{
	const struct frame f = {
		.six = row->six,
		.src = SERVER,
		.dst = EGRESS,
		.src6 = server6,
		.dst6 = egress6,
		.sport = is_echo(row) ? port : 443,
		.dport = port,
		.proto = row->proto,
		.tcp_flags = row->proto == TCP ? SYN | ACK : 0,
		.icmp_type = row->proto == ICMP6 ? ECHO_REPLY6 : ECHO_REPLY,
		.payload = 8,
	};
	struct frame out;

	if (!send_and_take(UPLINK, &f, UNDERLAY, &out))
		return 0;
	return (uint8_t)(out.outer_dst - IP(198, 51, 100, 9));
}

/* Returns true if the port was another site's before. */
static bool open_one(const struct row *row, uint8_t site, uint16_t sport)
{
	uint16_t port = open_flow(row, site, sport);
	struct last *last, before;

	assert_in_range(port, FIRST_PORT, FIRST_PORT + SLICE - 1);
	last = &lasts[port - FIRST_PORT];
	before = *last;
	*last = (struct last){site, now_s};
	if (before.site == 0 || before.site == site)
		return false;
	if (now_s - before.at_s < TIMEOUT + REST)
		fail_msg("%s: port %u changed sites after %u s", row->why, port,
			 now_s - before.at_s);
	return true;
}

static void send_to_all(const struct row *row)
{
	for (uint16_t i = 0; i < SLICE; i++) {
		uint8_t site;

		if (lasts[i].site == 0)
			continue;
		site = send_return(row, (uint16_t)(FIRST_PORT + i));
		if (site == 0)
			continue;
		assert_int_equal(site, lasts[i].site);
		if (strcmp(row->refresh, "both") == 0)
			lasts[i].at_s = now_s;
	}
}

static void after_expiry(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		bool is_both = strcmp(row->refresh, "both") == 0;
		uint64_t dice = 60 + i;
		unsigned changed = 0;

		memset(lasts, 0, sizeof(lasts));
		start(row, SLICE, 1);
		wait_for(REST + 2);
		for (uint16_t step = 0; step < STEPS; step++) {
			wait_for(1 + dice_roll(&dice, STEP_MAX));
			/* If all flows were kept alive, no port would be left. */
			if (!is_both || step % 32 == 0)
				send_to_all(row);
			if (dice_roll(&dice, 2) == 0)
				changed += open_one(row, (uint8_t)(1 + dice_roll(&dice, 2)),
						    (uint16_t)(1000 + step));
		}
		assert_int_equal(bed_counters(bed).rests_cut, 0);
		if (changed < 10)
			fail_msg("%s: only %u ports changed sites", row->why, changed);
		stop();
	}
}

/*
 * A quarter of the 480 ports that a run begins with is left. If nearly all of them are taken, 64
 * random probes may find none; then a port that has not rested is used (search.c).
 */
enum { WIDE = 2048, BEFORE = 900, AFTER = 360, RUNS = 6 };

/* A run uses many ports towards the server; the next run begins with other ones. */
static void run_once(const struct row *row, uint32_t run, bool *used)
{
	uint8_t site = (uint8_t)(1 + run % 2);

	start(row, WIDE, 100 + run);
	for (uint16_t n = 0; n < AFTER; n++) {
		uint16_t port = open_flow(row, site, (uint16_t)(1000 + n));

		assert_in_range(port, WIDE, 2 * WIDE - 1);
		if (used[port - WIDE])
			fail_msg("%s: port %u is used at once", row->why, port);
	}
	memset(used, 0, WIDE * sizeof(*used));
	wait_for(TIMEOUT + 2);
	for (uint16_t n = 0; n < BEFORE; n++) {
		uint16_t port = open_flow(row, site, (uint16_t)(5000 + n));

		assert_in_range(port, WIDE, 2 * WIDE - 1);
		used[port - WIDE] = true;
	}
	assert_int_equal(bed_counters(bed).rests_cut, 0);
	stop();
}

static void after_a_restart(void **state)
{
	static bool used[WIDE]; /* ports that the previous run used */

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		memset(used, 0, sizeof(used));
		for (uint32_t run = 0; run < RUNS; run++)
			run_once(&rows[i], run, used);
	}
}

int main(void)
{
	const char *text = getenv("REST_SEED");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(after_expiry),
		cmocka_unit_test(after_a_restart),
	};

	if (text != NULL)
		seed = strtoull(text, NULL, 0);
	return cmocka_run_group_tests_name("rest", tests, NULL, NULL);
}
