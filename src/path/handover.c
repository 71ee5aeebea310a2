/*
 * Hand-over: see handover.h.
 *
 * A ring carries the packet's buffer. Its data begins at the inner header, or at Ethernet for a
 * finished frame. A 32-bit word in the buffer holds the rest:
 *
 *   31        30          29        28    24 23     16 15             0
 *   +--------+-----------+---------+--------+---------+----------------+
 *   | frame  | fragments | asked   | tried  | port    | tunnel         |
 *   +--------+-----------+---------+--------+---------+----------------+
 *
 * Fragments and asked together: the packet belongs to the worker of an SA. Then `tunnel` is a
 * nexthop, and the packet is to be sealed, past a substitute if `frame` is set; or it is
 * NEXTHOP_NONE, and the packet is to be opened.
 *
 * The owner parses the packet again, which costs less than copying a parsed packet through memory.
 * Fragments enter at the stage reassemble. So does a reassembled IPv6 packet, since only that stage
 * knows the size of its fragments. A first fragment whose flow was found by the flow's owner
 * (in/admit.h) carries the site instead of the tunnel, and enters there, too. `tried` is how many
 * workers had no room for the packet's flow.
 */
#include "path/handover.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

enum {
	WORD_PORT_SHIFT = 16,
	WORD_PORT_MASK = 0xff,
	WORD_TRIED_SHIFT = 24,
	WORD_TRIED_MASK = 0x1f, /* WORKERS_MAX - 1 */
	WORD_TUNNEL_MASK = 0xffff,
};

#define WORD_FRAME (UINT32_C(1) << 31)
#define WORD_FRAGMENTS (UINT32_C(1) << 30)
#define WORD_ASKED (UINT32_C(1) << 29)
#define WORD_SEALED (WORD_FRAGMENTS | WORD_ASKED)

struct handover {
	uint16_t workers;
	uint8_t secret[16]; /* of all flow tables */
	const struct context **contexts; /* [workers] */
	struct rte_ring *rings[]; /* [from * workers + to] */
};

static struct rte_ring *ring_of(const struct handover *h, uint16_t from, uint16_t to)
{
	return h->rings[from * h->workers + to];
}

static bool make_secret(struct handover *h, const uint8_t *secret)
{
	if (secret != NULL)
		memcpy(h->secret, secret, sizeof(h->secret));
	else if (getrandom(h->secret, sizeof(h->secret), 0) != sizeof(h->secret))
		return false;
	return true;
}

struct handover *handover_create(uint16_t workers, const uint8_t *secret)
{
	static unsigned serial; /* DPDK names rings globally */
	size_t n = (size_t)workers * workers;
	struct handover *h = calloc(1, sizeof(*h) + n * sizeof(h->rings[0]));
	char name[RTE_RING_NAMESIZE];

	if (h == NULL)
		return NULL;
	h->workers = workers;
	h->contexts = calloc(workers, sizeof(h->contexts[0]));
	if (h->contexts == NULL)
		goto fail;
	if (!make_secret(h, secret))
		goto fail;

	for (size_t i = 0; i < n; i++) {
		if (i / workers == i % workers)
			continue;
		snprintf(name, sizeof(name), "handover-%u-%zu", serial, i);
		h->rings[i] = rte_ring_create(name, HANDOVER_RING_SIZE, SOCKET_ID_ANY,
					      RING_F_SP_ENQ | RING_F_SC_DEQ);
		if (h->rings[i] == NULL)
			goto fail;
	}
	serial++;
	return h;

fail:
	handover_destroy(h);
	return NULL;
}

void handover_destroy(struct handover *h)
{
	struct rte_mbuf *m;

	if (h == NULL)
		return;
	for (size_t i = 0; i < (size_t)h->workers * h->workers; i++) {
		if (h->rings[i] == NULL)
			continue;
		while (rte_ring_dequeue(h->rings[i], (void **)&m) == 0)
			rte_pktmbuf_free(m);
		rte_ring_free(h->rings[i]);
	}
	free(h->contexts);
	explicit_bzero(h->secret, sizeof(h->secret));
	free(h);
}

const struct context **handover_workers(struct handover *h)
{
	return h->contexts;
}

const uint8_t *handover_secret(const struct handover *h)
{
	return h->secret;
}

static uint32_t word_of(const struct burst *b, const struct packet *p)
{
	size_t i = (size_t)(p - b->packets);
	uint32_t tried = b->spilled >> i & 1 ? b->tried[i] : 0;

	bool fragments = p->handover_to == HANDOVER_TO_REASSEMBLE ||
			 (p->data[0] >> 4 == 6 && p->fragment_limit != 0);

	return (fragments ? WORD_FRAGMENTS : 0) | tried << WORD_TRIED_SHIFT |
	       (uint32_t)p->in_port << WORD_PORT_SHIFT | p->onramp;
}

static void give(struct context *ctx, uint16_t to, struct rte_mbuf **mbufs, unsigned n)
{
	struct rte_ring *ring = ring_of(ctx->handover, ctx->index, to);
	unsigned given = rte_ring_enqueue_burst(ring, (void **)mbufs, n, NULL);

	ctx->counters.handed_out += given;
	ctx->counters.drops[DROP_HANDOVER_BUSY] += n - given;
	rte_pktmbuf_free_bulk(mbufs + given, n - given);
}

void stage_handover(struct context *ctx, struct burst *b)
{
	struct rte_mbuf *mbufs[BURST_MAX];

	for (uint16_t to = 0; to < ctx->count; to++) {
		unsigned n = 0;

		for (unsigned i = 0; i < b->n[STAGE_HANDOVER]; i++) {
			const struct packet *p = b->list[STAGE_HANDOVER][i];
			struct rte_mbuf *m = p->mbuf;

			if (p->owner != to)
				continue;
			m->data_off = (uint16_t)(p->data - (uint8_t *)m->buf_addr);
			m->data_len = p->len;
			m->pkt_len = p->len;
			m->hash.usr = word_of(b, p);
			mbufs[n++] = m;
		}
		if (n > 0)
			give(ctx, to, mbufs, n);
	}
}

void handover_fragment(struct context *ctx, struct packet *p, uint16_t site)
{
	struct rte_mbuf *m = p->mbuf;
	uint32_t word = (uint32_t)p->in_port << WORD_PORT_SHIFT;

	m->data_off = (uint16_t)(p->data - (uint8_t *)m->buf_addr);
	m->data_len = p->len;
	m->pkt_len = p->len;
	m->hash.usr = word | (site != SITE_INTERNET ? WORD_ASKED | site : 0);
	give(ctx, p->owner, &m, 1);
}

void handover_sealed(struct context *ctx, struct packet *p, uint16_t to)
{
	struct rte_mbuf *m = p->mbuf;
	bool past = p->nexthop != NEXTHOP_NONE && p->seal_how == SEAL_PAST_SUBSTITUTE;

	m->data_off = (uint16_t)(p->data - (uint8_t *)m->buf_addr);
	m->data_len = p->len;
	m->pkt_len = p->len;
	m->hash.usr = WORD_SEALED | (past ? WORD_FRAME : 0) |
		      (uint32_t)p->in_port << WORD_PORT_SHIFT | p->nexthop;
	give(ctx, to, &m, 1);
}

void handover_frames(struct context *ctx, uint16_t port, struct rte_mbuf **frames, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		frames[i]->hash.usr = WORD_FRAME | (uint32_t)port << WORD_PORT_SHIFT;
	give(ctx, ctx->ports[port].tx_worker, frames, n);
}

/* A packet for an SA of this worker. Opened, it is as if it had arrived here. */
static void take_sealed(struct burst *b, struct packet *p, uint32_t word)
{
	p->onramp = TUNNEL_NONE;
	p->nexthop = (uint16_t)(word & WORD_TUNNEL_MASK);
	if (p->nexthop == NEXTHOP_NONE) {
		b->handed &= ~(UINT64_C(1) << (p - b->packets));
		burst_pass(b, STAGE_ESP_OPEN, p);
	} else if (word & WORD_FRAME) {
		burst_seal(b, p, SEAL_PAST_SUBSTITUTE);
	} else {
		burst_pass(b, p->data[0] >> 4 == 6 ? STAGE_ENCAPSULATE6 : STAGE_ENCAPSULATE, p);
	}
}

static void handover_take(const struct context *ctx, struct burst *b, struct packet *p,
			  struct rte_mbuf *m, uint16_t from)
{
	uint32_t word = m->hash.usr;

	b->handed |= UINT64_C(1) << (p - b->packets);
	b->tried[p - b->packets] = (uint8_t)(word >> WORD_TRIED_SHIFT & WORD_TRIED_MASK);
	p->owner = from;
	p->mbuf = m;
	p->data = rte_pktmbuf_mtod(m, uint8_t *);
	p->len = m->data_len;
	p->in_port = (uint8_t)(word >> WORD_PORT_SHIFT & WORD_PORT_MASK);
	p->nexthop = NEXTHOP_NONE;
	p->onramp = word & WORD_ASKED ? TUNNEL_NONE : (uint16_t)(word & WORD_TUNNEL_MASK);
	if ((word & WORD_SEALED) == WORD_SEALED)
		take_sealed(b, p, word);
	else if (word & WORD_FRAME)
		burst_transmit(b, p, p->in_port);
	else if (p->onramp != TUNNEL_NONE && !network_has_tunnel(ctx->net, p->onramp))
		burst_drop(b, p, DROP_TUNNEL_GONE); /* removed while the packet was in the ring */
	else if (word & WORD_ASKED)
		burst_reassemble(b, p, (uint16_t)(word & WORD_TUNNEL_MASK));
	else if (word & WORD_FRAGMENTS)
		burst_reassemble(b, p, SITE_INTERNET);
	else /* parse of the sending worker has checked that it is IPv4 or IPv6 */
		burst_pass(b, p->data[0] >> 4 == 6 ? STAGE_PARSE6 : STAGE_PARSE, p);
}

unsigned handover_receive(struct context *ctx, struct burst *b, unsigned have)
{
	struct rte_mbuf *mbufs[BURST_MAX];
	uint16_t from = (uint16_t)(ctx->counters.turns % ctx->count); /* the first ring rotates */
	unsigned before = have;

	for (uint16_t asked = 0; asked < ctx->count && have < BURST_MAX; asked++) {
		unsigned n;

		from = (uint16_t)(from + 1 < ctx->count ? from + 1 : 0);
		if (from == ctx->index)
			continue;
		n = rte_ring_dequeue_burst(ring_of(ctx->handover, from, ctx->index), (void **)mbufs,
					   BURST_MAX - have, NULL);
		for (unsigned i = 0; i < n; i++)
			handover_take(ctx, b, &b->packets[have + i], mbufs[i], from);
		have += n;
	}
	ctx->counters.handed_in += have - before;
	return have - before;
}
