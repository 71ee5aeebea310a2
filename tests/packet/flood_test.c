/*
 * One site floods, the other does not notice.
 *
 *     attacker --- 1,000,000 first packets a second: SYN scan, UDP scan, both ---+
 *     neighbour -- talks over its flows, opens new ones -------------------------+-- [ gateway ]
 *
 * Both use the same hosts and ports. The test controls the clock, so the rate is the same on every
 * machine. Every packet of the neighbour must arrive, in both directions. Packets of the attacker
 * over its limits are dropped under the limit's name, except a few that are answered by ICMP. No
 * other packet is dropped. Law 3 holds.
 */
#include "bed.h"
#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { UNDERLAY, UPLINK };

enum { ATTACKER = 1, NEIGHBOUR = 2 }; /* site ids */

enum { SYN = 2, ACK = 16, ICMP = 1, TCP = 6, UDP = 17 };

enum {
	CAPACITY = 65536,
	HALF = CAPACITY / 2, /* default limit of flows */
	PORTS = 12 * 2048, /* if the egress address has few slices */
	BATCH = 500, /* of the flood, in half a millisecond */
	BATCHES = 1000,
	BATCH_NS = 500000,
	FLOWS_BEFORE = 768, /* of the neighbour */
	FLOWS_MAX = FLOWS_BEFORE + BATCHES,
	HOSTS = 2048, /* of the attacker: each has few flows (flood_host_test.c) */
	TALK = 8, /* packets of the neighbour for each batch */
	TOLD_MAX = 25 + 51, /* ICMP errors towards a site: 25 at once, and 100 a second */
};

#define GATEWAY IP(198, 51, 100, 1)
#define REMOTE(site) (IP(198, 51, 100, 10) + (site))
#define FLOOD_TOKEN (UINT64_C(1) << 63)

struct row {
	const char *why;
	const char *limits; /* of the attacker, YAML */
	unsigned workers;
	bool syn, udp;
	bool one; /* all to the neighbour's server */
	bool internet; /* the flood comes from the Internet, to our egress address */
	enum drop drop; /* drop reason of the flood */
	bool no_limit; /* the reason is not a limit of the site */
	uint32_t opened_min, opened_max; /* flows that the attacker may open */
};

/* clang-format off */
static const struct row rows[] = {
	{"a SYN scan ends at half-open connections",
	 "{}", 1, .syn = true, .drop = DROP_HALF_OPEN,
	 .opened_min = HALF / 4, .opened_max = HALF / 4},
	{"the same with two workers: each holds its half",
	 "{}", 2, .syn = true, .drop = DROP_HALF_OPEN,
	 .opened_min = HALF / 4, .opened_max = HALF / 4},
	{"a UDP scan ends at the number of flows",
	 "{}", 1, .udp = true, .drop = DROP_SITE_FLOWS, .opened_min = HALF, .opened_max = HALF},
	{"the same with two workers",
	 "{}", 2, .udp = true, .drop = DROP_SITE_FLOWS, .opened_min = HALF, .opened_max = HALF},
	{"a slow site is held to its rate: what it had saved, and half a second",
	 "{new-flows-per-second: 10000}", 1, .syn = true, .udp = true, .drop = DROP_SITE_RATE,
	 .opened_min = 14990, .opened_max = 15010},
	{"a site that was allowed everything leaves the reserve",
	 "{flows: 65536, half-open: 65536, new-flows-per-second: 100000000}", 1, .syn = true,
	 .udp = true, .drop = DROP_SITE_FLOWS,
	 .opened_min = CAPACITY / 16 * 15 - FLOWS_MAX, .opened_max = CAPACITY / 16 * 15},
	{"the same with two workers",
	 "{flows: 65536, half-open: 65536, new-flows-per-second: 100000000}", 2, .syn = true,
	 .udp = true, .drop = DROP_SITE_FLOWS,
	 .opened_min = CAPACITY / 16 * 15 - FLOWS_MAX, .opened_max = CAPACITY / 16 * 15},
	{"a flood from the Internet opens nothing",
	 "{}", 1, .syn = true, .udp = true, .internet = true, .drop = DROP_NO_FLOW, .no_limit = true},
	{"all ports towards one destination: some are left for others",
	 "{}", 1, .udp = true, .one = true, .drop = DROP_EGRESS_EXHAUSTED, .no_limit = true,
	 .opened_min = PORTS / 16 * 15 - FLOWS_MAX, .opened_max = PORTS / 32 * 31},
	{"the same with two workers",
	 "{}", 2, .udp = true, .one = true, .drop = DROP_EGRESS_EXHAUSTED, .no_limit = true,
	 .opened_min = PORTS / 16 * 15 - FLOWS_MAX, .opened_max = PORTS / 32 * 31},
};
/* clang-format on */

static struct {
	struct bed *bed;
	unsigned workers;
	uint32_t n_flows; /* of the neighbour */
	struct frame back[FLOWS_MAX]; /* return packet of each flow, once it is known */
	uint32_t flood_sent, flood_out;
	uint32_t told; /* ICMP errors to the attacker */
	uint32_t sent, arrived; /* packets of the neighbour, both directions */
} run;

static struct bed *make_bed(const struct row *row)
{
	char yaml[2048];

	snprintf(yaml, sizeof(yaml),
		 "flows: {capacity: %d}\n"
		 "workers: %u\n"
		 "ports:\n"
		 "  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
		 "  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
		 "sites:\n"
		 "  - name: attacker\n"
		 "    limits: %s\n"
		 "    tunnels: [{name: a, local: 198.51.100.1, remote: 198.51.100.11,"
		 " port: underlay}]\n"
		 "  - name: neighbour\n"
		 "    tunnels: [{name: n, local: 198.51.100.1, remote: 198.51.100.12,"
		 " port: underlay}]\n"
		 "egress:\n"
		 "  - {name: e, port: uplink, addresses: [{address: 203.0.113.1, slices: [%s]}]}\n",
		 CAPACITY, row->workers, row->limits, row->one ? "1-12" : "1-31");
	return bed_create(yaml, 1);
}

static void move_clock(uint64_t ns)
{
	for (unsigned i = 0; i < run.workers; i++)
		worker_hold_clock(bed_worker(run.bed, i), ns);
}

static void send_frame(unsigned port, const struct frame *f)
{
	uint8_t bytes[BED_FRAME_MAX];

	bed_send(run.bed, port, bytes, frame_build(f, bytes));
}

/*
 * The first packet of the neighbour's flow @i; odd ones are TCP. Its addresses are those of the
 * attacker.
 */
static struct frame neighbour_frame(uint32_t i, uint8_t tcp_flags)
{
	bool tcp = i % 2 == 1;

	return (struct frame){
		.outer_src = REMOTE(NEIGHBOUR),
		.outer_dst = GATEWAY,
		.src = IP(10, 0, 1, 10) + i % 16,
		.dst = IP(192, 0, 2, 80),
		.sport = (uint16_t)(20000 + i),
		.dport = 443,
		.proto = tcp ? TCP : UDP,
		.tcp_flags = tcp ? tcp_flags : 0,
		.token = i,
		.payload = 8,
	};
}

static void at_uplink(const struct frame *f)
{
	if (f->token & FLOOD_TOKEN) {
		run.flood_out++;
		return;
	}
	assert_true(f->token < run.n_flows);
	run.arrived++;
	run.back[f->token] = (struct frame){
		.src = f->dst,
		.dst = f->src,
		.sport = f->dport,
		.dport = f->sport,
		.proto = f->proto,
		.token = f->token,
		.payload = 8,
	};
}

/*
 * No packet of the flood is answered. So packets into a tunnel are the neighbour's, or ICMP errors
 * about refused packets.
 */
static void at_underlay(const struct frame *f)
{
	if (f->proto == ICMP) {
		assert_int_equal(f->icmp_type, 3);
		assert_int_equal(f->icmp_code, 1);
		assert_int_equal(f->outer_dst, REMOTE(ATTACKER));
		run.told++;
		return;
	}
	assert_true(f->token < run.n_flows);
	assert_int_equal(f->outer_dst, REMOTE(NEIGHBOUR));
	assert_int_equal(f->dport, 20000 + f->token);
	run.arrived++;
}

static void collect(void)
{
	uint8_t bytes[BED_FRAME_MAX];
	struct frame f;
	const char *why = "";
	size_t len;

	bed_run(run.bed);
	while ((len = bed_take(run.bed, UPLINK, bytes)) > 0) {
		assert_true(frame_parse(bytes, len, &f, &why));
		at_uplink(&f);
	}
	while ((len = bed_take(run.bed, UNDERLAY, bytes)) > 0) {
		assert_true(frame_parse(bytes, len, &f, &why));
		at_underlay(&f);
	}
}

/* Sends a forward and a return packet of flow @i. Both must arrive. */
static void talk(uint32_t i, uint8_t flags, uint8_t answer_flags)
{
	struct frame f = neighbour_frame(i, flags);

	send_frame(UNDERLAY, &f);
	run.sent++;
	collect();
	assert_int_equal(run.arrived, run.sent);
	run.back[i].tcp_flags = i % 2 == 1 ? answer_flags : 0;
	send_frame(UPLINK, &run.back[i]);
	run.sent++;
	collect();
	assert_int_equal(run.arrived, run.sent);
}

static void open_flow(void)
{
	uint32_t i = run.n_flows++;

	talk(i, SYN, SYN | ACK);
	talk(i, ACK, ACK);
}

/*
 * Packets from the Internet that belong to no flow: to every port of our egress address, from hosts
 * to which no site has sent.
 */
static struct frame internet_frame(uint32_t n, bool tcp)
{
	return (struct frame){
		.src = IP(11, 0, 0, 0) + (n >> 4),
		.dst = IP(203, 0, 113, 1),
		.sport = 443,
		.dport = (uint16_t)(1024 + n % 64000),
		.proto = tcp ? TCP : UDP,
		.tcp_flags = tcp ? SYN : 0,
		.token = FLOOD_TOKEN | n,
		.payload = 8,
	};
}

/* Sends a batch of the flood. Each packet opens a flow of its own. */
static void flood(const struct row *row)
{
	for (unsigned i = 0; i < BATCH; i++) {
		uint32_t n = run.flood_sent++;
		bool tcp = row->syn && (!row->udp || n % 2 == 0);
		struct frame f = {
			.outer_src = REMOTE(ATTACKER),
			.outer_dst = GATEWAY,
			.src = IP(10, 0, 1, 10) + n % HOSTS,
			.dst = IP(11, 0, 0, 0) + (n >> 4),
			.sport = 20001,
			.dport = 443,
			.proto = tcp ? TCP : UDP,
			.tcp_flags = tcp ? SYN : 0,
			.token = FLOOD_TOKEN | n,
			.payload = 8,
		};

		if (row->one) {
			f.src += (n >> 15 & 15) * HOSTS;
			f.dst = IP(192, 0, 2, 80);
			f.sport = (uint16_t)(1024 + n % 32768);
		}
		if (row->internet)
			f = internet_frame(n, tcp);
		send_frame(row->internet ? UPLINK : UNDERLAY, &f);
	}
}

static void check_row(const struct row *row)
{
	struct worker_counters c = bed_counters(run.bed);
	struct site_counters attacker = {0}, neighbour = {0}, one;

	for (unsigned i = 0; i < run.workers; i++) {
		worker_read_site(bed_worker(run.bed, i), ATTACKER, &one);
		attacker.flows += one.flows;
		attacker.refused += one.refused;
		worker_read_site(bed_worker(run.bed, i), NEIGHBOUR, &one);
		neighbour.flows += one.flows;
		neighbour.half_open += one.half_open;
		neighbour.refused += one.refused;
	}
	assert_in_range(run.flood_out, row->opened_min, row->opened_max);
	for (unsigned d = 1; d < DROP_COUNT; d++) {
		uint32_t dropped = run.flood_sent - run.flood_out - run.told;

		assert_int_equal(c.drops[d], d == row->drop ? dropped : 0);
	}
	assert_in_range(run.told, row->internet ? 0 : 1,
			row->internet ? 0 : TOLD_MAX * run.workers);
	assert_int_equal(attacker.flows, run.flood_out);
	assert_int_equal(attacker.refused, row->no_limit ? 0 : run.flood_sent - run.flood_out);
	assert_int_equal(neighbour.flows, run.n_flows);
	assert_int_equal(neighbour.half_open, 0);
	assert_int_equal(neighbour.refused, 0);
	printf("%s: %u of %u opened; %u packets of the neighbour, none lost\n", row->why,
	       run.flood_out, run.flood_sent, run.sent);
}

static void play_row(const struct row *row)
{
	memset(&run, 0, sizeof(run));
	run.workers = row->workers;
	run.bed = make_bed(row);
	move_clock(0);
	while (run.n_flows < FLOWS_BEFORE)
		open_flow();
	for (uint32_t b = 0; b < BATCHES; b++) {
		flood(row);
		move_clock(BATCH_NS);
		collect();
		for (uint32_t k = 0; k < TALK; k++)
			talk((b * TALK + k) % run.n_flows, ACK, ACK);
		open_flow();
	}
	check_row(row);
	bed_check(run.bed);
	bed_destroy(run.bed);
}

static void the_neighbour_does_not_notice(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		play_row(&rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_neighbour_does_not_notice),
	};

	return cmocka_run_group_tests_name("flood", tests, NULL, NULL);
}
