/*
 * Endpoint-independent mappings: see mapping.h.
 *
 * Two chained hashes find a mapping by its inner and by its outer endpoint. A mapping counts its
 * flows and ends with the last one, so it has no timeout. It stores the tunnel of its endpoint's
 * last flow: flows that the Internet opens go there. If the Internet may open flows, a port also
 * rests before another endpoint gets it (RFC 6888 REQ-8), since late packets would reach the wrong
 * host: mappings without flows wait in a queue, and each new flow checks the first few. A bitmap
 * for each protocol has the ports in use. So, unlike in a pool that shares ports, the whole part of
 * an address can be searched, 64 ports in one step, and "exhausted" means that no port is free.
 *
 * The hash is the flow table's keyed hash: a site can choose its endpoints, but not collisions.
 * Memory is bounded by the number of flows, since a mapping has at least one.
 */
#include "setup/mapping_internal.h"

#include "base/wire.h"
#include "setup/ports.h"

#include <stdlib.h>

enum {
	WAKE_MAX = 4, /* resting mappings checked for one flow */
	CUT_MAX = 64, /* the same if the ports are exhausted */
};

#define NONE MAPPING_NONE

enum { HASHED_INSIDE = 10 }; /* bytes; the rest is padding */

static uint32_t *chain_of(struct mappings *m, const struct flow_table *flows,
			  const struct flow *flow)
{
	const struct {
		be32_t src;
		be16_t sport;
		uint16_t site, proto;
	} key = {flow->src, flow->sport, flow->site, flow->proto};
	uint64_t hash = flow_table_hash(flows, FLOW_DOMAIN_ENDPOINT, &key, HASHED_INSIDE);

	return &m->heads[hash & m->mask];
}

/* Has it the inner endpoint of @flow, and the outer one if that names one? */
static bool mapping_is_of(const struct mapping *e, const struct flow *flow)
{
	return e->src == flow->src && e->sport == flow->sport && e->site == flow->site &&
	       e->proto == flow->proto &&
	       (flow->nat_port == 0 ||
		(e->nat_src == flow->nat_src && e->nat_port == flow->nat_port));
}

/* The mapping of @flow, or NONE. */
static uint32_t mapping_find(struct mappings *m, const struct flow_table *flows,
			     const struct flow *flow)
{
	uint32_t number = *chain_of(m, flows, flow);

	for (; number != NONE; number = m->entries[number].next) {
		const struct mapping *e = &m->entries[number];

		if (mapping_is_of(e, flow))
			break;
	}
	return number;
}

static int mapping_slice_of(const struct network *net, const struct mapping *e)
{
	int address = network_find_address(net, e->nat_src);

	return address < 0 ? -1 : network_find_slice(net, (uint32_t)address, ntohs(e->nat_port));
}

/* The mapping of @flow's inner endpoint in @pool, at any egress address, or NONE. */
static uint32_t mapping_find_in_pool(struct mappings *m, const struct flow_table *flows,
				     const struct network *net, uint16_t pool,
				     const struct flow *flow, uint32_t *slice)
{
	uint32_t number = *chain_of(m, flows, flow);

	for (; number != NONE; number = m->entries[number].next) {
		const struct mapping *e = &m->entries[number];
		int at = mapping_is_of(e, flow) ? mapping_slice_of(net, e) : -1;

		if (at >= 0 && net->slices[at].pool == pool) {
			*slice = (uint32_t)at;
			break;
		}
	}
	return number;
}

/* The chain of @flow's outer endpoint. */
static uint32_t *chain_outside(const struct mappings *m, const struct flow_table *flows,
			       const struct flow *flow)
{
	const struct {
		be32_t nat_src;
		be16_t nat_port;
		uint16_t proto;
	} key = {flow->nat_src, flow->nat_port, flow->proto};
	uint64_t hash = flow_table_hash(flows, FLOW_DOMAIN_ENDPOINT_OUTSIDE, &key, sizeof(key));

	return &m->heads[m->mask + 1 + (hash & m->mask)];
}

static uint64_t *taken_of(const struct mappings *m, const struct network *net, uint32_t slice,
			  uint8_t proto)
{
	uint32_t set = proto == PROTO_TCP ? 0 : proto == PROTO_UDP ? 1 : 2;

	return m->slices[slice].taken + (size_t)set * (net->slices[slice].size / WORD_BITS);
}

/* Offset of the first free port from @from on that is not in @kept; @end: there is none before. */
static uint32_t next_free(const uint64_t *taken, uint64_t kept, uint32_t from, uint32_t end)
{
	while (from < end) {
		uint64_t free_bits = ~(taken[from / WORD_BITS] | kept) >> (from % WORD_BITS);

		if (free_bits != 0) {
			from += (uint32_t)__builtin_ctzll(free_bits);
			return from < end ? from : end;
		}
		from = (from | (WORD_BITS - 1)) + 1;
	}
	return end;
}

/* Takes a free port of @address for @flow's protocol; begins at a random offset. */
static bool mapping_get_port(struct mappings *m, const struct network *net, uint32_t address,
			     uint64_t random, uint64_t kept, struct flow *flow, uint32_t *slice)
{
	const struct egress_address *a = &net->addresses[address];
	uint32_t k = (uint32_t)(((random & UINT32_MAX) * a->n_slices) >> 32);

	/* At the end returns to the first slice, for the ports before that offset. */
	for (uint32_t i = 0; i <= a->n_slices; i++) {
		uint32_t number = a->first_slice + k;
		const struct slice_ports *ports = &m->slices[number];
		uint64_t *taken = taken_of(m, net, number, flow->proto);
		uint32_t n = ports->end - ports->first, at = ports->first;

		if (i == 0)
			at += (uint32_t)(((random >> 32) * n) >> 32);
		at = next_free(taken, kept, at, ports->end);
		if (at < ports->end) {
			taken[at / WORD_BITS] |= UINT64_C(1) << (at % WORD_BITS);
			flow->nat_port = htons((uint16_t)(net->slices[number].first_port + at));
			*slice = number;
			return true;
		}
		k = k + 1 < a->n_slices ? k + 1 : 0;
	}
	return false;
}

static bool has_record(const struct mappings *m)
{
	return m->free != NONE || m->used < m->capacity;
}

static uint32_t take_record(struct mappings *m)
{
	uint32_t number = m->free;

	if (number == NONE)
		return m->used++;
	m->free = m->entries[number].next;
	return number;
}

static void give_record(struct mappings *m, uint32_t number)
{
	m->entries[number] = (struct mapping){.next = m->free};
	m->free = number;
}

/* Makes the mapping for the endpoint's first flow. A record is free. */
static void open_mapping(struct mappings *m, const struct flow_table *flows,
			 const struct flow *flow)
{
	uint32_t *inside = chain_of(m, flows, flow), *outside = chain_outside(m, flows, flow);
	uint32_t number = take_record(m);
	struct mapping *e = &m->entries[number];

	*e = (struct mapping){
		.src = flow->src,
		.sport = flow->sport,
		.site = flow->site,
		.nat_src = flow->nat_src,
		.nat_port = flow->nat_port,
		.onramp = flow->onramp,
		.proto = flow->proto,
		.flows = 1,
		.next = *inside,
		.next_outside = *outside,
		.next_resting = NONE,
	};
	*inside = number;
	*outside = number;
}

static struct flow mapping_ends_of(const struct mapping *e)
{
	return (struct flow){
		.src = e->src,
		.sport = e->sport,
		.site = e->site,
		.nat_src = e->nat_src,
		.nat_port = e->nat_port,
		.proto = e->proto,
	};
}

static void unlink_inside(struct mappings *m, const struct flow_table *flows, uint32_t number)
{
	const struct flow ends = mapping_ends_of(&m->entries[number]);
	uint32_t *link = chain_of(m, flows, &ends);

	while (*link != number)
		link = &m->entries[*link].next;
	*link = m->entries[number].next;
}

static void unlink_outside(struct mappings *m, const struct flow_table *flows, uint32_t number)
{
	const struct flow ends = mapping_ends_of(&m->entries[number]);
	uint32_t *link = chain_outside(m, flows, &ends);

	while (*link != number)
		link = &m->entries[*link].next_outside;
	*link = m->entries[number].next_outside;
}

/* Ends a mapping: frees its port and its record. */
static void end_mapping(struct mappings *m, const struct flow_table *flows,
			const struct network *net, uint32_t slice, uint32_t number)
{
	const struct mapping *e = &m->entries[number];
	uint32_t at = (uint32_t)ntohs(e->nat_port) - net->slices[slice].first_port;

	taken_of(m, net, slice, e->proto)[at / WORD_BITS] &= ~(UINT64_C(1) << (at % WORD_BITS));
	unlink_inside(m, flows, number);
	unlink_outside(m, flows, number);
	give_record(m, number);
}

/* Resting mappings leave the queue only at its head. */
static void lose_mapping(struct mappings *m, const struct flow_table *flows, uint32_t number)
{
	struct mapping *e = &m->entries[number];

	unlink_inside(m, flows, number);
	unlink_outside(m, flows, number);
	if (e->queued)
		e->lost = true;
	else
		give_record(m, number);
}

/* Ends a mapping that has left the queue and has no flows. */
static void end_rested(struct mappings *m, const struct flow_table *flows,
		       const struct network *net, uint32_t number)
{
	const struct mapping *e = &m->entries[number];
	int slice = e->lost ? -1 : mapping_slice_of(net, e);

	if (slice >= 0)
		end_mapping(m, flows, net, (uint32_t)slice, number);
	else if (e->lost)
		give_record(m, number);
	else
		lose_mapping(m, flows, number);
}

/* Ends mappings whose rest is over; also the first one, if no record is free. */
static void mapping_wake(struct mappings *m, const struct flow_table *flows,
			 const struct network *net, uint32_t now_s)
{
	for (unsigned i = 0; i < WAKE_MAX && m->resting_first != NONE; i++) {
		uint32_t number = m->resting_first;
		struct mapping *e = &m->entries[number];

		if (e->flows == 0 && now_s < e->rests_until_s && has_record(m))
			return;
		m->resting_first = e->next_resting;
		e->queued = false;
		if (e->flows == 0)
			end_rested(m, flows, net, number);
	}
}

static bool is_kept(uint64_t kept, be16_t port)
{
	return kept >> (ntohs(port) % WORD_BITS) & 1;
}

bool mappings_end_rest(struct mappings *m, const struct flow_table *flows,
		       const struct network *net, uint64_t kept, const struct flow *flow)
{
	uint32_t *link = &m->resting_first, before = NONE;

	for (unsigned i = 0; i < CUT_MAX && *link != NONE; i++) {
		uint32_t number = *link;
		struct mapping *e = &m->entries[number];

		if (e->flows == 0 && !e->lost && e->nat_src == flow->nat_src &&
		    e->proto == flow->proto && !is_kept(kept, e->nat_port)) {
			if (m->resting_last == number)
				m->resting_last = before;
			*link = e->next_resting;
			e->queued = false;
			end_rested(m, flows, net, number);
			return true;
		}
		before = number;
		link = &e->next_resting;
	}
	return false;
}

enum drop mappings_take(struct mappings *m, struct flow_table *flows, const struct network *net,
			uint32_t now_s, uint32_t address, uint64_t kept, struct flow *flow,
			uint32_t *slice)
{
	uint32_t number;
	struct mapping *e;

	mapping_wake(m, flows, net, now_s);
	number = mapping_find_in_pool(m, flows, net, net->addresses[address].pool, flow, slice);
	if (number == NONE) {
		if (flow->nat_port != 0)
			return DROP_NO_FLOW;
		if (!has_record(m))
			return DROP_TABLE_FULL;
		flow->nat_src = net->addresses[address].addr;
		if (!mapping_get_port(m, net, address, flow_table_random(flows), kept, flow, slice))
			return DROP_EGRESS_EXHAUSTED;
		open_mapping(m, flows, flow);
		return DROP_NONE;
	}
	e = &m->entries[number];
	e->flows++;
	e->onramp = flow->onramp;
	flow->nat_src = e->nat_src;
	flow->nat_port = e->nat_port;
	return DROP_NONE;
}

bool mappings_adopt(struct mappings *m, const struct flow_table *flows, const struct network *net,
		    uint32_t slice, const struct flow *flow)
{
	uint32_t number = mapping_find(m, flows, flow);
	uint32_t at = (uint32_t)ntohs(flow->nat_port) - net->slices[slice].first_port;
	uint64_t *taken = &taken_of(m, net, slice, flow->proto)[at / WORD_BITS];
	uint64_t bit = UINT64_C(1) << (at % WORD_BITS);

	if (number != NONE) {
		m->entries[number].flows++;
		return true;
	}
	if (!has_record(m) || *taken & bit)
		return false;
	*taken |= bit;
	open_mapping(m, flows, flow);
	return true;
}

static void mapping_rest(struct mappings *m, uint32_t number, uint32_t until_s)
{
	struct mapping *e = &m->entries[number];

	e->rests_until_s = until_s;
	if (e->queued)
		return;
	e->queued = true;
	e->next_resting = NONE;
	if (m->resting_first == NONE)
		m->resting_first = number;
	else
		m->entries[m->resting_last].next_resting = number;
	m->resting_last = number;
}

void mappings_give(struct mappings *m, struct flow_table *flows, const struct network *net,
		   uint32_t slice, const struct flow *flow, uint32_t rests_until_s)
{
	uint32_t number = mapping_find(m, flows, flow);
	struct mapping *e = &m->entries[number];

	assert(number != NONE);
	if (--e->flows > 0)
		return;
	if (rests_until_s != 0)
		mapping_rest(m, number, rests_until_s);
	else if (!e->queued)
		end_mapping(m, flows, net, slice, number);
}

void mappings_lose(struct mappings *m, const struct flow_table *flows, const struct flow *flow)
{
	uint32_t number = m->entries != NULL ? mapping_find(m, flows, flow) : NONE;

	if (number != NONE && --m->entries[number].flows == 0)
		lose_mapping(m, flows, number);
}

bool mappings_find_home(const struct mappings *m, const struct flow_table *flows, struct flow *flow)
{
	uint32_t number = *chain_outside(m, flows, flow);

	for (; number != NONE; number = m->entries[number].next_outside) {
		const struct mapping *e = &m->entries[number];

		if (e->nat_src != flow->nat_src || e->nat_port != flow->nat_port ||
		    e->proto != flow->proto || e->flows == 0)
			continue;
		flow->src = e->src;
		flow->sport = e->sport;
		flow->site = e->site;
		flow->onramp = e->onramp;
		return true;
	}
	return false;
}

void mappings_move(struct mappings *m, const struct flow_table *flows, const struct flow *flow)
{
	uint32_t number = mapping_find(m, flows, flow);

	if (number != NONE)
		m->entries[number].onramp = flow->onramp;
}

void mappings_take_over(struct mappings *next, struct mappings *current, const uint32_t *from)
{
	for (uint32_t i = 0; i < next->n_slices; i++) {
		struct slice_ports *before;

		if (from[i] == 0 || from[i] > current->n_slices)
			continue;
		before = &current->slices[from[i] - 1];
		next->slices[i].taken = before->taken;
		before->taken = NULL;
	}
	if (current->entries != NULL) {
		const struct mappings left = {.slices = current->slices,
					      .n_slices = current->n_slices};

		current->slices = next->slices;
		current->n_slices = next->n_slices;
		*next = *current;
		*current = left;
	}
}

/* A later site must not get the mapping: the Internet has no inner endpoints. */
static void mapping_disown(struct mappings *m, const struct flow_table *flows, uint32_t number)
{
	struct mapping *e = &m->entries[number];
	struct flow ends;
	uint32_t *inside;

	unlink_inside(m, flows, number);
	e->site = SITE_INTERNET;
	ends = mapping_ends_of(e);
	inside = chain_of(m, flows, &ends);
	e->next = *inside;
	*inside = number;
}

static void follow_change(struct mappings *m, const struct flow_table *flows,
			  const struct network *net, uint32_t number)
{
	struct mapping *e = &m->entries[number];

	if (e->proto == 0 || e->lost)
		return;
	if (e->flows == 0 && mapping_slice_of(net, e) < 0)
		lose_mapping(m, flows, number);
	else if (e->site == SITE_INTERNET)
		return;
	else if (!network_has_site(net, e->site))
		mapping_disown(m, flows, number);
	else
		e->onramp = network_onramp(net, e->site, e->onramp);
}

bool mappings_follow_change(struct mappings *m, const struct flow_table *flows,
			    const struct network *net, uint32_t *at, unsigned n)
{
	for (; n > 0 && *at < m->used; n--, (*at)++)
		follow_change(m, flows, net, *at);
	return *at >= m->used;
}
