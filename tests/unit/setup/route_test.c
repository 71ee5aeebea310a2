/*
 * Routes: which destinations may be reached, by which neighbour, and which neighbours are wanted.
 */
#include "setup/setup.h"

#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* clang-format off */
static const struct {
	uint32_t dst;
	enum drop drop;
	uint16_t hop;
	const char *why;
} rows[] = {
	{ SERVER,                     DROP_NONE, NEXTHOP_UPLINK, "the default route" },
	{ IP(9, 255, 255, 255),       DROP_NONE, NEXTHOP_UPLINK, "just below 10/8" },
	{ IP(10, 0, 0, 0),            DROP_NO_ROUTE, 0, "RFC 1918" },
	{ IP(10, 255, 255, 255),      DROP_NO_ROUTE, 0, "all of it" },
	{ IP(11, 0, 0, 0),            DROP_NONE, NEXTHOP_UPLINK, "just above" },
	{ IP(100, 63, 255, 255),      DROP_NONE, NEXTHOP_UPLINK, "just below 100.64/10" },
	{ IP(100, 64, 0, 0),          DROP_NO_ROUTE, 0, "RFC 6598" },
	{ IP(100, 127, 255, 255),     DROP_NO_ROUTE, 0, "all of it" },
	{ IP(100, 128, 0, 0),         DROP_NONE, NEXTHOP_UPLINK, "just above" },
	{ IP(169, 254, 1, 1),         DROP_NO_ROUTE, 0, "link local" },
	{ IP(172, 15, 255, 255),      DROP_NONE, NEXTHOP_UPLINK, "just below 172.16/12" },
	{ IP(172, 16, 0, 0),          DROP_NO_ROUTE, 0, "RFC 1918" },
	{ IP(172, 31, 255, 255),      DROP_NO_ROUTE, 0, "all of it" },
	{ IP(172, 32, 0, 0),          DROP_NONE, NEXTHOP_UPLINK, "just above" },
	{ IP(192, 168, 0, 0),         DROP_NO_ROUTE, 0, "RFC 1918" },
	{ IP(192, 168, 255, 255),     DROP_NO_ROUTE, 0, "all of it" },
	{ IP(192, 169, 0, 0),         DROP_NONE, NEXTHOP_UPLINK, "just above" },
	{ EGRESS,                     DROP_NO_ROUTE, 0, "our own egress address" },
	{ GATEWAY,                    DROP_NO_ROUTE, 0, "a tunnel's local end" },
	{ BERLIN,                     DROP_NONE, NEXTHOP_UPLINK, "a far end is a host like others" },
	{ IP(198, 18, 0, 5),          DROP_NONE, NEXTHOP_SILENT, "a neighbour that has a hop" },
	{ IP(198, 18, 0, 9),          DROP_NO_NEIGHBOUR, 0, "one nobody asked for yet" },
};
/* clang-format on */

static struct setup setup_to(struct stage_bench *b, uint32_t dst)
{
	return (struct setup){.ctx = &b->ctx,
			      .flow = {.src = htonl(HOST), .dst = htonl(dst), .far = 99}};
}

static void test_rows(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct setup s = setup_to(b, rows[i].dst);
		enum drop drop = route_choose(&s);

		if (drop != rows[i].drop || (drop == DROP_NONE && s.flow.offramp != rows[i].hop))
			fail_msg("row %zu: %s: %s", i, rows[i].why, drop_infos[drop].name);
		if (drop == DROP_NONE) {
			assert_int_equal(s.flow.far, SITE_INTERNET);
			assert_ptr_equal(s.pool, &b->net->pools[0]);
		}
	}
	assert_int_equal(b->ctx.n_wanted, 1);
	assert_int_equal(addr6_to_ipv4(&b->ctx.wanted[0].addr), htonl(IP(198, 18, 0, 9)));
	assert_int_equal(b->ctx.wanted[0].port, PORT_UPLINK);
	bench_destroy(b);
}

/* With any number of wanted neighbours the list becomes full, but does not overflow. */
static void test_wanted_is_bounded(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);

	for (uint32_t i = 6; i < 250; i++) {
		struct setup s = setup_to(b, IP(198, 18, 0, 0) + i);

		assert_int_equal(route_choose(&s), DROP_NO_NEIGHBOUR);
		assert_int_equal(b->ctx.n_wanted,
				 i - 5 < CONTEXT_WANTED_MAX ? i - 5 : CONTEXT_WANTED_MAX);
	}
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_wanted_is_bounded),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
