/*
 * THE tables of settings: one row each, from which everything else is derived.
 *
 * The chapters are in schema_flows.c, schema_ports.c, schema_sites.c, schema_networks.c,
 * schema_health.c and schema_egress.c; this file has the top level. To add a setting: add a field
 * to its struct and a row in the table, with the effect of a change. Then the test of the reference
 * says how to update docs/configuration.md. What a row cannot express (two settings that must
 * agree, names that must be known) is in check*.c.
 */
#include "control/config/schema_rows.h"
#include "control/config/value.h"

#include <inttypes.h>
#include <string.h>

enum {
	PORTS_MAX = 32, /* RTE_MAX_ETHPORTS */
	POOLS_MAX = 256,
	NETWORKS_MAX = 4096,
};

/* clang-format off */
static const struct setting announce_rows[] = {
	{
		.name = "table", .type = SETTING_NUMBER, AT(config, announce_table),
		.min = 1, .max = UINT32_MAX, .required = true,
		.reloadable = true,
		.help = "The number of the kernel's routing table.",
	},
};

static const struct block announce_block = {
	.title = "Announcement", .noun = "the announcement", BLOCK_OF(announce_rows),
};

static const struct setting file_rows[] = {
	{
		.name = "flows", .type = SETTING_BLOCK, .block = &schema_flows,
		.reloadable = true,
		.help = "The table of flows.",
	}, {
		.name = "workers", .type = SETTING_NUMBER, AT(config, workers),
		.min = 1, .max = 32, .fallback = "1", .unit = "threads",
		.restart = "threads, queues and tables are made at the start",
		.help = "How many cores carry packets.",
	}, {
		.name = "health", .type = SETTING_BLOCK, .block = &schema_health,
		.reloadable = true,
		.help = "Probes of tunnels, and when flows return to one that works again.",
	}, {
		.name = "ipsec", .type = SETTING_BLOCK, .block = &schema_charon,
		.reloadable = true,
		.help = "Where strongSwan is found, which negotiates the keys of IPsec tunnels.",
	}, {
		.name = "api", .type = SETTING_BLOCK, .block = &schema_api,
		.reloadable = true,
		.help = "How programs talk to the daemon.",
	}, {
		.name = "state-directory", .type = SETTING_PATH, AT(config, state_directory),
		.fallback = "/var/lib/homeward",
		.restart = "it holds the state of the running daemon",
		.help = "Where the daemon keeps its state. No two daemons may have the same.",
	}, {
		.name = "ports", .type = SETTING_LIST, AT(config, ports), COUNT(config, n_ports),
		.min = 1, .max = PORTS_MAX, .required = true, .block = &schema_port,
		.reloadable = true,
		.help = "Where packets come in and go out.",
	}, {
		.name = "spare-ports", .type = SETTING_NUMBER, AT(config, spare_ports),
		.min = 0, .max = PORTS_MAX, .fallback = "1", .unit = "ports",
		.restart = "packet buffers are made at the start",
		.help = "How many ports may be added while the gateway runs. Packet buffers for "
			"them are made at the start (8,192 each).",
	}, {
		.name = "announce", .type = SETTING_BLOCK, .block = &announce_block,
		.reloadable = true,
		.help = "While the gateway is ready, its egress addresses, global prefixes and "
			"aliases are routes in a kernel table, from which a routing daemon may "
			"announce them: see docs/bgp.md.",
	}, {
		.name = "sites", .type = SETTING_LIST, AT(config, network.sites),
		COUNT(config, network.n_sites), .min = 1, .max = SPEC_SITES_MAX, .required = true,
		.block = &schema_site,
		.reloadable = true,
		.help = "The customers' sites and their tunnels.",
	}, {
		.name = "networks", .type = SETTING_LIST, AT(config, network.vnets),
		COUNT(config, network.n_vnets), .min = 1, .max = NETWORKS_MAX,
		.fallback_words = "only `default`, without routes", .block = &schema_network,
		.reloadable = true,
		.help = "Virtual networks and their routes: which sites may reach what, besides "
			"the Internet.",
	}, {
		.name = "egress", .type = SETTING_LIST, AT(config, network.pools),
		COUNT(config, network.n_pools), .min = 1, .max = POOLS_MAX, .required = true,
		.block = &schema_pool,
		.reloadable = true,
		.help = "Pools of public addresses. IPv4 leaves by the first pool with an IPv4 "
			"address, IPv6 by the first one with an IPv6 address.",
	},
};

const struct block schema_file = {
	.title = "The file", .noun = "the file", BLOCK_OF(file_rows),
	.item_size = sizeof(struct config),
};
/* clang-format on */

static_assert(ARRAY_SIZE(file_rows) <= SETTINGS_MAX,
	      "a block has more settings than the parser remembers");

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
		[SETTING_ADDRESS] = "a unicast IPv4 or IPv6 address",
		[SETTING_ADDRESS4] = "a unicast IPv4 address",
		[SETTING_ADDRESS6] = "a unicast IPv6 address",
		[SETTING_MAC] = "a unicast MAC address, such as 02:00:00:00:00:01",
		[SETTING_PORT] = "the name of a port",
		[SETTING_PREFIX] = "an IPv4 or IPv6 prefix, such as 10.0.1.0/24",
		[SETTING_NETWORK] = "the name of a network",
		[SETTING_POOL] = "the name of an egress pool, or `none`",
	};
	static const char *const targets[] = {
		[TARGET_SITE] = "the name of a site",
		[TARGET_TUNNEL] = "the name of a tunnel",
		[TARGET_EGRESS] = "the name of an egress pool",
		[TARGET_LINK] = "the name of another network",
		[TARGET_DROP] = "true",
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
	case SETTING_DEVICE:
		snprintf(buf, SCHEMA_EXPECTS_SIZE,
			 "the address of a PCI device, such as 0000:01:00.0, or net_ and letters, "
			 "digits, '.', '_' and '-'");
		break;
	case SETTING_PATH:
		snprintf(buf, SCHEMA_EXPECTS_SIZE,
			 "a path of 1 to %zu printable characters without commas and brackets",
			 setting->size - 1);
		break;
	case SETTING_TEXT:
		snprintf(buf, SCHEMA_EXPECTS_SIZE,
			 "a text of 1 to %zu printable characters without quotes and backslash",
			 setting->size - 1);
		break;
	case SETTING_CHOICE:
		expect_choice(setting, buf);
		break;
	case SETTING_TARGET:
		snprintf(buf, SCHEMA_EXPECTS_SIZE, "%s", targets[setting->target]);
		break;
	default:
		snprintf(buf, SCHEMA_EXPECTS_SIZE, "%s", words[setting->type]);
	}
	return buf;
}

bool schema_takes(const struct block *block, const struct setting *setting, const void *base)
{
	uint32_t value;

	if (block->variant == NULL || setting->taken_by == 0)
		return true;
	memcpy(&value, (const char *)base + block->variant->offset, sizeof(value));
	return setting->taken_by >> value & 1;
}

const struct setting *schema_find(const struct block *block, const char *name)
{
	for (size_t i = 0; i < block->n; i++) {
		if (block->settings[i].name[0] == name[0] &&
		    strcmp(block->settings[i].name, name) == 0)
			return &block->settings[i];
	}
	return NULL;
}
