/*
 * BGP churn: prefixes, gateways and hosts appear and disappear, and no id is lost. If there are too
 * many routes, the least needed ones are left out. See view_bed.h.
 */
#include "dice.h"
#include "view_bed.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <linux/neighbour.h>

enum {
	PREFIXES = 70000,
	AT_ONCE = 5000,
	GATEWAYS = 20,
	FLOWS = 2000,
	STEPS = 20,
};

static uint64_t seed;
static uint8_t gateway_of[PREFIXES]; /* 0: no such route; 255: not touched yet */
static uint16_t flows[FLOWS + 1]; /* the nexthop of each flow; 0 ends the list */
static uint32_t flow_to[FLOWS];

static uint32_t dice(uint32_t n)
{
	return dice_roll(&seed, n);
}

static struct addr6 gateway(unsigned n)
{
	return addr6_from_ipv4(htonl(0xc0000200 + n));
}

static uint32_t net_of(uint32_t prefix)
{
	return 0x14000000 + (prefix << 8);
}

static void tell(uint32_t prefix, uint8_t by, bool removed)
{
	struct kernel_route r = {
		.prefix = {addr6_from_ipv4(htonl(net_of(prefix))), MAPPED_BITS + 24},
		.removed = removed,
		.n_gateways = 1,
		.gateways = {{gateway(by), IFINDEX, false}},
	};

	event(&r);
}

static void come_or_go(uint32_t prefix)
{
	if (gateway_of[prefix] != 0) {
		tell(prefix, gateway_of[prefix], true);
		gateway_of[prefix] = 0;
		return;
	}
	gateway_of[prefix] = (uint8_t)(10 + dice(GATEWAYS));
	tell(prefix, gateway_of[prefix], false);
}

static uint16_t way_to(uint32_t n)
{
	return routes_find(&table->routes, 0, htonl(net_of(flow_to[n]) + 7));
}

static uint8_t expected(uint32_t prefix)
{
	return gateway_of[prefix] != 0 ? gateway_of[prefix] : 1;
}

/*
 * As workers do: a flow with a moved nexthop looks its route up again. All others must have the
 * right nexthop.
 */
static void flows_follow(void)
{
	for (uint32_t i = 0; i < FLOWS; i++) {
		if (table->at[flows[i]].moved)
			flows[i] = way_to(i);
		assert_neighbour(flows[i], true, expected(flow_to[i]));
	}
}

static void test_a_day_of_churn(void **state)
{
	size_t most = 0;

	seed = 1;
	for (unsigned g = 10; g < 10 + GATEWAYS; g++) {
		struct kernel_neighbour n = {
			gateway(g), {2, 0, 0, 0, 0, (uint8_t)g}, NUD_REACHABLE, IFINDEX};

		view_take_neighbour(&v, &n);
	}
	compile();
	for (uint32_t i = 0; i < FLOWS; i++) {
		flow_to[i] = dice(PREFIXES);
		flows[i] = way_to(i);
	}
	for (uint32_t first = 0; first < PREFIXES + AT_ONCE; first += AT_ONCE / STEPS) {
		for (uint32_t i = first; i < first + AT_ONCE / STEPS; i++) {
			if (i < PREFIXES)
				come_or_go(i);
			if (i >= AT_ONCE && gateway_of[i - AT_ONCE] != 0)
				come_or_go(i - AT_ONCE);
		}
		compile();
		flows_follow();
		census(flows);
		if (ids_max(ids) > most)
			most = ids_max(ids);
	}
	assert_in_range(most, GATEWAYS, 200);
	assert_int_equal(ids_n_retired(ids), 0);
	assert_int_equal(v.ports[0].rib.n, 2);
	assert_int_equal(v.ports[0].four.n, 2);
	assert_false(v.is_short);
}

/*
 * When ids are exhausted a neighbour keeps its last id: otherwise its flows and tunnels would have
 * no nexthop.
 */
static void test_few_numbers_are_left(void **state)
{
	const uint16_t none[] = {0};
	uint16_t other;

	route("10.0.0.0", 8, "192.0.2.10", 0);
	route("20.0.0.0", 8, "192.0.2.20", 0);
	neighbour("192.0.2.10", 10, NUD_REACHABLE);
	neighbour("192.0.2.20", 20, NUD_REACHABLE);
	compile();
	census(none);
	other = way("20.2.0.1");
	while (ids_n_free(ids) > 1)
		assert_int_not_equal(ids_take(ids), IDS_NONE);
	route("10.1.0.0", 16, "192.0.2.1", 0);
	route("20.1.0.0", 16, "192.0.2.1", 0);
	compile();
	assert_true(v.is_short);
	assert_neighbour(way("10.2.0.1"), true, 10);
	assert_int_equal(way("20.2.0.1"), other);
	assert_neighbour(other, true, 20);
	/* an id is free again: now the flows of the other one look up their routes, too */
	census(none);
	compile();
	assert_false(v.is_short);
	assert_moved(other);
	assert_neighbour(way("20.2.0.1"), true, 20);
}

/* An id that a flow still has is not given to another neighbour. */
static void test_numbers_of_flows_are_kept(void **state)
{
	uint16_t old[] = {0, 0}, before, after;
	const uint16_t none[] = {0};

	route("8.0.0.0", 8, "192.0.2.30", 0);
	compile();
	old[0] = way("8.8.8.8");
	no_route("8.0.0.0", 8, "192.0.2.30", 0);
	compile();
	before = ids_n_free(ids);
	census(old);
	assert_int_equal(ids_n_free(ids), before);
	ids_census_begin(ids, 0); /* it began before the workers knew that the nexthop has moved */
	after = ids_n_free(ids);
	census(none);
	assert_true(ids_n_free(ids) > after);
	assert_int_equal(ids_state(ids, old[0]), IDS_FREE);
}

/* A census that began before the table in which the nexthop moved does not free its id. */
static void test_census_from_before(void **state)
{
	static const uint64_t none[IDS_WORDS];
	uint16_t old;

	route("8.0.0.0", 8, "192.0.2.30", 0);
	compile();
	old = way("8.8.8.8");
	ids_census_begin(ids, 0);
	no_route("8.0.0.0", 8, "192.0.2.30", 0);
	compile();
	ids_census_end(ids, none);
	assert_int_equal(ids_state(ids, old), IDS_RETIRED);
	ids_census_begin(ids, 0);
	ids_census_end(ids, none);
	assert_int_equal(ids_state(ids, old), IDS_FREE);
}

/*
 * If some routes leave a neighbour, its flows look up their routes at once, and then less often the
 * more often it happens. If all routes leave it, they do so at once each time.
 */
static void test_storms_are_paced(void **state)
{
	uint16_t first, other;
	uint64_t t, n = 0;

	compile();
	t = now_ms;
	for (uint64_t i = 0; i < 600; i++, t += 50) {
		first = way("9.9.9.9");
		if (i % 2 == 0)
			route("8.0.0.0", 8, "192.0.2.30", 0);
		else
			no_route("8.0.0.0", 8, "192.0.2.30", 0);
		compile_at(t);
		n += table->at[first].moved;
	}
	assert_in_range(n, 30, 40); /* for thirty seconds */
	assert_true(again_ms > t - 50 && again_ms <= t + VIEW_PACE_MAX_MS);
	compile_at(again_ms);
	assert_int_equal(again_ms, 0); /* no further table is needed */

	t += VIEW_PACE_MAX_MS;
	route("8.0.0.0", 8, "192.0.2.30", 0);
	compile_at(t);
	other = way("8.8.8.8");
	no_route("8.0.0.0", 8, "192.0.2.30", 0);
	compile_at(t + 50);
	assert_moved(other);
	assert_int_equal(way("8.8.8.8"), way("9.9.9.9"));
}

static void test_routes_are_bounded(void **state)
{
	for (uint32_t i = 0; i < VIEW_ROUTES_MAX + 100; i++) {
		struct kernel_route r = {
			.prefix = {addr6_from_ipv4(htonl(0x14000000 + (i << 4))), MAPPED_BITS + 28},
			.n_gateways = 1,
			.gateways = {{gateway(1), IFINDEX, false}},
		};

		event(&r);
	}
	route("198.18.0.0", 16, NULL, 0); /* the uplink's own network comes last, and is kept */
	no_route("0.0.0.0", 0, "192.0.2.1", 100);
	route("0.0.0.0", 0, "192.0.2.1", 50);
	compile();
	assert_int_equal(v.n_left_out, 100);
	assert_int_equal(way("198.18.0.7"), ROUTE_UNKNOWN_HOST);
	assert_neighbour(way("9.9.9.9"), true, 1);
	assert_neighbour(way("20.0.0.1"), true, 1);
}

static int add_host(uint32_t n)
{
	struct addr6 addr = addr6_from_ipv4(htonl(0x0a000000 + n));

	return view_add_host(&v, 0, &addr);
}

static void test_hosts_are_bounded(void **state)
{
	static uint16_t used[VIEW_HOSTS_MAX + 1];

	route("10.0.0.0", 8, NULL, 0);
	compile();
	for (uint32_t i = 0; i < VIEW_HOSTS_MAX; i++)
		assert_int_equal(add_host(i), 0);
	assert_int_equal(add_host(1 << 20), -ENOSPC);
	assert_int_equal(add_host(0), 0); /* this host is known already */
	compile();
	for (uint32_t i = 0; i < VIEW_HOSTS_MAX; i++)
		used[i] = routes_find(&table->routes, 0, htonl(0x0a000000 + i));
	used[VIEW_HOSTS_MAX - 1] = 0; /* each but one has a flow */
	{
		static uint64_t bits[IDS_WORDS];

		for (uint32_t i = 0; used[i] != 0; i++)
			ids_mark(bits, used[i]);
		rows_age_hosts(&v.rows, bits);
	}
	assert_int_equal(add_host(1 << 20), 0); /* its place is free */
	assert_int_equal(add_host(2 << 20), -ENOSPC);
}

/* Routes that are missing in a complete dump are removed; a partial dump removes none. */
static void test_dumps(void **state)
{
	route("8.0.0.0", 8, "192.0.2.1", 0);
	compile();
	view_dump_routes(&v);
	route("0.0.0.0", 0, "192.0.2.1", 100);
	view_dumped_routes(&v, false);
	compile();
	assert_int_equal(v.ports[0].rib.n, 3);
	view_dump_routes(&v);
	route("0.0.0.0", 0, "192.0.2.1", 100);
	view_dumped_routes(&v, true);
	compile();
	assert_int_equal(v.ports[0].rib.n, 1);
	assert_int_equal(way("192.0.2.7"), way("9.9.9.9"));

	view_dump_neighbours(&v);
	view_dumped_neighbours(&v, true);
	assert_false(compile());
	/* the kernel has forgotten it; the table keeps it */
	assert_neighbour(way("9.9.9.9"), true, 1);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, bed_setup, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_day_of_churn),
		CASE(test_few_numbers_are_left),
		CASE(test_numbers_of_flows_are_kept),
		CASE(test_census_from_before),
		CASE(test_storms_are_paced),
		CASE(test_routes_are_bounded),
		CASE(test_hosts_are_bounded),
		CASE(test_dumps),
	};

	return cmocka_run_group_tests_name("control/kernel/churn", tests, NULL, NULL);
}
