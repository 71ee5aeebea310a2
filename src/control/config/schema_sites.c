/* The settings of sites, their tunnels and limits: see schema.h. */
#include "control/config/schema_rows.h"

#include "tunnel/kinds.h"

enum {
	PREFIXES_MAX = 4096, /* of one site */
	OVER_IP = BIT(TUNNEL_GRE) | BIT(TUNNEL_IPSEC), /* the kinds with an outer IP header */
};

enum {
	ALIASES_MAX = 256, /* of one site */
};

/* The field says the opposite: no_arr. */
static const char *const automatic[] = {[false] = "true", [true] = "false", NULL};
static const char *const outer_df[] = {[OUTER_DF_SET] = "true", [OUTER_DF_CLEAR] = "false", NULL};

/* clang-format off */
static const struct setting keepalive_rows[] = {
	{
		.name = "interval", .type = SETTING_DURATION, AT(spec_tunnel, keepalive.interval),
		.min = 1, .max = DURATION_MAX_S, .fallback_words = "none are sent",
		.reloadable = true,
		.help = "The time between two keepalives. Only by ports of a kernel driver.",
	}, {
		.name = "retries", .type = SETTING_NUMBER, AT(spec_tunnel, keepalive.retries),
		.min = 1, .max = 255, .fallback_words = "3", .unit = "keepalives",
		.reloadable = true,
		.help = "How many may stay unanswered in a row before the tunnel is called silent: "
			"an alarm, `tunnel_silent`.",
	},
};

static const struct block keepalive_block = {
	.title = "Keepalives", .noun = "the keepalives", BLOCK_OF(keepalive_rows),
};

enum { TUNNEL_TYPE_ROW = 1 };

static const struct setting tunnel_rows[] = {
	{
		.name = "name", .type = SETTING_NAME, AT(spec_tunnel, name), .required = true,
		.reloadable = true,
		.help = "Its name. No other tunnel of any site may have it.",
	}, {
		.name = "type", .type = SETTING_CHOICE, AT(spec_tunnel, type),
		.choices = tunnel_kind_names, .fallback = "gre",
		.reloadable = true, .effect = EFFECT_PATH,
		.help = "The protocol. An `interconnect` is plain IP on a port or on a VLAN of it; "
			"`ipsec` is ESP with keys by IKEv2.",
	}, {
		.name = "local", .type = SETTING_ADDRESS, AT(spec_tunnel, local),
		.needed_by = OVER_IP, .taken_by = OVER_IP,
		.reloadable = true, .effect = EFFECT_PATH,
		.help = "Our outer address.",
	}, {
		.name = "remote", .type = SETTING_ADDRESS, AT(spec_tunnel, remote),
		.needed_by = BIT(TUNNEL_GRE), .taken_by = OVER_IP,
		.fallback_words = "of IPsec: any address",
		.reloadable = true, .effect = EFFECT_PATH,
		.help = "The outer address of the site, of the same family. An IPsec tunnel "
			"without it is for a far end with changing addresses, or behind NAT.",
	}, {
		.name = "key",
		.type = SETTING_NUMBER, AT(spec_tunnel, key), HAS(spec_tunnel, has_key),
		.max = UINT32_MAX, .fallback_words = "no key", .taken_by = BIT(TUNNEL_GRE),
		.reloadable = true, .effect = EFFECT_PATH,
		.help = "The GRE key (RFC 2890). Local, remote and key together must be unique.",
	}, {
		.name = "vlan", .type = SETTING_NUMBER, AT(spec_tunnel, vlan),
		.min = 1, .max = SPEC_VLAN_MAX,
		.fallback_words = "untagged: the port is for this interconnect alone",
		.taken_by = BIT(TUNNEL_INTERCONNECT),
		.reloadable = true, .effect = EFFECT_PATH,
		.help = "The VLAN of the port that it is (IEEE 802.1Q). Port and VLAN together "
			"must be unique.",
	}, {
		.name = "address", .type = SETTING_ADDRESS4, AT(spec_tunnel, address),
		.fallback_words = "that of `local`; over IPv6 192.0.0.8 (RFC 7600)",
		.reloadable = true,
		.help = "Our address inside the tunnel: what `traceroute` shows. On an "
			"interconnect our address on the link; it, `address6` or both must be "
			"set.",
	}, {
		.name = "address6", .type = SETTING_ADDRESS6, AT(spec_tunnel, address6),
		.fallback_words = "over IPv6 that of `local`; over IPv4 none: no ICMPv6 errors are "
			"sent into it",
		.reloadable = true,
		.help = "Our IPv6 address inside the tunnel. The tunnel's `mtu` must be at least "
			"1280.",
	}, {
		.name = "peer", .type = SETTING_ADDRESS4, AT(spec_tunnel, peer),
		.fallback_words = "unknown",
		.reloadable = true,
		.help = "The far end's address inside the tunnel. A routing protocol names it as "
			"the gateway of what lies behind the tunnel. An interconnect with "
			"`address` must have it.",
	}, {
		.name = "peer6", .type = SETTING_ADDRESS6, AT(spec_tunnel, peer6),
		.fallback_words = "unknown",
		.reloadable = true,
		.help = "The same of IPv6.",
	}, {
		.name = "automatic-return-routing", .type = SETTING_CHOICE,
		AT(spec_tunnel, no_arr), .choices = automatic, .fallback = "true",
		.reloadable = true, .effect = EFFECT_NEW,
		.help = "Do returns go back into the tunnel by which their flow came? With `false` "
			"they take the route to the flow's source, which must lead to the flow's "
			"own site. That is for sites whose addresses are unique.",
	}, {
		.name = "mtu", .type = SETTING_NUMBER, AT(spec_tunnel, mtu),
		.min = 576, .max = 9216,
		.fallback_words = "1476, over IPv6 1456; with a key 4 less; of an interconnect "
			"1500; less where the port's `mtu` is less than 1500",
		.unit = "bytes",
		.reloadable = true, .effect = EFFECT_PATH,
		.help = "The largest packet inside the tunnel. If the port, the route to `remote` "
			"or the path carries less, that is used.",
	}, {
		.name = "outer-df", .type = SETTING_CHOICE, AT(spec_tunnel, outer_df),
		.choices = outer_df, .fallback = "true", .taken_by = OVER_IP,
		.reloadable = true, .effect = EFFECT_PATH,
		.help = "Don't fragment, in the outer IPv4 header: `false` lets routers fragment "
			"the tunnel's packets. Routers never fragment IPv6 packets.",
	}, {
		.name = "outer-ttl", .type = SETTING_NUMBER, AT(spec_tunnel, outer_ttl),
		.min = 1, .max = 255, .fallback = "64", .unit = "hops", .taken_by = OVER_IP,
		.reloadable = true, .effect = EFFECT_PATH,
		.help = "Time to live, or hop limit, in the outer header.",
	}, {
		.name = "port", .type = SETTING_PORT, AT(spec_tunnel, port),
		.fallback_words = "the only port; required if there are several",
		.reloadable = true, .effect = EFFECT_PATH,
		.help = "The port by which the tunnel's packets come and go.",
	}, {
		.name = "keepalive", .type = SETTING_BLOCK, .block = &keepalive_block,
		.taken_by = BIT(TUNNEL_GRE),
		.reloadable = true,
		.help = "GRE keepalives like Cisco's: the far end sends them back without any "
			"support for them. Keepalives of the far end are always answered.",
	}, {
		.name = "ipsec", .type = SETTING_BLOCK, .block = &schema_ipsec,
		.needed_by = BIT(TUNNEL_IPSEC), .taken_by = BIT(TUNNEL_IPSEC),
		.reloadable = true,
		.help = "How keys are negotiated by IKEv2: see docs/ipsec.md.",
	}, {
		.name = "health", .type = SETTING_BLOCK, .block = &schema_tunnel_health,
		.reloadable = true,
		.help = "How the tunnel is probed.",
	},
};

const struct block schema_tunnel = {
	.title = "Tunnels", .noun = "a tunnel", BLOCK_OF(tunnel_rows),
	.item_size = sizeof(struct spec_tunnel), .variant = &tunnel_rows[TUNNEL_TYPE_ROW],
};

static const struct setting limit_rows[] = {
	{
		.name = "flows", .type = SETTING_NUMBER, AT(spec_site, limits.flows),
		.min = 1, .max = CAPACITY_MAX, .unit = "flows",
		.fallback_words = "that of `flows.limits`",
		.reloadable = true, .effect = EFFECT_LIMIT,
		.help = "How many flows it may have at once.",
	}, {
		.name = "new-flows-per-second", .type = SETTING_NUMBER,
		AT(spec_site, limits.new_flows_per_second),
		.min = 1, .max = NEW_FLOWS_MAX, .unit = "flows",
		.fallback_words = "that of `flows.limits`",
		.reloadable = true, .effect = EFFECT_LIMIT,
		.help = "How many flows it may open in a second.",
	}, {
		.name = "half-open", .type = SETTING_NUMBER, AT(spec_site, limits.half_open),
		.min = 1, .max = CAPACITY_MAX, .unit = "flows",
		.fallback_words = "that of `flows.limits`, or a quarter of its `flows`",
		.reloadable = true, .effect = EFFECT_LIMIT,
		.help = "How many of its flows may be TCP connections that are not yet "
			"established.",
	}, {
		.name = "flows-per-source", .type = SETTING_NUMBER,
		AT(spec_site, limits.source_flows),
		.min = 1, .max = CAPACITY_MAX, .unit = "flows",
		.fallback_words = "that of `flows.limits`, or half of its `flows`, but 1024 "
				  "at least",
		.reloadable = true, .effect = EFFECT_LIMIT,
		.help = "How many of its flows one of its hosts may have.",
	}, {
		.name = "half-open-per-source", .type = SETTING_NUMBER,
		AT(spec_site, limits.source_half_open),
		.min = 1, .max = CAPACITY_MAX, .unit = "flows",
		.fallback_words = "that of `flows.limits`, or half of its `half-open`, but 256 "
				  "at least",
		.reloadable = true, .effect = EFFECT_LIMIT,
		.help = "How many of a host's flows may be TCP connections that are not yet "
			"established.",
	}, {
		.name = "routes", .type = SETTING_NUMBER, AT(spec_site, learn.limit),
		.min = 1, .max = LEARNED_MAX, .fallback = "5000", .unit = "prefixes",
		.reloadable = true, .effect = EFFECT_NEW,
		.help = "How many prefixes of its table are learned. Those that are there stay, "
			"and further ones are refused: an alarm, `learned_refused`.",
	},
};

static const struct setting learn_rows[] = {
	{
		.name = "table", .type = SETTING_NUMBER, AT(spec_site, learn.table),
		.min = 1, .max = UINT32_MAX, .required = true,
		.reloadable = true, .effect = EFFECT_NEW,
		.help = "The number of the kernel's routing table. No other site or network may "
			"have it.",
	},
};

static const struct block learn_block = {
	.title = "Routes that a site announces", .noun = "the learned routes",
	BLOCK_OF(learn_rows),
};

static const struct block limit_block = {
	.title = "Limits of a site", .noun = "the limits", BLOCK_OF(limit_rows),
};

static const struct setting alias_rows[] = {
	{
		.name = "alias", .type = SETTING_PREFIX, AT(spec_alias, alias), .required = true,
		.reloadable = true, .effect = EFFECT_NEW,
		.help = "Where others see them. No other alias that they can reach may overlap it.",
	}, {
		.name = "prefix", .type = SETTING_PREFIX, AT(spec_alias, prefix), .required = true,
		.reloadable = true, .effect = EFFECT_NEW,
		.help = "The site's own addresses: as many as the alias has.",
	},
};

const struct block schema_alias = {
	.title = "Aliases of a site", .noun = "an alias", BLOCK_OF(alias_rows),
	.item_size = sizeof(struct spec_alias),
};

static const struct setting site_rows[] = {
	{
		.name = "name", .type = SETTING_NAME, AT(spec_site, name), .required = true,
		.reloadable = true,
		.help = "Its name. No other site may have it.",
	}, {
		.name = "network", .type = SETTING_NETWORK, AT(spec_site, vnet),
		.fallback_words = "`default`",
		.reloadable = true, .effect = EFFECT_ROUTE,
		.help = "The virtual network that it belongs to.",
	}, {
		.name = "prefixes", .type = SETTING_PREFIXES, AT(spec_site, prefixes),
		COUNT(spec_site, n_prefixes), SIX(spec_site, prefixes6),
		SIX_COUNT(spec_site, n_prefixes6), .min = 1, .max = PREFIXES_MAX,
		.fallback_words = "any source",
		.reloadable = true, .effect = EFFECT_SOURCE,
		.help = "The site's networks, IPv4 and IPv6. Packets from other sources are "
			"dropped. Sites may have the same prefixes.",
	}, {
		.name = "global-prefixes",
		.type = SETTING_PREFIXES6, AT(spec_site, global_prefixes),
		COUNT(spec_site, n_global_prefixes), .min = 1, .max = PREFIXES_MAX,
		.fallback_words = "none: everything is translated",
		.reloadable = true, .effect = EFFECT_PREFIX,
		.help = "The site's globally unique IPv6 networks, which are routed to this "
			"gateway. Sources in them are allowed in addition to `prefixes`, and "
			"leave untranslated.",
	}, {
		.name = "aliases", .type = SETTING_LIST, AT(spec_site, aliases),
		COUNT(spec_site, n_aliases), .min = 1, .max = ALIASES_MAX,
		.block = &schema_alias,
		.reloadable = true, .effect = EFFECT_NEW,
		.help = "Prefixes by which other sites reach hosts of this one, where several "
			"sites have the same addresses.",
	}, {
		.name = "tunnels", .type = SETTING_LIST, AT(spec_site, tunnels),
		COUNT(spec_site, n_tunnels), .min = 1, .max = SPEC_TUNNELS_MAX, .required = true,
		.block = &schema_tunnel,
		.reloadable = true,
		.help = "Its tunnels, in order of priority.",
	}, {
		.name = "learn", .type = SETTING_BLOCK, .block = &learn_block,
		.reloadable = true,
		.help = "Routes that are learned from a kernel table, where a routing daemon such "
			"as BIRD has put what the site announces by BGP: see docs/bgp.md. They "
			"lead to the tunnels of this site whose `peer` is their gateway.",
	}, {
		.name = "health", .type = SETTING_BLOCK, .block = &schema_site_health,
		.reloadable = true,
		.help = "How its tunnels are probed, unless they say otherwise.",
	}, {
		.name = "limits", .type = SETTING_BLOCK, .block = &limit_block,
		.reloadable = true,
		.help = "Limits of the site, so that it can not disturb other sites.",
	},
};

const struct block schema_site = {
	.title = "Sites", .noun = "a site", BLOCK_OF(site_rows),
	.item_size = sizeof(struct spec_site),
};
/* clang-format on */

static_assert(ARRAY_SIZE(tunnel_rows) <= SETTINGS_MAX,
	      "a block has more settings than the parser remembers");
