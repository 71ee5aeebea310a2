/*
 * A census finds every id that a flow has, of both families, and no other; it reads no more records
 * at a time than allowed.
 */
#include "stage.h"

#include "worker/census.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { UDP = 17, ALL = 1 << 20, CAPACITY = 1024 };

static const struct frame udp = {
	.src = HOST, .dst = SERVER, .sport = 5000, .dport = 53, .proto = UDP};
static const struct frame six = {
	.six = true, .src6 = HOST6, .dst6 = SERVER6, .sport = 5000, .dport = 53, .proto = UDP};

/* Makes flows 0 to 3. The rows have the expected result for each alone. */
static struct flow *add(struct stage_bench *b, unsigned i)
{
	struct flow *f;

	switch (i) {
	case 0:
		return flow_table_at(b->ctx.flows, bench_flow(b, &udp, TUNNEL_B2, 2048));
	case 1:
		return flow_table_at(b->ctx.flows6, bench_flow6(b, &six, TUNNEL_M1, 2048));
	case 2:
		f = flow_table_at(b->ctx.flows, bench_flow(b, &udp, TUNNEL_M1, 2049));
		f->far = SITE_BERLIN; /* its destination is another site */
		f->offramp = TUNNEL_B1;
		return f;
	default:
		i = bench_flow(b, &udp, TUNNEL_M1, 2050);
		flow_table_rest(b->ctx.flows, i, STAGE_NOW);
		return flow_table_at(b->ctx.flows, i);
	}
}

#define BIT(n) (1u << (n))

/* clang-format off */
static const struct {
	const char *why;
	unsigned nexthops, sites;
} rows[] = {
	{"both ways, and its site",     BIT(TUNNEL_B2) | BIT(NEXTHOP_UPLINK), BIT(0) | BIT(SITE_BERLIN)},
	{"the same of IPv6",            BIT(TUNNEL_M1) | BIT(NEXTHOP_UPLINK), BIT(0) | BIT(SITE_MADRID)},
	{"to a site: its number, too",  BIT(TUNNEL_M1) | BIT(TUNNEL_B1), BIT(SITE_BERLIN) | BIT(SITE_MADRID)},
	{"a port rests: for its site",  0, BIT(0) | BIT(SITE_MADRID)},
};
/* clang-format on */

static unsigned bits(const uint64_t used[IDS_WORDS])
{
	for (unsigned i = 1; i < IDS_WORDS; i++)
		assert_int_equal(used[i], 0);
	return (unsigned)used[0];
}

static void test_each(void **state)
{
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct stage_bench *b = bench_create(2048, CAPACITY, 0, 1);
		struct census c = {0};

		add(b, i);
		assert_true(census_step(&b->ctx, &c, ALL));
		if (bits(c.nexthops) != rows[i].nexthops || bits(c.sites) != rows[i].sites)
			fail_msg("%s: nexthops %x, sites %x", rows[i].why, bits(c.nexthops),
				 bits(c.sites));
		bench_destroy(b);
	}
}

/* With steps of any size all flows are found, in the expected number of steps. */
static void test_steps(void **state)
{
	for (unsigned size = 1; size <= 5; size++) {
		struct stage_bench *b = bench_create(2048, CAPACITY, 0, 1);
		unsigned nexthops = 0, sites = 0, steps = 1;
		struct census c = {0};

		for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
			add(b, i);
			nexthops |= rows[i].nexthops;
			sites |= rows[i].sites;
		}
		while (!census_step(&b->ctx, &c, size))
			steps++;
		assert_int_equal(bits(c.nexthops), nexthops);
		assert_int_equal(bits(c.sites), sites);
		assert_true(steps >= ARRAY_SIZE(rows) / size);
		bench_destroy(b);
	}
}

static void test_nothing(void **state)
{
	struct stage_bench *b = bench_create(2048, CAPACITY, 0, 1);
	struct census c = {0};
	uint32_t record = bench_flow(b, &udp, TUNNEL_B1, 2048);

	flow_table_remove(b->ctx.flows, record); /* a free record has no owner */
	assert_true(census_step(&b->ctx, &c, ALL));
	assert_int_equal(bits(c.nexthops) | bits(c.sites), 0);
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
