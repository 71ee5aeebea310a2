/*
 * What a change does to a flow: one row a change, and a flow that was there before.
 *
 *     site 1  berlin   10.0.1.0/24, fd00::/64, global 2001:db8:b::/48   tunnels 1, 2
 *     site 2  madrid   any source                                       tunnel 3
 *     pool    203.0.113.1, 203.0.113.2 and 2001:db8:1::1: slices 1 and 2 of 2,048 ports
 */
#include "setup/change.h"

#include "network/nexthop.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { BERLIN = 1, MADRID = 2, SIZE = 2048 };

/* A specification that a row can change before the network is made. */
struct plan {
	struct spec_site sites[2];
	struct spec_tunnel tunnels[3];
	struct prefix4 prefix;
	struct prefix6 prefix6, global;
	struct spec_address addresses[3];
	struct spec_pool pools[2];
	struct network_spec spec;
	uint16_t site_ids[2], tunnel_ids[3];
};

static be32_t ip(const char *text)
{
	be32_t addr;

	assert_int_equal(inet_pton(AF_INET, text, &addr), 1);
	return addr;
}

static struct addr6 ip6(const char *text)
{
	struct addr6 addr;

	assert_int_equal(inet_pton(AF_INET6, text, &addr), 1);
	return addr;
}

static struct addr6 mapped(const char *text)
{
	return addr6_from_ipv4(ip(text));
}

static void make_plan(struct plan *p)
{
	*p = (struct plan){
		.prefix = {ip("10.0.1.0"), 24},
		.prefix6 = {ip6("fd00::"), 64},
		.global = {ip6("2001:db8:b::"), 48},
		.site_ids = {BERLIN, MADRID},
		.tunnel_ids = {1, 2, 3},
	};
	for (unsigned i = 0; i < 3; i++) {
		p->tunnels[i].local = mapped("198.51.100.1");
		p->tunnels[i].remote = addr6_from_ipv4(htonl(0xc6336410 + i));
		p->tunnels[i].mtu = 1476;
		p->addresses[i].slices[0] = 1 << 1 | 1 << 2;
	}
	p->addresses[0].addr = mapped("203.0.113.1");
	p->addresses[1].addr = mapped("203.0.113.2");
	p->addresses[2].addr = ip6("2001:db8:1::1");
	p->sites[0] = (struct spec_site){
		.prefixes = &p->prefix,
		.n_prefixes = 1,
		.prefixes6 = &p->prefix6,
		.n_prefixes6 = 1,
		.global_prefixes = &p->global,
		.n_global_prefixes = 1,
		.tunnels = &p->tunnels[0],
		.n_tunnels = 2,
	};
	p->sites[1] = (struct spec_site){.tunnels = &p->tunnels[2], .n_tunnels = 1};
	for (unsigned i = 0; i < 2; i++)
		p->pools[i] = (struct spec_pool){
			.mapping = MAPPING_ENDPOINT_INDEPENDENT,
			.slice_size = SIZE,
			.addresses = p->addresses,
			.n_addresses = 3,
		};
	p->spec = (struct network_spec){
		.sites = p->sites,
		.n_sites = 2,
		.pools = p->pools,
		.n_pools = 1,
		.workers = 2,
	};
}

static void nothing(struct plan *p)
{
}

static void berlin_gone(struct plan *p)
{
	p->spec.sites = &p->sites[1];
	p->spec.n_sites = 1;
	p->site_ids[0] = MADRID;
	p->tunnel_ids[0] = 3;
}

static void madrid_gone(struct plan *p)
{
	p->spec.n_sites = 1;
}

static void first_tunnel_gone(struct plan *p)
{
	p->sites[0].tunnels = &p->tunnels[1];
	p->sites[0].n_tunnels = 1;
	p->tunnel_ids[0] = 2;
	p->tunnel_ids[1] = 3;
}

static void tunnel_is_madrids(struct plan *p)
{
	p->sites[0].n_tunnels = 1;
	p->sites[1] = (struct spec_site){.tunnels = &p->tunnels[1], .n_tunnels = 2};
	p->tunnel_ids[0] = 2;
	p->tunnel_ids[1] = 1;
}

static void order_changed(struct plan *p)
{
	struct spec_site berlin = p->sites[0];
	struct spec_address first = p->addresses[0];

	p->sites[0] = p->sites[1];
	p->sites[1] = berlin;
	p->site_ids[0] = MADRID;
	p->site_ids[1] = BERLIN;
	p->tunnel_ids[0] = 3;
	p->tunnel_ids[1] = 2;
	p->tunnel_ids[2] = 1;
	p->addresses[0] = p->addresses[2];
	p->addresses[2] = first;
}

static void tunnel_ends_changed(struct plan *p)
{
	p->tunnels[0].remote = mapped("198.51.100.99");
	p->tunnels[0].key = 99;
	p->tunnels[0].has_key = true;
	p->tunnels[0].mtu = 1400;
}

static void limits_narrowed(struct plan *p)
{
	p->sites[0].limits = (struct spec_limits){1, 1, 1, 1, 1};
}

static void prefix_narrowed(struct plan *p)
{
	p->prefix = (struct prefix4){ip("10.0.1.128"), 25};
}

static void prefixes_any(struct plan *p)
{
	p->sites[0].n_prefixes = p->sites[0].n_prefixes6 = 0;
}

static void prefix6_gone(struct plan *p)
{
	p->sites[0].n_prefixes6 = 0;
}

static void global_gone(struct plan *p)
{
	p->sites[0].n_global_prefixes = 0;
}

static void global_is_madrids(struct plan *p)
{
	p->sites[0].n_global_prefixes = 0;
	p->sites[1].global_prefixes = &p->global;
	p->sites[1].n_global_prefixes = 1;
}

static void global_of_all(struct plan *p)
{
	p->global = p->prefix6;
	p->sites[0].n_prefixes6 = 0;
}

static void slice_gone(struct plan *p)
{
	for (unsigned i = 0; i < 3; i++)
		p->addresses[i].slices[0] = 1 << 2;
}

static void address_gone(struct plan *p)
{
	p->pools[0].addresses = &p->addresses[1];
	p->pools[0].n_addresses = 2;
}

static void address6_gone(struct plan *p)
{
	p->pools[0].n_addresses = 2;
}

static void pools_gone(struct plan *p)
{
	p->pools[0].n_addresses = 0;
}

static void other_address_gone(struct plan *p)
{
	p->addresses[1] = p->addresses[2];
	p->pools[0].n_addresses = 2;
}

static void server_is_ours(struct plan *p)
{
	p->addresses[1].addr = mapped("192.0.2.80");
}

static void server6_is_ours(struct plan *p)
{
	p->addresses[1].addr = ip6("2001:db8::80");
}

static void server_is_tunnel_end(struct plan *p)
{
	p->tunnels[2].local = mapped("192.0.2.80");
}

static void server_is_madrids(struct plan *p)
{
	static struct prefix6 all;

	all = (struct prefix6){ip6("2001:db8::"), 64};
	p->sites[1].global_prefixes = &all;
	p->sites[1].n_global_prefixes = 1;
}

/* A pool with another mapping comes first; the one of the flow is still there. */
static void other_pool_first(struct plan *p)
{
	p->spec.n_pools = 2;
	p->pools[0].mapping = MAPPING_ADDRESS_AND_PORT_DEPENDENT;
	p->pools[0].addresses = &p->addresses[1];
	p->pools[0].n_addresses = 1;
	p->pools[1].n_addresses = 1;
}

static void other_pool_first_one_worker(struct plan *p)
{
	other_pool_first(p);
	p->spec.workers = 1;
}

enum kind {
	PLAIN, /* 10.0.1.10 > 192.0.2.80, as 203.0.113.1, slice 1 */
	TO_PEER, /* 10.0.1.10 > 203.0.113.2, slice 1: hairpin */
	SIX, /* fd00::10 > 2001:db8::80, as 2001:db8:1::1 */
	GLOBAL, /* 2001:db8:b::10 > 2001:db8::80, untranslated */
};

static const struct {
	void (*change)(struct plan *);
	enum kind kind;
	enum ended ended;
	uint16_t onramp; /* its on-ramp afterwards */
	const char *why;
} rows[] = {
	{nothing, PLAIN, ENDED_NOT, 1, "nothing"},
	{nothing, TO_PEER, ENDED_NOT, 1, "nothing"},
	{nothing, SIX, ENDED_NOT, 1, "nothing"},
	{nothing, GLOBAL, ENDED_NOT, 1, "nothing"},
	{berlin_gone, PLAIN, ENDED_SITE_REMOVED, 0, "site gone"},
	{berlin_gone, SIX, ENDED_SITE_REMOVED, 0, "site gone"},
	{berlin_gone, GLOBAL, ENDED_SITE_REMOVED, 0, "site gone, not its prefix"},
	{madrid_gone, PLAIN, ENDED_NOT, 1, "another site is gone"},
	{first_tunnel_gone, PLAIN, ENDED_NOT, 2, "the site's next tunnel"},
	{first_tunnel_gone, GLOBAL, ENDED_NOT, 2, "the site's next tunnel"},
	{order_changed, PLAIN, ENDED_NOT, 1, "order means nothing"},
	{order_changed, SIX, ENDED_NOT, 1, "order means nothing"},
	{tunnel_ends_changed, PLAIN, ENDED_NOT, 1, "a tunnel's ends and MTU are not the flow's"},
	{limits_narrowed, PLAIN, ENDED_NOT, 1, "limits hold new flows only"},
	{prefix_narrowed, PLAIN, ENDED_SOURCE_REMOVED, 1, "its source is outside now"},
	{prefix_narrowed, SIX, ENDED_NOT, 1, "not of its family"},
	{prefixes_any, PLAIN, ENDED_NOT, 1, "any source, and so its own"},
	{prefix6_gone, SIX, ENDED_SOURCE_REMOVED, 1, "only IPv4 now"},
	{prefix6_gone, PLAIN, ENDED_NOT, 1, "not of its family"},
	{prefix6_gone, GLOBAL, ENDED_NOT, 1, "has a prefix besides"},
	{global_gone, GLOBAL, ENDED_PREFIX_REMOVED, 1, "may leave untranslated no longer"},
	{global_gone, SIX, ENDED_NOT, 1, "was translated anyway"},
	{global_is_madrids, GLOBAL, ENDED_PREFIX_REMOVED, 1, "it is another site's"},
	{global_of_all, SIX, ENDED_NOT, 1, "would leave untranslated if it began now, but did not"},
	{slice_gone, PLAIN, ENDED_SLICE_LOST, 1, "slice of its port"},
	{slice_gone, SIX, ENDED_SLICE_LOST, 1, "slice of its port"},
	{slice_gone, GLOBAL, ENDED_NOT, 1, "has no slice"},
	{address_gone, PLAIN, ENDED_SLICE_LOST, 1, "address"},
	{address_gone, SIX, ENDED_NOT, 1, "another address"},
	{address6_gone, SIX, ENDED_SLICE_LOST, 1, "address"},
	{address6_gone, PLAIN, ENDED_NOT, 1, "another address"},
	{address6_gone, GLOBAL, ENDED_NOT, 1, "has no egress address"},
	{pools_gone, PLAIN, ENDED_SLICE_LOST, 1, "all addresses"},
	{other_address_gone, PLAIN, ENDED_NOT, 1, "another address"},
	{other_address_gone, TO_PEER, ENDED_ROUTE_LOST, 1, "the peer's address"},
	{slice_gone, TO_PEER, ENDED_SLICE_LOST, 1, "its own comes before the peer's"},
	{server_is_ours, PLAIN, ENDED_ROUTE_LOST, 1, "would turn back in now"},
	{server6_is_ours, SIX, ENDED_ROUTE_LOST, 1, "has no route now"},
	{server_is_tunnel_end, PLAIN, ENDED_ROUTE_LOST, 1, "has no route now"},
	{server_is_madrids, SIX, ENDED_ROUTE_LOST, 1, "sites do not meet"},
	{server_is_madrids, GLOBAL, ENDED_ROUTE_LOST, 1, "sites do not meet"},
	{other_pool_first, PLAIN, ENDED_MAPPING_CHANGED, 1, "its packets go to another worker"},
	{other_pool_first, SIX, ENDED_SLICE_LOST, 1, "no address of IPv6"},
	{other_pool_first_one_worker, PLAIN, ENDED_NOT, 1, "there is no other worker"},
};

static struct flow make_flow(enum kind kind, struct flow6 *six)
{
	struct flow f = {
		.src = ip("10.0.1.10"),
		.dst = ip("192.0.2.80"),
		.sport = htons(SIZE + 5),
		.dport = htons(443),
		.site = BERLIN,
		.proto = 6,
		.state = FLOW_TCP_ESTABLISHED,
		.nat_src = ip("203.0.113.1"),
		.nat_port = htons(SIZE + 5),
		.onramp = 1,
		.offramp = 7,
	};

	*six = (struct flow6){ip6("fd00::10"), ip6("2001:db8::80"), ip6("2001:db8:1::1"), {0}};
	if (kind == TO_PEER) {
		f.dst = ip("203.0.113.2");
		f.dport = htons(SIZE + 7);
		f.offramp = NEXTHOP_HAIRPIN;
	} else if (kind == GLOBAL) {
		six->src = six->nat_src = ip6("2001:db8:b::10");
	}
	return f;
}

static void test_rows(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct plan p;
		struct flow6 six;
		struct flow f = make_flow(rows[i].kind, &six);
		struct change_verdict v;
		struct network *net;

		make_plan(&p);
		rows[i].change(&p);
		net = network_create(&p.spec, &(struct network_ids){.sites = p.site_ids,
								    .tunnels = p.tunnel_ids});
		assert_non_null(net);
		v = change_judge(net, &f, rows[i].kind >= SIX ? &six : NULL);
		if (v.ended != rows[i].ended)
			fail_msg("row %zu: %s: %s", i, rows[i].why, ended_infos[v.ended].name);
		if (v.ended == ENDED_NOT && v.onramp != rows[i].onramp)
			fail_msg("row %zu: %s: tunnel %u", i, rows[i].why, v.onramp);
		network_destroy(net);
	}
}

/* Tunnel 1 is madrid's now: return packets go by berlin's first tunnel. */
static void test_a_tunnel_of_another_site(void **state)
{
	struct flow6 six;
	struct flow f = make_flow(PLAIN, &six);
	struct plan p;
	struct network *net;

	make_plan(&p);
	tunnel_is_madrids(&p);
	p.tunnel_ids[0] = 2;
	p.tunnel_ids[1] = 1;
	net = network_create(&p.spec,
			     &(struct network_ids){.sites = p.site_ids, .tunnels = p.tunnel_ids});
	assert_non_null(net);
	assert_int_equal(net->tunnels[1].site, MADRID);
	assert_int_equal(change_judge(net, &f, NULL).onramp, 2);
	assert_int_equal(change_judge(net, &f, NULL).ended, ENDED_NOT);
	network_destroy(net);
}

/* Ids of earlier networks do not lead out of bounds. */
static void test_ids_that_are_gone(void **state)
{
	static const uint16_t ids[] = {0, 3, 4, 1000, 65534, 65535};
	struct flow6 six;
	struct plan p;
	struct network *net;

	make_plan(&p);
	net = network_create(&p.spec, NULL);
	assert_non_null(net);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct flow f = make_flow(PLAIN, &six);

		f.site = ids[i];
		assert_int_equal(change_judge(net, &f, NULL).ended, ENDED_SITE_REMOVED);
		f = make_flow(PLAIN, &six);
		f.onramp = ids[i];
		assert_int_equal(change_judge(net, &f, NULL).onramp, 1);
	}
	network_destroy(net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_a_tunnel_of_another_site),
		cmocka_unit_test(test_ids_that_are_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
