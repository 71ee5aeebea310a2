/*
 * Shortages: see shortage.h.
 *
 * A table of fixed size. A shortage has one of two neighbouring slots; if both are taken, it gets
 * the one that was met with longer ago. Whoever is forgotten so is searched for anew: that costs
 * work, which is bounded elsewhere, and nothing else.
 */
#include "setup/shortage.h"

#include "base/memory.h"

#include <stdlib.h>
#include <sys/random.h>

struct shortages {
	struct shortage slots[SHORTAGE_SLOTS];
	uint32_t multiplier; /* odd, random: nobody outside makes two destinations share a slot */
	uint32_t until_s; /* nothing is known from then on */
};

struct shortages *shortages_create(void)
{
	struct shortages *all = memory_lines(sizeof(*all));

	if (all == NULL)
		return NULL;
	if (getrandom(&all->multiplier, sizeof(all->multiplier), 0) != sizeof(all->multiplier)) {
		free(all);
		return NULL;
	}
	all->multiplier |= 1;
	return all;
}

void shortages_destroy(struct shortages *all)
{
	free(all);
}

bool shortages_are_known(const struct shortages *all, uint32_t now_s)
{
	return now_s < all->until_s;
}

static struct addr6 destination_of(const struct setup *s)
{
	return s->six != NULL ? s->six->dst : addr6_from_ipv4(s->flow.dst);
}

static struct shortage *slot_of(struct shortages *all, const struct addr6 *dst, be16_t dport,
				uint32_t address, bool with_reserve)
{
	uint64_t x = dst->half[0] ^ dst->half[1];
	uint32_t h = (uint32_t)(x ^ x >> 32) * all->multiplier;

	h = (h ^ h >> 15 ^ dport ^ address << 16) * all->multiplier;
	h = (h >> 16) * 2 + with_reserve * SHORTAGE_SLOTS / 2;
	return &all->slots[h & (SHORTAGE_SLOTS - 1)];
}

static bool is_of(const struct shortage *slot, const struct setup *s, const struct addr6 *dst,
		  uint32_t address, bool with_reserve)
{
	return slot->used_s != 0 && addr6_equal(&slot->dst, dst) && slot->dport == s->flow.dport &&
	       slot->proto == s->flow.proto && slot->address == address &&
	       slot->with_reserve == with_reserve;
}

static struct shortage *find(const struct setup *s, uint32_t address, bool with_reserve)
{
	struct addr6 dst = destination_of(s);
	struct shortage *slot =
		slot_of(s->ctx->egress->shortages, &dst, s->flow.dport, address, with_reserve);

	for (unsigned i = 0; i < 2; i++) {
		if (is_of(&slot[i], s, &dst, address, with_reserve))
			return &slot[i];
	}
	return NULL;
}

static void keep(const struct setup *s, struct shortage *slot)
{
	slot->used_s = s->ctx->now_s;
	s->ctx->egress->shortages->until_s = s->ctx->now_s + SHORTAGE_KEPT_S;
}

struct shortage *shortage_find(const struct setup *s, uint32_t address, bool with_reserve)
{
	struct shortage *slot;

	if (!shortages_are_known(s->ctx->egress->shortages, s->ctx->now_s))
		return NULL;
	slot = find(s, address, with_reserve);
	if (slot != NULL)
		keep(s, slot);
	return slot;
}

struct shortage *shortage_open(const struct setup *s, uint32_t address, bool with_reserve)
{
	struct addr6 dst = destination_of(s);
	struct shortage *slot =
		slot_of(s->ctx->egress->shortages, &dst, s->flow.dport, address, with_reserve);

	if (slot[1].used_s < slot[0].used_s)
		slot++;
	*slot = (struct shortage){
		.dst = dst,
		.dport = s->flow.dport,
		.proto = s->flow.proto,
		.with_reserve = with_reserve,
		.address = address,
	};
	keep(s, slot);
	return slot;
}

/* If more came than there is room for, all ports are looked at again. */
static void note_freed(const struct setup *s, uint32_t address, bool with_reserve,
		       struct place place)
{
	struct shortage *slot = find(s, address, with_reserve);

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
	note_freed(s, slice->address, true, place);
	if (!ports_are_reserve(port))
		note_freed(s, slice->address, false, place);
}
