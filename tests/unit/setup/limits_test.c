/*
 * The step that enforces the limits of a site, in a worker context of its own: what it takes, what
 * it refuses and for which reason, and what is given back.
 */
#include "flow/remotes.h"
#include "path/sources.h"
#include "setup/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SITES = 4, CAPACITY = 1024, RESERVE = CAPACITY / 16 };

static struct {
	struct spec_site spec_sites[SITES];
	struct spec_tunnel tunnel;
	struct network_spec spec;
	struct network *net;
	struct context ctx;
	uint32_t serial;
} t;

/* Every site has these limits; 0: none. */
static void set_up(uint32_t sites, uint32_t workers, struct spec_limits limits)
{
	static const uint8_t secret[16] = "limits test    ";

	t.serial = 0;
	for (uint32_t i = 0; i < sites; i++)
		t.spec_sites[i] = (struct spec_site){
			.limits = limits,
			.tunnels = &t.tunnel,
			.n_tunnels = 1,
		};
	t.tunnel = (struct spec_tunnel){
		.local = addr6_from_ipv4(1), .remote = addr6_from_ipv4(2), .mtu = 1400};
	t.spec = (struct network_spec){
		.sites = t.spec_sites,
		.n_sites = sites,
		.workers = (uint16_t)workers,
	};
	t.net = network_create(&t.spec, NULL);
	assert_non_null(t.net);
	t.ctx = (struct context){
		.net = t.net,
		.egress = egress_create(t.net, CAPACITY, 0, 1),
		.flows = flow_table_create(CAPACITY, secret),
		.sites = limits_create(),
		.sources = limits_create_sources(77),
		.now_ns = 5000000000,
		.now_s = 5,
	};
	for (unsigned i = 0; i < FLOW_STATE_COUNT; i++)
		t.ctx.timers.state_s[i] = 300;
	assert_non_null(t.ctx.flows);
	t.ctx.remotes = remotes_create(1);
	assert_non_null(t.ctx.sites);
	assert_non_null(t.ctx.remotes);
}

static void tear_down(void)
{
	flow_table_destroy(t.ctx.flows);
	limits_destroy(t.ctx.sites);
	free(t.ctx.sources);
	remotes_destroy(t.ctx.remotes);
	egress_destroy(t.ctx.egress);
	network_destroy(t.net);
}

static struct setup a_flow(uint16_t site, uint8_t state)
{
	t.serial++;
	return (struct setup){
		.ctx = &t.ctx,
		.flow = {.src = t.serial,
			 .dst = t.serial,
			 .site = site,
			 .state = state,
			 .seen_s = t.ctx.now_s},
	};
}

static enum drop take(uint16_t site, uint8_t state)
{
	struct setup s = a_flow(site, state);

	return limits_take(&s);
}

/* Returns how many of @n flows are taken. All others must be refused as @refused. */
static uint32_t take_many(uint32_t n, uint16_t site, uint8_t state, enum drop refused)
{
	uint32_t taken = 0;

	for (uint32_t i = 0; i < n; i++) {
		enum drop drop = take(site, state);

		taken += drop == DROP_NONE;
		if (drop != DROP_NONE)
			assert_int_equal(drop, refused);
	}
	return taken;
}

/* Flows that end at once: only the rate limits them. */
static uint32_t take_brief(uint32_t n, uint16_t site)
{
	uint32_t taken = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct setup s = a_flow(site, FLOW_UDP);
		enum drop drop = limits_take(&s);

		taken += drop == DROP_NONE;
		if (drop == DROP_NONE)
			limits_release(&t.ctx, &s.flow, NULL);
		else
			assert_int_equal(drop, DROP_SITE_RATE);
	}
	return taken;
}

static uint32_t take_and_insert(uint32_t n, uint16_t site)
{
	uint32_t taken = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct setup s = a_flow(site, FLOW_UDP);
		enum drop drop = limits_take(&s);

		if (drop != DROP_NONE) {
			assert_int_equal(drop, DROP_SITE_FLOWS);
			continue;
		}
		assert_int_not_equal(flow_table_insert(t.ctx.flows, &s.flow), FLOW_NO_RECORD);
		taken++;
	}
	return taken;
}

static void no_limits(void **state)
{
	set_up(2, 1, (struct spec_limits){0});
	assert_int_equal(take_many(900, 1, FLOW_TCP_SYN_SENT, DROP_NONE), 900);
	assert_int_equal(take_brief(100000, 1), 100000);
	assert_int_equal(t.ctx.sites[1].counters.flows, 900);
	assert_int_equal(t.ctx.sites[1].counters.refused, 0);
	tear_down();
}

static void so_many_flows(void **state)
{
	struct flow ended = {.site = 1, .state = FLOW_UDP};

	set_up(2, 1, (struct spec_limits){.flows = 100});
	assert_int_equal(take_many(150, 1, FLOW_UDP, DROP_SITE_FLOWS), 100);
	assert_int_equal(t.ctx.sites[1].counters.flows, 100);
	assert_int_equal(t.ctx.sites[1].counters.refused, 50);
	assert_int_equal(take(2, FLOW_UDP), DROP_NONE); /* another site is not affected */

	limits_release(&t.ctx, &ended, NULL);
	assert_int_equal(take_many(2, 1, FLOW_ICMP, DROP_SITE_FLOWS), 1);
	tear_down();
}

static void so_many_half_open(void **state)
{
	struct flow ended = {.site = 1, .state = FLOW_TCP_SYN_ACK_RECEIVED};
	struct flow closed = {.site = 1, .state = FLOW_TCP_CLOSED};

	set_up(2, 1, (struct spec_limits){.flows = 100, .half_open = 10});
	assert_int_equal(take_many(20, 1, FLOW_TCP_SYN_SENT, DROP_HALF_OPEN), 10);
	assert_int_equal(take(1, FLOW_UDP), DROP_NONE); /* only TCP flows are half-open */
	assert_int_equal(take(2, FLOW_TCP_SYN_SENT), DROP_NONE);
	limits_release(&t.ctx, &closed, NULL);
	assert_int_equal(take(1, FLOW_TCP_SYN_SENT), DROP_HALF_OPEN);
	limits_release(&t.ctx, &ended, NULL);
	assert_int_equal(take_many(2, 1, FLOW_TCP_SYN_SENT, DROP_HALF_OPEN), 1);
	assert_int_equal(t.ctx.sites[1].counters.half_open, 10);
	assert_int_equal(t.ctx.sites[1].counters.flows, 10);
	tear_down();
}

static void so_many_a_second(void **state)
{
	set_up(2, 1, (struct spec_limits){.new_flows_per_second = 1000});
	assert_int_equal(take_brief(5000, 1), 1000); /* after a quiet time */
	assert_int_equal(take_brief(5000, 2), 1000);
	t.ctx.now_ns += 999999;
	assert_int_equal(take_brief(1, 1), 0);
	t.ctx.now_ns += 1;
	assert_int_equal(take_brief(9, 1), 1);
	t.ctx.now_ns += 250 * UINT64_C(1000000);
	assert_int_equal(take_brief(5000, 1), 250);
	t.ctx.now_ns += 3600 * UINT64_C(1000000000); /* tokens do not accumulate */
	assert_int_equal(take_brief(5000, 1), 1000);
	tear_down();
}

/* Steady overload for ten seconds: any rate is enforced. */
static void the_rate_is_exact(void **state)
{
	static const uint32_t rates[] = {1, 7, 1000, 333333, 1000000};

	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		uint64_t taken = 0;

		set_up(1, 1, (struct spec_limits){.new_flows_per_second = rates[i]});
		for (uint32_t ms = 0; ms < 10000; ms++) {
			for (uint32_t n = 0; n < rates[i] / 1000 * 2 + 2; n++)
				taken += take_brief(1, 1);
			t.ctx.now_ns += 1000000;
		}
		/* ten seconds and the first burst; an interval is whole nanoseconds: 0.1 % */
		assert_in_range(taken, 11 * UINT64_C(999) * rates[i] / 1000,
				11 * UINT64_C(1001) * rates[i] / 1000 + 1);
		tear_down();
	}
}

static uint32_t take_from_outside(uint32_t n, uint16_t site, uint8_t state, enum drop refused)
{
	uint32_t taken = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct setup s = a_flow(site, state);
		enum drop drop = limits_take_from_outside(&s);

		taken += drop == DROP_NONE;
		if (drop != DROP_NONE)
			assert_int_equal(drop, refused);
	}
	return taken;
}

/* A flood from outside takes half of each limit; the site has the other half. */
static void the_internet_takes_half(void **state)
{
	set_up(1, 1, (struct spec_limits){.flows = 101});
	assert_int_equal(take_from_outside(500, 1, FLOW_UDP, DROP_SITE_FLOWS), 51);
	assert_int_equal(take_many(500, 1, FLOW_UDP, DROP_SITE_FLOWS), 50);
	tear_down();
	set_up(1, 1, (struct spec_limits){.half_open = 100});
	assert_int_equal(take_from_outside(500, 1, FLOW_TCP_SYN_RECEIVED, DROP_HALF_OPEN), 50);
	assert_int_equal(take_many(500, 1, FLOW_TCP_SYN_SENT, DROP_HALF_OPEN), 50);
	tear_down();
	set_up(1, 1, (struct spec_limits){.new_flows_per_second = 100});
	assert_int_equal(take_from_outside(500, 1, FLOW_UDP, DROP_SITE_RATE), 50);
	assert_int_equal(take_many(500, 1, FLOW_UDP, DROP_SITE_RATE), 50);
	tear_down();
	set_up(1, 1, (struct spec_limits){.flows = 1, .half_open = 1, .new_flows_per_second = 1});
	assert_int_equal(take_from_outside(5, 1, FLOW_TCP_SYN_RECEIVED, DROP_SITE_FLOWS), 1);
	tear_down();
}

static void undo_gives_all_back(void **state)
{
	set_up(1, 1, (struct spec_limits){.flows = 3, .half_open = 2, .new_flows_per_second = 5});
	for (unsigned i = 0; i < 1000; i++) {
		struct setup s = a_flow(1, FLOW_TCP_SYN_SENT);

		assert_int_equal(limits_take(&s), DROP_NONE);
		limits_undo(&s);
	}
	assert_int_equal(t.ctx.sites[1].counters.flows, 0);
	assert_int_equal(t.ctx.sites[1].counters.half_open, 0);
	assert_int_equal(take_many(9, 1, FLOW_TCP_SYN_SENT, DROP_HALF_OPEN), 2);
	tear_down();
}

static void the_reserve_is_for_the_others(void **state)
{
	set_up(4, 1, (struct spec_limits){0});
	assert_int_equal(take_and_insert(CAPACITY, 1), CAPACITY - RESERVE);
	assert_int_equal(take_and_insert(10, 2), 10);
	assert_int_equal(take_and_insert(20, 3), 20);
	assert_int_equal(take(1, FLOW_UDP), DROP_SITE_FLOWS);
	assert_int_equal(take_and_insert(RESERVE - 30, 4), RESERVE - 30);
	assert_int_equal(flow_table_count(t.ctx.flows), CAPACITY);
	assert_int_equal(take(2, FLOW_UDP), DROP_TABLE_FULL); /* the table is really full */
	tear_down();
}

/* Its fair share is a quarter of the table, which it may have even if the table is nearly full. */
static void a_fair_share(void **state)
{
	set_up(4, 1, (struct spec_limits){0});
	assert_int_equal(take_and_insert(CAPACITY / 4 - 1, 2), CAPACITY / 4 - 1);
	assert_int_equal(take_and_insert(CAPACITY, 1), CAPACITY - RESERVE - CAPACITY / 4 + 1);
	assert_int_equal(take_and_insert(10, 2), 1);
	tear_down();
}

static void one_site_has_it_all(void **state)
{
	set_up(1, 1, (struct spec_limits){0});
	assert_int_equal(take_and_insert(CAPACITY, 1), CAPACITY);
	assert_int_equal(take(1, FLOW_UDP), DROP_TABLE_FULL);
	assert_int_equal(t.ctx.sites[1].counters.refused, 0); /* not by the site's own limit */
	tear_down();
}

/* At a site's limit, or in a full table, expired flows make room. */
static void what_is_over_makes_room(void **state)
{
	static const struct {
		struct spec_limits limits;
		uint32_t flows;
		uint8_t state;
		enum drop refused;
	} rows[] = {
		{{0}, CAPACITY, FLOW_UDP, DROP_TABLE_FULL},
		{{.flows = 100}, 100, FLOW_UDP, DROP_SITE_FLOWS},
		{{.half_open = 100}, 100, FLOW_TCP_SYN_SENT, DROP_HALF_OPEN},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		set_up(1, 1, rows[i].limits);
		for (uint32_t k = 0; k < rows[i].flows; k++) {
			struct setup s = a_flow(1, rows[i].state);

			assert_int_equal(limits_take(&s), DROP_NONE);
			assert_int_not_equal(flow_table_insert(t.ctx.flows, &s.flow),
					     FLOW_NO_RECORD);
		}
		assert_int_equal(take(1, rows[i].state), rows[i].refused);
		t.ctx.now_s += 301;
		room_begin(&t.ctx, NULL, 1);
		assert_int_equal(take(1, rows[i].state), DROP_NONE);
		assert_int_equal(t.ctx.counters.flows_ended, SWEEPS_PER_PACKET);
		assert_int_equal(flow_table_count(t.ctx.flows), rows[i].flows - SWEEPS_PER_PACKET);
		tear_down();
	}
}

/* A burst of refused packets sweeps a bounded number of records. */
static void sweeping_is_bounded(void **state)
{
	set_up(1, 1, (struct spec_limits){.flows = 1000});
	assert_int_equal(take_and_insert(1000, 1), 1000);
	for (uint32_t burst = 0; burst < 3; burst++) {
		room_begin(&t.ctx, NULL, 64);
		assert_int_equal(take_many(64, 1, FLOW_UDP, DROP_SITE_FLOWS), 0);
		assert_int_equal(t.ctx.room.sweeps, SWEEPS_PER_BURST);
	}
	tear_down();
}

enum { WORKERS = 4 };

/*
 * Takes @n flows, by all workers in turn or by one worker alone; returns how many were taken, with
 * this limit for the site. Clocks that began at different times are no different clocks.
 */
static uint32_t take_by_workers(struct spec_limits limits, uint8_t state, uint32_t n, bool in_turn,
				bool brief)
{
	struct context ctx[WORKERS];
	const struct context *workers[WORKERS];
	uint32_t taken = 0;

	set_up(1, WORKERS, limits);
	for (uint16_t w = 0; w < WORKERS; w++) {
		ctx[w] = t.ctx;
		ctx[w].index = w;
		ctx[w].count = WORKERS;
		ctx[w].sites = limits_create();
		ctx[w].sources = limits_create_sources(77);
		ctx[w].workers = workers;
		ctx[w].now_ns += w * UINT64_C(700000000);
		ctx[w].origin_ns = UINT64_C(9000000000) - w * UINT64_C(700000000);
		workers[w] = &ctx[w];
	}
	for (uint32_t i = 0; i < n; i++) {
		struct setup s = a_flow(1, state);

		s.ctx = &ctx[in_turn ? i % WORKERS : 2];
		s.flow.src = 1;
		if (limits_take(&s) != DROP_NONE)
			continue;
		taken++;
		if (brief)
			limits_release(s.ctx, &s.flow, NULL);
	}
	for (uint16_t w = 0; w < WORKERS; w++) {
		limits_destroy(ctx[w].sites);
		free(ctx[w].sources);
	}
	tear_down();
	return taken;
}

/* A limit is that of all workers: one alone may use all of it, and all together no more. */
static void all_workers_together(void **state)
{
	static const struct {
		const char *why;
		struct spec_limits limits;
		uint8_t state;
		bool brief;
	} rows[] = {
		{"flows", {.flows = 50}, FLOW_UDP, false},
		{"half-open", {.half_open = 50}, FLOW_TCP_SYN_SENT, false},
		{"rate", {.new_flows_per_second = 50}, FLOW_UDP, true},
		{"a host's flows", {.source_flows = 50}, FLOW_UDP, false},
		{"a host's half-open", {.source_half_open = 50}, FLOW_TCP_SYN_SENT, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (unsigned in_turn = 0; in_turn < 2; in_turn++) {
			uint32_t taken = take_by_workers(rows[i].limits, rows[i].state, 200,
							 in_turn, rows[i].brief);

			if (taken != 50)
				fail_msg("%s: %u, in turn %u", rows[i].why, taken, in_turn);
		}
	}
}

/*
 * The limit for one host. Other hosts, and the same address at another site, have limits of their
 * own.
 */
static enum drop take_of(uint16_t site, uint32_t host, uint8_t state)
{
	struct setup s = a_flow(site, state);

	s.flow.src = host;
	return limits_take(&s);
}

static void so_many_of_one_host(void **state)
{
	struct flow ended = {.site = 1, .src = 7, .state = FLOW_UDP};

	set_up(2, 1, (struct spec_limits){.source_flows = 10, .source_half_open = 4});
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(take_of(1, 7, FLOW_TCP_SYN_SENT), DROP_NONE);
	assert_int_equal(take_of(1, 7, FLOW_TCP_SYN_SENT), DROP_SOURCE_FLOWS);
	for (unsigned i = 4; i < 10; i++)
		assert_int_equal(take_of(1, 7, FLOW_UDP), DROP_NONE);
	assert_int_equal(take_of(1, 7, FLOW_UDP), DROP_SOURCE_FLOWS);
	assert_int_equal(t.ctx.sites[1].counters.refused, 2);
	assert_int_equal(t.ctx.sites[1].counters.refused_source, 2);
	assert_int_equal(take_of(1, 8, FLOW_TCP_SYN_SENT), DROP_NONE);
	assert_int_equal(take_of(2, 7, FLOW_TCP_SYN_SENT), DROP_NONE);
	limits_release(&t.ctx, &ended, NULL);
	assert_int_equal(take_of(1, 7, FLOW_UDP), DROP_NONE);
	assert_int_equal(take_of(1, 7, FLOW_UDP), DROP_SOURCE_FLOWS);
	tear_down();
}

/* Two hosts that want everything get a third each, and a third is left. */
static void hosts_share_what_is_left(void **state)
{
	uint32_t taken[2] = {0};

	set_up(1, 1, (struct spec_limits){.half_open = 900});
	for (unsigned i = 0; i < 4000; i++)
		taken[i % 2] += take_of(1, 1 + i % 2, FLOW_TCP_SYN_SENT) == DROP_NONE;
	assert_in_range(taken[0], 295, 305);
	assert_in_range(taken[1], 295, 305);
	assert_int_equal(take_of(1, 9, FLOW_TCP_SYN_SENT), DROP_NONE);
	tear_down();
}

/* clang-format off */
static const struct {
	const char *why;
	uint32_t flows, half_open, source_flows, source_half_open; /* of 1,600, 160, 320 and 80 */
	uint16_t base_s, kept_s;
} pressures[] = {
	{"nobody else",                   1, 1, 1, 1, 240, 240},
	{"half of the half-open ones",    80, 80, 1, 1, 240, 240},
	{"more than half",                90, 90, 1, 1, 240, 210},
	{"three quarters",                120, 120, 1, 1, 240, 120},
	{"nearly all",                    150, 150, 1, 1, 240, 30},
	{"all",                           160, 160, 1, 1, 240, 2},
	{"more than all",                 161, 161, 1, 1, 240, 2},
	{"three quarters of the flows",   1200, 1, 1, 1, 240, 120},
	{"three quarters of a host's",    240, 1, 240, 1, 240, 120},
	{"three quarters of a host's half-open ones", 60, 60, 60, 60, 240, 120},
	{"the nearest limit counts",      1200, 150, 240, 60, 240, 30},
	{"a short time gets shorter",     120, 120, 1, 1, 10, 5},
	{"one that is short already",     160, 160, 1, 1, 1, 1},
};
/* clang-format on */

static void the_nearer_the_shorter(void **state)
{
	struct flow f = {.src = 5, .dst = 6, .site = 1, .state = FLOW_TCP_SYN_SENT};

	for (size_t i = 0; i < ARRAY_SIZE(pressures); i++) {
		struct source source;
		uint32_t record;
		uint16_t kept_s;

		set_up(1, 1,
		       (struct spec_limits){.flows = 1600,
					    .half_open = 160,
					    .source_flows = 320,
					    .source_half_open = 80});
		record = flow_table_insert(t.ctx.flows, &f);
		t.ctx.timers.state_s[FLOW_TCP_SYN_SENT] = pressures[i].base_s;
		t.ctx.sites[1].counters.flows = pressures[i].flows;
		t.ctx.sites[1].counters.half_open = pressures[i].half_open;
		source = source_find(t.ctx.sources, &f, NULL);
		source_add(&source, pressures[i].source_flows, pressures[i].source_half_open);
		kept_s =
			limits_half_open_s(&t.ctx, t.ctx.flows, flow_table_at(t.ctx.flows, record));
		if (kept_s != pressures[i].kept_s)
			fail_msg("%s: %u s", pressures[i].why, kept_s);
		tear_down();
	}
}

static enum flow_end let_go(void *arg, struct flow *flow, uint32_t record)
{
	return FLOW_END_REMOVE;
}

/* At its limit a site loses half-open connections early, but no others. */
static void established_ones_are_not_touched(void **state)
{
	static const uint8_t states[] = {FLOW_TCP_SYN_SENT,	    FLOW_TCP_SYN_RECEIVED,
					 FLOW_TCP_SYN_ACK_RECEIVED, FLOW_TCP_SYN_ACK_SENT,
					 FLOW_TCP_ESTABLISHED,	    FLOW_TCP_FIN_SENT,
					 FLOW_TCP_CLOSED,	    FLOW_UDP};

	set_up(1, 1, (struct spec_limits){.half_open = 4});
	t.ctx.timers.half_open_s = limits_half_open_s;
	t.ctx.now_s = 100;
	for (uint32_t i = 0; i < ARRAY_SIZE(states); i++) {
		struct setup s = a_flow(1, states[i]);

		s.flow.seen_s = 90;
		assert_int_equal(limits_take(&s), DROP_NONE);
		assert_int_not_equal(flow_table_insert(t.ctx.flows, &s.flow), FLOW_NO_RECORD);
	}
	assert_int_equal(
		flow_table_sweep(t.ctx.flows, 100, CAPACITY, &t.ctx.timers, let_go, &t.ctx), 4);
	assert_int_equal(flow_table_count(t.ctx.flows), ARRAY_SIZE(states) - 4);
	tear_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_limits),
		cmocka_unit_test(so_many_flows),
		cmocka_unit_test(so_many_half_open),
		cmocka_unit_test(so_many_a_second),
		cmocka_unit_test(the_rate_is_exact),
		cmocka_unit_test(the_internet_takes_half),
		cmocka_unit_test(undo_gives_all_back),
		cmocka_unit_test(the_reserve_is_for_the_others),
		cmocka_unit_test(a_fair_share),
		cmocka_unit_test(one_site_has_it_all),
		cmocka_unit_test(what_is_over_makes_room),
		cmocka_unit_test(sweeping_is_bounded),
		cmocka_unit_test(all_workers_together),
		cmocka_unit_test(so_many_of_one_host),
		cmocka_unit_test(hosts_share_what_is_left),
		cmocka_unit_test(the_nearer_the_shorter),
		cmocka_unit_test(established_ones_are_not_touched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
