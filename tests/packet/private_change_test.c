/*
 * What a change does to a flow with a private destination: the rows of docs/changes.md about them.
 *
 *     s0  10.0.1.0/24, fd00::/64 --- 198.19.0.1, 198.20.0.1 ---+
 *     dc  10.8.0.0/16, fd08::/16 --- 198.21.0.1, 198.21.0.2 ---+--- [ gateway ]
 *     routes of `default`, or of `shared` behind a link: 10.8.0.0/16 and fd08::/16 to dc
 *
 * s0's host asks the server behind dc. Then the configuration changes, and the host asks again. By
 * which tunnel does the question go, or why did the flow end?
 */
#include "private_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { UDP = 17, S0_A = 1, S0_B, DC_A, DC_B };

/* What a configuration has, besides s0. */
struct shape {
	bool no_dc, no_dc_a, other_source; /* s0 may use 10.0.2.0/24 only */
	enum to { TO_DC, NO_ROUTE, TO_DROP, TO_TUNNEL, LINK, LINK_GONE, LONGER, PUBLIC } routes;
	bool dc_is_shared; /* dc is in the virtual network `shared` */
};

static const struct row {
	struct shape before, after;
	unsigned goes_by; /* the tunnel of the second question; 0: another flow, or none */
	enum ended ended;
	unsigned moved;
	const char *why;
} rows[] = {
	{{0}, {0}, DC_A, ENDED_NOT, 0, "nothing changed"},
	{{0}, {.no_dc = true, .routes = NO_ROUTE}, 0, ENDED_FAR_REMOVED, 0, "far site removed"},
	{{0}, {.no_dc_a = true}, DC_B, ENDED_NOT, 1, "off-ramp tunnel removed"},
	{{0}, {.other_source = true}, 0, ENDED_SOURCE_REMOVED, 0, "source removed"},
	{{0}, {.routes = NO_ROUTE}, 0, ENDED_FAR_ROUTE_LOST, 0, "route removed"},
	{{0}, {.routes = TO_DROP}, 0, ENDED_FAR_ROUTE_LOST, 0, "route leads elsewhere"},
	{{0}, {.routes = LONGER}, 0, ENDED_FAR_ROUTE_LOST, 0, "a longer prefix leads elsewhere"},
	{{0}, {.routes = TO_TUNNEL}, DC_A, ENDED_NOT, 0, "another tunnel of the site"},
	{{.routes = LINK, .dc_is_shared = true},
	 {.routes = LINK, .dc_is_shared = true},
	 DC_A,
	 ENDED_NOT,
	 0,
	 "through a link"},
	{{.routes = LINK, .dc_is_shared = true},
	 {.routes = LINK_GONE, .dc_is_shared = true},
	 0,
	 ENDED_FAR_ROUTE_LOST,
	 0,
	 "link removed"},
	{{0},
	 {.routes = LINK, .dc_is_shared = true},
	 DC_A,
	 ENDED_NOT,
	 0,
	 "the far site moves behind a link"},
};

static const struct shape *shape;

static void route(struct network_spec *spec, unsigned vnet, enum spec_target_kind kind,
		  unsigned index, unsigned tunnel)
{
	bed_vnets_route(spec, vnet, "10.8.0.0/16", kind, index)->tunnel = (uint16_t)tunnel;
	bed_vnets_route(spec, vnet, "fd08::/16", kind, index)->tunnel = (uint16_t)tunnel;
}

static void edit(struct network_spec *spec)
{
	static const char *const names[] = {"default", "shared"};
	unsigned dc = 1;

	bed_vnets_make(spec, names, 2);
	if (shape->dc_is_shared)
		spec->sites[dc].vnet = 1;
	if (shape->routes == TO_DC || shape->routes == LONGER)
		route(spec, 0, TARGET_SITE, dc, 0);
	if (shape->routes == TO_TUNNEL)
		route(spec, 0, TARGET_TUNNEL, dc, 1);
	if (shape->routes == TO_DROP)
		route(spec, 0, TARGET_DROP, 0, 0);
	if (shape->routes == LONGER) {
		bed_vnets_route(spec, 0, "10.8.0.80/32", TARGET_DROP, 0);
		bed_vnets_route(spec, 0, "fd08::80/128", TARGET_DROP, 0);
	}
	if (shape->routes == PUBLIC)
		bed_vnets_route(spec, 0, "192.0.2.0/24", TARGET_SITE, dc);
	if (shape->routes == LINK)
		route(spec, 0, TARGET_LINK, 1, 0);
	if (shape->routes == LINK || shape->routes == LINK_GONE)
		route(spec, 1, TARGET_SITE, dc, 0);
}

#define TUNNEL(name, remote)                                                                       \
	"      - {name: " name ", local: 198.18.0.1, remote: " remote ", port: underlay}\n"

static const char *yaml_of(const struct shape *s, unsigned workers)
{
	static char text[4096];

	snprintf(text, sizeof(text),
		 "workers: %u\n"
		 "flows: {capacity: 1024, capacity-ipv6: 1024}\n"
		 "ports:\n"
		 "  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
		 "  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
		 "egress:\n"
		 "  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: "
		 "[1]}]}\n"
		 "sites:\n"
		 "  - name: s0\n"
		 "    prefixes: [%s]\n"
		 "    tunnels:\n" TUNNEL("s0-a", "198.19.0.1")
			 TUNNEL("s0-b", "198.20.0.1") "%s%s%s",
		 workers, s->other_source ? "10.0.2.0/24" : "10.0.1.0/24, 'fd00::/64'",
		 s->no_dc ? "" : "  - name: dc\n    tunnels:\n",
		 s->no_dc || s->no_dc_a ? "" : TUNNEL("dc-a", "198.21.0.1"),
		 s->no_dc ? "" : TUNNEL("dc-b", "198.21.0.2"));
	return text;
}

/* The tunnel by which the question goes, or 0. */
static unsigned ask(struct bed *bed, bool six)
{
	unsigned site, tunnel;
	struct frame out;

	private_send(bed, 0, 0, private_ask(UDP, six));
	bed_run(bed);
	if (!private_catch(bed, &out, &site, &tunnel) || site != PRIVATE_DC)
		return 0;
	return tunnel == 0 ? DC_A : DC_B;
}

static void check(const struct row *row, bool six, unsigned workers)
{
	static const uint16_t sites[] = {1, 2}, tunnels[] = {S0_A, S0_B, DC_A, DC_B};
	static const uint16_t without_a[] = {S0_A, S0_B, DC_B};
	static const struct retired_tunnel gone[] = {{DC_A, 2, DC_B}};
	struct bed_change change = {0};
	struct change_sweep sweep;
	struct bed *bed;
	unsigned by;

	shape = &row->before;
	bed_edit = edit;
	bed = bed_create(yaml_of(shape, workers), 5);
	assert_int_equal(ask(bed, six), DC_A);
	shape = &row->after;
	change.yaml = yaml_of(shape, workers);
	change.ids = (struct network_ids){.sites = sites,
					  .tunnels = shape->no_dc_a ? without_a : tunnels};
	if (shape->no_dc_a || shape->no_dc) {
		change.ids.retired = gone;
		change.ids.n_retired = 1;
	}
	sweep = bed_change(bed, &change);
	for (unsigned r = 0; r < ENDED_COUNT; r++)
		if (sweep.ended[r] != (r != ENDED_NOT && r == row->ended))
			fail_msg("%s: %u flows ended as %s", row->why, (unsigned)sweep.ended[r],
				 ended_infos[r].name);
	assert_int_equal(sweep.moved, row->moved);
	by = ask(bed, six);
	if (by != row->goes_by)
		fail_msg("%s: the question goes by %u", row->why, by);
	assert_int_equal(bed_counters(bed).flows_created, 1);
	for (struct frame out; private_catch(bed, &out, &(unsigned){0}, &(unsigned){0});) {
	}
	bed_check(bed);
	bed_destroy(bed);
	bed_edit = NULL;
}

static void test_rows(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		check(&rows[i], false, 1);
		check(&rows[i], true, 1);
		check(&rows[i], false, 2);
	}
}

/* A question from @sport to a public server. Its source as the Internet sees it; 0: it went to dc. */
static uint16_t ask_public(struct bed *bed, uint16_t sport)
{
	struct frame f = private_ask(UDP, false), out;
	uint8_t bytes[BED_FRAME_MAX];
	unsigned site, tunnel;
	const char *why = "";
	size_t len;

	f.dst = IP(192, 0, 2, 80);
	f.sport = sport;
	private_send(bed, 0, 0, f);
	bed_run(bed);
	len = bed_take(bed, PRIVATE_UPLINK, bytes);
	if (len == 0) {
		assert_true(private_catch(bed, &out, &site, &tunnel));
		assert_int_equal(site, PRIVATE_DC);
		assert_int_equal(out.sport, sport);
		return 0;
	}
	assert_true(frame_parse(bytes, len, &out, &why));
	assert_int_equal(out.src, IP(203, 0, 113, 1));
	return out.sport;
}

static struct change_sweep turn(struct bed *bed, const struct shape *to)
{
	static const uint16_t sites[] = {1, 2}, tunnels[] = {S0_A, S0_B, DC_A, DC_B};
	struct bed_change change = {.ids = {.sites = sites, .tunnels = tunnels}};

	shape = to;
	change.yaml = yaml_of(shape, 1);
	return bed_change(bed, &change);
}

/* A public prefix gets a route to a site, and loses it: open flows stay where they began. */
static void test_public_prefix(void **state)
{
	static const struct shape none = {.routes = NO_ROUTE}, public = {.routes = PUBLIC};
	struct change_sweep sweep;
	struct bed *bed;
	uint16_t port;

	shape = &none;
	bed_edit = edit;
	bed = bed_create(yaml_of(shape, 1), 5);
	port = ask_public(bed, 40000);
	assert_int_not_equal(port, 0);
	sweep = turn(bed, &public);
	assert_int_equal(sweep.moved, 0);
	assert_int_equal(ask_public(bed, 40000), port);
	assert_int_equal(ask_public(bed, 40001), 0);
	assert_int_equal(bed_counters(bed).flows, 2);
	sweep = turn(bed, &none);
	assert_int_equal(sweep.ended[ENDED_FAR_ROUTE_LOST], 1);
	assert_int_equal(ask_public(bed, 40000), port);
	assert_int_not_equal(ask_public(bed, 40001), 0);
	bed_check(bed);
	bed_destroy(bed);
	bed_edit = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_public_prefix),
	};

	return cmocka_run_group_tests_name("packet/private_change", tests, NULL, NULL);
}
