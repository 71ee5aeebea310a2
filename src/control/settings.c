/* Converts the configuration's timeouts and choices of answers for workers: see settings.h. */
#include "control/settings.h"

#include "base/wire.h"

static void set_ports(struct flow_timers *timers, const struct config *config)
{
	for (size_t i = 0; i < config->n_port_timers && i < FLOW_PORT_TIMERS_MAX; i++) {
		const struct config_port_timer *from = &config->port_timers[i];

		timers->ports[timers->n_ports++] = (struct flow_port_timer){
			.port = htons(from->port),
			.proto = from->protocol == TRANSPORT_TCP ? PROTO_TCP : PROTO_UDP,
			.idle_s = from->idle,
		};
	}
}

struct settings settings_of(const struct config *config)
{
	struct settings s = {
		.timers.state_s =
			{
				[FLOW_TCP_SYN_SENT] = config->timeout_tcp_opening,
				[FLOW_TCP_SYN_RECEIVED] = config->timeout_tcp_opening,
				[FLOW_TCP_SYN_ACK_RECEIVED] = config->timeout_tcp_opening,
				[FLOW_TCP_SYN_ACK_SENT] = config->timeout_tcp_opening,
				[FLOW_TCP_ESTABLISHED] = config->timeout_tcp_established,
				[FLOW_TCP_FIN_SENT] = config->timeout_tcp_half_closed,
				[FLOW_TCP_FIN_RECEIVED] = config->timeout_tcp_half_closed,
				[FLOW_TCP_CLOSED] = config->timeout_tcp_closed,
				[FLOW_UDP] = config->timeout_udp,
				[FLOW_ICMP] = config->timeout_icmp,
				[FLOW_OTHER] = config->timeout_udp,
			},
		.timers.dns_s = config->timeout_dns,
		.timers.dns_answered_s = config->timeout_dns_answered,
		.rest_s = config->port_rest,
		.outbound_refresh = config->refresh == REFRESH_OUTBOUND,
		.reset_unknown = config->reset_unknown == RESET_UNKNOWN,
	};

	set_ports(&s.timers, config);
	return s;
}
