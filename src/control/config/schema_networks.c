/* The settings of virtual networks and their routes: see schema.h. */
#include "control/config/schema_rows.h"

enum {
	ROUTES_MAX = 262144, /* of one network */
};

/* penalties of tunnels are added to a priority, and the sum has 32 bits */
#define PRIORITY_MAX UINT32_C(4000000000)

static const char *const collisions[] = {
	[COLLISION_TRANSLATE] = "translate",
	[COLLISION_REFUSE] = "refuse",
	NULL,
};

static const char *const no_yes[] = {[false] = "false", [true] = "true", NULL};

#define TARGET(kind) .type = SETTING_TARGET, .target = (kind), AT(spec_target, index)

/* clang-format off */
static const struct setting target_rows[] = {
	{
		.name = "site", TARGET(TARGET_SITE),
		.fallback_words = "one of these five is required",
		.reloadable = true, .effect = EFFECT_ROUTE,
		.help = "To a site of this network, by the best of its tunnels.",
	}, {
		.name = "tunnel", TARGET(TARGET_TUNNEL),
		.reloadable = true, .effect = EFFECT_ROUTE,
		.help = "To a site of this network, by this tunnel.",
	}, {
		.name = "egress", TARGET(TARGET_EGRESS),
		.reloadable = true, .effect = EFFECT_ROUTE,
		.help = "To the Internet, from the addresses of this pool.",
	}, {
		.name = "network", TARGET(TARGET_LINK),
		.reloadable = true, .effect = EFFECT_ROUTE,
		.help = "Into another network, whose routes are asked there: a private link.",
	}, {
		.name = "drop", TARGET(TARGET_DROP),
		.reloadable = true, .effect = EFFECT_ROUTE,
		.help = "Nowhere: first packets are dropped, and nobody is told. Such a route has "
			"no other target.",
	}, {
		.name = "priority", .type = SETTING_NUMBER, AT(spec_target, priority),
		.max = PRIORITY_MAX, .fallback = "100",
		.reloadable = true, .effect = EFFECT_NEW,
		.help = "Only the targets with the lowest priority are used. One that is degraded "
			"counts 500,000 more, one that is down 1,000,000 more.",
	}, {
		.name = "weight", .type = SETTING_NUMBER, AT(spec_target, weight),
		.min = 1, .max = SPEC_WEIGHT_MAX, .fallback = "1",
		.reloadable = true, .effect = EFFECT_NEW,
		.help = "The share of new flows that it gets, among targets of one priority.",
	}, {
		.name = "untranslated", .type = SETTING_CHOICE, AT(spec_target, untranslated),
		.choices = no_yes, .fallback = "false",
		.reloadable = true, .effect = EFFECT_ROUTE,
		.help = "Of an egress pool and an IPv4 prefix: with `true` packets leave by the "
			"uplink of the pool from their own address and port (RFC 6888 REQ-6). "
			"That is for sites that list `prefixes`, which the uplink must route to "
			"this gateway.",
	},
};

const struct block schema_target = {
	.title = "Targets of a route", .noun = "a target", BLOCK_OF(target_rows),
	.item_size = sizeof(struct spec_target),
};

static const struct setting route_rows[] = {
	{
		.name = "prefix", .type = SETTING_PREFIX, AT(spec_route, prefix), .required = true,
		.reloadable = true, .effect = EFFECT_ROUTE,
		.help = "The destinations. Of several routes the one with the longest prefix is "
			"used. No other route of the network may have the same.",
	}, {
		.name = "to", .type = SETTING_LIST, AT(spec_route, targets),
		COUNT(spec_route, n_targets), .min = 1, .max = SPEC_TARGETS_MAX, .required = true,
		.block = &schema_target,
		.reloadable = true, .effect = EFFECT_ROUTE,
		.help = "Where the route leads.",
	}, {
		.name = "on-collision", .type = SETTING_CHOICE, AT(spec_route, on_collision),
		.choices = collisions, .fallback = "translate",
		.reloadable = true, .effect = EFFECT_NEW,
		.help = "Private destinations see the real source of a flow, and so do those of "
			"`untranslated` egress. This is for a flow "
			"whose addresses and ports another site already uses towards the same "
			"destination: `translate` gives it another source port, `refuse` refuses "
			"it.",
	},
};

const struct block schema_route = {
	.title = "Routes of a network", .noun = "a route", BLOCK_OF(route_rows),
	.item_size = sizeof(struct spec_route),
};

static const struct setting network_learn_rows[] = {
	{
		.name = "table", .type = SETTING_NUMBER, AT(spec_vnet, learn.table),
		.min = 1, .max = UINT32_MAX, .required = true,
		.reloadable = true, .effect = EFFECT_NEW,
		.help = "The number of the kernel's routing table. No other site or network may "
			"have it.",
	},
};

static const struct block network_learn_block = {
	.title = "Routes that a network learns", .noun = "the learned routes",
	BLOCK_OF(network_learn_rows),
};

static const struct setting network_limit_rows[] = {
	{
		.name = "routes", .type = SETTING_NUMBER, AT(spec_vnet, learn.limit),
		.min = 1, .max = LEARNED_MAX, .fallback = "5000", .unit = "prefixes",
		.reloadable = true, .effect = EFFECT_NEW,
		.help = "How many prefixes of its table are learned. Those that are there stay, "
			"and further ones are refused: an alarm, `learned_refused`.",
	},
};

static const struct block network_limit_block = {
	.title = "Limits of a network", .noun = "the limits", BLOCK_OF(network_limit_rows),
};

static const struct setting network_rows[] = {
	{
		.name = "name", .type = SETTING_NAME, AT(spec_vnet, name), .required = true,
		.reloadable = true,
		.help = "Its name. No other network may have it. The network `default` always "
			"exists.",
	}, {
		.name = "egress", .type = SETTING_POOL, AT(spec_vnet, egress_pool),
		.fallback_words = "the first pool with an address of the family",
		.reloadable = true, .effect = EFFECT_NEW,
		.help = "The pool by which public destinations without a route are reached; with "
			"`none` they are refused.",
	}, {
		.name = "learn", .type = SETTING_BLOCK, .block = &network_learn_block,
		.reloadable = true,
		.help = "Routes that are learned from a kernel table, as those of a site. They "
			"lead to the tunnels of all sites of this network.",
	}, {
		.name = "limits", .type = SETTING_BLOCK, .block = &network_limit_block,
		.reloadable = true,
		.help = "Limits of the network.",
	}, {
		.name = "routes", .type = SETTING_LIST, AT(spec_vnet, routes),
		COUNT(spec_vnet, n_routes), .max = ROUTES_MAX,
		.block = &schema_route,
		.reloadable = true, .effect = EFFECT_ROUTE,
		.help = "Its routes. Private destinations without a route are refused.",
	},
};

const struct block schema_network = {
	.title = "Virtual networks", .noun = "a network", BLOCK_OF(network_rows),
	.item_size = sizeof(struct spec_vnet),
};
/* clang-format on */
