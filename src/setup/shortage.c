/*
 * Shortages: see shortage.h.
 *
 * A table of fixed size. A shortage has one of two neighbouring slots; if both are taken, it
 * replaces the one that was used longer ago. A shortage that is lost only costs a new search, whose
 * work is bounded elsewhere.
 */
#include "setup/shortage.h"

#include "base/memory.h"

#include <stdlib.h>

struct shortages {
	struct shortage slots[SHORTAGE_SLOTS];
	uint32_t until_s; /* the entry expires then */
};

struct shortages *shortages_create(void)
{
	return memory_lines(sizeof(struct shortages));
}

void shortages_destroy(struct shortages *all)
{
	free(all);
}

bool shortages_are_known(const struct shortages *all, uint32_t now_s)
{
	return now_s < all->until_s;
}

static struct addr6 shortage_destination_of(const struct setup *s)
{
	return s->six != NULL ? s->six->dst : addr6_from_ipv4(s->flow.dst);
}

/* By a keyed hash: an attacker cannot make two destinations share a slot. */
static struct shortage *shortage_slot_of(const struct setup *s, const struct addr6 *dst,
					 uint32_t address, bool with_reserve)
{
	const struct {
		struct addr6 dst;
		uint32_t address;
		be16_t dport;
		uint16_t with_reserve;
	} key = {*dst, address, s->flow.dport, with_reserve};
	uint64_t hash = flow_table_hash(s->ctx->flows, FLOW_DOMAIN_SHORTAGE, &key, sizeof(key));

	return &s->ctx->egress->shortages->slots[hash * 2 & (SHORTAGE_SLOTS - 1)];
}

static bool shortage_is_of(const struct shortage *slot, const struct setup *s,
			   const struct addr6 *dst, uint32_t address, bool with_reserve)
{
	return slot->used_s != 0 && addr6_equal(&slot->dst, dst) && slot->dport == s->flow.dport &&
	       slot->proto == s->flow.proto && slot->address == address &&
	       slot->with_reserve == with_reserve;
}

static struct shortage *shortage_lookup(const struct setup *s, uint32_t address, bool with_reserve)
{
	struct addr6 dst = shortage_destination_of(s);
	struct shortage *slot = shortage_slot_of(s, &dst, address, with_reserve);

	for (unsigned i = 0; i < 2; i++) {
		if (shortage_is_of(&slot[i], s, &dst, address, with_reserve))
			return &slot[i];
	}
	return NULL;
}

static void shortage_keep(const struct setup *s, struct shortage *slot)
{
	slot->used_s = s->ctx->now_s;
	s->ctx->egress->shortages->until_s = s->ctx->now_s + SHORTAGE_KEPT_S;
}

struct shortage *shortage_find(const struct setup *s, uint32_t address, bool with_reserve)
{
	struct shortage *slot;

	if (!shortages_are_known(s->ctx->egress->shortages, s->ctx->now_s))
		return NULL;
	slot = shortage_lookup(s, address, with_reserve);
	if (slot != NULL)
		shortage_keep(s, slot);
	return slot;
}

struct shortage *shortage_open(const struct setup *s, uint32_t address, bool with_reserve)
{
	struct addr6 dst = shortage_destination_of(s);
	struct shortage *slot = shortage_slot_of(s, &dst, address, with_reserve);

	if (slot[1].used_s < slot[0].used_s)
		slot++;
	*slot = (struct shortage){
		.dst = dst,
		.dport = s->flow.dport,
		.proto = s->flow.proto,
		.with_reserve = with_reserve,
		.address = address,
	};
	shortage_keep(s, slot);
	return slot;
}

/* If more ports became free than there is room for, a new search visits all ports. */
static void shortage_note_freed(const struct setup *s, uint32_t address, bool with_reserve,
				struct place place)
{
	struct shortage *slot = shortage_lookup(s, address, with_reserve);

	if (slot == NULL)
		return;
	if (slot->n_freed < SHORTAGE_FREED)
		slot->freed[slot->n_freed++] = place;
	else
		slot->none_s = 0;
}

void shortage_port_freed(const struct setup *s)
{
	const struct network *net = s->ctx->net;
	const struct egress_state *e = s->ctx->egress;
	const struct slice *slice = &net->slices[s->slice];
	uint16_t port = ntohs(s->flow.nat_port);
	const struct egress_address *address;
	struct place place;

	address = &net->addresses[slice->address];
	place.slice = (uint16_t)(s->slice - address->first_slice);
	place.at = (uint16_t)(port - slice->first_port - ports_part(e, address)->first);
	shortage_note_freed(s, slice->address, true, place);
	if (!ports_are_reserve(port))
		shortage_note_freed(s, slice->address, false, place);
}
