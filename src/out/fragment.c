/*
 * Fragment: a packet that is too big for its way out and may be cut (DF clear) leaves in pieces.
 *
 * The only stage that makes packets. It takes what follow or answer passed to it, translates it if
 * that has not been done, copies it piece by piece into buffers of their own, and sends the pieces
 * itself, since a burst has no room for them: encapsulated and transmitted like any packet, by the
 * same functions. If buffers run out, nothing of it leaves. (Of rte_ip_frag's two ways one makes
 * chains of buffers, which not every port sends, and the other is not yet stable in DPDK 22.11.)
 *
 * Law 3: k pieces are k - 1 packets more than came in, counted as fragments_made.
 *
 * Towards the Internet many hosts share one address, and pieces of two packets with the same
 * identification would be put together (RFC 6864 section 5.3.1); so they take on one of ours.
 */
#include "out/stages.h"

#include "base/checksum.h"
#include "base/wire.h"
#include "whole.h"

#include <rte_mbuf.h>

enum {
	PIECES_MAX = 128, /* 65,535 bytes through the smallest MTU, 576 */

	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_COPIED = 0x80,
};

static uint16_t fitting_mtu(const struct lane *lane, const struct packet *p)
{
	return p->tunnel != TUNNEL_NONE ? lane->adj->tunnel_mtus[p->tunnel]
					: lane->adj->hops[p->hop].mtu;
}

/* Options that are not to be copied (RFC 791 section 3.1) become "no operation" in later pieces. */
static void blank_options(uint8_t *ip, size_t header)
{
	size_t at = IPV4_LEN;

	while (at < header && ip[at] != OPTION_END) {
		size_t len = ip[at] == OPTION_NOP ? 1 : at + 1 < header ? ip[at + 1] : 0;

		if (len == 0 || len > header - at)
			return;
		if (!(ip[at] & OPTION_COPIED))
			memset(ip + at, OPTION_NOP, len);
		at += len;
	}
}

/* One piece: @len bytes of @p's payload from @at on, not yet encapsulated. */
static void fill(const struct packet *p, size_t header, size_t at, size_t len, struct rte_mbuf *m)
{
	uint8_t *ip = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(header + len));
	uint16_t fragment = (uint16_t)(at / 8 | (header + at + len < p->len ? IPV4_MF : 0));

	memcpy(ip, p->data, header);
	memcpy(ip + header, p->data + header + at, len);
	if (at > 0)
		blank_options(ip, header);
	wire_put_be16(ip + IPV4_LENGTH, htons((uint16_t)(header + len)));
	wire_put_be16(ip + IPV4_FRAGMENT, htons(fragment));
	wire_put_be16(ip + IPV4_CHECKSUM, 0);
	wire_put_be16(ip + IPV4_CHECKSUM, checksum_make(ip, header));
}

static void finish(struct lane *lane, const struct packet *p, const struct hop *hop,
		   struct rte_mbuf *m)
{
	struct packet piece = {
		.mbuf = m,
		.data = rte_pktmbuf_mtod(m, uint8_t *),
		.len = m->data_len,
		.tunnel = p->tunnel,
	};

	encapsulate(lane, &piece, hop);
	m->data_off = (uint16_t)(piece.data - (uint8_t *)m->buf_addr);
	m->data_len = piece.len;
	m->pkt_len = piece.len;
}

/* How much of the payload goes into one piece: what fits the way out and a buffer. */
static size_t piece_size(const struct lane *lane, const struct packet *p, size_t header)
{
	struct rte_mempool *pool = whole_pool(p->mbuf);
	size_t fits = fitting_mtu(lane, p);
	size_t room = (size_t)rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM;

	fits = fits < room ? fits : room;
	return fits < header + 8 ? 0 : (fits - header) & ~(size_t)7;
}

/* Cuts @p: the pieces, ready to leave. Writes how many. */
static enum drop cut(struct lane *lane, struct packet *p, const struct hop *hop,
		     struct rte_mbuf **pieces, unsigned *n)
{
	size_t header = (size_t)(p->data[IPV4_VERSION_IHL] & 0xf) * 4, body = p->len - header;
	size_t size = piece_size(lane, p, header);

	if (size == 0 || body > size * PIECES_MAX)
		return DROP_TOO_BIG;
	*n = (unsigned)((body + size - 1) / size);
	if (rte_pktmbuf_alloc_bulk(whole_pool(p->mbuf), pieces, *n) != 0)
		return DROP_NO_BUFFER;
	if (p->tunnel == TUNNEL_NONE)
		wire_put_be16(p->data + IPV4_ID, next_identification(lane));
	for (unsigned i = 0; i < *n; i++) {
		size_t at = i * size, len = body - at < size ? body - at : size;

		fill(p, header, at, len, pieces[i]);
		finish(lane, p, hop, pieces[i]);
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
		return DROP_NO_NEIGHBOUR;
	if (p->reason == FRAGMENT_TRANSLATE)
		rewrite(lane, p);
	drop = cut(lane, p, hop, pieces, &n);
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
