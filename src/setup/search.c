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
 * There are ports that may be taken and should not be, if there are others. They are second
 * choices: the best of them is taken when ENOUGH others were looked at. A port that rests is one
 * of them; the site that had it last may have it again at once, since what a server still sends to
 * it meets no other site's host (RFC 6888 REQ-8 B).
 *
 * So may a connection that begins where one of the same site was closed, as a host may itself (RFC
 * 6191, RFC 9293 section 3.6.1): its SYN has a higher number than the last segment of the old one,
 * or the server would take it for a late one.
 */
#include "setup/search.h"

#include "base/wire.h"
#include "setup/room.h"
#include "setup/shortage.h"

enum {
	AHEAD = 8, /* candidates whose cache misses overlap */
	ENOUGH = 64, /* looks: if there were many free ports, one would have been among them */
};

/* Better ones come later. */
enum rank {
	RANK_TAKEN,
	RANK_CUT, /* it rests, of another site: the one that ended first */
	RANK_CLOSED, /* of another site's connection that was closed long enough ago */
	RANK_RESERVE,
	RANK_FALLOW, /* not used, so that it has rested when we start anew */
	RANK_OWN, /* it rests, but was the same site's */
	RANK_FREE,
};

struct candidate {
	struct place place;
	uint8_t rank; /* enum rank */
	uint32_t holder; /* a flow that may end, or has and rests; or FLOW_NO_RECORD */
	uint32_t ended_s; /* ago */
	uint64_t hash;
};

struct search {
	struct setup *s;
	const struct egress_address *address;
	bool with_reserve;
	unsigned looks; /* made */
	unsigned first_choices; /* of them */
	struct candidate best;
};

uint64_t search_hash(const struct setup *s)
{
	struct flow6_key key6;
	struct flow_key key;

	if (s->six != NULL) {
		flow6_return_key(&s->flow, s->six, &key6);
		return flow6_table_prefetch(s->ctx->flows6, &key6);
	}
	flow_return_key(&s->flow, &key);
	return flow_table_prefetch(s->ctx->flows, &key);
}

uint32_t search_holder(const struct setup *s, uint64_t hash)
{
	struct flow6_key key6;
	struct flow_key key;

	if (s->six != NULL) {
		flow6_return_key(&s->flow, s->six, &key6);
		return flow6_table_holder(s->ctx->flows6, &key6, hash);
	}
	flow_return_key(&s->flow, &key);
	return flow_table_holder(s->ctx->flows, &key, hash);
}

/* The high half of the numbers is what a record has: it must be higher by more than one. */
static bool search_is_newer(const struct setup *s, const struct flow *f)
{
	const uint8_t *tcp;
	uint16_t ahead;

	if (s->flow.state != FLOW_TCP_SYN_SENT || s->p == NULL)
		return false;
	tcp = s->p->data + s->p->l4;
	ahead = (uint16_t)(wire_16(tcp + TCP_SEQ) - ntohs(f->tcp_seq));
	return ahead > 1 && ahead < 0x8000;
}

static void name_port(struct search *x, struct place place)
{
	x->s->flow.nat_port = htons(ports_number(x->s->ctx, x->address, place));
}

/* Of a port that nobody has: the flow names it. */
static enum rank rank_of_port(const struct search *x)
{
	const struct egress_state *e = x->s->ctx->egress;
	uint16_t port = ntohs(x->s->flow.nat_port);

	if (ports_are_first_choice(e, port))
		return RANK_FREE;
	return ports_are_kept(e, port) ? RANK_RESERVE : RANK_FALLOW;
}

/* Of a port that has rested for @rested_s since @f ended. */
static enum rank rank_of_resting(const struct search *x, const struct flow *f, uint32_t rested_s)
{
	if (rested_s > x->s->ctx->rest_s)
		return rank_of_port(x);
	return f->site == x->s->flow.site ? RANK_OWN : RANK_CUT;
}

/* The closed connection @f has the port. How long it has been closed is its rest. */
static enum rank rank_of_closed(const struct search *x, const struct flow *f)
{
	if (!search_is_newer(x->s, f))
		return RANK_TAKEN;
	if (f->site == x->s->flow.site)
		return RANK_OWN;
	return x->s->ctx->now_s - f->seen_s > x->s->ctx->rest_s ? RANK_CLOSED : RANK_TAKEN;
}

/* Of a port that flow @f has, or had. Writes how long ago it ended. */
static enum rank rank_of_holder(const struct search *x, const struct flow *f, uint32_t *ended_s)
{
	const struct context *ctx = x->s->ctx;

	*ended_s = ctx->now_s - f->seen_s;
	if (f->state == FLOW_RESTING)
		return rank_of_resting(x, f, *ended_s);
	if (flow_is_over(&ctx->timers, f, ctx->now_s)) {
		*ended_s -= flow_timeout(&ctx->timers, f);
		return ports_have_to_rest(ctx, f) ? rank_of_resting(x, f, *ended_s)
						  : rank_of_port(x);
	}
	return f->state == FLOW_TCP_CLOSED ? rank_of_closed(x, f) : RANK_TAKEN;
}

static void consider(struct search *x, struct place place, uint64_t hash)
{
	struct context *ctx = x->s->ctx;
	bool six = x->s->six != NULL;
	struct candidate c = {.place = place, .hash = hash};

	name_port(x, place);
	x->first_choices += ports_are_first_choice(ctx->egress, ntohs(x->s->flow.nat_port));
	c.holder = search_holder(x->s, hash);
	if (c.holder == FLOW_NO_RECORD)
		c.rank = (uint8_t)rank_of_port(x);
	else if (room_may_end(ctx, six, c.holder))
		c.rank = (uint8_t)rank_of_holder(
			x, flow_table_at(six ? ctx->flows6 : ctx->flows, c.holder), &c.ended_s);
	if (c.rank > x->best.rank ||
	    (c.rank == RANK_CUT && x->best.rank == RANK_CUT && c.ended_s > x->best.ended_s))
		x->best = c;
}

static bool may_have(const struct search *x, struct place place)
{
	uint16_t port = ports_number(x->s->ctx, x->address, place);

	return x->with_reserve || !ports_are_kept(x->s->ctx->egress, port);
}

static bool is_content(const struct search *x)
{
	return x->best.rank >= RANK_OWN ||
	       (x->best.rank > RANK_TAKEN && x->first_choices >= ENOUGH);
}

/* The next few places of @walk that may be had; how many. What was passed over is a look, too. */
static unsigned gather(struct search *x, struct shortage *walk, unsigned most, struct place *places)
{
	const struct egress_state *e = x->s->ctx->egress;
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
	while (known->n_freed > 0 && x->best.rank < RANK_OWN) {
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

	/* Just after a start only the fallow ports are known to have rested. */
	s->ctx->counters.rests_cut +=
		x->best.rank == RANK_CUT ||
		(x->best.rank == RANK_FALLOW && s->ctx->egress->turns.open_s != 0);
	if (x->best.holder != FLOW_NO_RECORD)
		room_end_flow(s->ctx, s->six != NULL, x->best.holder);
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
	walk->none_s = walk->found ? 0 : x->s->ctx->now_s;
	walk->found = false;
	walk->left = ports_count(x->s->ctx->egress, x->address);
}

static void begin_walk(const struct search *x, uint32_t address, struct shortage *walk)
{
	const struct egress_state *e = x->s->ctx->egress;
	uint64_t random = flow_table_random(x->s->ctx->flows);

	walk->address = address;
	walk->next = ports_random(e, x->address, random);
	walk->walk = (uint8_t)(flow_table_random(x->s->ctx->flows) % WALKS);
	walk->left = ports_count(e, x->address);
}

/* Round after round, until there is a port, or none, or @most places were looked at. */
static void walk_on(struct search *x, struct shortage *walk, unsigned most)
{
	while (x->looks < most && walk->none_s != x->s->ctx->now_s && x->best.rank == RANK_TAKEN) {
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
	if (x->looks < ENOUGH && x->best.rank >= RANK_OWN)
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
		.address = &s->ctx->net->addresses[address],
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

	return known != NULL && known->none_s == s->ctx->now_s && known->n_freed == 0;
}
