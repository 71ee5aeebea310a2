/*
 * Which addresses are ours on an interface, and for which of them we answer: rows of a network, the
 * kernel's addresses, and the expected list.
 */
#include "control/port/addresses.h"
#include "control/port/port_internal.h"
#include "in/steer.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { THINGS = 4, ETH0 = 2, ETH1 = 3, UPLINK = 1, OTHER_PORT = 0 };
enum { END = STEER_TUNNEL_END, OUT = STEER_EGRESS, ARP = STEER_ARP };

static struct addr6 addr(const char *text)
{
	struct addr6 six;
	be32_t four;

	if (inet_pton(AF_INET, text, &four) == 1)
		return addr6_from_ipv4(four);
	assert_int_equal(inet_pton(AF_INET6, text, &six), 1);
	return six;
}

struct own {
	const char *addr;
	uint8_t len;
	int ifindex;
};

/* clang-format off */
static const struct {
	const char *why;
	const char *ends[THINGS], *egress[THINGS]; /* of the uplink's pool */
	const char *global; /* a prefix of 64 bits; of IPv4, 24: it leaves untranslated */
	struct own own[THINGS];
	size_t port;
	struct {
		const char *addr;
		uint32_t flags;
		uint8_t len;
	} ours[THINGS];
} rows[] = {
	{"a routed egress address", {NULL}, {"203.0.113.9"}, NULL, {{"192.0.2.1", 24, ETH0}}, UPLINK,
	 {{"203.0.113.9", OUT}}},
	{"one in the uplink's network", {NULL}, {"192.0.2.9"}, NULL, {{"192.0.2.1", 24, ETH0}}, UPLINK,
	 {{"192.0.2.9", OUT | ARP}}},
	{"in another interface's network", {NULL}, {"192.0.2.9"}, NULL, {{"192.0.2.1", 24, ETH1}}, UPLINK,
	 {{"192.0.2.9", OUT}}},
	{"on the port that is not the uplink", {NULL}, {"192.0.2.9"}, NULL, {{"192.0.2.1", 24, ETH0}},
	 OTHER_PORT, {{"192.0.2.9", OUT}}},
	{"a tunnel end that the kernel has", {"192.0.2.1"}, {NULL}, NULL, {{"192.0.2.1", 24, ETH0}}, UPLINK,
	 {{"192.0.2.1", END}}},
	{"one that nobody has", {"192.0.2.5"}, {NULL}, NULL, {{"192.0.2.1", 24, ETH0}}, UPLINK,
	 {{"192.0.2.5", END | ARP}}},
	{"one that the kernel has elsewhere", {"192.0.2.5"}, {NULL}, NULL,
	 {{"192.0.2.1", 24, ETH0}, {"192.0.2.5", 32, ETH1}}, UPLINK, {{"192.0.2.5", END}}},
	{"two tunnels with one end", {"192.0.2.5", "192.0.2.5"}, {NULL}, NULL, {{"192.0.2.1", 24, ETH0}},
	 UPLINK, {{"192.0.2.5", END | ARP}}},
	{"an end that is an egress address", {"192.0.2.5"}, {"192.0.2.5"}, NULL, {{"192.0.2.1", 24, ETH0}},
	 UPLINK, {{"192.0.2.5", END | OUT | ARP}}},
	{"IPv6", {"2001:db8::5"}, {"2001:db8::9"}, NULL, {{"2001:db8::1", 64, ETH0}}, UPLINK,
	 {{"2001:db8::5", END | ARP}, {"2001:db8::9", OUT | ARP}}},
	{"a global prefix in the uplink's network", {NULL}, {NULL}, "2001:db8:b::", {{"2001:db8:b::1", 48, ETH0}},
	 UPLINK, {{"2001:db8:b::", OUT | ARP, 64}}},
	{"a prefix that leaves untranslated", {"10.0.1.1"}, {"203.0.113.9"}, "10.0.1.0", {{"10.0.1.7", 24, ETH0}},
	 UPLINK, {{"10.0.1.0", OUT, MAPPED_BITS + 24}, {"10.0.1.1", END | ARP}, {"203.0.113.9", OUT}}},
	{"a routed global prefix", {NULL}, {NULL}, "2001:db8:b::", {{"2001:db8::1", 64, ETH0}}, UPLINK,
	 {{"2001:db8:b::", OUT, 64}}},
};
/* clang-format on */

static void fill(struct addresses *a, const struct own *own)
{
	*a = (struct addresses){.list = calloc(THINGS, sizeof(a->list[0]))};
	for (; own[a->n].addr != NULL; a->n++) {
		struct own_address *one = &a->list[a->n];
		uint8_t len = own[a->n].len;

		one->addr = addr(own[a->n].addr);
		one->network.len = addr6_is_mapped(&one->addr) ? len + MAPPED_BITS : len;
		one->network.addr = addr6_masked(&one->addr, one->network.len);
		one->ifindex = own[a->n].ifindex;
	}
	assert_int_equal(addresses_index(a), 0);
}

static struct network *make_network(size_t row)
{
	static struct spec_tunnel tunnels[THINGS];
	static struct spec_site site;
	static struct spec_address egress[THINGS];
	static struct spec_pool pool;
	static struct prefix6 global;
	static struct prefix4 own;
	static struct spec_target out = {.kind = TARGET_EGRESS, .untranslated = true};
	static struct spec_route route = {.targets = &out, .n_targets = 1};
	static struct spec_vnet vnet = {
		.routes = &route, .n_routes = 1, .egress_pool = SPEC_POOL_DEFAULT};
	struct network_spec spec = {.sites = &site, .n_sites = 1, .pools = &pool, .n_pools = 1};

	memset(tunnels, 0, sizeof(tunnels));
	memset(egress, 0, sizeof(egress));
	site = (struct spec_site){.name = "berlin", .tunnels = tunnels};
	pool = (struct spec_pool){
		.name = "internet", .port = UPLINK, .slice_size = 2048, .addresses = egress};
	for (; rows[row].ends[site.n_tunnels] != NULL; site.n_tunnels++) {
		struct spec_tunnel *t = &tunnels[site.n_tunnels];
		struct addr6 local = addr(rows[row].ends[site.n_tunnels]);

		*t = (struct spec_tunnel){.name = "t", .mtu = 1400, .has_key = true};
		t->key = (uint32_t)site.n_tunnels;
		t->local = local;
		t->remote = addr(addr6_is_mapped(&local) ? "10.0.0.1" : "2001:db8:f::1");
	}
	for (; rows[row].egress[pool.n_addresses] != NULL; pool.n_addresses++) {
		struct addr6 one = addr(rows[row].egress[pool.n_addresses]);

		egress[pool.n_addresses].slices[0] = 1 << 1;
		egress[pool.n_addresses].addr = one;
	}
	if (rows[row].global != NULL && strchr(rows[row].global, '.') != NULL) {
		inet_pton(AF_INET, rows[row].global, &own.addr);
		own.len = 24;
		site.prefixes = &own;
		site.n_prefixes = 1;
		spec.vnets = &vnet;
		spec.n_vnets = 1;
	} else if (rows[row].global != NULL) {
		global = (struct prefix6){addr(rows[row].global), 64};
		site.global_prefixes = &global;
		site.n_global_prefixes = 1;
	}
	return network_create(&spec, NULL);
}

/* Only at an end of an IPsec tunnel UDP is looked into. */
static void test_ipsec(void **state)
{
	struct spec_tunnel tunnels[] = {
		{.type = TUNNEL_GRE, .mtu = 1400},
		{.type = TUNNEL_IPSEC, .mtu = 1400},
		{.type = TUNNEL_GRE, .mtu = 1400, .has_key = true, .key = 1},
	};
	struct spec_site site = {.name = "berlin", .tunnels = tunnels, .n_tunnels = 3};
	struct network_spec spec = {.sites = &site, .n_sites = 1};
	struct addresses own = {0};
	struct steer_list list;
	struct network *net;
	struct addr6 both = addr("192.0.2.5"), gre = addr("192.0.2.6");
	struct addr6 peer = addr("10.0.0.2"), other = addr("10.0.0.1");

	for (unsigned i = 0; i < 3; i++) {
		tunnels[i].local = i == 2 ? gre : both;
		tunnels[i].remote = i == 1 ? peer : other;
	}
	net = network_create(&spec, NULL);
	assert_non_null(net);
	assert_int_equal(steer_list_make(&list, net, UPLINK, ETH0, &own), 0);
	assert_int_equal(steer_list_find(&list, &both)->flags & ~STEER_ARP, END | STEER_IPSEC);
	assert_int_equal(steer_list_find(&list, &gre)->flags & ~STEER_ARP, END);
	assert_int_equal(steer_list_find(&list, &peer)->flags, STEER_PEER);
	assert_null(steer_list_find(&list, &other)); /* of GRE */
	steer_list_fini(&list);
	network_destroy(net);
}

static void test_rows(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct network *net = make_network(i);
		struct addresses own;
		struct steer_list list;
		size_t n = 0;

		assert_non_null(net);
		fill(&own, rows[i].own);
		assert_int_equal(steer_list_make(&list, net, rows[i].port, ETH0, &own), 0);
		for (; n < THINGS && rows[i].ours[n].addr != NULL && n < list.n; n++) {
			struct addr6 wanted = addr(rows[i].ours[n].addr);

			if (!addr6_equal(&list.addrs[n].addr, &wanted) ||
			    list.addrs[n].flags != rows[i].ours[n].flags ||
			    list.addrs[n].len != rows[i].ours[n].len)
				fail_msg("%s: entry %zu has flags %u", rows[i].why, n,
					 list.addrs[n].flags);
		}
		if (n != list.n || rows[i].ours[n].addr != NULL)
			fail_msg("%s: %zu entries", rows[i].why, list.n);
		steer_list_fini(&list);
		addresses_fini(&own);
		network_destroy(net);
	}
}

/* Interconnects: VLANs of their own port only, their IPv6 address for its group, and no ends. */
static void test_interconnects(void **state)
{
	struct spec_tunnel tunnels[] = {
		{.type = TUNNEL_INTERCONNECT, .port = UPLINK, .vlan = 0, .mtu = 1500},
		{.type = TUNNEL_INTERCONNECT, .port = UPLINK, .vlan = 64, .mtu = 1500},
		{.type = TUNNEL_INTERCONNECT, .port = UPLINK, .vlan = 4094, .mtu = 1500},
		{.type = TUNNEL_INTERCONNECT, .port = UPLINK + 1, .vlan = 7, .mtu = 1500},
	};
	struct spec_site site = {.name = "s", .tunnels = tunnels, .n_tunnels = 4};
	struct network_spec spec = {.sites = &site, .n_sites = 1};
	struct addresses own = {0};
	struct steer_list list;
	struct network *net;

	tunnels[1].address6 = addr("2001:db8:9::");
	tunnels[3].address6 = addr("2001:db8:7::");
	net = network_create(&spec, NULL);
	assert_non_null(net);
	assert_int_equal(addresses_index(&own), 0);
	assert_int_equal(steer_list_make(&list, net, UPLINK, ETH0, &own), 0);
	assert_int_equal(list.n, 1);
	assert_true(addr6_equal(&list.addrs[0].addr, &tunnels[1].address6));
	assert_int_equal(list.addrs[0].flags, STEER_INTERCONNECT);
	for (unsigned vlan = 0; vlan < 4096; vlan++)
		assert_int_equal(list.vlans[vlan / 64] >> vlan % 64 & 1,
				 vlan == 0 || vlan == 64 || vlan == 4094);
	steer_list_fini(&list);
	assert_int_equal(list.vlans[1], 0);
	addresses_fini(&own);
	network_destroy(net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_ipsec),
		cmocka_unit_test(test_interconnects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
