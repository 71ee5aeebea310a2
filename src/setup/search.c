/*
 * Search: see search.h.
 *
 * Ports of an address are looked at in an order that meets each once (ports.c), from a random
 * place on (RFC 6056 section 3.3.1). A port is free if nobody has its return key, or if the flow
 * that has it is over. A packet looks at no more than its share of the burst's work (room.h).
 * Where that was not enough, the place is remembered with the destination (shortage.h), and the
 * next packet goes on from there: all ports are looked at in some number of packets, none twice.
 * When that was in vain, nobody searches again in the same second, but ports that become free are
 * heard of at once.
 *
 * There are ports that may be taken and should not be, if there are others: those of the reserve.
 * They are second choices: one of them is taken when ENOUGH others were looked at.
 */
#include "setup/search.h"

#include "setup/room.h"
#include "setup/shortage.h"

enum {
	AHEAD = 8, /* candidates whose cache misses overlap */
	ENOUGH = 64, /* looks: if there were many free ports, one would have been among them */
};

enum rank {
	RANK_TAKEN,
	RANK_RESERVE,
	RANK_FREE,
};

struct candidate {
	struct place place;
	uint8_t rank; /* enum rank */
	uint32_t holder; /* a flow that is over, or FLOW_NO_RECORD */
	uint64_t hash;
};

struct search {
	struct setup *s;
	const struct egress_address *address;
	bool with_reserve;
	unsigned looks; /* made */
	struct candidate best;
};

uint64_t search_hash(const struct setup *s)
{
	struct flow6_key key6;
	struct flow_key key;

	if (s->six != NULL) {
		flow6_return_key(&s->flow, s->six, &key6);
		return flow6_table_prefetch(s->lane->flows6, &key6);
	}
	flow_return_key(&s->flow, &key);
	return flow_table_prefetch(s->lane->flows, &key);
}

bool search_is_taken(const struct setup *s, uint64_t hash)
{
	struct flow6_key key6;
	struct flow_key key;

	if (s->six != NULL) {
		flow6_return_key(&s->flow, s->six, &key6);
		return flow6_table_has_hashed(s->lane->flows6, &key6, hash);
	}
	flow_return_key(&s->flow, &key);
	return flow_table_has_hashed(s->lane->flows, &key, hash);
}

static uint32_t holder_of(const struct setup *s, uint64_t hash)
{
	struct flow6_key key6;
	struct flow_key key;

	if (s->six != NULL) {
		flow6_return_key(&s->flow, s->six, &key6);
		return flow6_table_holder(s->lane->flows6, &key6, hash);
	}
	flow_return_key(&s->flow, &key);
	return flow_table_holder(s->lane->flows, &key, hash);
}

static bool is_over(const struct setup *s, uint32_t record)
{
	struct lane *lane = s->lane;
	bool six = s->six != NULL;
	const struct flow *f = flow_table_at(six ? lane->flows6 : lane->flows, record);

	return flow_is_over(&lane->timers, f, lane->now_s) && room_may_end(lane, six, record);
}

static void name_port(struct search *x, struct place place)
{
	x->s->flow.nat_port = htons(ports_number(x->s->lane, x->address, place));
}

/* The flow names the port. */
static enum rank rank_of(const struct search *x, uint32_t holder)
{
	if (holder != FLOW_NO_RECORD && !is_over(x->s, holder))
		return RANK_TAKEN;
	return ports_are_first_choice(x->s->lane->egress, ntohs(x->s->flow.nat_port))
		       ? RANK_FREE
		       : RANK_RESERVE;
}

static void consider(struct search *x, struct place place, uint64_t hash)
{
	uint32_t holder;
	enum rank rank;

	name_port(x, place);
	holder = holder_of(x->s, hash);
	rank = rank_of(x, holder);
	if (rank > x->best.rank)
		x->best = (struct candidate){place, (uint8_t)rank, holder, hash};
}

static bool may_have(const struct search *x, struct place place)
{
	uint16_t port = ports_number(x->s->lane, x->address, place);

	return x->with_reserve || ports_are_first_choice(x->s->lane->egress, port);
}

static bool is_content(const struct search *x)
{
	return x->best.rank == RANK_FREE || (x->best.rank > RANK_TAKEN && x->looks >= ENOUGH);
}

/* The next few places of @walk that may be had; how many. What was passed over is a look, too. */
static unsigned gather(struct search *x, struct shortage *walk, unsigned most, struct place *places)
{
	const struct egress_state *e = x->s->lane->egress;
	const struct place step = e->steps[walk->address][walk->walk];
	unsigned n = 0;

	for (; n < AHEAD && most > 0 && walk->left > 0; most--, walk->left--, x->looks++) {
		if (may_have(x, walk->next))
			places[n++] = walk->next;
		walk->next = ports_next(e, x->address, walk->next, step);
	}
	return n;
}

/* Looks on from where @walk came to, until @most places were looked at in all. */
static void look_on(struct search *x, struct shortage *walk, unsigned most)
{
	while (x->looks < most && walk->left > 0 && !is_content(x)) {
		struct place places[AHEAD];
		uint64_t hashes[AHEAD];
		unsigned n = gather(x, walk, most - x->looks, places);

		for (unsigned i = 0; i < n; i++) {
			name_port(x, places[i]);
			hashes[i] = search_hash(x->s);
		}
		for (unsigned i = 0; i < n; i++)
			consider(x, places[i], hashes[i]);
	}
}

/* What became free since all were taken. */
static void look_at_freed(struct search *x, struct shortage *known)
{
	while (known->n_freed > 0 && x->best.rank < RANK_FREE) {
		struct place place = known->freed[--known->n_freed];

		name_port(x, place);
		consider(x, place, search_hash(x->s));
		x->looks++;
	}
}

void search_use_address(struct setup *s, const struct egress_address *address)
{
	if (s->six != NULL)
		s->six->nat_src = address->addr6;
	else
		s->flow.nat_src = address->addr;
}

/* The best that was found is the flow's from now on. */
static void take_best(struct search *x)
{
	struct setup *s = x->s;

	if (x->best.holder != FLOW_NO_RECORD)
		room_end_flow(s->lane, s->six != NULL, x->best.holder);
	name_port(x, x->best.place);
	s->slice = x->address->first_slice + x->best.place.slice;
	s->return_hash = x->best.hash;
}

/* Has all been looked at? In vain: not again in this second. */
static void end_round(const struct search *x, struct shortage *walk)
{
	walk->found |= x->best.rank > RANK_TAKEN;
	if (walk->left > 0)
		return;
	walk->none_s = walk->found ? 0 : x->s->lane->now_s;
	walk->found = false;
	walk->left = ports_count(x->s->lane->egress, x->address);
}

static void begin_walk(const struct search *x, uint32_t address, struct shortage *walk)
{
	const struct egress_state *e = x->s->lane->egress;
	uint64_t random = flow_table_random(x->s->lane->flows);

	walk->address = address;
	walk->next = ports_random(e, x->address, random);
	walk->walk = (uint8_t)(flow_table_random(x->s->lane->flows) % WALKS);
	walk->left = ports_count(e, x->address);
}

/* Round after round, until there is a port, or none, or @most places were looked at. */
static void walk_on(struct search *x, struct shortage *walk, unsigned most)
{
	while (x->looks < most && walk->none_s != x->s->lane->now_s && x->best.rank == RANK_TAKEN) {
		look_on(x, walk, most);
		end_round(x, walk);
	}
}

/* Nothing is known of the destination; if the search is short, nothing need be. */
static void search_anew(struct search *x, uint32_t address, unsigned most)
{
	struct shortage walk = {0}, *kept;

	begin_walk(x, address, &walk);
	walk_on(x, &walk, most);
	if (x->looks < ENOUGH && x->best.rank == RANK_FREE)
		return;
	kept = shortage_open(x->s, address, x->with_reserve);
	kept->next = walk.next;
	kept->walk = walk.walk;
	kept->left = walk.left;
	kept->found = walk.found;
	kept->none_s = walk.none_s;
}

bool search_address(struct setup *s, uint32_t address, bool with_reserve, unsigned *looks)
{
	struct search x = {
		.s = s,
		.address = &s->lane->net->addresses[address],
		.with_reserve = with_reserve,
	};
	struct shortage *known = shortage_find(s, address, with_reserve);

	search_use_address(s, x.address);
	if (known == NULL) {
		search_anew(&x, address, *looks);
	} else {
		look_at_freed(&x, known);
		walk_on(&x, known, *looks);
	}
	*looks -= x.looks < *looks ? x.looks : *looks;
	if (x.best.rank == RANK_TAKEN)
		return false;
	take_best(&x);
	return true;
}

bool search_is_vain(const struct setup *s, uint32_t address, bool with_reserve)
{
	const struct shortage *known = shortage_find(s, address, with_reserve);

	return known != NULL && known->none_s == s->lane->now_s && known->n_freed == 0;
}
