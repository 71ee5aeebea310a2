/* The settings of health probes, of a tunnel and of all tunnels: see schema.h. */
#include "control/config/schema_rows.h"

static const char *const rate_names[] = {[HEALTH_RATE_LOW] = "low",
					 [HEALTH_RATE_MID] = "mid",
					 [HEALTH_RATE_HIGH] = "high",
					 [HEALTH_RATE_OFF] = "off",
					 NULL};
static const char *const type_names[] = {
	[HEALTH_REQUEST] = "request", [HEALTH_REPLY] = "reply", NULL};
static const char *const direction_names[] = {
	[HEALTH_BIDIRECTIONAL] = "bidirectional", [HEALTH_UNIDIRECTIONAL] = "unidirectional", NULL};

/* clang-format off */
static const struct setting tunnel_health_rows[] = {
	{
		.name = "target", .type = SETTING_ADDRESS, AT(spec_tunnel, health.target),
		.fallback_words = "`peer`, else `peer6`; without one the tunnel is not probed",
		.reloadable = true,
		.help = "The address that is probed through the tunnel. It needs the tunnel's "
			"`address`, or `address6`, to which answers come.",
	}, {
		.name = "rate", .type = SETTING_CHOICE, AT(spec_tunnel, health.rate),
		HAS(spec_tunnel, health.has_rate), .choices = rate_names,
		.fallback_words = "that of `health` of the site",
		.reloadable = true,
		.help = "A probe every 10 s, 1 s or 250 ms. Answers must come within 1 s, at the "
			"high rate within 250 ms.",
	}, {
		.name = "type", .type = SETTING_CHOICE, AT(spec_tunnel, health.type),
		HAS(spec_tunnel, health.has_type), .choices = type_names,
		.fallback_words = "that of `health` of the site",
		.reloadable = true,
		.help = "An ICMP echo request, or an echo reply that the far end only forwards "
			"back.",
	}, {
		.name = "direction", .type = SETTING_CHOICE, AT(spec_tunnel, health.direction),
		HAS(spec_tunnel, health.has_direction), .choices = direction_names,
		.fallback_words = "that of `health` of the site",
		.reloadable = true,
		.help = "`unidirectional`: from `local` to `remote`, and the answer comes back "
			"beside the tunnel. Only by ports of a kernel driver.",
	},
};

const struct block schema_tunnel_health = {
	.title = "Health of a tunnel", .noun = "the health", BLOCK_OF(tunnel_health_rows),
};

static const struct setting site_health_rows[] = {
	{
		.name = "rate", .type = SETTING_CHOICE, AT(spec_site, health.rate),
		HAS(spec_site, health.has_rate), .choices = rate_names,
		.fallback_words = "that of `health` of the file",
		.reloadable = true,
		.help = "The rate of probes of its tunnels without one of their own.",
	}, {
		.name = "type", .type = SETTING_CHOICE, AT(spec_site, health.type),
		HAS(spec_site, health.has_type), .choices = type_names,
		.fallback_words = "that of `health` of the file",
		.reloadable = true,
		.help = "Their type.",
	}, {
		.name = "direction", .type = SETTING_CHOICE, AT(spec_site, health.direction),
		HAS(spec_site, health.has_direction), .choices = direction_names,
		.fallback_words = "that of `health` of the file",
		.reloadable = true,
		.help = "Their direction.",
	},
};

const struct block schema_site_health = {
	.title = "Health of a site", .noun = "the health", BLOCK_OF(site_health_rows),
};

static const struct setting health_rows[] = {
	{
		.name = "rate", .type = SETTING_CHOICE, AT(config, network.health.rate),
		.choices = rate_names, .fallback = "mid",
		.reloadable = true,
		.help = "The rate of probes of tunnels without one of their own or of their site.",
	}, {
		.name = "type", .type = SETTING_CHOICE, AT(config, network.health.type),
		.choices = type_names, .fallback = "request",
		.reloadable = true,
		.help = "Their type.",
	}, {
		.name = "direction", .type = SETTING_CHOICE, AT(config, network.health.direction),
		.choices = direction_names, .fallback = "bidirectional",
		.reloadable = true,
		.help = "Their direction.",
	}, {
		.name = "hold", .type = SETTING_DURATION, AT(config, network.health.hold),
		.min = 1, .max = 3600, .fallback = "30s",
		.reloadable = true,
		.help = "How long a tunnel must work again before flows return to it. Doubled, up "
			"to 16 times, if it fails again and again.",
	},
};

const struct block schema_health = {
	.title = "Health", .noun = "the health", BLOCK_OF(health_rows),
};
/* clang-format on */
