/*
 * Step: which address and port does the flow leave with?
 *
 * Only ports of our own slices, and of those only this worker's part (law 2). There is no list of
 * free ports: the flow table is the allocator. A candidate is free if its return key
 *
 *   (the Internet, remote address and port, egress address, candidate port, protocol)
 *
 * is not in the table, so that a port serves as many flows as there are different destinations
 * (RFC 7857 section 3 allows what RFC 4787 REQ-3 forbade). A pool whose mapping is
 * endpoint-independent shares none; there mapping.c says which port.
 *
 * The address is chosen by the inner host, so that one host is seen under one address as long as
 * that has ports (RFC 4787 REQ-2); then under the next one, up to ADDRESSES_MAX. The search for a
 * port starts at a random place (RFC 6056 section 3.3.1), goes upwards, and ends after SEARCH_MAX
 * candidates of an address. A destination for which it ended in vain is remembered with the address
 * for the rest of the second: a site which has used up all ports towards it cannot make us search
 * for each of its packets, nor keep others from theirs.
 *
 * Where there are several sites, each 16th port is a reserve, towards every destination: only a
 * site with less than its fair share of an address's ports comes into it, and only when the other
 * ports are used up. So a site that uses up what there is towards one destination leaves something
 * for the others.
 */
#include "base/memory.h"
#include "base/wire.h"
#include "setup/mapping.h"
#include "setup/setup.h"

#include <stdlib.h>
#include <sys/random.h>

enum {
	SEARCH_MAX = 2048, /* candidates of one address looked at for one flow */
	ADDRESSES_MAX = 4, /* tried for one flow */
	SEARCH_AHEAD = 8, /* candidates whose cache misses overlap */
	SPENT_SLOTS = 64, /* power of two */
	PLACE_TRIES = 4,
	REST_S = 120, /* RFC 6888 REQ-8 */
};

struct slice_use {
	struct slice_counters counters;
	uint32_t *flows_of_port; /* [size of slice] */
	uint32_t first, n; /* this worker's ports: offsets into the slice */
};

/* A destination towards which one address had no port left at that time. */
struct spent {
	struct addr6 dst; /* IPv4: mapped */
	be16_t dport;
	uint8_t proto;
	bool reserve_too; /* else only the ports that are for everybody */
	uint32_t address; /* number in the network */
	uint32_t at_s;
};

struct egress_state {
	struct slice_use *slices; /* as network.slices */
	uint32_t n_slices;
	struct mappings *mappings; /* of endpoint-independent pools */
	uint32_t multiplier; /* odd, random: nobody outside makes two destinations share a slot */
	struct spent spent[SPENT_SLOTS];
};

uint32_t egress_part(uint32_t size, uint32_t index, uint32_t count)
{
	return (uint32_t)((uint64_t)size * index / count);
}

uint16_t egress_owner(uint16_t port, uint32_t size, uint16_t count)
{
	uint32_t offset = port & (size - 1);

	/* The largest index whose part begins at or before offset. */
	return (uint16_t)((((uint64_t)offset + 1) * count - 1) >> __builtin_ctz(size));
}

struct egress_state *egress_create(const struct network *net, uint32_t capacity, uint16_t index,
				   uint16_t count)
{
	struct egress_state *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->slices = memory_lines((net->n_slices + 1) * sizeof(e->slices[0]));
	e->mappings = mappings_create(net, capacity, index, count);
	if (e->slices == NULL || e->mappings == NULL)
		goto fail;
	if (getrandom(&e->multiplier, sizeof(e->multiplier), 0) != sizeof(e->multiplier))
		goto fail;
	e->multiplier |= 1;
	e->n_slices = net->n_slices;
	for (uint32_t i = 0; i < net->n_slices; i++) {
		uint32_t size = net->slices[i].size;
		struct slice_use *use = &e->slices[i];

		use->first = egress_part(size, index, count);
		use->n = egress_part(size, index + 1u, count) - use->first;
		use->flows_of_port = memory_lines(size * sizeof(uint32_t));
		if (use->flows_of_port == NULL)
			goto fail;
	}
	return e;

fail:
	egress_destroy(e);
	return NULL;
}

void egress_destroy(struct egress_state *e)
{
	if (e == NULL)
		return;
	for (uint32_t i = 0; i < e->n_slices; i++)
		free(e->slices[i].flows_of_port);
	free(e->slices);
	mappings_destroy(e->mappings);
	free(e);
}

struct slice_counters egress_slice(const struct egress_state *e, uint32_t slice)
{
	return e->slices[slice].counters;
}

static ALWAYS_INLINE struct addr6 destination_of(const struct setup *s)
{
	return s->six != NULL ? s->six->dst : addr6_from_ipv4(s->flow.dst);
}

static uint32_t fold(const struct addr6 *addr)
{
	uint64_t x = addr->half[0] ^ addr->half[1];

	return (uint32_t)(x ^ x >> 32);
}

/* The pool's addresses of the flow's family. */
struct range {
	uint32_t first, n;
};

static struct range addresses_of(const struct setup *s)
{
	if (s->six != NULL)
		return (struct range){s->pool->first_address6, s->pool->n_addresses6};
	return (struct range){s->pool->first_address, s->pool->n_addresses};
}

/* The one of them that this inner host is seen under. */
static ALWAYS_INLINE uint32_t address_of_host(const struct setup *s)
{
	uint32_t src = s->six != NULL ? fold(&s->six->src) : ntohl(s->flow.src);
	uint32_t host = (src ^ (uint32_t)s->flow.site << 16) * 0x9e3779b1u;

	return (uint32_t)(((uint64_t)host * addresses_of(s).n) >> 32);
}

static bool is_reserve(uint32_t port)
{
	return port % RESERVE_EVERY == RESERVE_EVERY - 1;
}

static bool has_reserve(const struct setup *s)
{
	return s->lane->net->n_sites > 1;
}

/*
 * Has the site less than its fair share, which is this worker's ports of one address by the sites?
 */
static bool may_use_reserve(const struct setup *s)
{
	const struct network *net = s->lane->net;
	const struct site_use *use = &s->lane->sites[s->flow.site];
	uint32_t index = addresses_of(s).first + address_of_host(s);
	const struct egress_address *address = &net->addresses[index];
	uint64_t ports =
		(uint64_t)address->n_slices * s->lane->egress->slices[address->first_slice].n;

	uint64_t flows = s->six != NULL ? use->flows6 : use->counters.flows - use->flows6;

	return has_reserve(s) && flows * net->n_sites < ports;
}

/* The addresses that one destination is reached from stand side by side. */
static struct spent *spent_slot(struct setup *s, const struct addr6 *dst, uint32_t address)
{
	uint32_t h = (fold(dst) ^ s->flow.dport) * s->lane->egress->multiplier;

	return &s->lane->egress->spent[((h >> 26) + address) & (SPENT_SLOTS - 1)];
}

static ALWAYS_INLINE bool is_spent(struct setup *s, uint32_t address)
{
	struct addr6 dst = destination_of(s);
	const struct spent *slot = spent_slot(s, &dst, address);

	return slot->at_s == s->lane->now_s && addr6_equal(&slot->dst, &dst) &&
	       slot->dport == s->flow.dport && slot->proto == s->flow.proto &&
	       slot->address == address && (slot->reserve_too || !s->use_reserve);
}

static void remember_spent(struct setup *s, uint32_t address)
{
	struct addr6 dst = destination_of(s);

	*spent_slot(s, &dst, address) = (struct spent){
		.dst = dst,
		.dport = s->flow.dport,
		.proto = s->flow.proto,
		.reserve_too = s->use_reserve,
		.address = address,
		.at_s = s->lane->now_s,
	};
}

/* A candidate is what the flow says now: address and port. */
static ALWAYS_INLINE uint64_t hash_candidate(const struct setup *s)
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

static ALWAYS_INLINE bool is_taken(const struct setup *s, uint64_t hash)
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

static void use_address(struct setup *s, const struct egress_address *address)
{
	if (s->six != NULL)
		s->six->nat_src = address->addr6;
	else
		s->flow.nat_src = address->addr;
}

/* Tries up to @n ports of one slice from @offset on, SEARCH_AHEAD at a time. */
static bool search_slice(struct setup *s, const struct slice *slice, uint32_t offset, uint32_t n)
{
	uint32_t first = slice->first_port + offset;
	uint64_t hashes[SEARCH_AHEAD];

	for (uint32_t done = 0, ahead; done < n; done += ahead) {
		ahead = n - done < SEARCH_AHEAD ? n - done : SEARCH_AHEAD;
		for (uint32_t i = 0; i < ahead; i++) {
			s->flow.nat_port = htons((uint16_t)(first + done + i));
			hashes[i] = hash_candidate(s);
		}
		for (uint32_t i = 0; i < ahead; i++) {
			s->flow.nat_port = htons((uint16_t)(first + done + i));
			if ((has_reserve(s) && is_reserve(first + done + i) != s->use_reserve) ||
			    is_taken(s, hashes[i]))
				continue;
			s->return_hash = hashes[i];
			return true;
		}
	}
	return false;
}

/* A random place among our parts of @address's slices: slice and offset into it. */
static void random_place(struct setup *s, const struct egress_address *address, uint32_t *k,
			 uint32_t *offset)
{
	uint64_t random = flow_table_random(s->lane->flows);
	const struct slice_use *use;

	*k = (uint32_t)(((random & UINT32_MAX) * address->n_slices) >> 32);
	use = &s->lane->egress->slices[address->first_slice + *k];
	*offset = use->first + (uint32_t)(((random >> 32) * use->n) >> 32);
}

/* Searches our part of an address's slices from a random place. */
static bool search_address(struct setup *s, const struct egress_address *address)
{
	const struct egress_state *e = s->lane->egress;
	uint32_t k, offset, left = SEARCH_MAX;

	random_place(s, address, &k, &offset);
	use_address(s, address);
	/* Once more round to the slice where it began, for the ports before that place. */
	for (uint32_t i = 0; i <= address->n_slices && left > 0; i++) {
		const struct slice_use *use = &e->slices[address->first_slice + k];
		uint32_t end = use->first + use->n, n;

		s->slice = address->first_slice + k;
		if (i > 0)
			offset = use->first;
		n = end - offset < left ? end - offset : left;
		if (search_slice(s, &s->lane->net->slices[s->slice], offset, n))
			return true;
		left -= n;
		k = k + 1 < address->n_slices ? k + 1 : 0;
	}
	return false;
}

/* The @i-th address that this host may be seen under: its own, then the ones after it. */
static uint32_t address_in_turn(const struct setup *s, uint32_t i)
{
	struct range range = addresses_of(s);
	uint32_t k = address_of_host(s) + i;

	return range.first + (k < range.n ? k : k - range.n);
}

static uint32_t addresses_to_try(const struct setup *s)
{
	uint32_t n = addresses_of(s).n;

	return n < ADDRESSES_MAX ? n : ADDRESSES_MAX;
}

/* Among the ports for everybody, or, with @reserve, among the others. */
static bool search_pool(struct setup *s, bool reserve)
{
	s->use_reserve = reserve;
	for (uint32_t i = 0; i < addresses_to_try(s); i++) {
		uint32_t address = address_in_turn(s, i);

		if (is_spent(s, address))
			continue;
		if (search_address(s, &s->lane->net->addresses[address]))
			return true;
		remember_spent(s, address);
	}
	return false;
}

/* The first address that is not known to be spent, or NULL. */
static const struct egress_address *choose_address(struct setup *s)
{
	for (uint32_t i = 0; i < addresses_to_try(s); i++) {
		uint32_t address = address_in_turn(s, i);

		if (!is_spent(s, address))
			return &s->lane->net->addresses[address];
	}
	return NULL;
}

static uint32_t *flows_of_port(struct setup *s)
{
	const struct slice *slice = &s->lane->net->slices[s->slice];
	uint32_t offset = (uint32_t)ntohs(s->flow.nat_port) - slice->first_port;

	return &s->lane->egress->slices[s->slice].flows_of_port[offset];
}

static void count_port(struct slice_counters *c, uint32_t *flows, int change)
{
	c->ports += (uint32_t)((change > 0 && *flows == 0) - (change < 0 && *flows == 1));
	c->flows += (uint32_t)change;
	*flows += (uint32_t)change;
}

/* A random place that is not of the reserve: its offset; s->slice is written. */
static uint32_t place_for_all(struct setup *s, const struct egress_address *address)
{
	const struct slice_use *use;
	uint32_t k, offset;

	for (unsigned tries = 0; tries < PLACE_TRIES; tries++) {
		random_place(s, address, &k, &offset);
		s->slice = address->first_slice + k;
		if (!has_reserve(s) || !is_reserve(offset))
			return offset;
	}
	use = &s->lane->egress->slices[s->slice];
	return offset > use->first ? offset - 1 : offset + 1; /* a part has at least two ports */
}

enum drop egress_choose(struct setup *s)
{
	const struct egress_address *address;
	uint32_t offset;

	if (s->pool->mapping == MAPPING_ENDPOINT_INDEPENDENT)
		return DROP_NONE; /* depends on what the packets before it take */
	address = choose_address(s);
	if (address == NULL)
		return may_use_reserve(s) ? DROP_NONE : DROP_EGRESS_EXHAUSTED;
	offset = place_for_all(s, address);
	use_address(s, address);
	s->flow.nat_port = htons((uint16_t)(s->lane->net->slices[s->slice].first_port + offset));
	s->return_hash = hash_candidate(s);
	s->has_candidate = true;
	__builtin_prefetch(flows_of_port(s), 1);
	return DROP_NONE;
}

static enum drop take_shared(struct setup *s)
{
	if (s->has_candidate && !is_taken(s, s->return_hash))
		return DROP_NONE;
	if (search_pool(s, false) || (may_use_reserve(s) && search_pool(s, true)))
		return DROP_NONE;
	return DROP_EGRESS_EXHAUSTED;
}

/* Paired strictly (RFC 4787 REQ-2, REQ-11): never another address because this one is used up. */
static enum drop take_own(struct setup *s)
{
	uint32_t address = s->pool->first_address + address_of_host(s);
	enum drop drop = mappings_take(s->lane->egress->mappings, s->lane->flows, s->lane->net,
				       s->lane->now_s, address,
				       !has_reserve(s) || may_use_reserve(s), &s->flow, &s->slice);

	if (drop == DROP_NONE)
		s->return_hash = hash_candidate(s);
	return drop;
}

enum drop egress_take(struct setup *s)
{
	enum drop drop =
		s->pool->mapping == MAPPING_ENDPOINT_INDEPENDENT ? take_own(s) : take_shared(s);

	if (drop != DROP_NONE)
		return drop;
	count_port(&s->lane->egress->slices[s->slice].counters, flows_of_port(s), 1);
	return DROP_NONE;
}

bool egress_find_home(struct setup *s)
{
	return mappings_find_home(s->lane->egress->mappings, s->lane->flows, &s->flow);
}

/* The endpoint has a mapping: this finds it and counts one more flow. */
enum drop egress_take_home(struct setup *s)
{
	int address = network_find_address(s->lane->net, s->flow.nat_src);
	enum drop drop =
		mappings_take(s->lane->egress->mappings, s->lane->flows, s->lane->net,
			      s->lane->now_s, (uint32_t)address, false, &s->flow, &s->slice);

	if (drop == DROP_NONE)
		count_port(&s->lane->egress->slices[s->slice].counters, flows_of_port(s), 1);
	return drop;
}

void egress_moved(struct lane *lane, const struct flow *flow)
{
	const struct pool *pool =
		network_find_pool(lane->net, flow->nat_src, ntohs(flow->nat_port));

	if (pool != NULL && pool->mapping == MAPPING_ENDPOINT_INDEPENDENT)
		mappings_move(lane->egress->mappings, lane->flows, flow);
}

/*
 * A port rests where anybody may send to it; not if it is TCP's, whose connections rest themselves.
 */
static uint32_t rests_until(const struct lane *lane, const struct pool *pool, uint8_t proto)
{
	if (pool->filtering != FILTERING_ENDPOINT_INDEPENDENT || proto == PROTO_TCP)
		return 0;
	return lane->now_s + REST_S;
}

/* @is_over: of a flow that was; else of one that never became one. */
static void give_back(struct setup *s, bool is_over)
{
	struct lane *lane = s->lane;
	const struct network *net = lane->net;
	const struct pool *pool = &net->pools[net->slices[s->slice].pool];

	count_port(&lane->egress->slices[s->slice].counters, flows_of_port(s), -1);
	if (pool->mapping == MAPPING_ENDPOINT_INDEPENDENT)
		mappings_give(lane->egress->mappings, lane->flows, net, s->slice, &s->flow,
			      is_over ? rests_until(lane, pool, s->flow.proto) : 0);
}

void egress_undo(struct setup *s)
{
	if (!s->is_global) /* that took none */
		give_back(s, false);
}

/* Which slice an ending flow's port is of must be found again; a setup knows it. */
void egress_release(struct lane *lane, const struct flow *flow, const struct flow6 *six)
{
	int address = six != NULL ? network_find_address6(lane->net, &six->nat_src)
				  : network_find_address(lane->net, flow->nat_src);
	uint16_t port = ntohs(flow->nat_port);
	int slice = address < 0 ? -1 : network_find_slice(lane->net, (uint32_t)address, port);
	struct setup s = {.lane = lane, .flow = *flow};

	if (slice < 0)
		return;
	s.slice = (uint32_t)slice;
	give_back(&s, true);
}
