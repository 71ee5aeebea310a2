/*
 * The bed gives its ports the routes that the daemon gives to ports in memory, and no others.
 *
 *   the bed's table   made by hand (bed.c)
 *   the daemon's      view_compile(), for ports that the kernel does not know
 *
 * The ids of neighbours may differ, but not the neighbours themselves. Otherwise a packet test
 * could pass thanks to a route that no user has.
 */
#include "bed.h"

#include "base/err.h"
#include "control/config/config.h"
#include "control/kernel/view.h"
#include "network/ids.h"
#include "network/nexthop.h"
#include "path/snapshot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PORTS = 2, MTU = 1500 };

#define PORTS_OF(mtu)                                                                              \
	"ports:\n"                                                                                 \
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'" mtu "}\n"         \
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
#define EGRESS                                                                                     \
	"egress: [{name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: "      \
	"[1]}]}]\n"
#define SITES_OF(tunnels, more) "sites:\n  - name: berlin\n" more "    tunnels:\n" tunnels
#define FOUR "      - {name: b1, local: 192.0.2.1, remote: 192.0.2.18, key: 1, port: underlay}\n"
#define SIX "      - {name: b2, local: '2001:db8::1', remote: '2001:db8::2', port: underlay}\n"
#define NARROW                                                                                     \
	"      - {name: b3, local: 192.0.2.1, remote: 192.0.2.19, mtu: 1200, port: underlay}\n"

static const struct {
	const char *why, *yaml;
} rows[] = {
	{"IPv4 alone", PORTS_OF("") SITES_OF(FOUR, "") EGRESS "flows: {capacity: 1024}\n"},
	{"no IPv6 anywhere",
	 PORTS_OF("") SITES_OF(FOUR, "") EGRESS "flows: {capacity: 1024, capacity-ipv6: 0}\n"},
	{"a tunnel over IPv6",
	 PORTS_OF("") SITES_OF(FOUR SIX, "") EGRESS "flows: {capacity: 1024}\n"},
	{"global prefixes",
	 PORTS_OF("") SITES_OF(FOUR, "    global-prefixes: ['2001:db8:b::/48']\n") EGRESS
	 "flows: {capacity: 1024, capacity-ipv6: 1024}\n"},
	{"a narrow port",
	 PORTS_OF(", mtu: 1300") SITES_OF(FOUR NARROW, "") EGRESS "flows: {capacity: 1024}\n"},
};

struct scene {
	struct bed *bed;
	const struct network *net;
	const struct nexthops *ours; /* the bed's */
	struct config *config;
	struct ids *ids;
	struct view view;
	struct nexthops *theirs; /* the daemon's */
};

static void describe_ports(struct scene *s)
{
	for (size_t i = 0; i < PORTS_MAX; i++) {
		struct view_port *p = &s->view.ports[i];

		p->has_kernel = i >= PORTS; /* the slot is free */
		if (i >= PORTS)
			continue;
		p->mtu = s->config->ports[i].mtu != 0 ? s->config->ports[i].mtu : MTU;
		memcpy(p->mac, s->ours->macs[i], sizeof(p->mac));
		memcpy(p->next_hop, s->config->ports[i].next_hop_mac, sizeof(p->next_hop));
	}
}

static void open_scene(struct scene *s, const char *yaml)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct nexthops_spec spec;
	uint64_t again_ms;

	memset(s, 0, sizeof(*s));
	s->bed = bed_create(yaml, 1);
	s->net = bed_network(s->bed);
	s->ours = bed_nexthops(s->bed);
	s->config = config_parse("test.yaml", yaml, strlen(yaml), &errs);
	assert_non_null(s->config);
	s->ids = nexthop_ids_create(s->net);
	assert_non_null(s->ids);
	assert_int_equal(view_init(&s->view, PORTS_MAX, s->ids), 0);
	describe_ports(s);
	view_take_network(&s->view, s->net);
	view_compile(&s->view, s->net, 0, &spec, &again_ms);
	s->theirs = nexthops_create(&spec);
	assert_non_null(s->theirs);
}

static void close_scene(struct scene *s)
{
	nexthops_destroy(s->theirs);
	view_fini(&s->view);
	ids_destroy(s->ids);
	config_destroy(s->config);
	bed_destroy(s->bed);
}

/* Compares all but the ids, which neighbours get in another order. */
static void compare(const char *why, const char *what, const struct nexthop *a,
		    const struct nexthop *b)
{
	struct nexthop x = *a, y = *b;

	x.via = y.via = NEXTHOP_NONE;
	if (memcmp(&x, &y, sizeof(x)) != 0)
		fail_msg("%s: %s: the bed's has mtu %u, port %u, kind %u, resolved %d; the "
			 "daemon's %u, %u, %u, %d",
			 why, what, x.mtu, x.port, x.kind, x.resolved, y.mtu, y.port, y.kind,
			 y.resolved);
}

static void compare_routes(const struct scene *s, const char *why)
{
	static const struct addr6 six = {{0x20}};

	for (uint8_t port = 0; port < PORTS_MAX; port++) {
		uint16_t a = routes_find(&s->ours->routes, port, htonl(0xc6336401));
		uint16_t b = routes_find(&s->theirs->routes, port, htonl(0xc6336401));

		compare(why, "the route of IPv4", &s->ours->at[a], &s->theirs->at[b]);
		a = routes_find6(&s->ours->routes, port, &six);
		b = routes_find6(&s->theirs->routes, port, &six);
		compare(why, "the route of IPv6", &s->ours->at[a], &s->theirs->at[b]);
	}
}

static void test_same_routes_as_the_daemon(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct scene s;

		open_scene(&s, rows[i].yaml);
		compare_routes(&s, rows[i].why);
		for (uint32_t k = 0; k < s.net->n_tunnels; k++) {
			uint16_t id = s.net->tunnel_ids[k];

			compare(rows[i].why, network_tunnel_name(s.net, id), &s.ours->at[id],
				&s.theirs->at[id]);
		}
		close_scene(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_routes_as_the_daemon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
