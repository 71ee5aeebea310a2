/* GET /v1/sites: each site with the sum of its tunnels' traffic, its flows and their limits. */
#include "control/api/list.h"

#include "control/api/handlers.h"

const struct route_arg sites_args[] = {
	PAGE_ARGS("all"),
	{NULL},
};

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
	PAGE_FIELDS,
	{NULL},
};

static void write_prefix(const struct api_context *ctx, uint32_t id, uint32_t i, struct writer *w)
{
	const struct spec_site *spec = ctx->net->site_specs[id];
	struct prefix6 prefix;

	if (i < spec->n_prefixes)
		prefix = (struct prefix6){addr6_from_ipv4(spec->prefixes[i].addr),
					  (uint8_t)(MAPPED_BITS + spec->prefixes[i].len)};
	else
		prefix = spec->prefixes6[i - spec->n_prefixes];
	writer_prefix(w, NULL, &prefix);
}

static void write_global(const struct api_context *ctx, uint32_t id, uint32_t i, struct writer *w)
{
	writer_prefix(w, NULL, &ctx->net->site_specs[id]->global_prefixes[i]);
}

static void write_tunnel_name(const struct api_context *ctx, uint32_t id, uint32_t i,
			      struct writer *w)
{
	writer_text(w, NULL, network_tunnel_name(ctx->net, ctx->net->sites[id].tunnels[i]));
}

static void write_traffic(const struct api_context *ctx, uint16_t id, struct writer *w)
{
	const struct site *site = &ctx->net->sites[id];
	struct tunnel_counters sum = {0}, one;

	for (uint16_t i = 0; i < site->n_tunnels; i++) {
		sum_tunnel(ctx, site->tunnels[i], &one);
		sum.rx_packets += one.rx_packets;
		sum.rx_bytes += one.rx_bytes;
		sum.tx_packets += one.tx_packets;
		sum.tx_bytes += one.tx_bytes;
		sum.drops += one.drops;
	}
	writer_number(w, "rx_packets", sum.rx_packets);
	writer_number(w, "rx_bytes", sum.rx_bytes);
	writer_number(w, "tx_packets", sum.tx_packets);
	writer_number(w, "tx_bytes", sum.tx_bytes);
	writer_number(w, "drops", sum.drops);
}

static void write_flows(const struct api_context *ctx, uint16_t id, struct writer *w)
{
	const struct spec_limits *limits = &ctx->net->site_specs[id]->limits;
	struct site_counters flows;

	sum_site(ctx, id, &flows);
	writer_number(w, "flows", flows.flows);
	writer_number(w, "half_open", flows.half_open);
	writer_number(w, "refused", flows.refused);
	writer_number(w, "refused_source", flows.refused_source);
	writer_number(w, "refused_no_room", flows.no_room);
	writer_open(w, "limits", '{');
	writer_number(w, "flows", limits->flows);
	writer_number(w, "new_flows_per_second", limits->new_flows_per_second);
	writer_number(w, "half_open", limits->half_open);
	writer_number(w, "flows_per_source", limits->source_flows);
	writer_number(w, "half_open_per_source", limits->source_half_open);
	writer_close(w, '}');
}

static bool write_site(const struct api_context *ctx, uint16_t id, uint32_t part, struct writer *w)
{
	const struct site *site = &ctx->net->sites[id];
	const struct spec_site *spec = ctx->net->site_specs[id];
	const struct list_inner lists[] = {
		{"prefixes", (uint32_t)(spec->n_prefixes + spec->n_prefixes6), write_prefix},
		{"global_prefixes", (uint32_t)spec->n_global_prefixes, write_global},
		{"tunnels", site->n_tunnels, write_tunnel_name},
	};

	if (part == 0) {
		writer_open(w, NULL, '{');
		writer_text(w, "name", network_site_name(ctx->net, id));
	}
	if (!list_write_inner(ctx, id, lists, ARRAY_SIZE(lists), part, w))
		return false;
	write_traffic(ctx, id, w);
	write_flows(ctx, id, w);
	writer_close(w, '}');
	return true;
}

static uint32_t max_site(const struct network *net)
{
	return net->max_site;
}

void sites_answer(const struct api_request *rq, struct api_reply *reply)
{
	static const struct list_kind kind = {"sites", max_site, network_has_site, write_site};
	struct page page = page_of(rq->args);

	reply_list(rq, reply, &kind, SITE_INTERNET, &page);
}
