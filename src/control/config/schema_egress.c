/* The settings of egress pools and their addresses: see schema.h. */
#include "control/config/schema_rows.h"

enum {
	ADDRESSES_MAX = 4096, /* of one pool */
};

/* clang-format off */
static const struct setting address_rows[] = {
	{
		.name = "address", .type = SETTING_ADDRESS, AT(spec_address, addr),
		.required = true,
		.reloadable = true, .effect = EFFECT_SLICE,
		.help = "A public IPv4 or IPv6 address that is routed to this gateway.",
	}, {
		.name = "slices", .type = SETTING_SLICES, AT(spec_address, slices),
		.fallback_words = "all without ports below 1024",
		.reloadable = true, .effect = EFFECT_SLICE,
		.help = "Which slices of its ports are ours: numbers and ranges, such as `[1, 2, "
			"5-7]`. Slice k begins at port k * `slice-size`.",
	},
};

const struct block schema_address = {
	.title = "Egress addresses", .noun = "an egress address", BLOCK_OF(address_rows),
	.item_size = sizeof(struct spec_address),
};

static const struct setting pool_rows[] = {
	{
		.name = "name", .type = SETTING_NAME, AT(spec_pool, name), .required = true,
		.reloadable = true,
		.help = "Its name. No other pool may have it.",
	}, {
		.name = "port", .type = SETTING_PORT, AT(spec_pool, port),
		.fallback_words = "the only port; required if there are several",
		.reloadable = true, .effect = EFFECT_PATH,
		.help = "The uplink: the port by which its packets come and go.",
	}, {
		.name = "slice-size", .type = SETTING_NUMBER, AT(spec_pool, slice_size),
		.min = 64, .max = 32768, .power_of_two = true, .fallback = "2048", .unit = "ports",
		.reloadable = true, .effect = EFFECT_SLICE,
		.help = "How many ports a slice has. All gateways that share an address must have "
			"the same value.",
	}, {
		.name = "mapping", .type = SETTING_CHOICE, AT(spec_pool, mapping),
		.choices = pool_mapping_names, .fallback = "address-and-port-dependent",
		.reloadable = true, .effect = EFFECT_SLICE,
		.help = "How source ports of sites get egress ports. By default flows to several "
			"destinations share an egress port; `endpoint-independent` gives each "
			"source port an egress port of its own, the same towards every "
			"destination (RFC 4787). That is for IPv4 only.",
	}, {
		.name = "filtering", .type = SETTING_CHOICE, AT(spec_pool, filtering),
		.choices = pool_filtering_names, .fallback = "address-and-port-dependent",
		.reloadable = true, .effect = EFFECT_NEXT,
		.help = "Who may send to an egress port that a source port of a site has. By "
			"default only destinations that the source port has sent to; "
			"`endpoint-independent` accepts every sender on the Internet, and needs "
			"the mapping of that name.",
	}, {
		.name = "addresses", .type = SETTING_LIST, AT(spec_pool, addresses),
		COUNT(spec_pool, n_addresses), .min = 1, .max = ADDRESSES_MAX, .required = true,
		.block = &schema_address,
		.reloadable = true,
		.help = "The public addresses of the pool.",
	},
};

const struct block schema_pool = {
	.title = "Egress pools", .noun = "an egress pool", BLOCK_OF(pool_rows),
	.item_size = sizeof(struct spec_pool),
};
/* clang-format on */

static_assert(ARRAY_SIZE(pool_rows) <= SETTINGS_MAX,
	      "a block has more settings than the parser remembers");
