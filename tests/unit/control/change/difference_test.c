/*
 * The difference of two configurations, row by row; and a change of any setting in the tables is
 * reported.
 */
#include "control/change/difference.h"

#include "base/err.h"
#include "base/types.h"
#include "control/config/config.h"
#include "control/config/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* clang-format off */
#define PORTS "ports: [{name: under, interface: eth0}, {name: up, interface: eth1}]\n"
#define TUNNEL_1 "{name: b-1, local: 192.0.2.1, remote: 192.0.2.2, port: under}"
#define TUNNEL_2 "{name: b-2, local: 192.0.2.1, remote: 192.0.2.3, key: 7, port: under}"
#define MADRID "{name: madrid, tunnels: [{name: m-1, local: 192.0.2.1, remote: 192.0.2.4, port: under}]}"
#define SITES "sites: [{name: berlin, tunnels: [" TUNNEL_1 ", " TUNNEL_2 "]}, " MADRID "]\n"
#define BERLIN(more, tunnels) \
	"sites: [{name: berlin, " more "tunnels: [" tunnels "]}, " MADRID "]\n"
#define POOL(more, addresses) \
	"egress: [{name: net, port: up, " more "addresses: [" addresses "]}]\n"
#define ADDRESS "{address: 203.0.113.1, slices: [1-4]}"
#define EGRESS POOL("", ADDRESS)
#define FAR_NETWORK(target)                                                                        \
	"networks: [{name: far, routes: [{prefix: 10.8.0.0/16, to: [" target "]}]}]\n"
#define ROUTES(more) "networks: [{name: default, routes: [" more "]}]\n"
#define TO_MADRID "{prefix: 10.8.0.0/16, to: [{site: madrid}]}"
#define FAR_ROUTE "flows end whose route leads elsewhere now (far_route_lost); ends flows\n"

/* @says: a line for each item. */
static const struct row {
	const char *before, *after; /* the parts that differ from the defaults above */
	const char *says, *why;
} rows[] = {
	{"", "", "", "the same file has no difference"},

	{"", "workers: 2\n",
	 "setting workers changed: 1 -> 2; restart\n", "what is made at the start needs a restart"},
	{"", "flows: {capacity: 2048}\n",
	 "setting flows.capacity changed: 1048576 -> 2048; restart\n"
	 "setting flows.limits.flows changed: 524288 -> 1024; flows go on, new ones above it are refused\n",
	 "what follows from a setting is said, too, but not of each site"},
	{"", "flows: {timeouts: {udp: 1m}}\n",
	 "setting flows.timeouts.udp changed: 5m -> 1m; flows that were idle for longer end\n",
	 "a setting is called by its path"},
	{"flows: {timeouts: {per-port: [{protocol: udp, port: 1, idle: 1s}, {protocol: tcp, port: 1, idle: 2s}]}}\n",
	 "flows: {timeouts: {per-port: [{protocol: tcp, port: 1, idle: 2s}, {protocol: udp, port: 1, idle: 1s}]}}\n",
	 "", "the order of timeouts means nothing"},
	{"flows: {timeouts: {per-port: [{protocol: udp, port: 1, idle: 1s}, {protocol: tcp, port: 1, idle: 2s}]}}\n",
	 "flows: {timeouts: {per-port: [{protocol: tcp, port: 1, idle: 3s}, {protocol: tcp, port: 2, idle: 2s}]}}\n",
	 "setting flows.timeouts.per-port changed: tcp 1 2s -> 3s, tcp 2 not set -> 2s, udp 1 1s -> not set; flows that were idle for longer end\n",
	 "timeouts of ports by protocol and port"},
	{"", "flows: {limits: {new-flows-per-second: 9}}\n",
	 "setting flows.limits.new-flows-per-second changed: 200000 -> 9; flows go on, new ones above it are refused\n",
	 "sites that follow the file's limits are no items"},

	{"", "ports: [{name: up, interface: eth1}, {name: under, interface: eth0}]\n", "",
	 "the order of ports means nothing, though tunnels and pools hold their numbers"},
	{"", "ports: [{name: under, interface: eth0}, {name: up, interface: eth1}, {name: x, driver: tap, interface: t}]\n",
	 "port x added: tap t\n", "a port more"},
	{"ports: [{name: x, driver: af_packet, interface: t}, {name: under, interface: eth0}, {name: up, interface: eth1}]\n", "",
	 "port x removed: af_packet t\n", "a port less, and the numbers of the others move"},
	{"", "ports: [{name: under, interface: eth5, mtu: 9000}, {name: up, interface: eth1}]\n",
	 "port under changed: interface eth0 -> eth5, mtu not set -> 9000; flows go on\n",
	 "several settings of a thing are one item"},

	{"sites: [{name: berlin, tunnels: [" TUNNEL_1 "]}]\n",
	 "sites: [{name: berlin, tunnels: [" TUNNEL_1 "]}, " MADRID "]\n",
	 "setting flows.limits.flows changed: 1048576 -> 524288; flows go on, new ones above it are refused\n"
	 "site madrid added: 1 tunnel\n", "with a second site the first may no longer have all"},
	{BERLIN("", TUNNEL_1), "sites: [" MADRID ", {name: berlin, tunnels: [" TUNNEL_1 "]}]\n", "",
	 "the order of sites means nothing"},
	{"", "sites: [" MADRID ", {name: x, tunnels: [{name: x, local: 192.0.2.9, remote: 192.0.2.8, port: under}]}]\n",
	 "site x added: 1 tunnel\n"
	 "site berlin removed: 2 tunnels; its flows end (site_removed); ends flows\n",
	 "the tunnels of a site come and go with it"},
	{"", "sites: [{name: munich, tunnels: [" TUNNEL_2 ", " TUNNEL_1 "]}, " MADRID "]\n",
	 "site munich changed: renamed from berlin, tunnels in another order\n",
	 "a site with the same tunnels is the same, whatever its name and their order"},
	{"", "sites: [{name: munich, tunnels: [" TUNNEL_2 "]}, " MADRID "]\n",
	 "site munich added: 1 tunnel\n"
	 "site berlin removed: 2 tunnels; its flows end (site_removed); ends flows\n"
	 "tunnel b-2 changed: moved from site berlin to site munich\n",
	 "with other tunnels it may be somebody else, who gets no flows of the first"},
	{"", "sites: [{name: madrid, tunnels: [" TUNNEL_1 ", " TUNNEL_2 "]}, {name: berlin, tunnels: "
	 "[{name: m-1, local: 192.0.2.1, remote: 192.0.2.4, port: under}]}]\n",
	 "tunnel b-1 changed: moved from site berlin to site madrid; flows go on by another tunnel of the site\n"
	 "tunnel b-2 changed: moved from site berlin to site madrid; flows go on by another tunnel of the site\n"
	 "tunnel m-1 changed: moved from site madrid to site berlin; flows go on by another tunnel of the site\n",
	 "a name that is still there is no rename"},
	{"", BERLIN("", TUNNEL_2 ", " TUNNEL_1),
	 "site berlin changed: tunnels in another order\n", "the order of tunnels is their priority"},
	{BERLIN("", TUNNEL_2), BERLIN("", TUNNEL_1 ", " TUNNEL_2),
	 "tunnel b-1 added: of site berlin\n", "a tunnel in front of another is not another order"},
	{"", BERLIN("", TUNNEL_1),
	 "tunnel b-2 removed: of site berlin; flows go on by another tunnel of the site\n", "a tunnel less"},
	{"", BERLIN("", TUNNEL_1 ", {name: b-9, local: 192.0.2.1, remote: 192.0.2.3, key: 7, port: under}"),
	 "tunnel b-9 changed: renamed from b-2\n", "a tunnel with the same ends and key is the same"},
	{"", BERLIN("", TUNNEL_1 ", {name: b-9, local: 192.0.2.1, remote: 192.0.2.3, key: 8, port: under}"),
	 "tunnel b-9 added: of site berlin\n"
	 "tunnel b-2 removed: of site berlin; flows go on by another tunnel of the site\n",
	 "with another key and name it is another"},
	{BERLIN("", TUNNEL_1 ", {name: b-2, local: 192.0.2.1, remote: 192.0.2.3, key: 0, port: under}"),
	 BERLIN("", TUNNEL_1 ", {name: b-9, local: 192.0.2.1, remote: 192.0.2.3, port: under}"),
	 "tunnel b-9 added: of site berlin\n"
	 "tunnel b-2 removed: of site berlin; flows go on by another tunnel of the site\n",
	 "no key is not key 0"},
	{"", "sites: [{name: berlin, tunnels: [" TUNNEL_1 "]}, {name: madrid, tunnels: [{name: m-1, local: 192.0.2.1, "
	 "remote: 192.0.2.4, port: under}, {name: b-9, local: 192.0.2.1, remote: 192.0.2.3, key: 7, port: under}]}]\n",
	 "tunnel b-9 added: of site madrid\n"
	 "tunnel b-2 removed: of site berlin; flows go on by another tunnel of the site\n",
	 "a tunnel with another name and site is another, though its ends are the same"},
	{"", "sites: [{name: berlin, tunnels: [{name: m-1, local: 192.0.2.1, remote: 192.0.2.4, port: under}, " TUNNEL_1
	 ", " TUNNEL_2 "]}, {name: madrid, tunnels: [{name: m-2, local: 192.0.2.1, remote: 192.0.2.5, port: under}]}]\n",
	 "tunnel m-1 changed: moved from site madrid to site berlin; flows go on by another tunnel of the site\n"
	 "tunnel m-2 added: of site madrid\n", "a tunnel that comes from elsewhere is no other order"},
	{BERLIN("", "{name: b-1, local: '2001:db8::1', remote: '2001:db8::2', port: under}"),
	 BERLIN("", "{name: b-1, local: '2001:db8::1', remote: '2001:db8::3', port: under}"),
	 "tunnel b-1 changed: remote 2001:db8::2 -> 2001:db8::3; flows go on\n", "another end of the same family"},
	{"", BERLIN("", TUNNEL_1 ", {name: b-2, local: 192.0.2.1, remote: 198.51.100.3, mtu: 1300, port: up,"
	 " keepalive: {interval: 9s}}"),
	 "tunnel b-2 changed: remote 192.0.2.3 -> 198.51.100.3, key 7 -> not set, mtu 1472 -> 1300, port under -> up, "
	 "keepalive.interval not set -> 9s, keepalive.retries not set -> 3; flows go on\n",
	 "a tunnel of the same name with other ends is the same"},
	{"", BERLIN("", TUNNEL_1 ", {name: b-2, local: '2001:db8::1', remote: '2001:db8::2', key: 7, port: under}"),
	 "tunnel b-2 changed: local 192.0.2.1 -> 2001:db8::1, remote 192.0.2.3 -> 2001:db8::2, mtu 1472 -> 1452; flows go on\n",
	 "ends of the other family"},
	{BERLIN("prefixes: [10.0.0.0/8, '2001:db8:1::/48'], ", TUNNEL_1),
	 BERLIN("prefixes: ['2001:db8:1::/48', 10.0.0.0/8], ", TUNNEL_1), "",
	 "the order of prefixes means nothing"},
	{BERLIN("prefixes: [10.0.0.0/8], ", TUNNEL_1), BERLIN("prefixes: [10.0.0.0/8, '2001:db8::/32'], ", TUNNEL_1),
	 "site berlin changed: prefixes +2001:db8::/32\n", "wider prefixes end nothing"},
	{BERLIN("prefixes: [10.0.0.0/8, 10.0.0.0/9], ", TUNNEL_1), BERLIN("prefixes: [10.0.0.0/8, 11.0.0.0/8], ", TUNNEL_1),
	 "site berlin changed: prefixes -10.0.0.0/9 +11.0.0.0/8; flows from other sources end (source_removed); ends flows\n",
	 "prefixes of one address differ by their length"},
	{BERLIN("", TUNNEL_1), BERLIN("prefixes: [10.0.0.0/8], ", TUNNEL_1),
	 "site berlin changed: prefixes +10.0.0.0/8 (was any source); flows from other sources end (source_removed); ends flows\n",
	 "none at all was any"},
	{BERLIN("prefixes: [10.0.0.0/8], ", TUNNEL_1), BERLIN("", TUNNEL_1),
	 "site berlin changed: prefixes -10.0.0.0/8 (now any source)\n", "any source is more"},
	{BERLIN("global-prefixes: ['2001:db8:1::/48'], ", TUNNEL_1), BERLIN("global-prefixes: ['2001:db8:2::/48'], ", TUNNEL_1),
	 "site berlin changed: global-prefixes -2001:db8:1::/48 +2001:db8:2::/48; untranslated flows from other sources end (prefix_removed); ends flows\n",
	 "global prefixes"},
	{BERLIN("prefixes: [1.0.0.0/8], ", TUNNEL_1), BERLIN("prefixes: [2.0.0.0/8, 3.0.0.0/8, 4.0.0.0/8, "
	 "5.0.0.0/8, 6.0.0.0/8, 7.0.0.0/8, 8.0.0.0/8, 9.0.0.0/8], ", TUNNEL_1),
	 "site berlin changed: prefixes -1.0.0.0/8 +2.0.0.0/8 +3.0.0.0/8 +4.0.0.0/8 +5.0.0.0/8 +6.0.0.0/8 "
	 "+7.0.0.0/8 +2 more; flows from other sources end (source_removed); ends flows\n",
	 "many prefixes are counted"},
	{"", BERLIN("limits: {flows: 100}, ", TUNNEL_1 ", " TUNNEL_2),
	 "site berlin changed: limits.flows 524288 -> 100, limits.half-open 131072 -> 25, limits.flows-per-source "
	 "262144 -> 100, limits.half-open-per-source 65536 -> 25; flows go on, new ones above it are refused\n",
	 "a site's own limits"},
	{BERLIN("limits: {half-open: 100}, ", TUNNEL_1), BERLIN("limits: {half-open: 200}, ", TUNNEL_1),
	 "site berlin changed: limits.half-open 100 -> 200, limits.half-open-per-source 100 -> 200\n",
	 "a higher limit does nothing to flows"},

	{"", POOL("", "{address: 203.0.113.2}, " ADDRESS),
	 "address 203.0.113.2 added: of pool net\n", "an address more"},
	{POOL("", "{address: 203.0.113.2}, " ADDRESS), "",
	 "address 203.0.113.2 removed: of pool net; flows with its ports end (slice_lost); ends flows\n",
	 "an address less"},
	{"", POOL("", "{address: 203.0.113.1, slices: [1-6]}"),
	 "slices 203.0.113.1 changed: [1-4] -> [1-6], of pool net\n", "slices more"},
	{"", POOL("", "{address: 203.0.113.1, slices: [2-6]}"),
	 "slices 203.0.113.1 changed: [1-4] -> [2-6], of pool net; flows with its ports end (slice_lost); ends flows\n",
	 "a slice less"},
	{"", POOL("", "{address: 203.0.113.1, slices: [3-4]}, {address: 203.0.113.1, slices: [1, 2]}"), "",
	 "an address that is listed twice has the slices of both"},
	{"", POOL("", "{address: 203.0.113.2, slices: [3-4]}, {address: 203.0.113.2, slices: [1, 2]}, " ADDRESS),
	 "address 203.0.113.2 added: of pool net\n", "and is added once"},
	{POOL("", "{address: 203.0.113.2, slices: [3-4]}, {address: 203.0.113.2, slices: [1, 2]}, " ADDRESS), "",
	 "address 203.0.113.2 removed: of pool net; flows with its ports end (slice_lost); ends flows\n", "and removed once"},
	{"", POOL("slice-size: 1024, ", "{address: 203.0.113.1, slices: [1]}"),
	 "pool net changed: slice-size 2048 -> 1024; flows with its ports end (slice_lost); ends flows\n",
	 "slices of another size can not be compared"},
	{"", POOL("mapping: endpoint-independent, filtering: endpoint-independent, ", ADDRESS),
	 "pool net changed: mapping address-and-port-dependent -> endpoint-independent, filtering "
	 "address-and-port-dependent -> endpoint-independent; flows with its ports end (slice_lost); ends flows\n",
	 "the harder effect of two is said"},
	{"", "egress: [{name: web, port: under, addresses: [" ADDRESS "]}]\n",
	 "pool web changed: renamed from net, port up -> under; flows go on\n",
	 "a pool with the same addresses is the same"},
	{POOL("", ADDRESS ", {address: 203.0.113.2}"), "egress: [{name: new, port: up, addresses: [{address: 203.0.113.2}]},"
	 " {name: net, port: up, addresses: [" ADDRESS "]}]\n",
	 "pool new added: 1 address, new IPv4 flows leave by it, not by pool net; flows go on, new ones follow it\n"
	 "address 203.0.113.2 removed: of pool net; flows go on, new ones follow it\n",
	 "an address that moves takes its flows along; who is first matters"},
	{POOL("", ADDRESS ", {address: 203.0.113.2}"), "egress: [{name: net, port: up, addresses: [" ADDRESS "]}, {name: new, "
	 "port: up, mapping: endpoint-independent, addresses: [{address: 203.0.113.2}]}]\n",
	 "address 203.0.113.2 removed: of pool net; flows with its ports end (slice_lost); ends flows\n"
	 "pool new added: 1 address\n",
	 "into a pool with another mapping it does not"},
	{"egress: [{name: net, port: up, addresses: [" ADDRESS "]}, {name: two, port: up, addresses: [{address: 203.0.113.2}]}]\n", "",
	 "pool two removed: 1 address; flows with its ports end (slice_lost); ends flows\n", "a pool less"},
	{"egress: [{name: net, port: up, addresses: [" ADDRESS "]}, {name: two, port: up, addresses: [{address: 203.0.113.2}]}]\n",
	 "egress: [{name: two, port: up, addresses: [{address: 203.0.113.2}]}, {name: net, port: up, addresses: [" ADDRESS "]}]\n",
	 "pool two changed: new IPv4 flows leave by it, not by pool net; flows go on, new ones follow it\n",
	 "the first pool is the default route"},
	{"egress: [{name: net, port: up, addresses: [" ADDRESS "]}, {name: two, port: up, mapping: endpoint-independent, addresses: [{address: 203.0.113.2}]}]\n",
	 "egress: [{name: two, port: up, mapping: endpoint-independent, addresses: [{address: 203.0.113.2}]}, {name: net, port: up, addresses: [" ADDRESS "]}]\n",
	 "pool two changed: new IPv4 flows leave by it, not by pool net; flows go on, new ones follow it\n",
	 "one worker has all flows, whatever the mapping"},
	{"workers: 2\negress: [{name: net, port: up, addresses: [" ADDRESS "]}, {name: two, port: up, mapping: endpoint-independent, addresses: [{address: 203.0.113.2}]}]\n",
	 "workers: 2\negress: [{name: two, port: up, mapping: endpoint-independent, addresses: [{address: 203.0.113.2}]}, {name: net, port: up, addresses: [" ADDRESS "]}]\n",
	 "pool two changed: new IPv4 flows leave by it, not by pool net; flows that it changes the worker of end (mapping_changed); ends flows\n",
	 "the mapping of the default pool says which worker a flow has"},
	{"egress: [{name: net, port: up, addresses: [" ADDRESS "]}, {name: two, port: up, addresses: [{address: 203.0.113.2}]}, {name: three, port: up, addresses: [{address: 203.0.113.3}]}]\n",
	 "egress: [{name: net, port: up, addresses: [" ADDRESS "]}, {name: three, port: up, addresses: [{address: 203.0.113.3}]}, {name: two, port: up, addresses: [{address: 203.0.113.2}]}]\n",
	 "", "the order of the others means nothing"},
	{"", POOL("", ADDRESS ", {address: '2001:db8::7'}"),
	 "setting flows.capacity-ipv6 changed: not set -> 262144; restart\n"
	 "address 2001:db8::7 added: of pool net\n", "the first IPv6 address needs a table for its flows"},
	{POOL("", ADDRESS ", {address: '2001:db8::7'}"), "",
	 "setting flows.capacity-ipv6 changed: 262144 -> not set\n"
	 "address 2001:db8::7 removed: of pool net; flows with its ports end (slice_lost); ends flows\n",
	 "the last one does not need its table to go"},

	{"", ROUTES(TO_MADRID), "route default 10.8.0.0/16 added: site madrid; " FAR_ROUTE,
	 "the default network was there; the route may be longer than one that flows have taken"},
		{ROUTES(TO_MADRID), "",
		 "route default 10.8.0.0/16 removed: site madrid; " FAR_ROUTE, "and stays there"},
		{ROUTES("{prefix: 10.8.0.0/16, to: [{site: madrid}, {tunnel: b-2, weight: 3}]}, "
			"{prefix: '::/0', to: [{drop: true}]}"),
		 ROUTES("{prefix: '::/0', to: [{drop: true}]}, {prefix: 10.8.0.0/16, to: [{tunnel: "
			"b-2, weight: 3}, {site: madrid, priority: 100}]}"),
		 "", "the order of routes and of targets means nothing"},
		{ROUTES("{prefix: 10.8.0.0/16, to: [{site: madrid}]}"),
		 ROUTES("{prefix: 10.8.0.0/16, to: [{site: madrid, priority: 5}, {egress: net, "
			"weight: 2}]}"),
		 "route default 10.8.0.0/16 changed: site madrid -> site madrid priority 5 + "
		 "egress net weight 2; "
		 "flows go on, new ones follow it\n",
		 "who was a target still is one"},
		{ROUTES("{prefix: 10.8.0.0/16, to: [{site: madrid}, {tunnel: b-1}], on-collision: "
			"refuse}"),
		 ROUTES("{prefix: 10.8.0.0/16, to: [{tunnel: b-1}]}"),
		 "route default 10.8.0.0/16 changed: site madrid + tunnel b-1 -> tunnel b-1, "
		 "on-collision refuse -> translate; " FAR_ROUTE,
		 "a target is gone"},
		{FAR_NETWORK("{egress: net, untranslated: true}"),
		 FAR_NETWORK("{egress: net, priority: 7}"),
		 "route far 10.8.0.0/16 changed: egress net untranslated -> egress net "
		 "priority 7; " FAR_ROUTE,
		 "it is translated now"},
		{"",
		 "networks: [{name: far, egress: none, routes: [{prefix: 0.0.0.0/0, to: [{network: "
		 "default}]}]}]\n" BERLIN("network: far, ", TUNNEL_1 ", " TUNNEL_2),
		 "site berlin changed: network default -> far; " FAR_ROUTE
		 "network far added: 1 route\n",
		 "a site moves into a new network; its routes are parts of it"},
		{"networks: [{name: far, egress: none}, {name: away}]\n",
		 "networks: [{name: far, egress: net}]\n",
		 "network far changed: egress none -> net; flows go on, new ones follow it\n"
		 "network away removed: 0 routes; " FAR_ROUTE,
		 "egress, and a network without sites"},
		{BERLIN("aliases: [{alias: 100.64.1.0/24, prefix: 10.0.1.0/24}, {alias: "
			"100.64.2.0/24, prefix: 10.0.2.0/24}], ",
			TUNNEL_1 ", " TUNNEL_2),
		 BERLIN("aliases: [{alias: 100.64.2.0/24, prefix: 10.0.2.0/24}, {alias: "
			"100.64.1.0/24, prefix: 10.0.3.0/24}], ",
			TUNNEL_1 ", " TUNNEL_2),
		 "site berlin changed: alias -100.64.1.0/24 of 10.0.1.0/24, alias +100.64.1.0/24 "
		 "of 10.0.3.0/24; "
		 "flows go on, new ones follow it\n",
		 "an alias is two prefixes"},
};
/* clang-format on */

/* A file of @parts, with the defaults for missing parts. */
static struct config *parse(const char *parts, const char *why)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct config *config;
	char *text;

	assert_true(asprintf(&text, "%s%s%s%s", parts,
			     strstr(parts, "ports: [") != NULL ? "" : PORTS,
			     strstr(parts, "sites: [") != NULL ? "" : SITES,
			     strstr(parts, "egress: [") != NULL ? "" : EGRESS) > 0);
	config = config_parse("f.yaml", text, strlen(text), &errs);
	err_print(&errs, stderr);
	if (config == NULL)
		fail_msg("%s: is no configuration:\n%s", why, text);
	err_list_fini(&errs);
	free(text);
	return config;
}

static char *words_of(const struct difference *d)
{
	static const char *const what[] = {"added", "changed", "removed"};
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	for (size_t i = 0; i < d->n; i++) {
		const struct change_item *item = &d->items[i];

		assert_int_equal(item->needs_restart, item->why_restart != NULL);
		fprintf(out, "%s %s %s: %s%s%s%s%s\n", item->kind, item->name, what[item->what],
			item->detail != NULL ? item->detail : "", item->effect != NULL ? "; " : "",
			item->effect != NULL ? item->effect : "",
			item->needs_restart ? "; restart" : "",
			item->ends_flows ? "; ends flows" : "");
	}
	fclose(out);
	return text;
}

static void test_rows(void **state)
{
	size_t failed = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		struct config *before = parse(row->before, row->why);
		struct config *after = parse(row->after, row->why);
		struct difference d;
		char *says;

		assert_int_equal(difference_make(&d, before, after), 0);
		says = words_of(&d);
		if (strcmp(says, row->says) != 0) {
			print_error("row %zu, %s: wanted\n%sgot\n%s", i, row->why, row->says, says);
			failed++;
		}
		free(says);
		difference_fini(&d);
		config_destroy(before);
		config_destroy(after);
	}
	assert_int_equal(failed, 0);
}

/* A file in which every list has an item. */
static const char everything[] =
	"networks: [{name: default, egress: net, routes: [" TO_MADRID "]}, {name: other}]\n"
	"flows: {timeouts: {per-port: [{protocol: udp, port: 1, idle: 1s}]}}\n" PORTS
	"sites: [{name: berlin, prefixes: [10.0.0.0/8, '2001:db8:1::/48'],\n"
	"  global-prefixes: ['2001:db8:2::/48'],\n"
	"  aliases: [{alias: 100.64.0.0/24, prefix: 10.0.0.0/24}], tunnels: [" TUNNEL_1
	"]}, " MADRID "]\n"
	"egress: [{name: net, port: up, addresses: [{address: 203.0.113.1}]}]\n";

struct spoiler {
	struct config *config; /* one of its settings is changed at a time */
	const struct config *clean;
	size_t n;
};

static void expect_difference(struct spoiler *s, const struct setting *setting)
{
	struct difference d;

	assert_int_equal(difference_make(&d, s->clean, s->config), 0);
	if (d.n == 0)
		fail_msg("a change of \"%s\" (%s) is not said", setting->name, setting->help);
	difference_fini(&d);
	s->n++;
}

/* Changes a field so that it stays valid for its type: a text, a small number, an index. */
static void spoil(struct spoiler *s, const struct setting *setting, unsigned char *field)
{
	unsigned char was[256];
	uint16_t other_port;

	assert_true(setting->size <= sizeof(was));
	memcpy(was, field, setting->size);
	switch (setting->type) {
	case SETTING_NAME:
	case SETTING_PATH:
	case SETTING_INTERFACE:
		strcpy((char *)field, "spoilt");
		break;
	case SETTING_DEVICE:
		strcpy((char *)field, "net_spoilt");
		break;
	case SETTING_PORT:
		memcpy(&other_port, field, sizeof(other_port));
		other_port ^= 1;
		memcpy(field, &other_port, sizeof(other_port));
		break;
	case SETTING_NETWORK:
	case SETTING_PREFIX:
		field[0] ^= 1;
		break;
	case SETTING_POOL:
		memset(field, 0xff, setting->size); /* the default one */
		break;
	case SETTING_CHOICE:
		field[0] = setting->choices[1] != NULL ? field[0] ^ 1 : field[0];
		break;
	case SETTING_SLICES:
		field[0] ^= 8;
		break;
	default:
		field[setting->type == SETTING_NUMBER ? 0 : setting->size - 1] ^= 1;
	}
	if (memcmp(was, field, setting->size) != 0)
		expect_difference(s, setting);
	memcpy(field, was, setting->size);
}

static void spoil_block(struct spoiler *s, const struct block *block, unsigned char *base);

/* Changes to an IPv6 address. */
static void spoil_six(struct spoiler *s, const struct setting *setting, unsigned char *base)
{
	unsigned char four[4];

	memcpy(four, base + setting->offset, sizeof(four));
	memset(base + setting->offset, 0, sizeof(four));
	base[setting->six_offset] = 1;
	expect_difference(s, setting);
	memcpy(base + setting->offset, four, sizeof(four));
	base[setting->six_offset] = 0;
}

/* Leads to something of another kind, or to another site. */
static void spoil_target(struct spoiler *s, const struct setting *setting, struct spec_target *t)
{
	struct spec_target was = *t;

	t->index = t->kind == setting->target ? t->index ^ 1 : 0;
	t->kind = setting->target;
	expect_difference(s, setting);
	*t = was;
}

static void spoil_setting(struct spoiler *s, const struct setting *setting, unsigned char *base)
{
	unsigned char *items;
	bool *has = (bool *)(base + setting->has_offset);

	switch (setting->type) {
	case SETTING_BLOCK:
		spoil_block(s, setting->block, base);
		return;
	case SETTING_TARGET:
		spoil_target(s, setting, (struct spec_target *)base);
		return;
	case SETTING_LIST:
		memcpy(&items, base + setting->offset, sizeof(items));
		spoil_block(s, setting->block, items);
		return;
	case SETTING_PREFIXES:
	case SETTING_PREFIXES6:
		memcpy(&items, base + setting->offset, sizeof(items));
		items[0] ^= 1;
		expect_difference(s, setting);
		items[0] ^= 1;
		return;
	default:
		if (setting->has_offset > 0) {
			*has = !*has;
			expect_difference(s, setting);
			*has = !*has;
		} else {
			spoil(s, setting, base + setting->offset);
		}
		if (setting->six_offset > 0)
			spoil_six(s, setting, base);
	}
}

static void spoil_block(struct spoiler *s, const struct block *block, unsigned char *base)
{
	for (size_t i = 0; i < block->n; i++)
		spoil_setting(s, &block->settings[i], base);
}

static void test_no_setting_is_forgotten(void **state)
{
	struct config *clean = parse(everything, "everything"), *config = parse(everything, "same");
	struct spoiler s = {config, clean, 0};

	spoil_block(&s, &schema_file, (unsigned char *)config);
	assert_true(s.n > 50);
	config_destroy(clean);
	config_destroy(config);
}

/* Each row says whether it can be changed while the daemon runs, or why not. */
static void check_rows(const struct block *block)
{
	for (size_t i = 0; i < block->n; i++) {
		const struct setting *setting = &block->settings[i];

		if (setting->reloadable == (setting->restart != NULL))
			fail_msg("\"%s\" of %s: either reloadable or a reason for a restart",
				 setting->name, block->noun);
		if (setting->block != NULL)
			check_rows(setting->block);
	}
}

static void test_each_row_says_when(void **state)
{
	check_rows(&schema_file);
}

/* 20,000 sites with the names @prefix and a number, in reverse order if @backward. */
static struct config *parse_many(const char *prefix, bool backward)
{
	enum { MANY = 20000 };
	char *sites = NULL;
	size_t len;
	FILE *out = open_memstream(&sites, &len);
	struct config *config;

	fputs("sites: [", out);
	for (unsigned i = 0; i < MANY; i++) {
		unsigned k = backward ? MANY - 1 - i : i;

		fprintf(out,
			"{name: %s%u, tunnels: [{name: t-%s%u, local: 192.0.2.1, remote: "
			"198.18.%u.%u, port: under}]},\n",
			prefix, k, prefix, k, k >> 8, k & 255);
	}
	fputs("]\n", out);
	fclose(out);
	config = parse(sites, "many sites");
	free(sites);
	return config;
}

/* All sites and tunnels have other names and another order, which is the slowest case. */
static void test_many_renamed(void **state)
{
	enum { LIMIT_S = 5 }; /* it takes a fraction of one; a quadratic algorithm takes minutes */
	struct config *before = parse_many("a", false), *after = parse_many("b", true);
	clock_t begin = clock();
	struct difference d;

	assert_int_equal(difference_make(&d, before, after), 0);
	assert_true((clock() - begin) / CLOCKS_PER_SEC < LIMIT_S);
	assert_int_equal(d.n, 40000);
	for (size_t i = 0; i < d.n; i++) {
		assert_int_equal(d.items[i].what, CHANGE_CHANGED);
		assert_null(d.items[i].effect);
	}
	difference_fini(&d);
	config_destroy(before);
	config_destroy(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_no_setting_is_forgotten),
		cmocka_unit_test(test_each_row_says_when),
		cmocka_unit_test(test_many_renamed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
