/*
 * GRE keepalives, as introduced by Cisco and sent by others (MikroTik, Huawei). There is no RFC.
 *
 *   outer   remote > local, GRE with the tunnel's key, payload IP
 *   inner   local > remote, GRE with that key or none, protocol type 0 and no payload
 *
 * A router without support for keepalives decapsulates the packet and forwards the inner packet,
 * which returns to the sender. We do the same, byte for byte: the far end sees that the tunnel
 * works in both directions. Over IPv6 both headers are IPv6 headers.
 *
 * The far end's address is easily forged, and the far end trusts packets from us. So only a packet
 * that the far end will discard is sent back: one without payload behind the GRE header, or with
 * protocol type 0. It is never larger than the received packet, and each tunnel has a rate limit.
 *
 * The answer to a keepalive of our own (control/keepalive.c) is a packet of the tunnel with
 * protocol type 0. It is counted for its tunnel and dropped.
 */
#include "answer/keepalive.h"

#include "base/wire.h"
#include "tunnel/gre.h"

enum {
	KEEPALIVE_INTERVAL_NS = 100 * 1000 * 1000, /* ten a second for each tunnel */
	KEEPALIVE_BURST = 10, /* at most this many at once */
	KEEPALIVE_MAX = 256, /* bytes */
};

/* Will the far end discard the payload of this GRE packet? */
static bool carries_nothing(const uint8_t *gre, size_t len)
{
	struct tunnel_opened header = {.type = ETHER_IPV4};
	enum drop drop = gre_open(gre, len, &header);

	if (drop == DROP_GRE_PROTOCOL)
		return header.type == GRE_PROTOCOL_KEEPALIVE;
	return drop == DROP_NONE && header.len == len;
}

static bool may_answer(struct context *ctx, uint16_t tunnel)
{
	uint64_t *until = &ctx->keepalives_until_ns[tunnel];
	uint64_t from = *until > ctx->now_ns ? *until : ctx->now_ns;

	if (from - ctx->now_ns > (KEEPALIVE_BURST - 1) * (uint64_t)KEEPALIVE_INTERVAL_NS)
		return false;
	*until = from + KEEPALIVE_INTERVAL_NS;
	return true;
}

static void send_back(struct context *ctx, struct burst *b, struct packet *p, enum stage to)
{
	uint16_t tunnel = p->onramp, via = ctx->nexthops->at[tunnel].via;

	if (!may_answer(ctx, tunnel) || !ctx->nexthops->at[via].resolved) {
		burst_drop(b, p, DROP_PROTOCOL);
		return;
	}
	ctx->tunnels[tunnel].keepalives_answered++;
	ctx->counters.answers[ANSWER_KEEPALIVE]++;
	p->nexthop = via; /* no encapsulation */
	burst_pass(b, to, p);
}

bool keepalive_answer(struct context *ctx, struct burst *b, struct packet *p)
{
	const struct tunnel *t = &ctx->net->tunnels[p->onramp];

	if (p->onramp == TUNNEL_NONE || t->outer == OUTER_IPV6 || t->outer == OUTER_NONE ||
	    p->len > KEEPALIVE_MAX || p->probe.key.proto != PROTO_GRE ||
	    p->probe.key.src != t->local || p->probe.key.dst != t->remote ||
	    !carries_nothing(p->data + p->l4, (size_t)p->len - p->l4))
		return false;
	send_back(ctx, b, p, STAGE_ENCAPSULATE);
	return true;
}

bool keepalive_answer6(struct context *ctx, struct burst *b, struct packet *p)
{
	const struct tunnel *t = &ctx->net->tunnels[p->onramp];
	const uint8_t *ip = p->data, *header = ctx->net->headers6[p->onramp].bytes;
	size_t total;

	if (p->onramp == TUNNEL_NONE || t->outer != OUTER_IPV6 || p->len < IPV6_LEN ||
	    ip[IPV6_VERSION] >> 4 != 6 || ip[IPV6_NEXT] != PROTO_GRE)
		return false;
	total = IPV6_LEN + (size_t)wire_16(ip + IPV6_LENGTH);
	if (total > p->len || total > KEEPALIVE_MAX ||
	    memcmp(ip + IPV6_SRC, header + IPV6_SRC, 2 * sizeof(struct addr6)) != 0 ||
	    !carries_nothing(ip + IPV6_LEN, total - IPV6_LEN))
		return false;
	p->len = (uint16_t)total;
	send_back(ctx, b, p, STAGE_ENCAPSULATE6);
	return true;
}

enum drop keepalive_heard(struct context *ctx, struct packet *p, const struct tunnel_kind *kind,
			  const struct tunnel_opened *opened)
{
	if (!kind->has_keepalives || p->onramp == TUNNEL_NONE ||
	    opened->type != GRE_PROTOCOL_KEEPALIVE)
		return kind->no_ip;
	ctx->tunnels[p->onramp].keepalives_heard++;
	p->onramp = TUNNEL_NONE; /* the drop is not counted for the tunnel */
	return DROP_KEEPALIVE;
}
