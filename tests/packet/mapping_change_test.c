/*
 * An endpoint that the Internet may write to, and a change: who writes to its port now reaches the
 * same site, or nobody.
 *
 *     berlin 10.0.1.0/24 --- GRE 198.51.100.10 (b1) and .11 (b2) ---+
 *     madrid 10.0.1.0/24 --- GRE 198.51.100.20 (m1) ----------------+--- [ gateway ] --- 203.0.113.1
 *     lisbon 10.0.1.0/24 --- GRE 198.51.100.30 (l1), who comes new                       slice 16
 *
 * Berlin's host has sent to the server by b1, so it has an egress port. Two changes follow; the
 * second one gives the ids of removed sites and tunnels to others. After each publication, and
 * after each sweep, a stranger sends to the port. Each row is two changes, and the receiver of
 * these packets.
 */
#include "bed.h"
#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define GATEWAY IP(198, 51, 100, 1)
#define BERLIN IP(198, 51, 100, 10)
#define BERLIN_2 IP(198, 51, 100, 11)
#define MADRID IP(198, 51, 100, 20)
#define LISBON IP(198, 51, 100, 30)
#define HOST IP(10, 0, 1, 10)
#define SERVER IP(192, 0, 2, 80)
#define STRANGER IP(192, 0, 2, 66)
#define EGRESS IP(203, 0, 113, 1)

enum { UNDERLAY, UPLINK, UDP = 17, TIMEOUT = 300, REST = 120, HAND_IDLE = 64, CAPACITY = 4096 };
enum { FLOWS = 44 }; /* of the 64 ports of a slice */

#define TUNNEL(name, rest)                                                                         \
	"      - {name: " name ", local: 198.51.100.1, port: underlay, remote: 198.51.100." rest   \
	"}\n"
#define B1 TUNNEL("b1", "10")
#define B2 TUNNEL("b2", "11")
#define M1 TUNNEL("m1", "20")
#define L1 TUNNEL("l1", "30")
#define SITE(name, tunnels)                                                                        \
	"  - name: " name "\n    prefixes: [10.0.1.0/24]\n    tunnels:\n" tunnels
#define BOTH SITE("berlin", B1 B2) SITE("madrid", M1)

struct step {
	const char *sites, *slices;
	uint16_t site_ids[3], tunnel_ids[4];
	uint32_t home; /* outer destination of the stranger's packets; 0: they are dropped */
};

static const struct row {
	const char *why;
	struct step steps[2];
	bool rests; /* the flow ends before the first change, and the port rests */
} rows[] = {
	{"nothing goes",
	 {{BOTH, "16", {1, 2}, {1, 2, 3}, BERLIN}, {BOTH, "16, 17", {1, 2}, {1, 2, 3}, BERLIN}}},
	{"a tunnel goes, and its number is another site's",
	 {{SITE("berlin", B2) SITE("madrid", M1), "16", {1, 2}, {2, 3}, BERLIN_2},
	  {SITE("berlin", B2) SITE("madrid", M1 L1), "16", {1, 2}, {2, 3, 1}, BERLIN_2}}},
	{"the same at once: the tunnel is another site's",
	 {{SITE("berlin", B2) SITE("madrid", M1 B1), "16", {1, 2}, {2, 3, 1}, BERLIN_2},
	  {SITE("berlin", B2) SITE("madrid", M1), "16", {1, 2}, {2, 3}, BERLIN_2}}},
	{"a tunnel goes and comes back under its number",
	 {{SITE("berlin", B2) SITE("madrid", M1), "16", {1, 2}, {2, 3}, BERLIN_2},
	  {BOTH, "16", {1, 2}, {1, 2, 3}, BERLIN_2}}},
	{"a site goes, and its numbers are another one's",
	 {{SITE("madrid", M1), "16", {2}, {3}, 0},
	  {SITE("lisbon", L1) SITE("madrid", M1), "16", {1, 2}, {1, 3}, 0}}},
	{"the slice goes and comes back",
	 {{BOTH, "17", {1, 2}, {1, 2, 3}, 0}, {BOTH, "16", {1, 2}, {1, 2, 3}, 0}}},
	{"at rest: nothing goes",
	 {{BOTH, "16, 17", {1, 2}, {1, 2, 3}, 0}, {BOTH, "16", {1, 2}, {1, 2, 3}, 0}},
	 true},
	{"at rest: a site goes, and its numbers are another one's",
	 {{SITE("madrid", M1), "16", {2}, {3}, 0},
	  {SITE("lisbon", L1) SITE("madrid", M1), "16", {1, 2}, {1, 3}, 0}},
	 true},
	{"at rest: the slice goes and comes back",
	 {{BOTH, "17", {1, 2}, {1, 2, 3}, 0}, {BOTH, "16", {1, 2}, {1, 2, 3}, 0}},
	 true},
};

static struct bed *bed;
static uint16_t port; /* egress port of berlin's host */

static void write_yaml(char *yaml, size_t size, unsigned workers, const struct step *step)
{
	snprintf(yaml, size,
		 "workers: %u\n"
		 "flows: {capacity: 4096, timeouts: {udp: 300s}}\n"
		 "ports:\n"
		 "  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
		 "  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
		 "sites:\n%segress:\n"
		 "  - name: internet\n"
		 "    port: uplink\n"
		 "    slice-size: 64\n"
		 "    mapping: endpoint-independent\n"
		 "    filtering: endpoint-independent\n"
		 "    addresses: [{address: 203.0.113.1, slices: [%s]}]\n",
		 workers, step->sites, step->slices);
}

static void send_frame(unsigned in, const struct frame *f)
{
	uint8_t bytes[BED_FRAME_MAX];

	bed_send(bed, in, bytes, frame_build(f, bytes));
	bed_run(bed);
}

/* Takes what comes out of @out_port, if anything. */
static bool take(unsigned out_port, struct frame *out)
{
	uint8_t bytes[BED_FRAME_MAX];
	const char *why;
	size_t len = bed_take(bed, out_port, bytes);

	if (len > 0 && !frame_parse(bytes, len, out, &why))
		fail_msg("came out with a wrong %s", why);
	return len > 0;
}

/* Opens a flow of the host with this address at any site. Returns its egress port. */
static uint16_t open_flow(uint32_t remote, uint16_t sport, uint16_t dport)
{
	const struct frame f = {
		.outer_src = remote,
		.outer_dst = GATEWAY,
		.src = HOST,
		.dst = SERVER,
		.sport = sport,
		.dport = dport,
		.proto = UDP,
	};
	struct frame out;

	send_frame(UNDERLAY, &f);
	assert_true(take(UPLINK, &out));
	return out.sport;
}

struct expected {
	const struct row *row;
	const struct step *step;
	const char *when;
};

/* Each stranger has another address, so that each opens a flow. */
static void stranger_writes(void *arg)
{
	static uint16_t sport = 1000;
	const struct expected *e = arg;
	const struct frame f = {
		.src = STRANGER, .dst = EGRESS, .sport = sport++, .dport = port, .proto = UDP};
	uint32_t home = 0;
	struct frame out;

	send_frame(UPLINK, &f);
	if (take(UNDERLAY, &out)) {
		home = out.outer_dst;
		assert_int_equal(out.dst, HOST);
		assert_int_equal(out.dport, 5000);
	}
	if (home != e->step->home)
		fail_msg("%s: step %u, %s: he gets to %08x", e->row->why,
			 (unsigned)(e->step - e->row->steps), e->when, home);
	assert_false(take(UPLINK, &out));
}

static void change(const struct row *row, const struct step *step)
{
	struct expected expected = {row, step, "not swept yet"};
	struct bed_change c = {
		.ids = {.sites = step->site_ids, .tunnels = step->tunnel_ids},
		.meanwhile = stranger_writes,
		.arg = &expected,
	};
	char yaml[2048];

	write_yaml(yaml, sizeof(yaml), bed_workers(bed), step);
	c.yaml = yaml;
	bed_change(bed, &c);
	expected.when = "swept";
	stranger_writes(&expected);
}

/* A stranger sends to an egress port of berlin's host. */
static void write_and_be_answered(uint16_t sport, uint32_t egress, uint16_t to)
{
	const struct frame f = {
		.src = STRANGER, .dst = egress, .sport = sport, .dport = to, .proto = UDP};
	struct frame out, answer;

	send_frame(UPLINK, &f);
	assert_true(take(UNDERLAY, &out));
	assert_int_equal(out.outer_dst, BERLIN);
	assert_int_equal(out.dst, HOST);
	assert_int_equal(out.dport, 5000);
	answer = (struct frame){
		.outer_src = BERLIN,
		.outer_dst = GATEWAY,
		.src = HOST,
		.dst = STRANGER,
		.sport = 5000,
		.dport = sport,
		.proto = UDP,
	};
	send_frame(UNDERLAY, &answer);
	assert_true(take(UPLINK, &out));
	assert_int_equal(out.src, egress);
	assert_int_equal(out.sport, to);
}

static void wait_for(uint32_t seconds)
{
	for (unsigned w = 0; w < bed_workers(bed); w++) {
		worker_advance_clock(bed_worker(bed, w), seconds);
		for (unsigned i = 0; i <= CAPACITY / HAND_IDLE; i++)
			worker_turn(bed_worker(bed, w));
	}
}

/*
 * The site that has berlin's id now has a host with the same address and port. It does not get
 * berlin's packets.
 */
static void check_heir(const struct row *row)
{
	if (open_flow(LISBON, 5000, 53) == port)
		fail_msg("%s: another site's host has the port at once", row->why);
}

/* Berlin's host keeps its port if the port stayed. No other host gets it. */
static void check_owner(const struct row *row)
{
	bool stayed = strcmp(row->steps[0].slices, "17") != 0;
	uint16_t his = open_flow(BERLIN_2, 5000, 53);

	if (stayed && his != port)
		fail_msg("%s: the host has port %u, and had %u", row->why, his, port);
	wait_for(REST + 2); /* resting ports are free now; flows of the host do not end by it */
	for (uint16_t i = 0; i < FLOWS; i++)
		if (open_flow(MADRID, (uint16_t)(6000 + i), 53) == his)
			fail_msg("%s: two hosts have port %u", row->why, his);
}

static void run_row(const struct row *row, unsigned workers)
{
	static const struct step begin = {.sites = BOTH, .slices = "16"};
	char yaml[2048];

	write_yaml(yaml, sizeof(yaml), workers, &begin);
	bed = bed_create(yaml, 1);
	for (unsigned w = 0; w < workers; w++)
		worker_hold_clock(bed_worker(bed, w), 0);
	port = open_flow(BERLIN, 5000, 53);
	if (row->rests)
		wait_for(TIMEOUT + 2);
	assert_int_equal(bed_counters(bed).flows, row->rests ? 0 : 1);
	for (size_t i = 0; i < ARRAY_SIZE(row->steps); i++)
		change(row, &row->steps[i]);
	if (strstr(row->steps[1].sites, "lisbon") != NULL)
		check_heir(row);
	else
		check_owner(row);
	bed_check(bed);
	bed_destroy(bed);
}

/*
 * A host has a port of each of two pools, because each was the pool for new flows for a while. Then
 * one pool has both addresses. Packets to either port get to the host, and its answers leave by the
 * same port.
 */
static void two_pools_become_one(void **state)
{
	static const char yaml[] =
		"flows: {capacity: 4096, timeouts: {udp: 300s}}\n"
		"ports:\n"
		"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
		"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
		"sites:\n" BOTH "egress:\n";
	static const char pool[] = "  - {name: %s, port: uplink, mapping: endpoint-independent,\n"
				   "     filtering: endpoint-independent, addresses: [%s]}\n";
	static const char *const addresses[] = {"{address: 203.0.113.1, slices: [1]}",
						"{address: 203.0.113.2, slices: [1]}"};
	static const uint16_t sites[] = {1, 2}, tunnels[] = {1, 2, 3};
	char one[512], two[1024], text[4096];
	const struct bed_change c = {.yaml = text, .ids = {.sites = sites, .tunnels = tunnels}};
	uint16_t ports[2];

	snprintf(one, sizeof(one), pool, "one", addresses[0]);
	snprintf(two, sizeof(two), pool, "two", addresses[1]);
	snprintf(text, sizeof(text), "%s%s%s", yaml, one, two);
	bed = bed_create(text, 1);
	worker_hold_clock(bed_worker(bed, 0), 0);
	ports[0] = open_flow(BERLIN, 5000, 53);
	snprintf(text, sizeof(text), "%s%s%s", yaml, two, one);
	bed_change(bed, &c);
	ports[1] = open_flow(BERLIN, 5000, 54);
	snprintf(one, sizeof(one), "%s, %s", addresses[0], addresses[1]);
	snprintf(two, sizeof(two), pool, "two", one);
	snprintf(text, sizeof(text), "%s%s", yaml, two);
	bed_change(bed, &c);
	for (unsigned i = 0; i < 2; i++)
		write_and_be_answered((uint16_t)(700 + i), EGRESS + i, ports[i]);
	wait_for(TIMEOUT + 2);
	assert_int_equal(bed_counters(bed).flows, 0);
	bed_check(bed);
	bed_destroy(bed);
}

static void rows_with_one_worker(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		run_row(&rows[i], 1);
}

static void rows_with_two_workers(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		run_row(&rows[i], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_with_one_worker),
		cmocka_unit_test(rows_with_two_workers),
		cmocka_unit_test(two_pools_become_one),
	};

	return cmocka_run_group_tests_name("mapping_change", tests, NULL, NULL);
}
