/* All steps together: a flow is made completely or not at all, and once. */
#include "setup/setup.h"

#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { ICMP = 1, TCP = 6, UDP = 17, SYN = 2, ACK = 16 };

#define PORTS .sport = 5000, .dport = 53
#define OUT PORTS, .src = HOST, .dst = SERVER

/* clang-format off */
static const struct {
	const char *why;
	uint16_t tunnel;
	struct frame frame;
	enum stage to;
	uint8_t reason;
} rows[] = {
	{ "a first packet",          1, { OUT, .proto = UDP }, STAGE_FORWARD, 0 },
	{ "the same from the other branch", 3, { OUT, .proto = UDP }, STAGE_FORWARD, 0 },
	{ "a SYN",                   1, { OUT, .proto = TCP, .tcp_flags = SYN }, STAGE_FORWARD, 0 },
	{ "mid-stream",              1, { .sport = 5001, .dport = 53, .src = HOST, .dst = SERVER, .proto = TCP, .tcp_flags = ACK }, STAGE_DROP, DROP_NO_FLOW },
	{ "from the Internet",       0, { PORTS, .src = SERVER, .dst = EGRESS, .proto = UDP }, STAGE_DROP, DROP_NO_FLOW },
	{ "a source not its own",    1, { PORTS, .src = BERLIN, .dst = SERVER, .proto = UDP }, STAGE_ANSWER, ANSWER_PROHIBITED },
	{ "a private destination",   1, { PORTS, .src = HOST, .dst = IP(10, 9, 9, 9), .proto = UDP }, STAGE_ANSWER, ANSWER_UNREACHABLE },
	{ "a neighbour to be asked", 1, { PORTS, .src = HOST, .dst = IP(198, 18, 0, 9), .proto = UDP }, STAGE_DROP, DROP_NO_NEIGHBOUR },
	{ "a ping to the gateway",   1, { PORTS, .src = HOST, .dst = BERLIN_INSIDE, .proto = ICMP, .icmp_type = 8 }, STAGE_ANSWER, ANSWER_ECHO },
	{ "its pong is no ping",     1, { PORTS, .src = HOST, .dst = BERLIN_INSIDE, .proto = ICMP }, STAGE_DROP, DROP_NO_FLOW },
	{ "another tunnel's address", 3, { PORTS, .src = HOST, .dst = BERLIN_INSIDE, .proto = ICMP, .icmp_type = 8 }, STAGE_ANSWER, ANSWER_UNREACHABLE },
};
/* clang-format on */

/* A packet as the lookup stage leaves it: parsed, without a flow. */
static struct packet *first_packet(struct stage_bench *b, const struct frame *f, uint16_t tunnel)
{
	struct packet *p = bench_inner(b, f, tunnel);

	assert_int_equal(bench_run(b, STAGE_PARSE, p), STAGE_LOOKUP);
	assert_int_equal(bench_run(b, STAGE_LOOKUP, p), STAGE_SETUP);
	return p;
}

/* The sum of all that setup may have taken. */
static uint64_t taken(const struct stage_bench *b)
{
	uint64_t sum = b->ctx.sites[SITE_BERLIN].counters.flows +
		       b->ctx.sites[SITE_BERLIN].counters.half_open +
		       b->ctx.sites[SITE_MADRID].counters.flows;

	for (uint32_t k = 0; k < b->net->n_slices; k++)
		sum += egress_slice(b->ctx.egress, k).flows;
	return sum;
}

static void check_flow(struct stage_bench *b, const struct packet *p, size_t i)
{
	const struct flow *f = flow_table_at(b->ctx.flows, p->probe.record);

	assert_int_equal(p->probe.dir, FLOW_FORWARD);
	assert_int_equal(f->src, htonl(HOST));
	assert_int_equal(f->site, b->net->tunnels[rows[i].tunnel].site);
	assert_int_equal(f->onramp, rows[i].tunnel);
	assert_int_equal(f->offramp, NEXTHOP_UPLINK);
	assert_int_equal(f->seen_s, STAGE_NOW);
	assert_true(network_find_address(b->net, f->nat_src) >= 0);
}

static void test_rows(void **state)
{
	struct stage_bench *b = bench_create(64, 64, 0, 1);
	uint32_t made = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct packet *p = first_packet(b, &rows[i].frame, rows[i].tunnel);
		uint64_t before = taken(b);
		enum stage to = bench_run(b, STAGE_SETUP, p);

		if (to != rows[i].to || (to != STAGE_FORWARD && p->drop != rows[i].reason))
			fail_msg("row %zu: %s: stage %d, reason %d", i, rows[i].why, to, p->drop);
		if (to == STAGE_FORWARD)
			check_flow(b, p, i);
		else
			assert_int_equal(taken(b), before);
		made += to == STAGE_FORWARD;
		assert_int_equal(flow_table_count(b->ctx.flows), made);
		assert_int_equal(b->ctx.counters.flows_created, made);
	}
	bench_destroy(b);
}

/* The last step refuses: all previous steps are undone. */
static void test_undone_when_full(void **state)
{
	enum { CAPACITY = 8 };
	struct stage_bench *b = bench_create(64, CAPACITY, 0, 1);
	struct frame f = {OUT, .proto = TCP, .tcp_flags = SYN};
	struct packet *p;

	for (uint16_t i = 0; i < CAPACITY; i++) {
		f.sport = (uint16_t)(100 + i); /* flows that the limits do not count */
		bench_flow(b, &f, TUNNEL_B1, (uint16_t)(2000 + i));
	}
	f.sport = 5000;
	p = first_packet(b, &f, TUNNEL_B1);
	assert_int_equal(bench_run(b, STAGE_SETUP, p), STAGE_ANSWER);
	assert_int_equal(p->answer, ANSWER_EXHAUSTED);
	assert_int_equal(p->refusal, DROP_TABLE_FULL);
	assert_int_equal(taken(b), 0);
	assert_int_equal(b->ctx.counters.flows_created, 0);
	assert_int_equal(flow_table_count(b->ctx.flows), CAPACITY);
	bench_destroy(b);
}

/* A burst of 40 packets of 10 new flows makes ten flows, and each packet gets its own. */
static void test_once_a_burst(void **state)
{
	enum { PACKETS = 40, FLOWS = 10 };
	struct stage_bench *b = bench_create(64, 64, 0, 1);
	struct packet *packets[PACKETS];
	uint32_t records[FLOWS];

	for (unsigned i = 0; i < PACKETS; i++) {
		const struct frame f = {.src = HOST,
					.dst = SERVER,
					.dport = 53,
					.proto = UDP,
					.sport = (uint16_t)(5000 + i % FLOWS)};

		packets[i] = first_packet(b, &f, TUNNEL_B1);
	}
	memset(b->burst.n, 0, sizeof(b->burst.n));
	for (unsigned i = 0; i < PACKETS; i++)
		burst_pass(&b->burst, STAGE_SETUP, packets[i]);
	stage_setup(&b->ctx, &b->burst);

	assert_int_equal(b->burst.n[STAGE_FORWARD], PACKETS);
	assert_int_equal(flow_table_count(b->ctx.flows), FLOWS);
	assert_int_equal(b->ctx.counters.flows_created, FLOWS);
	assert_int_equal(taken(b), 2 * FLOWS); /* a port and a flow of the site's limit for each */
	for (unsigned i = 0; i < PACKETS; i++) {
		const struct flow *f = flow_table_at(b->ctx.flows, packets[i]->probe.record);

		if (i < FLOWS)
			records[i] = packets[i]->probe.record;
		assert_int_equal(packets[i]->probe.record, records[i % FLOWS]);
		assert_int_equal(f->sport, htons((uint16_t)(5000 + i % FLOWS)));
	}
	bench_destroy(b);
}

static void test_what_ends_is_given_back(void **state)
{
	struct stage_bench *b = bench_create(64, 64, 0, 1);
	const struct frame f = {OUT, .proto = TCP, .tcp_flags = SYN};
	struct packet *p = first_packet(b, &f, TUNNEL_B1);

	assert_int_equal(bench_run(b, STAGE_SETUP, p), STAGE_FORWARD);
	assert_int_equal(taken(b), 3); /* flow, half-open connection, port */
	setup_flow_ended(&b->ctx, flow_table_at(b->ctx.flows, p->probe.record), NULL);
	flow_table_remove(b->ctx.flows, p->probe.record);
	assert_int_equal(taken(b), 0);
	assert_int_equal(b->ctx.counters.flows_ended, 1);
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_undone_when_full),
		cmocka_unit_test(test_once_a_burst),
		cmocka_unit_test(test_what_ends_is_given_back),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
