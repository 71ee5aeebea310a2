/*
 * THE tables of settings: one row each, from which all else about it follows.
 *
 * To add a setting: add a field to its struct and a row here, then let the test of the reference
 * tell how to bring docs/configuration.md up to date. Only what a row cannot say (two settings that
 * must agree, names that must be known) is in check*.c.
 */
#include "control/config/schema.h"

#include "control/config/config.h"
#include "control/config/value.h"

#include <assert.h>
#include <inttypes.h>
#include <net/if.h>
#include <string.h>

/* Where a row's value lands. */
#define AT(type, field)                                                                            \
	.offset = offsetof(struct type, field), .size = sizeof(((struct type *)0)->field)
#define COUNT(type, field) .count_offset = offsetof(struct type, field)
#define SIX(type, field) .six_offset = offsetof(struct type, field)
#define SIX_COUNT(type, field) .six_count_offset = offsetof(struct type, field)
#define HAS(type, field) .has_offset = offsetof(struct type, field)
#define BLOCK_OF(rows) .settings = (rows), .n = ARRAY_SIZE(rows)
#define BIT(n) (1u << (n))

enum {
	PORTS_MAX = 32, /* RTE_MAX_ETHPORTS */
	PORT_TIMERS_MAX = 16, /* FLOW_PORT_TIMERS_MAX of flow/flow.h */
	POOLS_MAX = 256,
	ADDRESSES_MAX = 4096, /* of one pool */
	PREFIXES_MAX = 4096, /* of one site */
	CAPACITY_MAX = 268435456, /* FLOW_CAPACITY_MAX of flow/flow.h */
	NEW_FLOWS_MAX = 100000000, /* a second: ten nanoseconds each */
	DURATION_MAX_S = 18 * 3600, /* fits 16 bits */
	KERNEL_DRIVERS = BIT(PORT_AF_XDP) | BIT(PORT_AF_PACKET),
};

static const char *const drivers[] = {
	[PORT_AF_XDP] = "af_xdp", [PORT_AF_PACKET] = "af_packet", [PORT_TAP] = "tap",
	[PORT_PCAP] = "pcap",	  [PORT_MEMORY] = "memory",	  NULL,
};

static const char *const transports[] = {[TRANSPORT_UDP] = "udp", [TRANSPORT_TCP] = "tcp", NULL};
static const char *const tunnel_types[] = {[TUNNEL_GRE] = "gre", NULL};
static const char *const refresh_names[] = {
	[REFRESH_BOTH] = "both", [REFRESH_OUTBOUND] = "outbound", NULL};
static const char *const reset_unknown[] = {[RESET_UNKNOWN] = "true", [RESET_NONE] = "false", NULL};
static const char *const outer_df[] = {[OUTER_DF_SET] = "true", [OUTER_DF_CLEAR] = "false", NULL};

/* clang-format off */
static const struct setting port_timer_rows[] = {
	{
		.name = "protocol", .type = SETTING_CHOICE, AT(config_port_timer, protocol),
		.choices = transports, .required = true,
		.help = "Of UDP, or of TCP connections that are open.",
	}, {
		.name = "port", .type = SETTING_NUMBER, AT(config_port_timer, port),
		.min = 1, .max = 65535, .required = true,
		.help = "The destination port of the flow's first packet.",
	}, {
		.name = "idle", .type = SETTING_DURATION, AT(config_port_timer, idle),
		.min = 1, .max = DURATION_MAX_S, .required = true,
		.help = "How long such a flow is kept after its last packet.",
	},
};

static const struct block port_timer_block = {
	.title = "Timeouts of a port", .noun = "a timeout of a port", BLOCK_OF(port_timer_rows),
	.item_size = sizeof(struct config_port_timer),
};

static const struct setting timeout_rows[] = {
	{
		.name = "tcp-established",
		.type = SETTING_DURATION, AT(config, timeout_tcp_established),
		.min = 1, .max = DURATION_MAX_S, .fallback = "2h4m",
		.help = "A TCP connection that is open, after its last packet (RFC 5382).",
	}, {
		.name = "tcp-opening", .type = SETTING_DURATION, AT(config, timeout_tcp_opening),
		.min = 1, .max = DURATION_MAX_S, .fallback = "4m",
		.help = "A TCP connection that is not yet open: SYN, or SYN and its answer (RFC "
			"7857).",
	}, {
		.name = "tcp-half-closed", .type = SETTING_DURATION,
		AT(config, timeout_tcp_half_closed),
		.min = 1, .max = DURATION_MAX_S, .fallback = "2h4m",
		.help = "A TCP connection that one side has ended: the other may go on, so it is "
			"still an established one (RFC 5382 section 5).",
	}, {
		.name = "tcp-closed", .type = SETTING_DURATION, AT(config, timeout_tcp_closed),
		.min = 1, .max = DURATION_MAX_S, .fallback = "4m",
		.help = "A TCP connection that both sides have ended, or that was reset (RFC "
			"7857). Until then its egress port is used again towards the same "
			"destination only by a connection that is newer (RFC 6191).",
	}, {
		.name = "udp", .type = SETTING_DURATION, AT(config, timeout_udp),
		.min = 1, .max = DURATION_MAX_S, .fallback = "5m",
		.help = "UDP (RFC 4787), and untranslated protocols other than TCP and ICMP.",
	}, {
		.name = "dns", .type = SETTING_DURATION, AT(config, timeout_dns),
		.min = 1, .max = DURATION_MAX_S, .fallback = "30s",
		.help = "UDP to port 53, while a question is not answered (RFC 4787 REQ-5a).",
	}, {
		.name = "dns-answered", .type = SETTING_DURATION, AT(config, timeout_dns_answered),
		.min = 1, .max = DURATION_MAX_S, .fallback = "5s",
		.help = "The same when as many answers as questions have passed.",
	}, {
		.name = "icmp", .type = SETTING_DURATION, AT(config, timeout_icmp),
		.min = 1, .max = DURATION_MAX_S, .fallback = "60s",
		.help = "ICMP echo and timestamp (RFC 5508).",
	}, {
		.name = "per-port", .type = SETTING_LIST, AT(config, port_timers),
		COUNT(config, n_port_timers), .min = 1, .max = PORT_TIMERS_MAX,
		.block = &port_timer_block,
		.help = "Other timeouts for flows to some destination ports (RFC 4787 REQ-5a). "
			"They go before all others, `dns` too.",
	},
};

static const struct block timeout_block = {
	.title = "Timeouts", .noun = "the timeouts", BLOCK_OF(timeout_rows),
};

static const struct setting default_limit_rows[] = {
	{
		.name = "flows", .type = SETTING_NUMBER, AT(config, network.limits.flows),
		.min = 1, .max = CAPACITY_MAX, .unit = "flows",
		.fallback_words = "half of `capacity`; with one site all of it",
		.help = "How many flows a site may have at once.",
	}, {
		.name = "new-flows-per-second", .type = SETTING_NUMBER,
		AT(config, network.limits.new_flows_per_second),
		.min = 1, .max = NEW_FLOWS_MAX, .fallback = "200000", .unit = "flows",
		.help = "How many flows a site may open in a second. A site that was quiet may "
			"open as many at once.",
	}, {
		.name = "half-open", .type = SETTING_NUMBER, AT(config, network.limits.half_open),
		.min = 1, .max = CAPACITY_MAX, .unit = "flows",
		.fallback_words = "a quarter of the site's `flows`",
		.help = "How many of a site's flows may be TCP connections that are not yet "
			"established.",
	}, {
		.name = "flows-per-source", .type = SETTING_NUMBER,
		AT(config, network.limits.source_flows),
		.min = 1, .max = CAPACITY_MAX, .unit = "flows",
		.fallback_words = "half of the site's `flows`, but 1024 at least",
		.help = "How many of a site's flows one of its hosts may have.",
	}, {
		.name = "half-open-per-source", .type = SETTING_NUMBER,
		AT(config, network.limits.source_half_open),
		.min = 1, .max = CAPACITY_MAX, .unit = "flows",
		.fallback_words = "half of the site's `half-open`, but 256 at least",
		.help = "How many of them may be TCP connections that are not yet established.",
	},
};

static const struct block default_limit_block = {
	.title = "Limits of all sites", .noun = "the limits", BLOCK_OF(default_limit_rows),
};

static const struct setting flow_rows[] = {
	{
		.name = "capacity", .type = SETTING_NUMBER, AT(config, flows_capacity),
		.min = 1024, .max = CAPACITY_MAX, .fallback = "1048576", .unit = "flows",
		.help = "How many flows fit into the tables of all workers together. The memory, "
			"about 80 bytes a flow, is taken at the start.",
	}, {
		.name = "capacity-ipv6", .type = SETTING_NUMBER, AT(config, flows_capacity6),
		HAS(config, has_flows_capacity6), .max = CAPACITY_MAX, .unit = "flows",
		.fallback_words = "a quarter of `capacity` if a pool has an IPv6 address or a site "
				  "a global prefix, or else 0",
		.help = "How many IPv6 flows fit, besides. About 144 bytes a flow. With 0 no IPv6 "
			"is forwarded.",
	}, {
		.name = "limits", .type = SETTING_BLOCK, .block = &default_limit_block,
		.help = "What every site may have that says nothing else. Each worker has an equal "
			"part of a limit, rounded up.",
	}, {
		.name = "refresh", .type = SETTING_CHOICE, AT(config, refresh),
		.choices = refresh_names, .fallback = "both",
		.help = "Whose packets keep a flow alive: those of `both` directions, or only "
			"`outbound` ones, those of the site that started it (RFC 4787 REQ-6).",
	}, {
		.name = "reset-unknown", .type = SETTING_CHOICE, AT(config, reset_unknown),
		.choices = reset_unknown, .fallback = "true",
		.help = "`true` answers TCP segments of a site that belong to no flow by a reset, "
			"as after a restart of the gateway, so that hosts connect again at once; "
			"at most 1000 a second towards a site by each worker. `false` drops them.",
	}, {
		.name = "port-rest", .type = SETTING_DURATION, AT(config, port_rest),
		.min = 0, .max = DURATION_MAX_S, .fallback = "2m",
		.help = "How long an egress port rests, when its flow has ended, before another "
			"site gets it towards the same server (RFC 6888 REQ-8): what the server "
			"still sends reaches nobody. Less if no other port is left, which the "
			"alarm `ports_short` says. With 0 ports do not rest, nor after a start.",
	}, {
		.name = "epoch-file", .type = SETTING_PATH, AT(config, epoch_file),
		.fallback_words = "`epoch` in `state-directory`",
		.help = "Counts the starts: each begins with ports that the last one left unused.",
	}, {
		.name = "timeouts", .type = SETTING_BLOCK, .block = &timeout_block,
		.help = "How long a flow without packets is kept.",
	},
};

static const struct block flow_block = {
	.title = "Flows", .noun = "the flows", BLOCK_OF(flow_rows),
};

static const struct setting api_rows[] = {
	{
		.name = "socket", .type = SETTING_PATH, AT(config, api_socket),
		.fallback = "/run/homeward/api.sock",
		.help = "The Unix socket on which the daemon answers the command line.",
	},
};

static const struct block api_block = {
	.title = "API", .noun = "the API", BLOCK_OF(api_rows),
};

static const struct setting port_rows[] = {
	{
		.name = "name", .type = SETTING_NAME, AT(config_port, name), .required = true,
		.help = "Its name. No other port may have it.",
	}, {
		.name = "driver", .type = SETTING_CHOICE, AT(config_port, driver),
		.choices = drivers, .fallback = "af_xdp",
		.help = "How packets come and go: `af_xdp` and `af_packet` share an interface with "
			"the kernel, `tap` makes a new one, `pcap` reads and writes capture files, "
			"`memory` is for tests.",
	}, {
		.name = "interface", .type = SETTING_INTERFACE, AT(config_port, interface),
		.needed_by = KERNEL_DRIVERS | BIT(PORT_TAP),
		.taken_by = KERNEL_DRIVERS | BIT(PORT_TAP),
		.help = "The kernel's interface; with `tap` the name of the one to make.",
	}, {
		.name = "mtu", .type = SETTING_NUMBER, AT(config_port, mtu),
		.min = 576, .max = 9216, .fallback_words = "that of the interface", .unit = "bytes",
		.help = "The largest IP packet that may leave by this port.",
	}, {
		.name = "rx-file", .type = SETTING_PATH, AT(config_port, rx_file),
		.taken_by = BIT(PORT_PCAP), .fallback_words = "nothing comes in",
		.help = "The capture file whose packets come in.",
	}, {
		.name = "tx-file", .type = SETTING_PATH, AT(config_port, tx_file),
		.taken_by = BIT(PORT_PCAP), .fallback_words = "they are thrown away",
		.help = "The capture file to which packets that leave are written.",
	}, {
		.name = "next-hop-mac", .type = SETTING_MAC, AT(config_port, next_hop_mac),
		HAS(config_port, has_next_hop_mac),
		.needed_by = BIT(PORT_PCAP) | BIT(PORT_MEMORY),
		.taken_by = BIT(PORT_PCAP) | BIT(PORT_MEMORY) | BIT(PORT_TAP),
		.fallback_words = "with `tap` the new interface",
		.help = "The Ethernet address to which every packet is sent. With a kernel driver "
			"the kernel knows it.",
	},
};

const struct block schema_port = {
	.title = "Ports", .noun = "a port", BLOCK_OF(port_rows),
	.item_size = sizeof(struct config_port),
};

static const struct setting keepalive_rows[] = {
	{
		.name = "interval", .type = SETTING_DURATION, AT(spec_tunnel, keepalive.interval),
		.min = 1, .max = DURATION_MAX_S, .fallback_words = "none are sent",
		.help = "The time between two keepalives. Only by ports of a kernel driver.",
	}, {
		.name = "retries", .type = SETTING_NUMBER, AT(spec_tunnel, keepalive.retries),
		.min = 1, .max = 255, .fallback_words = "3", .unit = "keepalives",
		.help = "How many may stay unanswered in a row before the tunnel is called silent: "
			"an alarm, `tunnel_silent`.",
	},
};

static const struct block keepalive_block = {
	.title = "Keepalives", .noun = "the keepalives", BLOCK_OF(keepalive_rows),
};

static const struct setting tunnel_rows[] = {
	{
		.name = "name", .type = SETTING_NAME, AT(spec_tunnel, name), .required = true,
		.help = "Its name. No other tunnel may have it, of whatever site.",
	}, {
		.name = "type", .type = SETTING_CHOICE, AT(spec_tunnel, type),
		.choices = tunnel_types, .fallback = "gre",
		.help = "The protocol.",
	}, {
		.name = "local", .type = SETTING_ADDRESS, AT(spec_tunnel, local),
		SIX(spec_tunnel, local6), .required = true,
		.help = "Our outer address.",
	}, {
		.name = "remote", .type = SETTING_ADDRESS, AT(spec_tunnel, remote),
		SIX(spec_tunnel, remote6), .required = true,
		.help = "The outer address of the site, of the same family.",
	}, {
		.name = "key",
		.type = SETTING_NUMBER, AT(spec_tunnel, key), HAS(spec_tunnel, has_key),
		.max = UINT32_MAX, .fallback_words = "no key",
		.help = "The GRE key (RFC 2890). Local, remote and key together must be unique.",
	}, {
		.name = "address", .type = SETTING_ADDRESS, AT(spec_tunnel, address),
		.fallback_words = "that of `local`; over IPv6 192.0.0.8 (RFC 7600)",
		.help = "Our address inside the tunnel: what `traceroute` shows.",
	}, {
		.name = "address6", .type = SETTING_ADDRESS6, AT(spec_tunnel, address6),
		.fallback_words = "over IPv6 that of `local`; over IPv4 none: no ICMPv6 errors are "
			"sent into it",
		.help = "Our IPv6 address inside the tunnel. The tunnel's `mtu` must be at least "
			"1280.",
	}, {
		.name = "mtu", .type = SETTING_NUMBER, AT(spec_tunnel, mtu),
		.min = 576, .max = 9216,
		.fallback_words = "1476, over IPv6 1456; with a key 4 less; less where the port's "
			"`mtu` is less than 1500",
		.unit = "bytes",
		.help = "The largest packet inside the tunnel. Where the port, the route to "
			"`remote` or the path carries less, that holds.",
	}, {
		.name = "outer-df", .type = SETTING_CHOICE, AT(spec_tunnel, outer_df),
		.choices = outer_df, .fallback = "true",
		.help = "Don't fragment, in the outer IPv4 header: `false` lets routers fragment "
			"the tunnel's packets. Nobody may fragment IPv6 ones.",
	}, {
		.name = "outer-ttl", .type = SETTING_NUMBER, AT(spec_tunnel, outer_ttl),
		.min = 1, .max = 255, .fallback = "64", .unit = "hops",
		.help = "Time to live, or hop limit, in the outer header.",
	}, {
		.name = "port", .type = SETTING_PORT, AT(spec_tunnel, port),
		.fallback_words = "the only port; required if there are several",
		.help = "The port by which the tunnel's packets come and go.",
	}, {
		.name = "keepalive", .type = SETTING_BLOCK, .block = &keepalive_block,
		.help = "GRE keepalives, as Cisco's: sent to the far end, which sends them back "
			"without knowing of it. Those of the far end are always answered.",
	},
};

static const struct block tunnel_block = {
	.title = "Tunnels", .noun = "a tunnel", BLOCK_OF(tunnel_rows),
	.item_size = sizeof(struct spec_tunnel),
};

static const struct setting limit_rows[] = {
	{
		.name = "flows", .type = SETTING_NUMBER, AT(spec_site, limits.flows),
		.min = 1, .max = CAPACITY_MAX, .unit = "flows",
		.fallback_words = "that of `flows.limits`",
		.help = "How many flows it may have at once.",
	}, {
		.name = "new-flows-per-second", .type = SETTING_NUMBER,
		AT(spec_site, limits.new_flows_per_second),
		.min = 1, .max = NEW_FLOWS_MAX, .unit = "flows",
		.fallback_words = "that of `flows.limits`",
		.help = "How many flows it may open in a second.",
	}, {
		.name = "half-open", .type = SETTING_NUMBER, AT(spec_site, limits.half_open),
		.min = 1, .max = CAPACITY_MAX, .unit = "flows",
		.fallback_words = "that of `flows.limits`, or a quarter of its `flows`",
		.help = "How many of its flows may be TCP connections that are not yet "
			"established.",
	}, {
		.name = "flows-per-source", .type = SETTING_NUMBER,
		AT(spec_site, limits.source_flows),
		.min = 1, .max = CAPACITY_MAX, .unit = "flows",
		.fallback_words = "that of `flows.limits`, or half of its `flows`, but 1024 "
				  "at least",
		.help = "How many of its flows one of its hosts may have.",
	}, {
		.name = "half-open-per-source", .type = SETTING_NUMBER,
		AT(spec_site, limits.source_half_open),
		.min = 1, .max = CAPACITY_MAX, .unit = "flows",
		.fallback_words = "that of `flows.limits`, or half of its `half-open`, but 256 "
				  "at least",
		.help = "How many of them may be TCP connections that are not yet established.",
	},
};

static const struct block limit_block = {
	.title = "Limits of a site", .noun = "the limits", BLOCK_OF(limit_rows),
};

static const struct setting site_rows[] = {
	{
		.name = "name", .type = SETTING_NAME, AT(spec_site, name), .required = true,
		.help = "Its name. No other site may have it.",
	}, {
		.name = "prefixes", .type = SETTING_PREFIXES, AT(spec_site, prefixes),
		COUNT(spec_site, n_prefixes), SIX(spec_site, prefixes6),
		SIX_COUNT(spec_site, n_prefixes6), .min = 1, .max = PREFIXES_MAX,
		.fallback_words = "any source",
		.help = "The site's networks, IPv4 and IPv6. Packets from other sources are "
			"dropped. Sites may have the same prefixes.",
	}, {
		.name = "global-prefixes",
		.type = SETTING_PREFIXES6, AT(spec_site, global_prefixes),
		COUNT(spec_site, n_global_prefixes), .min = 1, .max = PREFIXES_MAX,
		.fallback_words = "none: everything is translated",
		.help = "The site's IPv6 networks that are its own in the whole world and are "
			"routed to this gateway. Sources in them are allowed besides `prefixes`, "
			"and leave untranslated.",
	}, {
		.name = "tunnels", .type = SETTING_LIST, AT(spec_site, tunnels),
		COUNT(spec_site, n_tunnels), .min = 1, .max = SPEC_TUNNELS_MAX, .required = true,
		.block = &tunnel_block,
		.help = "Its tunnels, in order of priority.",
	}, {
		.name = "limits", .type = SETTING_BLOCK, .block = &limit_block,
		.help = "What it may have at most, so that it can not disturb other sites.",
	},
};

static const struct block site_block = {
	.title = "Sites", .noun = "a site", BLOCK_OF(site_rows),
	.item_size = sizeof(struct spec_site),
};

static const struct setting address_rows[] = {
	{
		.name = "address", .type = SETTING_ADDRESS, AT(spec_address, addr),
		SIX(spec_address, addr6), .required = true,
		.help = "A public IPv4 or IPv6 address that is routed to this gateway.",
	}, {
		.name = "slices", .type = SETTING_SLICES, AT(spec_address, slices),
		.fallback_words = "all without ports below 1024",
		.help = "Which slices of its ports are ours: numbers and ranges, such as `[1, 2, "
			"5-7]`. Slice k begins at port k * `slice-size`.",
	},
};

static const struct block address_block = {
	.title = "Egress addresses", .noun = "an egress address", BLOCK_OF(address_rows),
	.item_size = sizeof(struct spec_address),
};

static const struct setting pool_rows[] = {
	{
		.name = "name", .type = SETTING_NAME, AT(spec_pool, name), .required = true,
		.help = "Its name. No other pool may have it.",
	}, {
		.name = "port", .type = SETTING_PORT, AT(spec_pool, port),
		.fallback_words = "the only port; required if there are several",
		.help = "The uplink: the port by which its packets come and go.",
	}, {
		.name = "slice-size", .type = SETTING_NUMBER, AT(spec_pool, slice_size),
		.min = 64, .max = 32768, .power_of_two = true, .fallback = "2048", .unit = "ports",
		.help = "How many ports a slice has. All gateways that share an address must "
			"agree.",
	}, {
		.name = "mapping", .type = SETTING_CHOICE, AT(spec_pool, mapping),
		.choices = pool_mapping_names, .fallback = "address-and-port-dependent",
		.help = "How a source port of a site is seen outside. The default shares egress "
			"ports between destinations; `endpoint-independent` gives each source port "
			"one of its own, the same towards everybody (RFC 4787). That is for IPv4 "
			"only.",
	}, {
		.name = "filtering", .type = SETTING_CHOICE, AT(spec_pool, filtering),
		.choices = pool_filtering_names, .fallback = "address-and-port-dependent",
		.help = "Who may send to an egress port that a source port of a site has. By "
			"default only whom it was used to write to; `endpoint-independent` lets "
			"everybody on the Internet in, and needs the mapping of that name.",
	}, {
		.name = "addresses", .type = SETTING_LIST, AT(spec_pool, addresses),
		COUNT(spec_pool, n_addresses), .min = 1, .max = ADDRESSES_MAX, .required = true,
		.block = &address_block,
		.help = "The addresses flows leave from.",
	},
};

static const struct block pool_block = {
	.title = "Egress pools", .noun = "an egress pool", BLOCK_OF(pool_rows),
	.item_size = sizeof(struct spec_pool),
};

static const struct setting file_rows[] = {
	{
		.name = "flows", .type = SETTING_BLOCK, .block = &flow_block,
		.help = "The table of flows.",
	}, {
		.name = "workers", .type = SETTING_NUMBER, AT(config, workers),
		.min = 1, .max = 32, .fallback = "1", .unit = "threads",
		.help = "How many cores carry packets.",
	}, {
		.name = "api", .type = SETTING_BLOCK, .block = &api_block,
		.help = "How programs talk to the daemon.",
	}, {
		.name = "state-directory", .type = SETTING_PATH, AT(config, state_directory),
		.fallback = "/var/lib/homeward",
		.help = "Where the daemon keeps its state. No two daemons may have the same.",
	}, {
		.name = "ports", .type = SETTING_LIST, AT(config, ports), COUNT(config, n_ports),
		.min = 1, .max = PORTS_MAX, .required = true, .block = &schema_port,
		.help = "Where packets come in and go out.",
	}, {
		.name = "sites", .type = SETTING_LIST, AT(config, network.sites),
		COUNT(config, network.n_sites), .min = 1, .max = SPEC_SITES_MAX, .required = true,
		.block = &site_block,
		.help = "The customer places and their tunnels.",
	}, {
		.name = "egress", .type = SETTING_LIST, AT(config, network.pools),
		COUNT(config, network.n_pools), .min = 1, .max = POOLS_MAX, .required = true,
		.block = &pool_block,
		.help = "Pools of public addresses. IPv4 leaves by the first pool with an IPv4 "
			"address, IPv6 by the first one with an IPv6 address.",
	},
};

const struct block schema_file = {
	.title = "The file", .noun = "the file", BLOCK_OF(file_rows),
	.item_size = sizeof(struct config),
};
/* clang-format on */

static_assert(ARRAY_SIZE(file_rows) <= SETTINGS_MAX && ARRAY_SIZE(tunnel_rows) <= SETTINGS_MAX &&
		      ARRAY_SIZE(port_rows) <= SETTINGS_MAX,
	      "a block has more settings than the parser remembers");
static_assert(sizeof(((struct config_port *)0)->interface) == IFNAMSIZ, "interface is a name");

static void expect_choice(const struct setting *setting, char buf[static SCHEMA_EXPECTS_SIZE])
{
	size_t n = 0;

	for (size_t i = 0; setting->choices[i] != NULL; i++)
		n += (size_t)snprintf(buf + n, SCHEMA_EXPECTS_SIZE - n, "%s%s",
				      i == 0			? ""
				      : setting->choices[i + 1] ? ", "
								: " or ",
				      setting->choices[i]);
}

const char *schema_expects(const struct setting *setting, char buf[static SCHEMA_EXPECTS_SIZE])
{
	char low[VALUE_DURATION_SIZE], high[VALUE_DURATION_SIZE];
	static const char *const words[] = {
		[SETTING_BLOCK] = "a map of settings",
		[SETTING_LIST] = "a list of maps",
		[SETTING_PREFIXES] = "a list of IPv4 and IPv6 prefixes, such as [10.0.1.0/24]",
		[SETTING_PREFIXES6] = "a list of IPv6 prefixes, such as ['2001:db8:1::/48']",
		[SETTING_SLICES] = "a list of slice numbers and ranges, such as [1, 2, 5-7]",
		[SETTING_ADDRESS6] = "a unicast IPv6 address",
		[SETTING_MAC] = "a unicast MAC address, such as 02:00:00:00:00:01",
		[SETTING_PORT] = "the name of a port",
	};

	switch (setting->type) {
	case SETTING_NUMBER:
		snprintf(buf, SCHEMA_EXPECTS_SIZE, "%s from %" PRIu64 " to %" PRIu64,
			 setting->power_of_two ? "a power of two" : "a number", setting->min,
			 setting->max);
		break;
	case SETTING_DURATION:
		snprintf(buf, SCHEMA_EXPECTS_SIZE,
			 "a duration from %s to %s, such as 90, 90s, 5m or 2h4m",
			 value_duration_text(setting->min, low),
			 value_duration_text(setting->max, high));
		break;
	case SETTING_NAME:
		snprintf(buf, SCHEMA_EXPECTS_SIZE,
			 "a name of 1 to %zu letters, digits, '.', '_' and '-'", setting->size - 1);
		break;
	case SETTING_INTERFACE:
		snprintf(buf, SCHEMA_EXPECTS_SIZE,
			 "an interface: 1 to %zu letters, digits, '.', '_' and '-'",
			 setting->size - 1);
		break;
	case SETTING_PATH:
		snprintf(buf, SCHEMA_EXPECTS_SIZE,
			 "a path of 1 to %zu printable characters without commas and brackets",
			 setting->size - 1);
		break;
	case SETTING_CHOICE:
		expect_choice(setting, buf);
		break;
	case SETTING_ADDRESS:
		snprintf(buf, SCHEMA_EXPECTS_SIZE, "a unicast IPv4%s address",
			 setting->six_offset > 0 ? " or IPv6" : "");
		break;
	default:
		snprintf(buf, SCHEMA_EXPECTS_SIZE, "%s", words[setting->type]);
	}
	return buf;
}

const char *schema_driver_name(unsigned driver)
{
	return drivers[driver];
}

const struct setting *schema_find(const struct block *block, const char *name)
{
	for (size_t i = 0; i < block->n; i++) {
		if (strcmp(block->settings[i].name, name) == 0)
			return &block->settings[i];
	}
	return NULL;
}
