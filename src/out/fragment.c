/*
 * Fragment: a packet that is larger than its MTU, and may be fragmented, leaves as fragments. IPv4
 * may be where DF is clear; IPv6 only if it came in fragments: only its source fragments it (RFC
 * 8200 section 5).
 *
 * The only stage that makes packets. It takes what follow or answer passed to it, translates it if
 * that has not been done, copies it piece by piece into buffers of their own, and sends the pieces
 * itself, since a burst has no room for them: encapsulated and transmitted like any packet, by the
 * same functions. If buffers run out, nothing of it leaves. (One of rte_ip_frag's two functions
 * makes chains of buffers, which not every port sends; the other is not yet stable in DPDK 22.11.)
 *
 * Law 3: k pieces are k - 1 packets more than came in, counted as fragments_made.
 *
 * Towards the Internet many hosts share one address, and pieces of two packets with the same
 * identification would be put together (RFC 6864 section 5.3.1); so they take on one of ours. Those
 * of IPv6 always do: theirs went with the fragment header when they were put together.
 */
#include "out/stages.h"

#include "base/wire.h"
#include "out/cut.h"
#include "whole.h"

#include <rte_mbuf.h>

enum {
	PIECES_MAX = 128, /* 65,535 bytes through the smallest MTU, 576 */
};

/* What differs between the families. */
struct family {
	void (*rewrite)(struct lane *lane, struct packet *p);
	void (*encapsulate)(struct lane *lane, struct packet *p, const struct hop *hop);
	void (*write)(const struct cut *c, uint8_t *ip, size_t at, size_t len, bool last);
};

static const struct family four = {rewrite, encapsulate, cut_write};
static const struct family six = {rewrite6, encapsulate6, cut6_write};

static const struct family *family_of(const struct packet *p)
{
	return p->data[IPV6_VERSION] >> 4 == 6 ? &six : &four;
}

static size_t fitting_size(const struct lane *lane, const struct packet *p)
{
	size_t mtu = p->tunnel != TUNNEL_NONE ? lane->adj->tunnel_mtus[p->tunnel]
					      : lane->adj->hops[p->hop].mtu;

	if (family_of(p) == &six && p->largest != 0 && p->largest < mtu)
		return p->largest;
	return mtu;
}

static void begin(struct lane *lane, struct packet *p, struct cut *c)
{
	if (family_of(p) == &six) {
		cut6_begin(c, p->data, p->len, identification6_next(lane));
		return;
	}
	if (p->tunnel == TUNNEL_NONE)
		wire_put_be16(p->data + IPV4_ID,
			      identification_next(lane, wire_be32(p->data + IPV4_DST)));
	cut_begin(c, p->data);
}

/* One piece: @len bytes of what is cut from @at on, ready to leave. */
static void make_piece(struct lane *lane, const struct packet *p, const struct cut *c, size_t at,
		       size_t len, struct rte_mbuf *m)
{
	const struct family *y = family_of(p);
	uint8_t *ip = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(c->header_len + len));
	struct packet piece = {
		.probe = p->probe, /* its hash is the flow's */
		.mbuf = m,
		.data = ip,
		.len = m->data_len,
		.tunnel = p->tunnel,
	};

	y->write(c, ip, at, len, c->body + at + len == p->len);
	memcpy(ip + c->header_len, p->data + c->body + at, len);
	y->encapsulate(lane, &piece, &lane->adj->hops[p->hop]);
	m->data_off = (uint16_t)(piece.data - (uint8_t *)m->buf_addr);
	m->data_len = piece.len;
	m->pkt_len = piece.len;
}

/* How much payload goes into one fragment: what fits the MTU and a buffer. */
static size_t piece_size(const struct lane *lane, const struct packet *p, size_t header)
{
	struct rte_mempool *pool = whole_pool(p->mbuf);
	size_t fits = fitting_size(lane, p);
	size_t room = (size_t)rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM;

	fits = fits < room ? fits : room;
	return fits < header + 8 ? 0 : (fits - header) & ~(size_t)7;
}

/* Cuts @p: the pieces, ready to leave. Writes how many. */
static enum drop cut(struct lane *lane, struct packet *p, struct rte_mbuf **pieces, unsigned *n)
{
	size_t body, size;
	struct cut c;

	begin(lane, p, &c);
	body = p->len - c.body;
	size = piece_size(lane, p, c.header_len);
	if (size == 0 || body > size * PIECES_MAX)
		return DROP_TOO_BIG;
	*n = (unsigned)((body + size - 1) / size);
	if (rte_pktmbuf_alloc_bulk(whole_pool(p->mbuf), pieces, *n) != 0)
		return DROP_NO_BUFFER;
	for (unsigned i = 0; i < *n; i++) {
		size_t at = i * size;

		make_piece(lane, p, &c, at, body - at < size ? body - at : size, pieces[i]);
	}
	return DROP_NONE;
}

static enum drop send_in_pieces(struct lane *lane, struct packet *p)
{
	const struct hop *hop = &lane->adj->hops[p->hop];
	struct rte_mbuf *pieces[PIECES_MAX];
	enum drop drop;
	unsigned n;

	if (!hop->resolved)
		return transmit_not_resolved(lane, p, hop);
	if (p->reason == FRAGMENT_TRANSLATE)
		family_of(p)->rewrite(lane, p);
	drop = cut(lane, p, pieces, &n);
	if (drop != DROP_NONE)
		return drop;
	lane->counters.fragments_made += n - 1;
	transmit_frames(lane, hop->port, pieces, n);
	return DROP_NONE;
}

void stage_fragment(struct lane *lane, struct burst *b)
{
	for (unsigned i = 0; i < b->n[STAGE_FRAGMENT]; i++) {
		struct packet *p = b->list[STAGE_FRAGMENT][i];
		enum drop drop = send_in_pieces(lane, p);

		if (drop == DROP_NONE)
			rte_pktmbuf_free(p->mbuf);
		else
			burst_drop(b, p, drop);
	}
}
