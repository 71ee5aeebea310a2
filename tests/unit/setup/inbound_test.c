/*
 * Flows from outside: what they take, and that a refusal frees all of it.
 * tests/packet/filtering_test.c has the rows of who may send.
 */
#include "setup/setup.h"

#include "base/wire.h"
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { CAPACITY = 8, NAT_PORT = 64 };

/*
 * Makes a context whose pool has endpoint-independent filtering. berlin's host has a mapping.
 * Writes its flow.
 */
static struct stage_bench *make(struct flow *first)
{
	struct stage_bench *b = bench_create(64, CAPACITY, 0, 1);
	struct setup s = {.ctx = &b->ctx, .pool = &b->net->pools[0]};

	assert_false(inbound_is_open(&b->ctx));
	b->net->pools[0].mapping = MAPPING_ENDPOINT_INDEPENDENT;
	b->net->pools[0].filtering = FILTERING_ENDPOINT_INDEPENDENT;
	b->net->lets_in = true;
	assert_true(inbound_is_open(&b->ctx));
	egress_destroy(b->ctx.egress);
	b->ctx.egress = egress_create(b->net, CAPACITY, 0, 1);
	assert_non_null(b->ctx.egress);
	s.flow = (struct flow){
		.src = htonl(HOST),
		.dst = htonl(SERVER),
		.sport = htons(5000),
		.dport = htons(53),
		.site = SITE_BERLIN,
		.proto = PROTO_UDP,
		.state = FLOW_UDP,
		.onramp = TUNNEL_B2,
	};
	assert_int_equal(choice_take(&s), DROP_NONE);
	*first = s.flow;
	return b;
}

static struct packet *from(struct stage_bench *b, const struct flow *first, uint32_t src)
{
	const struct frame f = {
		.src = src,
		.dst = ntohl(first->nat_src),
		.sport = 777,
		.dport = ntohs(first->nat_port),
		.proto = PROTO_UDP,
	};
	struct packet *p = bench_inner(b, &f, TUNNEL_NONE);
	struct flow_probe *probe = &p->probe;

	p->l4 = IPV4_LEN;
	p->tcp_flags = 0;
	p->probe.key = (struct flow_key){.src = htonl(f.src),
					 .dst = htonl(f.dst),
					 .sport = htons(f.sport),
					 .dport = htons(f.dport),
					 .realm = SITE_INTERNET,
					 .proto = f.proto};
	flow_table_lookup(b->ctx.flows, &probe, 1);
	memset(b->burst.n, 0, sizeof(b->burst.n));
	return p;
}

static void test_open(void **state)
{
	struct flow first;
	struct stage_bench *b = make(&first);
	struct packet *p = from(b, &first, SERVER + 1), *again;
	const struct flow *f;

	inbound_open(&b->ctx, &b->burst, p);
	assert_int_equal(b->burst.n[STAGE_FORWARD], 1);
	assert_int_equal(p->probe.dir, FLOW_RETURN);
	f = flow_table_at(b->ctx.flows, p->probe.record);
	assert_int_equal(f->src, htonl(HOST));
	assert_int_equal(f->sport, htons(5000));
	assert_int_equal(f->dst, htonl(SERVER + 1));
	assert_int_equal(f->site, SITE_BERLIN);
	assert_int_equal(f->onramp, TUNNEL_B2);
	assert_int_equal(f->offramp, NEXTHOP_UPLINK);
	assert_int_equal(f->seen_s, STAGE_NOW);

	/* another packet of the same burst, before the flow existed */
	again = from(b, &first, SERVER + 1);
	again->probe.record = FLOW_NO_RECORD;
	inbound_open(&b->ctx, &b->burst, again);
	assert_int_equal(b->burst.n[STAGE_FORWARD], 1);
	assert_int_equal(again->probe.record, p->probe.record);
	assert_int_equal(again->probe.dir, FLOW_RETURN);
	assert_int_equal(flow_table_count(b->ctx.flows), 1);
	bench_destroy(b);
}

static const struct {
	const char *why;
	uint32_t src;
	enum drop drop;
} rows[] = {
	{"a martian", IP(127, 0, 0, 1), DROP_MARTIAN},
	{"no way back", IP(10, 0, 0, 1), DROP_NO_ROUTE},
	{"a neighbour that does not answer", IP(198, 18, 0, 6), DROP_NO_NEIGHBOUR},
	{"a port of our address that is somebody else's", EGRESS_2, DROP_NO_ROUTE},
};

/* A step that refuses undoes the previous steps: the site's flows and tokens are as before. */
static void test_refused(void **state)
{
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct flow first;
		struct stage_bench *b = make(&first);
		const struct site_use *use = &b->ctx.sites[SITE_BERLIN];
		struct packet *p = from(b, &first, rows[i].src);

		inbound_open(&b->ctx, &b->burst, p);
		assert_int_equal(b->burst.n[STAGE_DROP], 1);
		if (p->drop != rows[i].drop)
			fail_msg("%s: %s", rows[i].why, drop_infos[p->drop].name);
		assert_int_equal(use->counters.flows, 0);
		assert_int_equal(b->ctx.flows_taken, 0);
		assert_true(use->spent_until_ns <= b->ctx.now_ns);
		bench_destroy(b);
	}
}

static void test_full(void **state)
{
	struct flow first;
	struct stage_bench *b = make(&first);
	struct packet *p;

	for (unsigned k = 0; k < CAPACITY; k++) {
		inbound_open(&b->ctx, &b->burst, from(b, &first, SERVER + 1 + k));
		assert_int_equal(b->burst.n[STAGE_FORWARD], 1);
	}
	p = from(b, &first, SERVER + 100);
	inbound_open(&b->ctx, &b->burst, p);
	assert_int_equal(b->burst.n[STAGE_DROP], 1);
	assert_int_equal(p->drop, DROP_TABLE_FULL);
	assert_int_equal(b->ctx.sites[SITE_BERLIN].counters.flows, CAPACITY);
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
