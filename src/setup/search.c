/*
 * Search: see search.h.
 *
 * A search visits each port of an address once (ports.c), from a random port on (RFC 6056 section
 * 3.3.1). A port is free if its return key is not in the table, or if the timeout of its flow is
 * over. A packet visits no more ports than its share of the burst's work (room.h). If that was not
 * enough, the position is stored with the destination (shortage.h), and the next packet continues
 * there: so several packets together visit all ports, none twice. If no port was found, there is no
 * new search in the same second, but ports that become free are used at once.
 *
 * Some ports may be taken, but only if there are no better ones. They are second choices: the best
 * of them is taken after ENOUGH other ports were visited. A resting port is one of them, except for
 * the site that had it last: late packets of the server then reach no other site (RFC 6888 REQ-8
 * B).
 *
 * A port of a closed connection of the same site may also be taken, as a host may do itself (RFC
 * 6191, RFC 9293 section 3.6.1). The new SYN must have a higher sequence number than the old
 * connection's last segment, or the server would treat it as a late segment.
 */
#include "setup/search.h"

#include "base/wire.h"
#include "setup/room.h"
#include "setup/shortage.h"

enum {
	AHEAD = 8, /* candidates whose cache misses overlap */
	ENOUGH = 64, /* looks before a second choice is taken: free ports are few then */
};

/* In ascending order of preference. */
enum rank {
	RANK_TAKEN,
	RANK_CUT, /* it rests from another site; the longest rest first */
	RANK_CLOSED, /* of another site's connection, closed for long enough */
	RANK_RESERVE,
	RANK_FALLOW, /* left unused, so that it has rested at the next start */
	RANK_OWN, /* it rests; its last flow was of the same site */
	RANK_FREE,
};

struct candidate {
	struct place place;
	uint8_t rank; /* enum rank */
	uint32_t holder; /* a flow to end, or a resting one; or FLOW_NO_RECORD */
	uint32_t ended_s; /* time since its end */
	uint64_t hash;
};

struct search {
	struct setup *s;
	const struct egress_address *address;
	bool with_reserve;
	unsigned looks; /* ports visited */
	unsigned first_choices; /* of those visited */
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

/* A record has only the high half of a sequence number: it must be higher by more than one. */
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

/* The rank of an unused port, which is in the flow. */
static enum rank rank_of_port(const struct search *x)
{
	const struct egress_state *e = x->s->ctx->egress;
	uint16_t port = ntohs(x->s->flow.nat_port);

	if (ports_are_first_choice(e, port))
		return RANK_FREE;
	return ports_are_kept(e, port) ? RANK_RESERVE : RANK_FALLOW;
}

/* The rank of a port that has rested for @rested_s since @f ended. */
static enum rank rank_of_resting(const struct search *x, const struct flow *f, uint32_t rested_s)
{
	if (rested_s > x->s->ctx->rest_s)
		return rank_of_port(x);
	return f->site == x->s->flow.site ? RANK_OWN : RANK_CUT;
}

/* The rank of a port of the closed connection @f. The time since the close counts as rest. */
static enum rank rank_of_closed(const struct search *x, const struct flow *f)
{
	if (!search_is_newer(x->s, f))
		return RANK_TAKEN;
	if (f->site == x->s->flow.site)
		return RANK_OWN;
	return x->s->ctx->now_s - f->seen_s > x->s->ctx->rest_s ? RANK_CLOSED : RANK_TAKEN;
}

/* The rank of a port of flow @f, live or resting. Writes the time since its end. */
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

/*
 * The next few ports of @walk that may be taken; returns how many. Ports passed over count as
 * looks.
 */
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

/* Continues @walk until @most ports were visited in all. */
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

/* Tries the ports that became free since the search failed. */
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

/* Gives the best port found to the flow. */
static void take_best(struct search *x)
{
	struct setup *s = x->s;

	/* Just after a start only the ports of our own part are known to have rested. */
	s->ctx->counters.rests_cut +=
		x->best.rank == RANK_CUT ||
		(x->best.rank == RANK_FALLOW && s->ctx->egress->turns.open_s != 0);
	if (x->best.holder != FLOW_NO_RECORD)
		room_end_flow(s->ctx, s->six != NULL, x->best.holder);
	name_port(x, x->best.place);
	s->slice = x->address->first_slice + x->best.place.slice;
	s->return_hash = x->best.hash;
}

/* Have all ports been visited without success? Then no new search in this second. */
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

/* Continues until a port is found, none is left, or @most ports were visited. */
static void walk_on(struct search *x, struct shortage *walk, unsigned most)
{
	while (x->looks < most && walk->none_s != x->s->ctx->now_s && x->best.rank == RANK_TAKEN) {
		look_on(x, walk, most);
		end_round(x, walk);
	}
}

/* The destination has no shortage entry; a short search needs none. */
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
