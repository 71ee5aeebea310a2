/* GET /v1/tunnels: each tunnel, its ends and its traffic. */
#include "control/api/stream.h"
#include "control/keepalive.h"
#include "control/kernel/path_mtu.h"
#include "tunnel/kinds.h"

const struct route_arg tunnels_args[] = {
	{"site", ARG_NAME, 0, 0, "only the tunnels of this site"},
	{NULL},
};

const struct route_field tunnels_fields[] = {
	{"tunnels[].name", FIELD_STRING, "of the tunnel"},
	{"tunnels[].site", FIELD_STRING, "site it leads to"},
	{"tunnels[].type", FIELD_STRING, "kind: gre"},
	{"tunnels[].port", FIELD_STRING, "port by which its packets come and go"},
	{"tunnels[].local", FIELD_STRING, "outer address of the gateway"},
	{"tunnels[].remote", FIELD_STRING, "outer address of the site"},
	{"tunnels[].key", FIELD_INTEGER_OR_NULL, "key of RFC 2890"},
	{"tunnels[].address", FIELD_STRING, "address of the gateway inside the tunnel"},
	{"tunnels[].address6", FIELD_STRING_OR_NULL,
	 "IPv6 address of the gateway inside the tunnel"},
	{"tunnels[].mtu", FIELD_INTEGER, "largest inner packet, bytes, by configuration"},
	{"tunnels[].path_mtu", FIELD_INTEGER,
	 "largest inner packet that fits, bytes: by mtu, port, route and path"},
	{"tunnels[].mtu_bound", FIELD_STRING,
	 "what limits path_mtu: tunnel (its mtu), port (MTU of its port), route (MTU of the "
	 "kernel's route to the far end) or path (reported by a router on the path)"},
	{"tunnels[].rx_packets", FIELD_INTEGER, "inner packets that came out of it"},
	{"tunnels[].rx_bytes", FIELD_INTEGER, "inner bytes that came out of it"},
	{"tunnels[].tx_packets", FIELD_INTEGER, "inner packets that went into it"},
	{"tunnels[].tx_bytes", FIELD_INTEGER, "inner bytes that went into it"},
	{"tunnels[].drops", FIELD_INTEGER, "packets that came out of it and were dropped"},
	{"tunnels[].keepalive", FIELD_STRING,
	 "state of keepalives that we send: off, unknown (none was answered yet), answered or "
	 "silent"},
	{"tunnels[].keepalives_answered", FIELD_INTEGER, "keepalives of the far end, sent back"},
	{"tunnels[].keepalives_heard", FIELD_INTEGER, "answers to ours"},
	{NULL},
};

static const char *const keepalive_names[] = {
	[KEEPALIVE_OFF] = "off",
	[KEEPALIVE_UNKNOWN] = "unknown",
	[KEEPALIVE_ANSWERED] = "answered",
	[KEEPALIVE_SILENT] = "silent",
};

/* A zero address: there is none. */
static json_t *json_inside6(const struct addr6 *addr)
{
	return addr6_is_zero(addr) ? json_null() : json_address6(addr);
}

static json_t *describe_tunnel(const struct api_context *ctx, uint16_t id)
{
	const struct tunnel *t = &ctx->net->tunnels[id];
	struct addr6 local = network_tunnel_local(ctx->net, id);
	struct addr6 remote = network_tunnel_remote(ctx->net, id);
	struct tunnel_mtu mtu = path_mtu_of(ctx->paths, ctx->net, id);
	struct tunnel_counters c;

	sum_tunnel(ctx, id, &c);
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:i, s:i, s:s, s:I, s:I, "
			 "s:I, s:I, s:I, s:s, s:I, s:I}",
			 "name", network_tunnel_name(ctx->net, id), "site",
			 network_site_name(ctx->net, t->site), "type", tunnel_kind_names[t->type],
			 "port", port_name(ctx, t->port), "local", json_end(&local), "remote",
			 json_end(&remote), "key", t->has_key ? json_integer(t->key) : json_null(),
			 "address", json_address(t->address), "address6",
			 json_inside6(&ctx->net->tunnel_addresses6[id]), "mtu", (int)t->mtu,
			 "path_mtu", (int)mtu.mtu, "mtu_bound", mtu_bound_names[mtu.bound],
			 "rx_packets", (json_int_t)c.rx_packets, "rx_bytes", (json_int_t)c.rx_bytes,
			 "tx_packets", (json_int_t)c.tx_packets, "tx_bytes", (json_int_t)c.tx_bytes,
			 "drops", (json_int_t)c.drops, "keepalive",
			 keepalive_names[keepalives_of(ctx->keepalives, id)], "keepalives_answered",
			 (json_int_t)c.keepalives_answered, "keepalives_heard",
			 (json_int_t)c.keepalives_heard);
}

void tunnels_answer(const struct api_request *rq, struct api_reply *reply)
{
	const struct network *net = rq->ctx->net;
	const struct arg *by_site = &rq->args[0];
	const uint16_t *ids = net->tunnel_ids;
	uint32_t n = net->n_tunnels;

	if (by_site->given) {
		uint16_t site = find_site(net, by_site->text, reply);

		if (site == 0)
			return;
		ids = net->sites[site].tunnels;
		n = net->sites[site].n_tunnels;
	}
	reply_list(rq, reply, "tunnels", ids, n, network_has_tunnel, describe_tunnel);
}
