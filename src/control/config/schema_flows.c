/* The settings of flows, their limits and timeouts, and of the API: see schema.h. */
#include "control/config/schema_rows.h"

static const char *const transports[] = {[TRANSPORT_UDP] = "udp", [TRANSPORT_TCP] = "tcp", NULL};
static const char *const memory_names[] = {"keep", "forget", NULL};
static const char *const refresh_names[] = {
	[REFRESH_BOTH] = "both", [REFRESH_OUTBOUND] = "outbound", NULL};
static const char *const reset_unknown[] = {[RESET_UNKNOWN] = "true", [RESET_NONE] = "false", NULL};

/* clang-format off */
static const struct setting port_timer_rows[] = {
	{
		.name = "protocol", .type = SETTING_CHOICE, AT(config_port_timer, protocol),
		.choices = transports, .required = true,
		.reloadable = true, .effect = EFFECT_IDLE,
		.help = "UDP, or TCP connections that are open.",
	}, {
		.name = "port", .type = SETTING_NUMBER, AT(config_port_timer, port),
		.min = 1, .max = 65535, .required = true,
		.reloadable = true, .effect = EFFECT_IDLE,
		.help = "The destination port of the flow's first packet.",
	}, {
		.name = "idle", .type = SETTING_DURATION, AT(config_port_timer, idle),
		.min = 1, .max = DURATION_MAX_S, .required = true,
		.reloadable = true, .effect = EFFECT_IDLE,
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
		.reloadable = true, .effect = EFFECT_IDLE,
		.help = "A TCP connection that is open, after its last packet (RFC 5382).",
	}, {
		.name = "tcp-opening", .type = SETTING_DURATION, AT(config, timeout_tcp_opening),
		.min = 1, .max = DURATION_MAX_S, .fallback = "4m",
		.reloadable = true, .effect = EFFECT_IDLE,
		.help = "A TCP connection that is not yet open: SYN, or SYN and its answer (RFC "
			"7857).",
	}, {
		.name = "tcp-half-closed", .type = SETTING_DURATION,
		AT(config, timeout_tcp_half_closed),
		.min = 1, .max = DURATION_MAX_S, .fallback = "2h4m",
		.reloadable = true, .effect = EFFECT_IDLE,
		.help = "A TCP connection that one side has ended: the other may go on, so it is "
			"still an established one (RFC 5382 section 5).",
	}, {
		.name = "tcp-closed", .type = SETTING_DURATION, AT(config, timeout_tcp_closed),
		.min = 1, .max = DURATION_MAX_S, .fallback = "4m",
		.reloadable = true, .effect = EFFECT_IDLE,
		.help = "A TCP connection that both sides have ended, or that was reset (RFC "
			"7857). Until then its egress port is used again towards the same "
			"destination only by a connection that is newer (RFC 6191).",
	}, {
		.name = "udp", .type = SETTING_DURATION, AT(config, timeout_udp),
		.min = 1, .max = DURATION_MAX_S, .fallback = "5m",
		.reloadable = true, .effect = EFFECT_IDLE,
		.help = "UDP (RFC 4787), and untranslated protocols other than TCP and ICMP.",
	}, {
		.name = "dns", .type = SETTING_DURATION, AT(config, timeout_dns),
		.min = 1, .max = DURATION_MAX_S, .fallback = "30s",
		.reloadable = true, .effect = EFFECT_IDLE,
		.help = "UDP to port 53, while a query has no answer (RFC 4787 REQ-5a).",
	}, {
		.name = "dns-answered", .type = SETTING_DURATION, AT(config, timeout_dns_answered),
		.min = 1, .max = DURATION_MAX_S, .fallback = "5s",
		.reloadable = true, .effect = EFFECT_IDLE,
		.help = "UDP to port 53, when as many answers as queries have passed.",
	}, {
		.name = "icmp", .type = SETTING_DURATION, AT(config, timeout_icmp),
		.min = 1, .max = DURATION_MAX_S, .fallback = "60s",
		.reloadable = true, .effect = EFFECT_IDLE,
		.help = "ICMP echo and timestamp (RFC 5508).",
	}, {
		.name = "per-port", .type = SETTING_LIST, AT(config, port_timers),
		COUNT(config, n_port_timers), .min = 1, .max = FLOW_PORT_TIMERS_MAX,
		.block = &port_timer_block,
		.reloadable = true, .effect = EFFECT_IDLE,
		.help = "Timeouts for flows to single destination ports (RFC 4787 REQ-5a). They "
			"override all other timeouts, `dns` included.",
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
		.reloadable = true, .effect = EFFECT_LIMIT,
		.help = "How many flows a site may have at once.",
	}, {
		.name = "new-flows-per-second", .type = SETTING_NUMBER,
		AT(config, network.limits.new_flows_per_second),
		.min = 1, .max = NEW_FLOWS_MAX, .fallback = "200000", .unit = "flows",
		.reloadable = true, .effect = EFFECT_LIMIT,
		.help = "How many flows a site may open in a second. A site that was quiet may "
			"open as many at once.",
	}, {
		.name = "half-open", .type = SETTING_NUMBER, AT(config, network.limits.half_open),
		.min = 1, .max = CAPACITY_MAX, .unit = "flows",
		.fallback_words = "a quarter of the site's `flows`",
		.reloadable = true, .effect = EFFECT_LIMIT,
		.help = "How many of a site's flows may be TCP connections that are not yet "
			"established.",
	}, {
		.name = "flows-per-source", .type = SETTING_NUMBER,
		AT(config, network.limits.source_flows),
		.min = 1, .max = CAPACITY_MAX, .unit = "flows",
		.fallback_words = "half of the site's `flows`, but 1024 at least",
		.reloadable = true, .effect = EFFECT_LIMIT,
		.help = "How many of a site's flows one of its hosts may have.",
	}, {
		.name = "half-open-per-source", .type = SETTING_NUMBER,
		AT(config, network.limits.source_half_open),
		.min = 1, .max = CAPACITY_MAX, .unit = "flows",
		.fallback_words = "half of the site's `half-open`, but 256 at least",
		.reloadable = true, .effect = EFFECT_LIMIT,
		.help = "How many of a host's flows may be TCP connections that are not yet "
			"established.",
	},
};

static const struct block default_limit_block = {
	.title = "Limits of all sites", .noun = "the limits", BLOCK_OF(default_limit_rows),
};

static const struct setting flow_rows[] = {
	{
		.name = "capacity", .type = SETTING_NUMBER, AT(config, flows_capacity),
		.min = 1024, .max = CAPACITY_MAX, .fallback = "1048576", .unit = "flows",
		.restart = "the memory of the tables is taken at the start",
		.help = "How many flows fit into the tables of all workers together. The memory, "
			"about 80 bytes a flow, is taken at the start.",
	}, {
		.name = "capacity-ipv6", .type = SETTING_NUMBER, AT(config, flows_capacity6),
		HAS(config, has_flows_capacity6), .max = CAPACITY_MAX, .unit = "flows",
		.fallback_words = "a quarter of `capacity` if a pool has an IPv6 address or a site "
				  "a global prefix, or else 0",
		.restart = "the memory of the tables is taken at the start",
		.help = "How many IPv6 flows fit in addition, at about 144 bytes a flow. With 0 "
			"no IPv6 is forwarded.",
	}, {
		.name = "memory", .type = SETTING_CHOICE, AT(config, flows_memory),
		.choices = memory_names, .fallback = "keep",
		.restart = "the memory of the tables is taken at the start",
		.help = "`keep`: flows go on after a restart of the daemon, if `directory` is "
			"there. `forget`: they end.",
	}, {
		.name = "directory", .type = SETTING_PATH, AT(config, flows_directory),
		.fallback = "/run/homeward-flows",
		.restart = "the memory of the tables is taken at the start",
		.help = "Where the records of flows are kept: a directory of the daemon alone, on "
			"tmpfs or hugetlbfs. See docs/restart.md.",
	}, {
		.name = "limits", .type = SETTING_BLOCK, .block = &default_limit_block,
		.reloadable = true,
		.help = "Limits of every site that sets none itself. A limit holds for all "
			"workers together.",
	}, {
		.name = "refresh", .type = SETTING_CHOICE, AT(config, refresh),
		.choices = refresh_names, .fallback = "both",
		.reloadable = true, .effect = EFFECT_NEXT,
		.help = "Which packets keep a flow alive: those of `both` directions, or only "
			"`outbound` ones, from the site that started it (RFC 4787 REQ-6).",
	}, {
		.name = "reset-unknown", .type = SETTING_CHOICE, AT(config, reset_unknown),
		.choices = reset_unknown, .fallback = "true",
		.reloadable = true, .effect = EFFECT_NEXT,
		.help = "`true` answers TCP segments of a site that belong to no flow by a reset, "
			"so that hosts connect again at once, for example after a restart of the "
			"gateway. Each worker sends a site at most 1000 a second. `false` drops "
			"such segments.",
	}, {
		.name = "port-rest", .type = SETTING_DURATION, AT(config, port_rest),
		.min = 0, .max = DURATION_MAX_S, .fallback = "2m",
		.reloadable = true,
		.help = "How long an egress port rests after its flow has ended, before another "
			"site may get it towards the same server (RFC 6888 REQ-8). Meanwhile late "
			"packets of the server are dropped. If no other port is left it rests for "
			"less, and the alarm `ports_short` says so. With 0 ports do not rest, not "
			"even after a start.",
	}, {
		.name = "epoch-file", .type = SETTING_PATH, AT(config, epoch_file),
		.fallback_words = "`epoch` in `state-directory`",
		.restart = "the daemon counts its start in it",
		.help = "The file in which the daemon counts its starts, so that each start "
			"begins with ports that the previous one left unused.",
	}, {
		.name = "timeouts", .type = SETTING_BLOCK, .block = &timeout_block,
		.reloadable = true,
		.help = "How long a flow without packets is kept.",
	},
};

const struct block schema_flows = {
	.title = "Flows", .noun = "the flows", BLOCK_OF(flow_rows),
};

static const struct setting api_rows[] = {
	{
		.name = "socket", .type = SETTING_PATH, AT(config, api_socket),
		.fallback = "/run/homeward/api.sock",
		.restart = "clients of the daemon would lose it",
		.help = "The Unix socket on which the daemon answers the command line.",
	},
};

const struct block schema_api = {
	.title = "API", .noun = "the API", BLOCK_OF(api_rows),
};
/* clang-format on */

static_assert(ARRAY_SIZE(flow_rows) <= SETTINGS_MAX && ARRAY_SIZE(timeout_rows) <= SETTINGS_MAX,
	      "a block has more settings than the parser remembers");
