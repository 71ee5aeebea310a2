/* A fake kernel: see view_bed.h. */
#include "view_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <linux/neighbour.h>

struct view v;
struct nexthops *table;
struct ids *ids;
struct tunnel tunnels[TUNNELS + 1];
uint64_t now_ms, again_ms;

static struct prefix4 prefixes[] = {{.len = 24}};
static struct spec_tunnel spec_tunnels[] = {{.name = "t1"}, {.name = "t2"}, {.name = "t3"}};
static struct spec_site spec_sites[] = {{.tunnels = spec_tunnels, .n_tunnels = 3}};
static uint16_t all_ids[TUNNELS] = {1, 2, 3};
static struct site sites[2] = {
	[1] = {.prefixes = prefixes, .n_prefixes = 1, .tunnels = all_ids, .n_tunnels = TUNNELS}};
static const struct spec_site *site_specs[2] = {[1] = &spec_sites[0]};
static const struct spec_tunnel *tunnel_specs[TUNNELS + 1] = {
	[1] = &spec_tunnels[0], [2] = &spec_tunnels[1], [3] = &spec_tunnels[2]};
static struct addr6 no_addresses6[4];
struct network net = {
	.spec = {.sites = spec_sites, .n_sites = 1},
	.tunnels = tunnels,
	.tunnel_specs = tunnel_specs,
	.tunnel_ids = all_ids,
	.n_tunnels = TUNNELS,
	.max_tunnel = TUNNELS,
	.sites = sites,
	.site_specs = site_specs,
	.site_ids = all_ids,
	.n_sites = 1,
	.max_site = 1,
	.tunnel_addresses6 = no_addresses6,
};

static be32_t ip4(const char *text)
{
	be32_t addr;

	assert_int_equal(inet_pton(AF_INET, text, &addr), 1);
	return addr;
}

struct addr6 ip(const char *text)
{
	struct addr6 addr;

	if (strchr(text, ':') == NULL)
		return addr6_from_ipv4(ip4(text));
	assert_int_equal(inet_pton(AF_INET6, text, &addr), 1);
	return addr;
}

struct kernel_route route_of(const char *dst, uint8_t len, const char *gateway, uint32_t metric)
{
	bool six = strchr(dst, ':') != NULL;
	struct kernel_route r = {
		.prefix = {ip(dst), six ? len : (uint8_t)(MAPPED_BITS + len)},
		.metric = metric,
		.n_gateways = 1,
		.gateways = {{.ifindex = IFINDEX}},
	};

	if (gateway != NULL)
		r.gateways[0].gateway = ip(gateway);
	return r;
}

void event(const struct kernel_route *r)
{
	view_take_route(&v, r);
}

void route(const char *dst, uint8_t len, const char *gateway, uint32_t metric)
{
	struct kernel_route r = route_of(dst, len, gateway, metric);

	event(&r);
}

void no_route(const char *dst, uint8_t len, const char *gateway, uint32_t metric)
{
	struct kernel_route r = route_of(dst, len, gateway, metric);

	r.removed = true;
	event(&r);
}

void neighbour(const char *addr, uint8_t last, uint16_t state)
{
	struct kernel_neighbour n = {
		.addr = ip(addr), .mac = {2, 0, 0, 0, 0, last}, .state = state, .ifindex = IFINDEX};

	view_take_neighbour(&v, &n);
}

bool compile_at(uint64_t ms)
{
	struct nexthops_spec spec;
	bool changed = view_compile(&v, &net, ms, &spec, &again_ms);
	struct nexthops *next = nexthops_create(&spec);

	assert_non_null(next);
	nexthops_destroy(table);
	table = next;
	view_published(&v);
	return changed;
}

bool compile(void)
{
	now_ms += 10 * VIEW_PACE_MAX_MS;
	return compile_at(now_ms);
}

int bed_setup(void **state)
{
	memset(tunnels, 0, sizeof(tunnels));
	tunnels[1] = (struct tunnel){.remote = ip4("192.0.2.9"), .port = 0, .site = 1};
	tunnels[2] = (struct tunnel){.remote = ip4("198.51.100.9"), .port = 0, .site = 1};
	tunnels[3] = (struct tunnel){.remote = ip4("198.51.100.9"), .port = 1, .site = 1};
	for (uint16_t id = 1; id <= TUNNELS; id++) {
		tunnels[id].mtu = 1400;
		tunnels[id].header_len = 28;
		tunnels[id].has_key = true;
	}
	net.n_tunnels = net.max_tunnel = TUNNELS;
	net.n_retired = 0;
	ids = nexthop_ids_create(&net);
	if (ids == NULL || view_init(&v, 2, ids) != 0)
		return -1;
	v.with_six = true;
	v.ports[0] = (struct view_port){
		.has_kernel = true, .ifindex = IFINDEX, .mac = {2, 0, 0, 0, 9, 0}, .mtu = 1500};
	v.ports[1] = (struct view_port){.next_hop = {2, 0, 0, 0, 0, 0x77}, .mtu = 1400};
	route("0.0.0.0", 0, "192.0.2.1", 100);
	route("192.0.2.0", 24, NULL, 0);
	neighbour("192.0.2.1", 1, NUD_REACHABLE);
	now_ms = 1000000;
	return 0;
}

int bed_teardown(void **state)
{
	nexthops_destroy(table);
	table = NULL;
	view_fini(&v);
	ids_destroy(ids);
	return 0;
}

uint16_t way(const char *dst)
{
	struct addr6 addr = ip(dst);

	return addr6_is_mapped(&addr) ? routes_find(&table->routes, 0, addr6_to_ipv4(&addr))
				      : routes_find6(&table->routes, 0, &addr);
}

void assert_neighbour(uint16_t id, bool resolved, uint8_t last)
{
	assert_in_range(id, 1, NEXTHOP_LAST);
	assert_int_equal(table->at[id].kind, NEXTHOP_KIND_NEIGHBOUR);
	assert_false(table->at[id].moved);
	assert_int_equal(table->at[id].resolved, resolved);
	if (resolved)
		assert_int_equal(table->at[id].ethernet[5], last);
}

void assert_moved(uint16_t id)
{
	assert_in_range(id, 1, NEXTHOP_LAST);
	assert_true(table->at[id].moved);
	assert_false(table->at[id].resolved);
	assert_int_equal(table->at[id].mtu, 0);
}

void census(const uint16_t *has)
{
	uint64_t used[IDS_WORDS] = {0};

	for (; *has != 0; has++)
		ids_mark(used, *has);
	view_census_begin(&v, now_ms);
	view_census_end(&v, used);
}
