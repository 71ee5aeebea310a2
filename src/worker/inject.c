/*
 * Packets of the control thread: see inject.h.
 *
 * The ring is an array of slots and two indices that wrap around: control writes `put`, the worker
 * writes `taken`. They are on different cache lines. A turn of a worker without such packets costs
 * one comparison.
 *
 * Buffers come from one pool for all workers. It is made when the first worker is, and never freed:
 * a port may hold a buffer until it is closed, which is later than the end of the workers.
 *
 * A probe must go into its own tunnel, above all when that is down and another tunnel stands in for
 * it. Then the nexthop has the content of the substitute, except `via`, the tunnel's own neighbour,
 * and `own_mac`, the peer of an interconnect. So the tunnel's nexthop is made again from these.
 */
#include "worker/inject.h"

#include "base/memory.h"
#include "base/wire.h"
#include "out/encapsulate.h"
#include "out/transmit.h"
#include "path/context.h"
#include "path/family.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

enum { BUFFERS = 2047 };

static const char pool_name[] = "injected packets";

struct inject_slot {
	uint8_t kind; /* enum inject_kind */
	uint16_t to;
	uint16_t len;
	uint8_t bytes[INJECT_MAX];
};

struct inject {
	_Alignas(CACHE_LINE) uint32_t put; /* written by control */
	_Alignas(CACHE_LINE) uint32_t taken; /* by the worker */
	struct rte_mempool *pool;
	struct inject_slot slots[INJECT_ROOM];
};

static_assert((INJECT_ROOM & (INJECT_ROOM - 1)) == 0, "indices wrap around");
static_assert((int)INJECT_PER_TURN <= (int)BURST_MAX, "they are one burst");

static struct rte_mempool *pool_of_all(void)
{
	struct rte_mempool *pool = rte_mempool_lookup(pool_name);

	if (pool == NULL)
		pool = rte_pktmbuf_pool_create(pool_name, BUFFERS, 0, 0,
					       RTE_PKTMBUF_HEADROOM + INJECT_MAX, SOCKET_ID_ANY);
	return pool;
}

struct inject *inject_create(void)
{
	struct inject *in = memory_lines(sizeof(*in));

	if (in == NULL)
		return NULL;
	in->pool = pool_of_all();
	if (in->pool != NULL)
		return in;
	free(in);
	errno = ENOMEM;
	return NULL;
}

void inject_destroy(struct inject *in)
{
	free(in);
}

bool inject_put(struct inject *in, enum inject_kind kind, uint16_t to, const void *bytes,
		size_t len)
{
	uint32_t put = in->put;
	struct inject_slot *slot = &in->slots[put % INJECT_ROOM];

	assert(len <= INJECT_MAX && (kind == INJECT_FRAME || to <= NEXTHOP_LAST));
	if (put - __atomic_load_n(&in->taken, __ATOMIC_ACQUIRE) == INJECT_ROOM)
		return false;
	slot->kind = (uint8_t)kind;
	slot->to = to;
	slot->len = (uint16_t)len;
	memcpy(slot->bytes, bytes, len);
	__atomic_store_n(&in->put, put + 1, __ATOMIC_RELEASE);
	return true;
}

bool inject_is_there(const struct inject *in)
{
	return __atomic_load_n(&in->put, __ATOMIC_RELAXED) != in->taken;
}

static void send_frame(const struct context *ctx, struct burst *b, struct packet *p, uint16_t port)
{
	if (port >= ctx->n_ports || ctx->ports[port].empty)
		burst_drop(b, p, DROP_PORT_DOWN);
	else
		burst_transmit(b, p, (uint8_t)port);
}

static void send_by_nexthop(struct burst *b, struct packet *p, uint16_t id)
{
	p->nexthop = id;
	burst_pass(b, family_of(p)->encapsulate, p);
}

/* The nexthop of an interconnect, whose peer is no neighbour with an id. */
static struct nexthop own_link(const struct context *ctx, uint16_t id)
{
	const struct nexthop *n = &ctx->nexthops->at[id];
	uint8_t port = ctx->net->tunnels[id].port;
	struct nexthop peer =
		nexthop_to_neighbour(port, ctx->nexthops->macs[port],
				     n->own_resolved ? n->own_mac : NULL, NEXTHOP_MTU_MAX);

	return nexthop_to_tunnel(ctx->net, id, NEXTHOP_NONE, &peer, 0);
}

static struct nexthop own_nexthop(const struct context *ctx, uint16_t id)
{
	uint16_t via = ctx->nexthops->at[id].via;

	if (ctx->net->tunnels[id].outer == OUTER_NONE)
		return own_link(ctx, id);
	return nexthop_to_tunnel(ctx->net, id, via, &ctx->nexthops->at[via], 0);
}

/* Into tunnel @id, whose nexthop has the content of its substitute. */
static void send_past_substitute(struct context *ctx, struct burst *b, struct packet *p,
				 uint16_t id)
{
	struct nexthop own;

	if (ctx->esp != NULL && ctx->net->tunnels[id].type == TUNNEL_IPSEC) {
		p->nexthop = id;
		burst_seal(b, p, SEAL_PAST_SUBSTITUTE);
		return;
	}
	own = own_nexthop(ctx, id);
	if (!own.resolved) {
		burst_drop(b, p, transmit_not_resolved(ctx, &own));
		return;
	}
	encapsulate_packet(ctx, p, &own, family_of(p));
	burst_transmit(b, p, own.port);
}

static void send_into_tunnel(struct context *ctx, struct burst *b, struct packet *p, uint16_t id)
{
	const struct nexthop *n = &ctx->nexthops->at[id];

	if (!network_has_tunnel(ctx->net, id))
		burst_drop(b, p, DROP_TUNNEL_GONE);
	else if (n->kind == NEXTHOP_KIND_TUNNEL && n->tunnel != id)
		send_past_substitute(ctx, b, p, id);
	else
		send_by_nexthop(b, p, id);
}

static void open_packet(struct packet *p, struct rte_mbuf *m, const struct inject_slot *slot)
{
	*p = (struct packet){
		.mbuf = m,
		.data = (uint8_t *)rte_pktmbuf_append(m, slot->len),
		.len = slot->len,
		.onramp = TUNNEL_NONE,
		.nexthop = NEXTHOP_NONE,
		.in_port = PORT_BACK_IN,
		.probe.hash = slot->to, /* the packets of a tunnel take one path */
	};
	memcpy(p->data, slot->bytes, slot->len);
}

static void inject_one(struct context *ctx, struct burst *b, struct packet *p,
		       const struct inject_slot *slot)
{
	if (slot->kind == INJECT_FRAME)
		send_frame(ctx, b, p, slot->to);
	else if (slot->kind == INJECT_TUNNEL)
		send_into_tunnel(ctx, b, p, slot->to);
	else
		send_by_nexthop(b, p, slot->to);
}

unsigned inject_take(struct inject *in, struct context *ctx, struct burst *b)
{
	struct rte_mbuf *mbufs[INJECT_PER_TURN];
	uint32_t taken = in->taken, n = __atomic_load_n(&in->put, __ATOMIC_ACQUIRE) - taken;

	if (n > INJECT_PER_TURN)
		n = INJECT_PER_TURN;
	if (rte_pktmbuf_alloc_bulk(in->pool, mbufs, n) != 0)
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct inject_slot *slot = &in->slots[(taken + i) % INJECT_ROOM];

		open_packet(&b->packets[i], mbufs[i], slot);
		inject_one(ctx, b, &b->packets[i], slot);
	}
	__atomic_store_n(&in->taken, taken + n, __ATOMIC_RELEASE);
	ctx->counters.injected += n;
	return n;
}
