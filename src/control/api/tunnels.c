/* GET /v1/tunnels: each tunnel, its ends and its traffic. */
#include "control/api/handlers.h"
#include "control/api/list.h"
#include "control/health/health.h"
#include "control/interconnect/interconnect.h"
#include "control/keepalive.h"
#include "control/kernel/path_mtu.h"
#include "tunnel/kinds.h"

const struct route_arg tunnels_args[] = {
	{"site", ARG_NAME, 0, 0, "only the tunnels of this site"},
	PAGE_ARGS("all"),
	{NULL},
};

const struct route_field tunnels_fields[] = {
	{"tunnels[].name", FIELD_STRING, "of the tunnel"},
	{"tunnels[].site", FIELD_STRING, "site it leads to"},
	{"tunnels[].type", FIELD_STRING, "kind: gre, interconnect or ipsec"},
	{"tunnels[].port", FIELD_STRING, "port by which its packets come and go"},
	{"tunnels[].vlan", FIELD_INTEGER_OR_NULL, "VLAN of an interconnect; null: untagged"},
	{"tunnels[].local", FIELD_STRING_OR_NULL,
	 "outer address of the gateway; null: an interconnect has none"},
	{"tunnels[].remote", FIELD_STRING_OR_NULL, "outer address of the site; null: none"},
	{"tunnels[].key", FIELD_INTEGER_OR_NULL, "key of RFC 2890"},
	{"tunnels[].address", FIELD_STRING, "address of the gateway inside the tunnel"},
	{"tunnels[].address6", FIELD_STRING_OR_NULL,
	 "IPv6 address of the gateway inside the tunnel"},
	{"tunnels[].peer", FIELD_STRING_OR_NULL, "address of the far end inside the tunnel"},
	{"tunnels[].peer6", FIELD_STRING_OR_NULL, "IPv6 address of the far end inside the tunnel"},
	{"tunnels[].peer_mac", FIELD_STRING_OR_NULL,
	 "Ethernet address of an interconnect's peer; null: unknown, or another kind"},
	{"tunnels[].peer_state", FIELD_STRING_OR_NULL,
	 "of an interconnect: is the peer asked, resolved or failed, or is its Ethernet address "
	 "fixed by the port; null: another kind"},
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
	{"tunnels[].health", FIELD_STRING, "healthy, degraded or down: see /v1/health"},
	{"tunnels[].keepalive", FIELD_STRING,
	 "state of keepalives that we send: off, unknown (none was answered yet), answered or "
	 "silent"},
	{"tunnels[].keepalives_answered", FIELD_INTEGER, "keepalives of the far end, sent back"},
	{"tunnels[].keepalives_heard", FIELD_INTEGER, "answers to ours"},
	PAGE_FIELDS,
	{NULL},
};

static const char *const keepalive_names[] = {
	[KEEPALIVE_OFF] = "off",
	[KEEPALIVE_UNKNOWN] = "unknown",
	[KEEPALIVE_ANSWERED] = "answered",
	[KEEPALIVE_SILENT] = "silent",
};

static void write_address(struct writer *w, const char *name, const struct addr6 *addr)
{
	if (addr6_is_zero(addr))
		writer_text(w, name, NULL);
	else
		writer_address(w, name, addr);
}

static void write_number(struct writer *w, const char *name, bool has, uint64_t value)
{
	if (has)
		writer_number(w, name, value);
	else
		writer_text(w, name, NULL);
}

static void write_ends(const struct api_context *ctx, uint16_t id, struct writer *w)
{
	const struct tunnel *t = &ctx->net->tunnels[id];
	const struct spec_tunnel *spec = ctx->net->tunnel_specs[id];

	write_number(w, "vlan", spec->vlan != 0, spec->vlan);
	write_address(w, "local", &spec->local);
	write_address(w, "remote", &spec->remote);
	write_number(w, "key", t->has_key, t->key);
	writer_address4(w, "address", t->address);
	write_address(w, "address6", &ctx->net->tunnel_addresses6[id]);
	write_address(w, "peer", &spec->peer);
	write_address(w, "peer6", &spec->peer6);
}

static void write_peer(const struct api_context *ctx, uint16_t id, struct writer *w)
{
	struct peer_info peer;
	char mac[PEER_MAC_TEXT];

	interconnects_peer(ctx->interconnects, id, &peer);
	writer_text(w, "peer_mac", peer.has_mac ? peer_mac_text(peer.mac, mac) : NULL);
	writer_text(w, "peer_state",
		    network_is_interconnect(ctx->net, id) ? peer_state_names[peer.state] : NULL);
}

static void write_traffic(const struct api_context *ctx, uint16_t id, struct writer *w)
{
	struct tunnel_counters c;

	sum_tunnel(ctx, id, &c);
	writer_number(w, "rx_packets", c.rx_packets);
	writer_number(w, "rx_bytes", c.rx_bytes);
	writer_number(w, "tx_packets", c.tx_packets);
	writer_number(w, "tx_bytes", c.tx_bytes);
	writer_number(w, "drops", c.drops);
	writer_text(w, "health", health_state_names[health_of(ctx->health, id).state]);
	writer_text(w, "keepalive", keepalive_names[keepalives_of(ctx->keepalives, id)]);
	writer_number(w, "keepalives_answered", c.keepalives_answered);
	writer_number(w, "keepalives_heard", c.keepalives_heard);
}

static bool write_tunnel(const struct api_context *ctx, uint16_t id, uint32_t part,
			 struct writer *w)
{
	const struct tunnel *t = &ctx->net->tunnels[id];
	struct tunnel_mtu mtu = path_mtu_of(ctx->paths, ctx->net, id);

	writer_open(w, NULL, '{');
	writer_text(w, "name", network_tunnel_name(ctx->net, id));
	writer_text(w, "site", network_site_name(ctx->net, t->site));
	writer_text(w, "type", tunnel_kind_names[t->type]);
	writer_text(w, "port", port_name(ctx, t->port));
	write_ends(ctx, id, w);
	write_peer(ctx, id, w);
	writer_number(w, "mtu", t->mtu);
	writer_number(w, "path_mtu", mtu.mtu);
	writer_text(w, "mtu_bound", mtu_bound_names[mtu.bound]);
	write_traffic(ctx, id, w);
	writer_close(w, '}');
	return true;
}

void tunnels_answer(const struct api_request *rq, struct api_reply *reply)
{
	static const struct list_kind kind = {"tunnels", list_max_tunnel, network_has_tunnel,
					      write_tunnel};

	reply_tunnels(rq, reply, &kind);
}
