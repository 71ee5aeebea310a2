/* Unknown tunnels: see unknown.h. */
#include "in/unknown.h"

#include "base/wire.h"
#include "path/context.h"
#include "tunnel/ipv6.h"
#include "tunnel/kinds.h"

#include <string.h>

static bool unknown_same(const struct unknown_tunnel *a, const struct unknown_tunnel *b)
{
	return addr6_equal(&a->remote, &b->remote) && addr6_equal(&a->local, &b->local) &&
	       a->key == b->key && a->has_key == b->has_key && a->reason == b->reason &&
	       a->port == b->port;
}

static bool is_forgotten(const struct unknown_tunnel *t, uint32_t now_s)
{
	return t->packets == 0 || now_s - t->seen_s > UNKNOWN_FORGET_S;
}

/* The entry of this tunnel, or else the entry to replace. */
static struct unknown_tunnel *find_place(struct unknown_tunnels *all,
					 const struct unknown_tunnel *t, uint32_t now_s)
{
	struct unknown_tunnel *least = &all->list[0];

	for (size_t i = 0; i < UNKNOWN_TUNNELS; i++) {
		struct unknown_tunnel *at = &all->list[i];

		if (is_forgotten(at, now_s))
			at->packets = 0;
		else if (unknown_same(at, t))
			return at;
		if (at->packets < least->packets)
			least = at;
	}
	least->packets = 0;
	return least;
}

void unknown_note(struct context *ctx, const struct unknown_tunnel *tunnel)
{
	struct unknown_tunnels *all = ctx->unknown;
	struct unknown_tunnel *place;
	uint64_t packets, sequence;

	if (all == NULL)
		return;
	sequence = all->sequence;
	__atomic_store_n(&all->sequence, sequence + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	place = find_place(all, tunnel, ctx->now_s);
	packets = place->packets;
	*place = *tunnel;
	place->packets = packets + 1;
	place->seen_s = ctx->now_s;
	__atomic_store_n(&all->sequence, sequence + 2, __ATOMIC_RELEASE);
}

/*
 * Fills in the outer addresses and the packet's length. Returns the offset of the tunnel's own
 * header, or of the packet's end.
 */
static size_t read_outer(const uint8_t *ip, struct unknown_tunnel *t, size_t *total)
{
	struct ipv6_chain chain;

	if (ip[IPV4_VERSION_IHL] >> 4 == 4) {
		t->local = addr6_from_ipv4(wire_be32(ip + IPV4_DST));
		t->remote = addr6_from_ipv4(wire_be32(ip + IPV4_SRC));
		*total = wire_16(ip + IPV4_LENGTH);
		return (size_t)(ip[IPV4_VERSION_IHL] & 0xf) * 4;
	}
	t->local = addr6_read(ip + IPV6_DST);
	t->remote = addr6_read(ip + IPV6_SRC);
	*total = IPV6_LEN + (size_t)wire_16(ip + IPV6_LENGTH);
	return ipv6_walk(ip, *total, false, &chain) == DROP_NONE ? chain.l4 : *total;
}

void unknown_look(struct context *ctx, const struct packet *p, enum drop drop)
{
	struct unknown_tunnel t = {.port = p->in_port, .reason = (uint8_t)drop};
	const uint8_t *ip = p->data + ETHER_LEN;
	size_t at, total;
	const struct tunnel_kind *kind = tunnel_kind_of_stranger(drop);
	struct tunnel_opened opened;

	if (kind == NULL)
		return;
	at = read_outer(ip, &t, &total);
	if (!network_is_end(ctx->net, &t.local))
		return;
	if (kind->open(ip + at, total - at, &opened) == DROP_NONE) {
		t.has_key = opened.has_key;
		t.key = opened.key;
	}
	unknown_note(ctx, &t);
}

/* False: the worker wrote it meanwhile. */
static bool copy(const struct unknown_tunnels *all, struct unknown_tunnel *out)
{
	uint64_t before = __atomic_load_n(&all->sequence, __ATOMIC_ACQUIRE);

	memcpy(out, all->list, sizeof(all->list));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return before % 2 == 0 && __atomic_load_n(&all->sequence, __ATOMIC_RELAXED) == before;
}

size_t unknown_read(const struct context *ctx, struct unknown_tunnel *out)
{
	enum { TRIES = 1000 }; /* bounded, since during a flood the worker may write all the time */
	uint32_t now_s = __atomic_load_n(&ctx->now_s, __ATOMIC_RELAXED);
	size_t n = 0;
	int tries = 0;

	if (ctx->unknown == NULL)
		return 0;
	while (!copy(ctx->unknown, out))
		if (++tries == TRIES)
			return 0;
	for (size_t i = 0; i < UNKNOWN_TUNNELS; i++) {
		if (is_forgotten(&out[i], now_s))
			continue;
		out[n] = out[i];
		out[n].seen_s = now_s - out[n].seen_s;
		n++;
	}
	return n;
}
