/*
 * A ring of copied packets: see deliver.h.
 *
 * The source has to be the far end of the very tunnel. Otherwise a site could speak in the sessions
 * of another one: the daemon tells its neighbours apart by address only.
 */
#include "path/deliver.h"

#include "base/memory.h"
#include "path/context.h"

#include <stdlib.h>
#include <string.h>

enum {
	BGP = 179, /* RFC 4271: of the side that was called */
	BFD = 3784, /* RFC 5881 section 4: of both sides, as destination */
};

struct deliver_slot {
	uint16_t len;
	uint8_t bytes[DELIVER_MAX];
};

struct deliver {
	_Alignas(CACHE_LINE) uint32_t put; /* written by the worker */
	_Alignas(CACHE_LINE) uint32_t taken; /* by control */
	struct deliver_slot slots[DELIVER_ROOM];
};

static_assert((DELIVER_ROOM & (DELIVER_ROOM - 1)) == 0, "indices wrap around");

struct deliver *deliver_create(void)
{
	return memory_lines(sizeof(struct deliver));
}

void deliver_destroy(struct deliver *d)
{
	free(d);
}

static bool deliver_put(struct deliver *d, const struct packet *p)
{
	uint32_t put = d->put;
	struct deliver_slot *slot = &d->slots[put % DELIVER_ROOM];

	if (put - __atomic_load_n(&d->taken, __ATOMIC_ACQUIRE) == DELIVER_ROOM ||
	    p->len > DELIVER_MAX)
		return false;
	slot->len = p->len;
	memcpy(slot->bytes, p->data, p->len);
	__atomic_store_n(&d->put, put + 1, __ATOMIC_RELEASE);
	return true;
}

size_t deliver_take(struct deliver *d, void *bytes)
{
	uint32_t taken = d->taken;
	const struct deliver_slot *slot = &d->slots[taken % DELIVER_ROOM];
	size_t len;

	if (__atomic_load_n(&d->put, __ATOMIC_ACQUIRE) == taken)
		return 0;
	len = slot->len; /* not before: the worker may just be writing it */
	memcpy(bytes, slot->bytes, len);
	__atomic_store_n(&d->taken, taken + 1, __ATOMIC_RELEASE);
	return len;
}

static bool is_session(const struct flow_key *key)
{
	if (key->proto == PROTO_TCP)
		return key->sport == htons(BGP) || key->dport == htons(BGP);
	return key->proto == PROTO_UDP && key->dport == htons(BFD);
}

static bool is_from_peer(const struct spec_tunnel *spec, const struct packet *p,
			 const struct flow6_key *six)
{
	if (six != NULL)
		return addr6_equal(&six->src, &spec->peer6);
	return p->probe.key.src == addr6_to_ipv4(&spec->peer);
}

bool deliver_packet(struct context *ctx, struct burst *b, struct packet *p,
		    const struct flow6_key *six)
{
	const struct spec_tunnel *spec;
	enum drop drop = DROP_BGP_DELIVERED;

	if (!is_session(&p->probe.key))
		return false;
	spec = network_tunnel_spec(ctx->net, p->onramp);
	if (spec == NULL || !spec->bgp || addr6_is_zero(six != NULL ? &spec->peer6 : &spec->peer))
		return false;
	if (!is_from_peer(spec, p, six))
		drop = DROP_BGP_SOURCE;
	else if (!deliver_put(ctx->deliver, p))
		drop = DROP_BGP_BUSY;
	burst_drop(b, p, drop);
	return true;
}
