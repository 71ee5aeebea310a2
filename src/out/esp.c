/*
 * ESP, outbound: seal the packets of a burst together, and put Ethernet in front.
 *
 * The SA is that of the nexthop's tunnel, so a substitute seals by its own. A packet whose SA has
 * another worker goes there as it is: it enters that worker's stage encapsulate, and so comes here.
 *
 * Sealing writes in front of a packet and behind it. A packet whose buffer has not the room is
 * dropped as no_buffer. Those of ports have it: HEADROOM_MIN, and an MTU that leaves room for
 * headers.
 */
#include "out/esp.h"

#include "base/wire.h"
#include "esp/sa_event.h"
#include "esp/seal.h"
#include "out/identification.h"
#include "out/stages.h"
#include "out/transmit.h"
#include "path/handover.h"

#include <rte_mbuf.h>

static_assert(IPV6_LEN + ICMP_LEN + ESP_HEAD_MAX <= (int)HEADROOM_MIN,
	      "an error in a tunnel needs more room");

/* Where the frames of a tunnel go. */
struct link {
	const uint8_t *ethernet;
	uint16_t tunnel;
	uint8_t port;
};

struct sealing {
	struct esp_out out[BURST_MAX];
	struct packet *packets[BURST_MAX];
	struct link links[BURST_MAX];
	unsigned n;
};

static enum drop find_link(const struct context *ctx, const struct packet *p, enum seal_how how,
			   struct link *l)
{
	const struct nexthop *n = &ctx->nexthops->at[p->nexthop], *via;

	l->tunnel = n->tunnel;
	via = n;
	if (how == SEAL_PAST_SUBSTITUTE) {
		l->tunnel = p->nexthop;
		via = &ctx->nexthops->at[n->via];
	}
	l->ethernet = via->ethernet;
	l->port = how == SEAL_PAST_SUBSTITUTE ? ctx->net->tunnels[p->nexthop].port : n->port;
	return via->resolved ? DROP_NONE : transmit_not_resolved(ctx, via);
}

static bool has_room(const struct packet *p)
{
	const struct rte_mbuf *m = p->mbuf;
	size_t front = (size_t)(p->data - (const uint8_t *)m->buf_addr);

	return front >= ETHER_LEN + ESP_HEAD_MAX && front + p->len + ESP_TAIL_MAX <= m->buf_len;
}

/* DROP_NONE with *@owner: the worker that seals by @out->sa. */
static enum drop find(struct context *ctx, const struct packet *p, enum seal_how how,
		      struct esp_out *out, struct link *l, uint16_t *owner)
{
	enum drop drop = find_link(ctx, p, how, l);

	if (drop != DROP_NONE)
		return drop;
	*out = (struct esp_out){
		.sa = esp_find_outbound(ctx->esp->table, l->tunnel),
		.inner = p->data,
		.inner_len = p->len,
	};
	if (out->sa == NULL) {
		esp_tell_acquire(ctx->esp, l->tunnel, p->data, p->len);
		return DROP_ESP_NO_SA;
	}
	*owner = esp_owner(out->sa, ctx->index);
	return has_room(p) ? DROP_NONE : DROP_NO_BUFFER;
}

/* @p becomes a frame. */
static void finish(struct context *ctx, struct packet *p, const struct esp_out *out,
		   const struct link *l)
{
	struct tunnel_counters *c = &ctx->tunnels[l->tunnel];

	c->tx_packets++;
	c->tx_bytes += out->inner_len;
	if (out->needs_id)
		identification_put(ctx, out->outer);
	p->data = out->outer - ETHER_LEN;
	p->len = out->outer_len + ETHER_LEN;
	memcpy(p->data, l->ethernet, ETHER_LEN);
	wire_put_be16(p->data + ETHER_TYPE, htons(out->six ? ETHER_IPV6 : ETHER_IPV4));
	p->out_port = l->port;
}

static void take(struct context *ctx, struct burst *b, struct packet *p, struct sealing *s)
{
	uint16_t owner;
	enum drop drop = find(ctx, p, p->seal_how, &s->out[s->n], &s->links[s->n], &owner);

	if (drop != DROP_NONE)
		burst_drop(b, p, drop);
	else if (owner != ctx->index)
		handover_sealed(ctx, p, owner);
	else
		s->packets[s->n++] = p;
}

/* The SAs of all packets, so that cache misses overlap. */
static void prefetch(const struct context *ctx, const struct burst *b)
{
	for (unsigned i = 0; i < b->n[STAGE_ESP_SEAL]; i++) {
		const struct packet *p = b->list[STAGE_ESP_SEAL][i];
		const struct esp_sa *sa;

		if (p->seal_how != SEAL_BY_NEXTHOP)
			continue;
		sa = esp_find_outbound(ctx->esp->table, ctx->nexthops->at[p->nexthop].tunnel);
		if (sa != NULL)
			esp_prefetch(sa);
	}
}

void stage_esp_seal(struct context *ctx, struct burst *b)
{
	struct sealing s;

	s.n = 0;
	ctx->esp->now_ns = ctx->origin_ns + ctx->now_ns;
	prefetch(ctx, b);
	for (unsigned i = 0; i < b->n[STAGE_ESP_SEAL]; i++)
		take(ctx, b, b->list[STAGE_ESP_SEAL][i], &s);
	esp_seal(ctx->esp, s.out, s.n);
	for (unsigned i = 0; i < s.n; i++) {
		if (s.out[i].drop != DROP_NONE) {
			burst_drop(b, s.packets[i], s.out[i].drop);
			continue;
		}
		finish(ctx, s.packets[i], &s.out[i], &s.links[i]);
		burst_pass(b, STAGE_TRANSMIT, s.packets[i]);
	}
}

enum drop esp_seal_one(struct context *ctx, struct packet *p, bool *gone)
{
	struct esp_out out;
	struct link l;
	uint16_t owner;
	enum drop drop = find(ctx, p, SEAL_BY_NEXTHOP, &out, &l, &owner);

	if (drop != DROP_NONE)
		return drop;
	if (owner != ctx->index) {
		handover_sealed(ctx, p, owner);
		*gone = true;
		return DROP_NONE;
	}
	ctx->esp->now_ns = ctx->origin_ns + ctx->now_ns;
	esp_seal(ctx->esp, &out, 1);
	if (out.drop == DROP_NONE)
		finish(ctx, p, &out, &l);
	return out.drop;
}
