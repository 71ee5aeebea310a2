/* GET /v1/sites: each site with the sum of its tunnels' traffic, its flows and their limits. */
#include "control/api/stream.h"

const struct route_field sites_fields[] = {
	{"sites[].name", FIELD_STRING, "of the site"},
	{"sites[].prefixes[]", FIELD_STRING, "sources it may use; none listed: any"},
	{"sites[].global_prefixes[]", FIELD_STRING, "sources it may use, besides, untranslated"},
	{"sites[].tunnels[]", FIELD_STRING, "its tunnels, in order of priority"},
	{"sites[].rx_packets", FIELD_INTEGER, "packets that came from it"},
	{"sites[].rx_bytes", FIELD_INTEGER, "bytes that came from it"},
	{"sites[].tx_packets", FIELD_INTEGER, "packets that went to it"},
	{"sites[].tx_bytes", FIELD_INTEGER, "bytes that went to it"},
	{"sites[].drops", FIELD_INTEGER, "packets that came from it and were dropped"},
	{"sites[].flows", FIELD_INTEGER, "flows it has now"},
	{"sites[].half_open", FIELD_INTEGER, "of them: TCP connections not yet established"},
	{"sites[].refused", FIELD_INTEGER, "first packets that were refused by one of its limits"},
	{"sites[].refused_no_room", FIELD_INTEGER,
	 "first packets that were refused because no egress port or flow record was left"},
	{"sites[].refused_source", FIELD_INTEGER,
	 "of them: because one of its hosts had its limit"},
	{"sites[].limits.flows", FIELD_INTEGER, "flows it may have at once"},
	{"sites[].limits.new_flows_per_second", FIELD_INTEGER, "flows it may open in a second"},
	{"sites[].limits.half_open", FIELD_INTEGER, "TCP connections not yet established"},
	{"sites[].limits.flows_per_source", FIELD_INTEGER, "flows that one of its hosts may have"},
	{"sites[].limits.half_open_per_source", FIELD_INTEGER,
	 "of them: TCP connections not yet established"},
	{NULL},
};

static json_t *describe_limits(const struct spec_limits *limits)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "flows", (json_int_t)limits->flows,
			 "new_flows_per_second", (json_int_t)limits->new_flows_per_second,
			 "half_open", (json_int_t)limits->half_open, "flows_per_source",
			 (json_int_t)limits->source_flows, "half_open_per_source",
			 (json_int_t)limits->source_half_open);
}

static json_t *describe_site(const struct api_context *ctx, uint16_t id)
{
	const struct site *site = &ctx->net->sites[id];
	const struct spec_site *spec = ctx->net->site_specs[id];
	json_t *prefixes = json_array(), *globals = json_array(), *tunnels = json_array();
	struct tunnel_counters sum = {0}, one;
	struct site_counters flows;

	for (uint32_t i = 0; i < site->n_prefixes; i++)
		json_array_append_new(prefixes, json_prefix(&site->prefixes[i]));
	for (uint32_t i = 0; i < site->n_prefixes6; i++)
		json_array_append_new(prefixes, json_prefix6(&site->prefixes6[i]));
	for (size_t i = 0; i < spec->n_global_prefixes; i++)
		json_array_append_new(globals, json_prefix6(&spec->global_prefixes[i]));
	for (uint16_t i = 0; i < site->n_tunnels; i++) {
		uint16_t tunnel = site->tunnels[i];

		json_array_append_new(tunnels, json_string(network_tunnel_name(ctx->net, tunnel)));
		sum_tunnel(ctx, tunnel, &one);
		sum.rx_packets += one.rx_packets;
		sum.rx_bytes += one.rx_bytes;
		sum.tx_packets += one.tx_packets;
		sum.tx_bytes += one.tx_bytes;
		sum.drops += one.drops;
	}
	sum_site(ctx, id, &flows);
	return json_pack(
		"{s:s, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}",
		"name", network_site_name(ctx->net, id), "prefixes", prefixes, "global_prefixes",
		globals, "tunnels", tunnels, "rx_packets", (json_int_t)sum.rx_packets, "rx_bytes",
		(json_int_t)sum.rx_bytes, "tx_packets", (json_int_t)sum.tx_packets, "tx_bytes",
		(json_int_t)sum.tx_bytes, "drops", (json_int_t)sum.drops, "flows",
		(json_int_t)flows.flows, "half_open", (json_int_t)flows.half_open, "refused",
		(json_int_t)flows.refused, "refused_source", (json_int_t)flows.refused_source,
		"refused_no_room", (json_int_t)flows.no_room, "limits",
		describe_limits(&spec->limits));
}

void sites_answer(const struct api_request *rq, struct api_reply *reply)
{
	const struct network *net = rq->ctx->net;

	reply_list(rq, reply, "sites", net->site_ids, net->n_sites, network_has_site,
		   describe_site);
}
