/*
 * The routes of a virtual network: what each kind of target decides, links in a row, and that
 * nothing leads into another network but a link.
 *
 *     berlin and madrid are in network 0, madrid is site 2
 */
#include "setup/setup.h"

#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { VNETS = 8, NONE = 0xff };

static const struct route_target to_madrid = {
	.kind = TARGET_SITE, .far = SITE_MADRID, .nexthop = TUNNEL_M1, .weight = 1};
static const struct route_target to_berlin = {
	.kind = TARGET_TUNNEL, .far = SITE_BERLIN, .nexthop = TUNNEL_B2, .weight = 1};
static const struct route_target to_nobody = {
	.kind = TARGET_SITE, .far = 77, .nexthop = TUNNEL_M1, .weight = 1};
static const struct route_target to_pool = {.kind = TARGET_EGRESS, .pool = 0, .weight = 1};
static const struct route_target to_no_pool = {.kind = TARGET_EGRESS, .pool = 9, .weight = 1};
static const struct route_target to_drop = {.kind = TARGET_DROP, .weight = 1};

#define LINK(to)                                                                                   \
	&(const struct route_target)                                                               \
	{                                                                                          \
		.kind = TARGET_LINK, .vnet = (to), .weight = 1                                     \
	}

/* The route of network n is via[n], for every destination. */
struct row {
	const struct route_target *via[VNETS];
	uint16_t vnet; /* of madrid */
	enum drop drop;
	bool keeps_source, has_route;
	const char *why;
};

static const struct row rows[] = {
	{{NULL, &to_madrid}, 0, DROP_NONE, .why = "no route of its own network"},
	{{&to_madrid}, 0, DROP_NONE, true, .why = "a site"},
	{{&to_madrid}, 1, DROP_NO_ROUTE, .why = "a site of another network"},
	{{&to_nobody}, 0, DROP_NO_ROUTE, .why = "a site that does not exist"},
	{{&to_berlin}, 0, DROP_OWN_SITE, .why = "back to where it came from"},
	{{&to_pool}, 0, DROP_NONE, false, true, "an egress pool"},
	{{&to_no_pool}, 0, DROP_NO_ROUTE, .why = "a pool that does not exist"},
	{{&to_drop}, 0, DROP_ROUTE_DROP, .why = "drop"},
	{{LINK(1), &to_madrid}, 1, DROP_NONE, true, .why = "a link"},
	{{LINK(1), &to_madrid}, 0, DROP_NO_ROUTE, .why = "a link, and a site that is not there"},
	{{LINK(1)}, 0, DROP_NO_ROUTE, .why = "a link to a network without a route"},
	{{LINK(1), LINK(2), LINK(3), LINK(4), &to_madrid}, 4, DROP_NONE, true, .why = "four links"},
	{{LINK(1), LINK(2), LINK(3), LINK(4), LINK(5), &to_madrid},
	 5,
	 DROP_NO_ROUTE,
	 .why = "five are too many"},
	{{LINK(1), LINK(0)}, 0, DROP_NO_ROUTE, .why = "a loop"},
	{{LINK(999)}, 0, DROP_NO_ROUTE, .why = "a network that does not exist"},
};

static struct nexthops *make_nexthops(const struct row *row)
{
	struct vnet_route routes[2 * VNETS] = {0};
	struct route_choice choices[VNETS] = {0};
	struct nexthops_spec spec = {.routes = {.vnet_routes = routes,
						.n_vnets = VNETS,
						.choices = choices,
						.n_choices = VNETS}};
	struct nexthops *nexthops;

	for (uint16_t i = 0; i < VNETS; i++) {
		if (row->via[i] == NULL)
			continue;
		choices[i] = (struct route_choice){.n = 1,
						   .refuse_collision = true,
						   .is_learned = true,
						   .targets = {*row->via[i]}};
		routes[spec.routes.n_vnet_routes++] =
			(struct vnet_route){{addr6_from_ipv4(0), MAPPED_BITS}, i, i};
		routes[spec.routes.n_vnet_routes++] = (struct vnet_route){{{{0, 0}}, 0}, i, i};
	}
	nexthops = nexthops_create(&spec);
	assert_non_null(nexthops);
	return nexthops;
}

static void check(struct stage_bench *b, const struct row *row, bool six)
{
	struct flow6 addresses = {.dst = bench_addr6((struct ip6)SERVER6)};
	struct packet p = {0};
	struct setup s = {
		.ctx = &b->ctx,
		.p = &p,
		.six = six ? &addresses : NULL,
		.flow = {.site = SITE_BERLIN, .src = htonl(HOST), .dst = htonl(SERVER)},
	};
	enum drop drop = vnet_choose(&s);

	if (drop != row->drop || (drop == DROP_NONE && (s.keeps_source != row->keeps_source ||
							s.has_route != row->has_route)))
		fail_msg("%s: %s", row->why, drop_infos[drop].name);
	if (!s.keeps_source)
		return;
	assert_int_equal(s.flow.far, SITE_MADRID);
	assert_int_equal(s.flow.offramp, TUNNEL_M1);
	assert_true(s.refuses_collision && s.flow.way == FLOW_WAY_LEARNED);
}

static void test_rows(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	const struct nexthops *before = b->ctx.nexthops;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct nexthops *nexthops = make_nexthops(&rows[i]);

		b->net->sites[SITE_MADRID].vnet = rows[i].vnet;
		b->ctx.nexthops = nexthops;
		check(b, &rows[i], false);
		check(b, &rows[i], true);
		nexthops_destroy(nexthops);
	}
	b->ctx.nexthops = before;
	bench_destroy(b);
}

/* Only IPv4 sources whose returns are taken may leave as they are, and none that is ours. */
static void test_untranslated(void **state)
{
	static const struct route_target out = {
		.kind = TARGET_EGRESS, .pool = 0, .weight = 1, .untranslated = true};
	static const struct {
		const char *why;
		bool taken;
		uint32_t src, dst;
		enum drop drop;
	} cases[] = {
		{"a host", true, HOST, SERVER, DROP_NONE},
		{"its returns would not be taken", false, HOST, SERVER, DROP_SOURCE},
		{"an egress address as source", true, EGRESS, SERVER, DROP_SOURCE},
		{"to an egress address", true, HOST, EGRESS, DROP_NO_ROUTE},
	};
	const struct row row = {{&out}, .why = "untranslated"};
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	const struct nexthops *before = b->ctx.nexthops;
	struct nexthops *nexthops = make_nexthops(&row);
	struct packet p = {0};

	b->ctx.nexthops = nexthops;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct setup s = {
			.ctx = &b->ctx,
			.p = &p,
			.flow = {.site = SITE_BERLIN,
				 .src = htonl(cases[i].src),
				 .dst = htonl(cases[i].dst)},
		};
		enum drop drop;

		b->net->untranslated[0] =
			(struct prefix6){addr6_from_ipv4(htonl(cases[i].src)), 128};
		b->net->n_untranslated = cases[i].taken;
		drop = vnet_choose(&s);
		/* the bench has no route behind its uplink */
		if (cases[i].drop == DROP_NONE) {
			assert_true(s.keeps_source && s.has_route && s.refuses_collision);
			assert_int_equal(s.flow.way, FLOW_WAY_UNTRANSLATED);
			assert_int_equal(s.flow.far, SITE_INTERNET);
		} else if (drop != cases[i].drop) {
			fail_msg("%s: %s", cases[i].why, drop_infos[drop].name);
		}
	}
	b->ctx.nexthops = before;
	nexthops_destroy(nexthops);
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_untranslated),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
