/*
 * The table of routes, and functions for all handlers.
 *
 * A route is a row here and a file of its name in this directory. All of it runs in the control
 * thread. Counters belong to the workers and are summed by the reader.
 */
#include "control/api/route.h"

#include "base/nearest.h"
#include "control/api/handlers.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct route api_routes[] = {
	{"/v1/status", "How the daemon is: ports, workers, flows and packets", NULL, status_fields,
	 status_answer},
	{"/v1/sites", "Sites with their tunnels and traffic", sites_args, sites_fields,
	 sites_answer},
	{"/v1/tunnels", "Tunnels with their ends and traffic", tunnels_args, tunnels_fields,
	 tunnels_answer},
	{"/v1/tunnels/unknown", "Who sends tunnel packets that no configured tunnel takes", NULL,
	 unknown_fields, unknown_answer},
	{"/v1/health", "The health of tunnels, their probes, and which tunnel is used", health_args,
	 health_fields, health_answer},
	{"/v1/ipsec", "IPsec tunnels: their IKE SAs, and the SAs of ESP", ipsec_args, ipsec_fields,
	 ipsec_answer},
	{"/v1/networks", "Virtual networks with their sites and routes", networks_args,
	 networks_fields, networks_answer},
	{"/v1/routes", "Routes of virtual networks with all their targets", routes_args,
	 routes_fields, routes_answer},
	{"/v1/routes/lookup", "Where new flows to an address go, and why", lookup_args,
	 lookup_fields, lookup_answer},
	{"/v1/flows", "Live flows, a page at a time or all of them", flows_args, flows_fields,
	 flows_answer},
	{"/v1/egress", "Egress pools, addresses and slices, and the ports in use", egress_args,
	 egress_fields, egress_answer},
	{"/v1/drops", "Packets not delivered, by reason, and packets answered by the gateway",
	 drops_args, drops_fields, drops_answer},
	{"/v1/config", "The configuration that runs, and how a change of it goes on", config_args,
	 config_fields, config_answer},
	{"/v1/config/check", "Is this text a configuration? All its errors", config_check_args,
	 config_check_fields, config_check_answer, ROUTE_POST_TEXT},
	{"/v1/config/diff", "What would change by this text", config_check_args, config_diff_fields,
	 config_diff_answer, ROUTE_POST_TEXT},
	{"/v1/config/apply", "Makes this text the configuration", config_apply_args,
	 config_apply_fields, config_apply_answer, ROUTE_POST_TEXT},
	{"/v1/config/rollback", "Makes an earlier revision the configuration", config_rollback_args,
	 config_apply_fields, config_rollback_answer, ROUTE_POST},
	{"/v1/config/confirm", "Keeps the revision that awaits confirmation", NULL,
	 config_confirm_fields, config_confirm_answer, ROUTE_POST},
	{"/v1/config/history", "The revisions that are kept, the newest one first",
	 config_history_args, config_history_fields, config_history_answer},
	{"/v1/openapi.json", "This description", NULL, openapi_fields, openapi_answer},
	{NULL},
};

const struct route *route_find(const char *path)
{
	for (const struct route *r = api_routes; r->path != NULL; r++)
		if (strcmp(r->path, path) == 0)
			return r;
	return NULL;
}

const char *route_method_name(const struct route *route)
{
	return route->method == ROUTE_GET ? "GET" : "POST";
}

size_t route_n_args(const struct route *route)
{
	size_t n = 0;

	while (route->args != NULL && route->args[n].name != NULL)
		n++;
	return n;
}

void reply_error(struct api_reply *reply, int status, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_decref(reply->body);
	reply->status = status;
	reply->body = json_pack("{s:s}", "error", text);
	if (reply->body == NULL) /* the sentence quotes text that is not UTF-8 */
		reply->body = json_pack("{s:s}", "error", "not UTF-8");
}

json_t *json_address(be32_t addr)
{
	char text[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &addr, text, sizeof(text));
	return json_string(text);
}

json_t *json_prefix(const struct prefix4 *p)
{
	char addr[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &p->addr, addr, sizeof(addr));
	return json_sprintf("%s/%u", addr, p->len);
}

json_t *json_address6(const struct addr6 *addr)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, addr, text, sizeof(text));
	return json_string(text);
}

json_t *json_prefix6(const struct prefix6 *p)
{
	char addr[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, &p->addr, addr, sizeof(addr));
	return json_sprintf("%s/%u", addr, p->len);
}

json_t *json_end(const struct addr6 *end)
{
	return addr6_is_mapped(end) ? json_address(addr6_to_ipv4(end)) : json_address6(end);
}

json_t *json_u64(uint64_t value)
{
	return json_integer((json_int_t)value);
}

const char *port_name(const struct api_context *ctx, uint8_t slot)
{
	const struct config_port *config =
		slot < ctx->ports->n ? ctx->ports->ports[slot].config : NULL;

	return config != NULL ? config->name : "removed";
}

void sum_counters(const struct api_context *ctx, struct worker_counters *sum)
{
	struct worker_counters one;

	memset(sum, 0, sizeof(*sum));
	for (size_t i = 0; i < ctx->n_workers; i++) {
		worker_read_counters(ctx->workers[i], &one);
		sum->rx += one.rx;
		sum->tx += one.tx;
		/* packets on their way between workers; in and out are read at different moments */
		sum->handed_in += one.handed_in;
		sum->handed_out += one.handed_out;
		sum->held += one.held;
		for (size_t d = 0; d < DROP_COUNT; d++)
			sum->drops[d] += one.drops[d];
		for (size_t a = 0; a < ANSWER_COUNT; a++)
			sum->answers[a] += one.answers[a];
		sum->flows_created += one.flows_created;
		sum->flows_kept += one.flows_kept;
		sum->flows_ended += one.flows_ended;
		for (size_t r = 0; r < ENDED_COUNT; r++)
			sum->flows_ended_by[r] += one.flows_ended_by[r];
		sum->flows_moved += one.flows_moved;
		sum->flows += one.flows;
		sum->rests_cut += one.rests_cut;
	}
	if (sum->handed_out > sum->handed_in)
		sum->held += sum->handed_out - sum->handed_in;
}

void sum_tunnel(const struct api_context *ctx, uint16_t tunnel, struct tunnel_counters *sum)
{
	struct tunnel_counters one;

	memset(sum, 0, sizeof(*sum));
	for (size_t i = 0; i < ctx->n_workers; i++) {
		worker_read_tunnel(ctx->workers[i], tunnel, &one);
		sum->rx_packets += one.rx_packets;
		sum->rx_bytes += one.rx_bytes;
		sum->tx_packets += one.tx_packets;
		sum->tx_bytes += one.tx_bytes;
		sum->drops += one.drops;
		sum->keepalives_answered += one.keepalives_answered;
		sum->keepalives_heard += one.keepalives_heard;
	}
}

void sum_port(const struct api_context *ctx, uint16_t port, struct port_counters *sum)
{
	struct port_counters one;

	memset(sum, 0, sizeof(*sum));
	for (size_t i = 0; i < ctx->n_workers; i++) {
		worker_read_port(ctx->workers[i], port, &one);
		sum->rx_packets += one.rx_packets;
		sum->rx_bytes += one.rx_bytes;
		sum->tx_packets += one.tx_packets;
		sum->tx_bytes += one.tx_bytes;
		sum->partial += one.partial;
		sum->cut += one.cut;
	}
}

void sum_site(const struct api_context *ctx, uint16_t site, struct site_counters *sum)
{
	struct site_counters one;

	memset(sum, 0, sizeof(*sum));
	for (size_t i = 0; i < ctx->n_workers; i++) {
		worker_read_site(ctx->workers[i], site, &one);
		sum->flows += one.flows;
		sum->half_open += one.half_open;
		sum->refused_source += one.refused_source;
		sum->refused += one.refused;
		sum->no_room += one.no_room;
	}
}

void sum_slice(const struct api_context *ctx, uint32_t slice, struct slice_counters *sum)
{
	struct slice_counters one;

	memset(sum, 0, sizeof(*sum));
	for (size_t i = 0; i < ctx->n_workers; i++) {
		worker_read_slice(ctx->workers[i], slice, &one);
		sum->flows += one.flows;
		sum->ports += one.ports;
	}
}

static void refuse_name(const struct network *net, const char *what, const char *name,
			const char *(*name_of)(const struct network *, uint16_t),
			const uint16_t *ids, uint32_t n, struct api_reply *reply)
{
	struct nearest near = nearest_begin(name);

	for (uint32_t i = 0; i < n; i++)
		nearest_offer(&near, name_of(net, ids[i]));
	if (near.best != NULL)
		reply_error(reply, 404, "no %s is called \"%.64s\"; did you mean %s?", what, name,
			    near.best);
	else
		reply_error(reply, 404, "no %s is called \"%.64s\"", what, name);
}

uint16_t find_site(const struct network *net, const char *name, struct api_reply *reply)
{
	uint16_t site = network_find_site(net, name);

	if (site == SITE_INTERNET)
		refuse_name(net, "site", name, network_site_name, net->site_ids, net->n_sites,
			    reply);
	return site;
}

uint16_t find_tunnel(const struct network *net, const char *name, struct api_reply *reply)
{
	uint16_t tunnel = network_find_tunnel_name(net, name);

	if (tunnel == TUNNEL_NONE)
		refuse_name(net, "tunnel", name, network_tunnel_name, net->tunnel_ids,
			    net->n_tunnels, reply);
	return tunnel;
}
