/*
 * Endpoint-independent mappings: see mapping.h.
 *
 * Two chained hashes find a mapping, by its inner endpoint and by its outer one; each counts its
 * flows and ends with the last one, so that nothing ages here. It knows by which tunnel its
 * endpoint was heard of last: where the Internet may open flows, they go there. There a port also
 * rests before somebody else gets it (RFC 6888 REQ-8), or he would hear what was meant for another:
 * mappings without flows wait in a queue, and each new flow looks at the first few. Which ports are
 * taken is one bit for each port and protocol: unlike in a pool that shares ports the whole part of
 * an address can be searched, 64 ports at a step, and "exhausted" means that really none is left.
 *
 * The hash is the flow table's, keyed: a site that chooses its endpoints can not choose collisions.
 * Memory is bounded by the number of flows, since a mapping has at least one.
 */
#include "setup/mapping.h"

#include "base/wire.h"
#include "path/share.h"
#include "setup/ports.h"

#include <stdlib.h>

enum {
	PROTO_SETS = 3, /* TCP, UDP, ICMP */
	WORD_BITS = 64,
	WAKE_MAX = 4, /* resting mappings looked at for one flow */
	CUT_MAX = 64, /* the same, if no port is left */
};

#define NONE UINT32_MAX

struct mapping {
	be32_t src;
	be32_t nat_src;
	be16_t sport;
	be16_t nat_port;
	uint16_t site;
	uint16_t onramp;
	uint8_t proto;
	bool queued; /* it rests, or did when it was queued */
	uint8_t pad[2];
	uint32_t flows;
	uint32_t next; /* in its chain, or in the free list */
	uint32_t next_outside; /* in the chain of its outer endpoint */
	uint32_t next_resting; /* in the queue */
	uint32_t rests_until_s;
};

static_assert(sizeof(struct mapping) == MAPPING_BYTES, "as control counts it");

struct slice_ports {
	uint64_t *taken; /* [PROTO_SETS][size / WORD_BITS]; NULL: a pool that shares */
	uint32_t first, end; /* this worker's: offsets into the slice */
};

struct mappings {
	struct mapping *entries;
	uint32_t *heads; /* [mask + 1], by inner endpoint; then as many by outer endpoint */
	uint32_t mask;
	uint32_t free; /* list */
	uint32_t resting_first, resting_last; /* queue, NONE: empty */
	struct slice_ports *slices; /* as network.slices */
	uint32_t n_slices;
};

static bool slices_create(struct mappings *m, const struct network *net, uint16_t index,
			  uint16_t count)
{
	m->slices = calloc(net->n_slices + 1, sizeof(m->slices[0]));
	if (m->slices == NULL)
		return false;
	m->n_slices = net->n_slices;
	for (uint32_t i = 0; i < net->n_slices; i++) {
		const struct slice *slice = &net->slices[i];
		struct slice_ports *ports = &m->slices[i];

		if (net->pools[slice->pool].mapping != MAPPING_ENDPOINT_INDEPENDENT)
			continue;
		ports->first = share_begin(slice->size, index, count);
		ports->end = share_begin(slice->size, index + 1u, count);
		ports->taken = calloc(PROTO_SETS, slice->size / 8);
		if (ports->taken == NULL)
			return false;
	}
	return true;
}

static bool entries_create(struct mappings *m, uint32_t capacity)
{
	uint32_t heads = mappings_heads(capacity);

	m->entries = calloc(capacity, sizeof(m->entries[0]));
	m->heads = malloc((size_t)2 * heads * sizeof(m->heads[0]));
	if (m->entries == NULL || m->heads == NULL)
		return false;
	m->mask = heads - 1;
	m->resting_first = m->resting_last = NONE;
	for (size_t i = 0; i < (size_t)2 * heads; i++)
		m->heads[i] = NONE;
	for (uint32_t i = 0; i < capacity; i++)
		m->entries[i].next = i + 1 < capacity ? i + 1 : NONE;
	return true;
}

static bool is_wanted(const struct network *net)
{
	for (uint32_t i = 0; i < net->n_pools; i++) {
		if (net->pools[i].mapping == MAPPING_ENDPOINT_INDEPENDENT)
			return true;
	}
	return false;
}

struct mappings *mappings_create(const struct network *net, uint32_t capacity, uint16_t index,
				 uint16_t count)
{
	struct mappings *m = calloc(1, sizeof(*m));

	if (m == NULL || !is_wanted(net))
		return m;
	if (!slices_create(m, net, index, count) || !entries_create(m, capacity)) {
		mappings_destroy(m);
		return NULL;
	}
	return m;
}

void mappings_destroy(struct mappings *m)
{
	if (m == NULL)
		return;
	for (uint32_t i = 0; i < m->n_slices; i++)
		free(m->slices[i].taken);
	free(m->slices);
	free(m->entries);
	free(m->heads);
	free(m);
}

enum { HASHED_INSIDE = 14 }; /* bytes: what follows is padding */

/* The chain of @flow's inner endpoint at the egress address that its host is seen under. */
static uint32_t *chain_of(struct mappings *m, const struct flow_table *flows,
			  const struct flow *flow)
{
	const struct {
		be32_t src, nat_src;
		be16_t sport;
		uint16_t site, proto;
	} key = {flow->src, flow->nat_src, flow->sport, flow->site, flow->proto};
	uint64_t hash = flow_table_hash(flows, FLOW_DOMAIN_ENDPOINT, &key, HASHED_INSIDE);

	return &m->heads[hash & m->mask];
}

/* The link to the mapping of @flow's inner endpoint, or the end of its chain. */
static uint32_t *find(struct mappings *m, const struct flow_table *flows, const struct flow *flow)
{
	uint32_t *link = chain_of(m, flows, flow);

	while (*link != NONE) {
		struct mapping *e = &m->entries[*link];

		if (e->src == flow->src && e->sport == flow->sport && e->site == flow->site &&
		    e->proto == flow->proto && e->nat_src == flow->nat_src)
			return link;
		link = &e->next;
	}
	return link;
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

static void unlink_outside(struct mappings *m, const struct flow_table *flows, uint32_t number,
			   const struct flow *flow)
{
	uint32_t *link = chain_outside(m, flows, flow);

	while (*link != number)
		link = &m->entries[*link].next_outside;
	*link = m->entries[number].next_outside;
}

static uint64_t *taken_of(const struct mappings *m, const struct network *net, uint32_t slice,
			  uint8_t proto)
{
	uint32_t set = proto == PROTO_TCP ? 0 : proto == PROTO_UDP ? 1 : 2;

	return m->slices[slice].taken + (size_t)set * (net->slices[slice].size / WORD_BITS);
}

/*
 * The first free port at or after offset @from and before @end, none of those in @kept; @end: none.
 */
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

/* Takes a free port of @address for @flow's protocol; begins at a random place. */
static bool take_port(struct mappings *m, const struct network *net, uint32_t address,
		      uint64_t random, uint64_t kept, struct flow *flow, uint32_t *slice)
{
	const struct egress_address *a = &net->addresses[address];
	uint32_t k = (uint32_t)(((random & UINT32_MAX) * a->n_slices) >> 32);

	/* Once more round to the slice where it began, for the ports before that place. */
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

/* The endpoint's first flow: @link is the end of its chain. */
static void open_mapping(struct mappings *m, const struct flow_table *flows, uint32_t *link,
			 const struct flow *flow)
{
	uint32_t number = m->free, *outside = chain_outside(m, flows, flow);
	struct mapping *e = &m->entries[number];

	m->free = e->next;
	*e = (struct mapping){
		.src = flow->src,
		.sport = flow->sport,
		.site = flow->site,
		.nat_src = flow->nat_src,
		.nat_port = flow->nat_port,
		.onramp = flow->onramp,
		.proto = flow->proto,
		.flows = 1,
		.next = NONE,
		.next_outside = *outside,
		.next_resting = NONE,
	};
	*link = number;
	*outside = number;
}

/* Its port is free, and so is its record. */
static void end_mapping(struct mappings *m, const struct flow_table *flows,
			const struct network *net, uint32_t slice, const struct flow *flow)
{
	uint32_t *link = find(m, flows, flow), number = *link;
	uint32_t at = (uint32_t)ntohs(flow->nat_port) - net->slices[slice].first_port;
	struct mapping *e = &m->entries[number];

	taken_of(m, net, slice, flow->proto)[at / WORD_BITS] &= ~(UINT64_C(1) << (at % WORD_BITS));
	*link = e->next;
	unlink_outside(m, flows, number, flow);
	e->next = m->free;
	m->free = number;
}

/* As end_mapping(), of a mapping whose flows are gone. */
static void end_rested(struct mappings *m, const struct flow_table *flows,
		       const struct network *net, const struct mapping *e)
{
	const struct flow flow = {
		.src = e->src,
		.sport = e->sport,
		.site = e->site,
		.nat_src = e->nat_src,
		.nat_port = e->nat_port,
		.proto = e->proto,
	};
	int address = network_find_address(net, e->nat_src);
	int slice = network_find_slice(net, (uint32_t)address, ntohs(e->nat_port));

	end_mapping(m, flows, net, (uint32_t)slice, &flow);
}

/* Those that have rested for long enough; the first one anyhow if there is no record left. */
static void wake(struct mappings *m, const struct flow_table *flows, const struct network *net,
		 uint32_t now_s)
{
	for (unsigned i = 0; i < WAKE_MAX && m->resting_first != NONE; i++) {
		struct mapping *e = &m->entries[m->resting_first];

		if (e->flows == 0 && now_s < e->rests_until_s && m->free != NONE)
			return;
		m->resting_first = e->next_resting;
		e->queued = false;
		if (e->flows == 0)
			end_rested(m, flows, net, e);
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
		struct mapping *e = &m->entries[*link];

		if (e->flows == 0 && e->nat_src == flow->nat_src && e->proto == flow->proto &&
		    !is_kept(kept, e->nat_port)) {
			if (m->resting_last == *link)
				m->resting_last = before;
			*link = e->next_resting;
			e->queued = false;
			end_rested(m, flows, net, e);
			return true;
		}
		before = *link;
		link = &e->next_resting;
	}
	return false;
}

enum drop mappings_take(struct mappings *m, struct flow_table *flows, const struct network *net,
			uint32_t now_s, uint32_t address, uint64_t kept, struct flow *flow,
			uint32_t *slice)
{
	struct mapping *e;
	uint32_t *link;

	wake(m, flows, net, now_s);
	flow->nat_src = net->addresses[address].addr;
	link = find(m, flows, flow);
	if (*link == NONE) {
		if (m->free == NONE)
			return DROP_TABLE_FULL;
		if (!take_port(m, net, address, flow_table_random(flows), kept, flow, slice))
			return DROP_EGRESS_EXHAUSTED;
		open_mapping(m, flows, link, flow);
		return DROP_NONE;
	}
	e = &m->entries[*link];
	e->flows++;
	e->onramp = flow->onramp;
	flow->nat_port = e->nat_port;
	*slice = (uint32_t)network_find_slice(net, address, ntohs(e->nat_port));
	return DROP_NONE;
}

static void rest(struct mappings *m, uint32_t number, uint32_t until_s)
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
	uint32_t number = *find(m, flows, flow);
	struct mapping *e = &m->entries[number];

	assert(number != NONE);
	if (--e->flows > 0)
		return;
	if (rests_until_s != 0)
		rest(m, number, rests_until_s);
	else if (!e->queued)
		end_mapping(m, flows, net, slice, flow);
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
	uint32_t number = *find(m, flows, flow);

	if (number != NONE)
		m->entries[number].onramp = flow->onramp;
}
