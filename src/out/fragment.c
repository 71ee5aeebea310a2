/*
 * Fragment: a packet that is larger than the MTU, and may be fragmented, leaves as fragments. An
 * IPv4 packet may be fragmented if DF is clear. An IPv6 packet may be only if it arrived in
 * fragments, since only its source fragments it (RFC 8200 section 5).
 *
 * The only stage that makes packets. It takes packets from forward and answer, translates them
 * where that has not been done, and copies each fragment into a buffer of its own. A burst has no
 * room for the fragments, so the stage encapsulates and transmits them itself, by the functions of
 * those stages. If buffers run out, no fragment of the packet leaves. (rte_ip_frag is not used: one
 * of its two functions makes chains of buffers, which not every port can send; the other is not yet
 * stable in DPDK 22.11.)
 *
 * Law 3: k fragments of one packet add k - 1 packets, counted as fragments_made.
 *
 * Towards the Internet many hosts share one address. Fragments of two packets with the same
 * identification could be joined (RFC 6864 section 5.3.1), so they get an identification of ours.
 * IPv6 fragments always do: reassembly removed the fragment header with the original one.
 */
#include "out/stages.h"

#include "base/wire.h"
#include "out/encapsulate.h"
#include "out/esp.h"
#include "out/fragmenter.h"
#include "out/identification.h"
#include "out/rewrite.h"
#include "out/transmit.h"
#include "path/family.h"
#include "path/reassembled.h"

#include <rte_mbuf.h>

enum {
	FRAGMENTS_MAX = 128, /* 65,535 bytes through the smallest MTU, 576 */
};

static size_t fitting_size(const struct context *ctx, const struct packet *p)
{
	size_t mtu = ctx->nexthops->at[p->nexthop].mtu;

	if (family_of(p)->six && p->fragment_limit != 0 && p->fragment_limit < mtu)
		return p->fragment_limit;
	return mtu;
}

static void fragment_begin(struct context *ctx, struct packet *p, struct fragmenter *c)
{
	if (family_of(p)->six) {
		fragmenter6_begin(c, p->data, p->len, identification6_next(ctx));
		return;
	}
	if (ctx->nexthops->at[p->nexthop].tunnel == TUNNEL_NONE)
		wire_put_be16(p->data + IPV4_ID,
			      identification_next(ctx, wire_be32(p->data + IPV4_DST)));
	fragmenter_begin(c, p->data);
}

/* Makes one fragment, to leave or to be sealed: @len bytes of the fragmented part from @at on. */
static void make_fragment(struct context *ctx, const struct packet *p, const struct fragmenter *c,
			  size_t at, size_t len, struct rte_mbuf *m)
{
	const struct family *y = family_of(p);
	uint8_t *ip = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(c->header_len + len));
	struct packet fragment = {
		.probe = p->probe, /* its hash is that of the flow */
		.mbuf = m,
		.data = ip,
		.len = m->data_len,
		.onramp = p->onramp,
		.nexthop = p->nexthop,
	};
	bool last = c->body + at + len == p->len;

	if (y->six)
		fragmenter6_write(c, ip, at, len, last);
	else
		fragmenter_write(c, ip, at, len, last);
	memcpy(ip + c->header_len, p->data + c->body + at, len);
	if (!ctx->nexthops->at[p->nexthop].sealed)
		encapsulate_packet(ctx, &fragment, &ctx->nexthops->at[p->nexthop], y);
	m->data_off = (uint16_t)(fragment.data - (uint8_t *)m->buf_addr);
	m->data_len = fragment.len;
	m->pkt_len = fragment.len;
}

/* Payload bytes of one fragment: limited by the MTU and by the buffer. */
static size_t fragment_size(const struct context *ctx, const struct packet *p, size_t header)
{
	struct rte_mempool *pool = reassembled_pool(p->mbuf);
	size_t fits = fitting_size(ctx, p);
	size_t room = (size_t)rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM;

	fits = fits < room ? fits : room;
	return fits < header + 8 ? 0 : (fits - header) & ~(size_t)7;
}

/* Fragments @p: makes all fragments, ready to leave, and writes how many. */
static enum drop make_fragments(struct context *ctx, struct packet *p, struct rte_mbuf **fragments,
				unsigned *n)
{
	size_t body, size;
	struct fragmenter c;

	fragment_begin(ctx, p, &c);
	body = p->len - c.body;
	size = fragment_size(ctx, p, c.header_len);
	if (size == 0 || body > size * FRAGMENTS_MAX)
		return DROP_TOO_BIG;
	*n = (unsigned)((body + size - 1) / size);
	if (rte_pktmbuf_alloc_bulk(reassembled_pool(p->mbuf), fragments, *n) != 0)
		return DROP_NO_BUFFER;
	for (unsigned i = 0; i < *n; i++) {
		size_t at = i * size;

		make_fragment(ctx, p, &c, at, body - at < size ? body - at : size, fragments[i]);
	}
	return DROP_NONE;
}

/* Seals the fragments, inner packets until now, each by itself. Returns how many are left. */
static unsigned seal_fragments(struct context *ctx, const struct packet *p,
			       struct rte_mbuf **fragments, unsigned n)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = fragments[i];
		struct packet fragment = {
			.mbuf = m,
			.data = rte_pktmbuf_mtod(m, uint8_t *),
			.len = m->data_len,
			.nexthop = p->nexthop,
			.in_port = p->in_port,
		};
		bool gone = false;
		enum drop drop =
			ctx->esp == NULL ? DROP_ESP_NO_SA : esp_seal_one(ctx, &fragment, &gone);

		if (gone)
			continue;
		if (drop != DROP_NONE) {
			ctx->counters.drops[drop]++;
			rte_pktmbuf_free(m);
			continue;
		}
		m->data_off = (uint16_t)(fragment.data - (uint8_t *)m->buf_addr);
		m->data_len = fragment.len;
		m->pkt_len = fragment.len;
		fragments[kept++] = m;
	}
	return kept;
}

static enum drop send_fragments(struct context *ctx, struct packet *p)
{
	const struct nexthop *nexthop = &ctx->nexthops->at[p->nexthop];
	struct rte_mbuf *fragments[FRAGMENTS_MAX];
	enum drop drop;
	unsigned n;

	if (!nexthop->resolved)
		return transmit_not_resolved(ctx, nexthop);
	if (p->fragment_how == FRAGMENT_TRANSLATE)
		rewrite_packet(ctx, p, family_of(p));
	drop = make_fragments(ctx, p, fragments, &n);
	if (drop != DROP_NONE)
		return drop;
	ctx->counters.fragments_made += n - 1;
	if (nexthop->sealed)
		n = seal_fragments(ctx, p, fragments, n);
	transmit_frames(ctx, nexthop->port, fragments, n);
	return DROP_NONE;
}

void stage_fragment(struct context *ctx, struct burst *b)
{
	for (unsigned i = 0; i < b->n[STAGE_FRAGMENT]; i++) {
		struct packet *p = b->list[STAGE_FRAGMENT][i];
		enum drop drop = send_fragments(ctx, p);

		if (drop == DROP_NONE)
			rte_pktmbuf_free(p->mbuf);
		else
			burst_drop(b, p, drop);
	}
}
