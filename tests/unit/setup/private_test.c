/*
 * The steps of a flow to a private destination: when its port is kept, when it becomes another one,
 * and that two workers never have the same return key.
 *
 *     sites 1 and 2, the same host  --->  10.8.0.80 behind site 3
 */
#include "setup/setup.h"

#include "base/wire.h"
#include "path/owner.h"
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { FAR = 3, PORT = 40000, CAPACITY = 64 };

#define PRIVATE IP(10, 8, 0, 80)

/* Two workers, each with its own table. */
static struct stage_bench *a, *b;
static const struct context *workers[2];

static void create(uint16_t count)
{
	a = bench_create(CAPACITY, CAPACITY, 0, count);
	b = bench_create(CAPACITY, CAPACITY, count == 2, count);
	workers[0] = &a->ctx;
	workers[1] = &b->ctx;
	if (count == 2)
		a->ctx.workers = b->ctx.workers = workers;
	a->ctx.room.burst = &a->burst;
	b->ctx.room.burst = &b->burst;
}

static void destroy(void)
{
	bench_destroy(a);
	bench_destroy(b);
}

static struct flow6 sixes[8];
static unsigned n_packets;

/* The hash that the look-up of the packet found. */
static void rehash(struct setup *s)
{
	struct flow6_key key;

	if (s->six != NULL) {
		flow6_forward_key(&s->flow, s->six, &key);
		s->p->probe.hash = flow6_table_prefetch(s->ctx->flows6, &key);
		return;
	}
	flow_forward_key(&s->flow, &s->p->probe.key);
	s->p->probe.hash = flow_table_prefetch(s->ctx->flows, &s->p->probe.key);
}

static struct setup setup_of(struct stage_bench *at, uint16_t site, uint16_t port)
{
	struct packet *p = &at->burst.packets[n_packets++ % 8];
	struct setup s = {
		.ctx = &at->ctx,
		.p = p,
		.keeps_source = true,
		.flow = {.src = htonl(HOST),
			 .dst = htonl(PRIVATE),
			 .sport = htons(port),
			 .dport = htons(53),
			 .site = site,
			 .far = FAR,
			 .proto = PROTO_UDP,
			 .state = FLOW_UDP,
			 .onramp = TUNNEL_B1,
			 .offramp = TUNNEL_M1},
	};

	*p = (struct packet){0};
	rehash(&s);
	return s;
}

/* The same of an IPv6 flow. */
static struct setup setup6_of(struct stage_bench *at, uint16_t site, uint16_t port)
{
	struct setup s = setup_of(at, site, port);

	s.six = &sixes[n_packets % 8];
	*s.six = (struct flow6){.src = bench_addr6((struct ip6)HOST6),
				.dst = bench_addr6((struct ip6)SERVER6)};
	s.flow.src = s.flow.dst = 0;
	rehash(&s);
	return s;
}

static enum drop run(struct setup *s)
{
	enum drop drop = private_propose(s);

	if (drop == DROP_NONE)
		drop = private_take(s);
	return drop == DROP_NONE ? private_insert(s) : drop;
}

static uint16_t port_of(const struct setup *s)
{
	return ntohs(s->flow.nat_port);
}

static uint64_t far_flows(const struct stage_bench *at)
{
	return at->ctx.sites[FAR].far_flows;
}

static void test_kept(void **state)
{
	struct setup s;

	create(1);
	s = setup_of(a, SITE_BERLIN, PORT);
	assert_int_equal(run(&s), DROP_NONE);
	assert_int_equal(port_of(&s), PORT);
	assert_int_equal(s.flow.nat_src, s.flow.src);
	assert_int_equal(far_flows(a), 1);
	private_count(&a->ctx, &s.flow, -1);
	assert_int_equal(far_flows(a), 0);
	destroy();
}

/* clang-format off */
static const struct {
	uint16_t port;
	uint8_t proto, state;
	bool refuses;
	enum drop drop;
	uint16_t least, most;
	const char *why;
} rows[] = {
	{ PORT, PROTO_UDP,  FLOW_UDP,          false, DROP_NONE, 1024, 65535, "another port" },
	{ 500,  PROTO_UDP,  FLOW_UDP,          false, DROP_NONE, 1, 1023, "a low port stays low" },
	{ 500,  PROTO_ICMP, FLOW_ICMP,         false, DROP_NONE, 1024, 65535, "an identifier has no range" },
	{ PORT, PROTO_TCP,  FLOW_TCP_SYN_SENT, false, DROP_NONE, 1024, 65535, "TCP" },
	{ PORT, PROTO_TCP,  FLOW_TCP_SYN_SENT, true,  DROP_COLLISION, 0, 0, "the route refuses it" },
	{ 0,    50,         FLOW_OTHER,        false, DROP_PROTOCOL_BUSY, 0, 0, "there is no port" },
};
/* clang-format on */

static void test_collisions(void **state)
{
	for (size_t i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
		bool six = i % 2;
		struct setup first, second;
		enum drop drop;

		create(1);
		first = (six ? setup6_of : setup_of)(a, SITE_BERLIN, rows[i / 2].port);
		second = (six ? setup6_of : setup_of)(a, SITE_MADRID, rows[i / 2].port);
		first.flow.proto = second.flow.proto = rows[i / 2].proto;
		first.flow.state = second.flow.state = rows[i / 2].state;
		second.refuses_collision = rows[i / 2].refuses;
		rehash(&first);
		rehash(&second);
		assert_int_equal(run(&first), DROP_NONE);
		drop = run(&second);
		if (drop != rows[i / 2].drop)
			fail_msg("%s: %s", rows[i / 2].why, drop_infos[drop].name);
		assert_int_equal(far_flows(a), 1 + (drop == DROP_NONE));
		if (drop == DROP_NONE &&
		    (port_of(&second) == rows[i / 2].port || port_of(&second) < rows[i / 2].least ||
		     port_of(&second) > rows[i / 2].most))
			fail_msg("%s: port %u", rows[i / 2].why, port_of(&second));
		destroy();
	}
}

/* A host of the far site has opened the same conversation from its side, at another place. */
static void test_other_direction(void **state)
{
	struct setup theirs, ours;

	create(1);
	theirs = setup_of(a, FAR, 53);
	theirs.flow.src = htonl(PRIVATE);
	theirs.flow.dst = htonl(HOST);
	theirs.flow.dport = htons(PORT);
	theirs.flow.far = SITE_MADRID;
	rehash(&theirs);
	assert_int_equal(run(&theirs), DROP_NONE);
	ours = setup_of(a, SITE_BERLIN, PORT);
	assert_int_equal(run(&ours), DROP_NONE);
	assert_int_not_equal(port_of(&ours), PORT);
	destroy();
}

/* A flow whose timeout is over makes room. */
static void test_expired(void **state)
{
	struct setup first, second;

	create(1);
	first = setup_of(a, SITE_BERLIN, PORT);
	assert_int_equal(run(&first), DROP_NONE);
	a->ctx.timers.state_s[FLOW_UDP] = STAGE_TIMEOUT;
	a->ctx.now_s += STAGE_TIMEOUT + 1;
	a->ctx.sites[SITE_BERLIN].counters.flows = 1;
	second = setup_of(a, SITE_MADRID, PORT);
	assert_int_equal(run(&second), DROP_NONE);
	assert_int_equal(port_of(&second), PORT);
	assert_int_equal(flow_table_count(a->ctx.flows), 1);
	assert_int_equal(far_flows(a), 1);
	destroy();
}

/* Another worker has the key before: seen when it is taken. */
static void test_other_worker(void **state)
{
	for (unsigned six = 0; six < 2; six++) {
		struct setup first, second;

		create(2);
		first = (six ? setup6_of : setup_of)(b, SITE_MADRID, PORT);
		assert_int_equal(run(&first), DROP_NONE);
		second = (six ? setup6_of : setup_of)(a, SITE_BERLIN, PORT);
		assert_int_equal(run(&second), DROP_NONE);
		assert_int_not_equal(port_of(&second), PORT);
		destroy();
	}
}

/* Both take the key in one moment. The one that asks last sees it, and gives way. */
static void test_race(void **state)
{
	for (unsigned six = 0; six < 2; six++) {
		struct setup first, second;
		struct flow_table *flows;

		create(2);
		flows = six ? a->ctx.flows6 : a->ctx.flows;
		first = (six ? setup6_of : setup_of)(b, SITE_MADRID, PORT);
		second = (six ? setup6_of : setup_of)(a, SITE_BERLIN, PORT);
		assert_int_equal(private_propose(&first), DROP_NONE);
		assert_int_equal(private_propose(&second), DROP_NONE);
		assert_int_equal(private_take(&first), DROP_NONE);
		assert_int_equal(private_take(&second), DROP_NONE);
		assert_int_equal(private_insert(&first), DROP_NONE);
		assert_int_equal(private_insert(&second), DROP_NONE);
		assert_int_equal(port_of(&first), PORT);
		assert_int_not_equal(port_of(&second), PORT);
		assert_int_equal(flow_table_count(flows), 1);
		assert_int_equal(flow_table_at(flows, second.record)->nat_port,
				 second.flow.nat_port);
		assert_int_equal(far_flows(a), 1);

		/* where translation is refused, nothing is left */
		second = (six ? setup6_of : setup_of)(a, SITE_BERLIN, PORT);
		second.flow.site = 4;
		rehash(&second);
		assert_int_equal(private_propose(&second), DROP_NONE);
		second.refuses_collision = true;
		assert_int_equal(private_insert(&second), DROP_COLLISION);
		assert_int_equal(flow_table_count(flows), 1);
		assert_int_equal(far_flows(a), 1);
		destroy();
	}
}

/* A flow that the far site opens, at worker b: the reverse of berlin's five-tuple, towards @site. */
static struct setup reverse_of(uint16_t site)
{
	struct setup s = setup_of(b, FAR, 53);

	s.flow.src = htonl(PRIVATE);
	s.flow.dst = htonl(HOST);
	s.flow.dport = htons(PORT);
	s.flow.far = site;
	rehash(&s);
	b->ctx.sites[FAR].counters.flows = 1; /* limits.c counts it */
	return s;
}

/* Both ends begin in one moment, each at its own worker: the packet goes to the other's flow. */
static void test_both_ends(void **state)
{
	struct setup theirs, ours;

	create(2);
	theirs = reverse_of(SITE_BERLIN);
	ours = setup_of(a, SITE_BERLIN, PORT);
	assert_int_equal(run(&theirs), DROP_NONE);
	assert_int_equal(run(&ours), DROP_COLLISION);
	assert_true(ours.is_elsewhere);
	assert_int_equal(ours.p->owner, 1);
	assert_int_equal(far_flows(a), 0);
	destroy();
}

/*
 * A host of the far site opens the reverse of this five-tuple towards a third site, in the moment
 * between both checks and insertions. Its forward key is the return key of the other flow.
 */
static void test_race_of_both_directions(void **state)
{
	struct setup theirs, ours;

	create(2);
	theirs = reverse_of(SITE_MADRID);
	ours = setup_of(a, SITE_BERLIN, PORT);
	assert_int_equal(private_propose(&theirs), DROP_NONE);
	assert_int_equal(private_take(&theirs), DROP_NONE);
	assert_int_equal(run(&ours), DROP_NONE);
	assert_int_equal(port_of(&ours), PORT);
	assert_int_equal(private_insert(&theirs), DROP_COLLISION);
	assert_true(theirs.is_elsewhere);
	assert_int_equal(theirs.p->owner, 0);
	assert_int_equal(flow_table_count(b->ctx.flows), 0);
	assert_int_equal(far_flows(b), 0);
	destroy();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_collisions),
		cmocka_unit_test(test_other_direction),
		cmocka_unit_test(test_expired),
		cmocka_unit_test(test_other_worker),
		cmocka_unit_test(test_race),
		cmocka_unit_test(test_both_ends),
		cmocka_unit_test(test_race_of_both_directions),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
