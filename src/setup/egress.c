/*
 * Step: choose the egress address and port of the flow.
 *
 * Only ports in our own slices, and in this worker's part of them, are used (law 2). There is no
 * list of free ports: the flow table is the allocator. A candidate is free if its return key
 *
 *   (the Internet, remote address and port, egress address, candidate port, protocol)
 *
 * is not in the table. So one port can serve one flow to each destination (RFC 7857 section 3
 * allows it; RFC 4787 REQ-3 did not). A pool with endpoint-independent mapping does not share
 * ports; there mapping.c chooses the port.
 *
 * address.c chooses the addresses, and decides about the reserve. A random port is tried first (RFC
 * 6056 section 3.3.1). If it is in use, search.c looks for another, and each address gets half of
 * the remaining work.
 */
#include "base/wire.h"
#include "setup/address.h"
#include "setup/mapping.h"
#include "setup/ports.h"
#include "setup/room.h"
#include "setup/search.h"
#include "setup/shortage.h"

enum { PLACE_TRIES = 4 };

/* Apart, so that a flow whose first port is free pays nothing for it. */
static __attribute__((noinline)) enum drop egress_search_pool(struct setup *s)
{
	bool with_reserve = address_may_use_reserve(s);
	unsigned looks = room_share(s->ctx), n = addresses_to_try(s);

	for (uint32_t i = 0; i < n; i++) {
		unsigned kept = i + 1 < n ? looks / 2 : 0, part = looks - kept;

		if (search_address(s, address_in_turn(s, i), with_reserve, &part))
			return DROP_NONE;
		looks = kept + part;
	}
	return DROP_EGRESS_EXHAUSTED;
}

/* When ports are scarce: the first address that may have a free port, or NULL. */
static const struct egress_address *egress_choose_address(const struct setup *s)
{
	bool with_reserve = address_may_use_reserve(s);

	for (uint32_t i = 0; i < addresses_to_try(s); i++) {
		uint32_t address = address_in_turn(s, i);

		if (!search_is_vain(s, address, with_reserve))
			return &s->ctx->net->addresses[address];
	}
	return NULL;
}

/*
 * Chooses a random port of first choice; no candidate if random tries find none. For a fallow port,
 * takes the port sixteen higher or lower instead, which is in another part.
 */
static ALWAYS_INLINE void egress_choose_place(struct setup *s, const struct egress_address *address)
{
	const struct egress_state *e = s->ctx->egress;
	uint32_t n = ports_part(e, address)->n;

	for (unsigned tries = 0; tries < PLACE_TRIES; tries++) {
		uint64_t random = flow_table_random(s->ctx->flows);
		struct place place = ports_random(e, address, random);
		uint16_t port = ports_number(s->ctx, address, place);

		if (!ports_are_first_choice(e, port)) {
			int step = random & 1 ? PART_PORTS : -PART_PORTS;

			port = (uint16_t)(port + step);
			if ((uint32_t)(place.at + step) >= n || !ports_are_first_choice(e, port))
				continue;
		}
		s->slice = address->first_slice + place.slice;
		s->flow.nat_port = htons(port);
		s->has_candidate = true;
		return;
	}
}

enum drop egress_choose(struct setup *s)
{
	const struct egress_address *address;

	if (s->pool->mapping == MAPPING_ENDPOINT_INDEPENDENT)
		return DROP_NONE; /* the choice depends on the ports that earlier packets take */
	if (__builtin_expect(shortages_are_known(s->ctx->egress->shortages, s->ctx->now_s), 0))
		address = egress_choose_address(s);
	else
		address = &s->ctx->net->addresses[address_of_host(s)];
	if (address == NULL)
		return DROP_EGRESS_EXHAUSTED;
	egress_choose_place(s, address);
	if (!s->has_candidate)
		return DROP_NONE;
	search_use_address(s, address);
	s->return_hash = search_hash(s);
	ports_prefetch(s);
	return DROP_NONE;
}

static bool egress_is_free(const struct setup *s)
{
	const struct flow_table *flows = s->six != NULL ? s->ctx->flows6 : s->ctx->flows;

	return flow_table_lacks(flows, s->return_hash) ||
	       search_holder(s, s->return_hash) == FLOW_NO_RECORD;
}

static enum drop egress_take_shared(struct setup *s)
{
	if (s->has_candidate && egress_is_free(s))
		return DROP_NONE;
	return egress_search_pool(s);
}

static enum drop egress_take_mapping(struct setup *s, uint32_t address, uint64_t kept)
{
	return mappings_take(s->ctx->egress->mappings, s->ctx->flows, s->ctx->net, s->ctx->now_s,
			     address, kept, &s->flow, &s->slice);
}

/*
 * No port of first choice is free. Tries second choices: other ports, ports of flows whose timeout
 * is over, and resting ports.
 */
static enum drop egress_take_second_choice(struct setup *s, uint32_t address)
{
	const struct egress_state *e = s->ctx->egress;
	uint64_t kept = address_may_use_reserve(s) ? 0 : e->kept;
	enum drop drop = egress_take_mapping(s, address, kept);

	if (drop != DROP_NONE && room_make(s))
		drop = egress_take_mapping(s, address, kept);
	if (drop == DROP_EGRESS_EXHAUSTED &&
	    mappings_end_rest(e->mappings, s->ctx->flows, s->ctx->net, kept, &s->flow)) {
		s->ctx->counters.rests_cut++;
		drop = egress_take_mapping(s, address, kept);
	}
	return drop;
}

/*
 * Pairing is strict (RFC 4787 REQ-2, REQ-11): no other address is tried if this one is exhausted.
 */
static __attribute__((noinline)) enum drop egress_take_own(struct setup *s)
{
	uint32_t address = address_of_host(s);
	enum drop drop = egress_take_mapping(s, address, ~s->ctx->egress->first_choice);

	if (drop != DROP_NONE)
		drop = egress_take_second_choice(s, address);
	if (drop == DROP_NONE)
		s->return_hash = search_hash(s);
	return drop;
}

enum drop egress_take(struct setup *s)
{
	enum drop drop = s->pool->mapping == MAPPING_ENDPOINT_INDEPENDENT ? egress_take_own(s)
									  : egress_take_shared(s);

	if (drop == DROP_NONE)
		ports_count_flow(s, 1);
	return drop;
}

/* The endpoint's tunnel, or its site, may have been removed. */
bool egress_find_home(struct setup *s)
{
	struct flow *flow = &s->flow;

	if (!mappings_find_home(s->ctx->egress->mappings, s->ctx->flows, flow))
		return false;
	flow->onramp = network_onramp(s->ctx->net, flow->site, flow->onramp);
	return flow->onramp != TUNNEL_NONE;
}

/* The port has a mapping: this finds it and counts one more flow. */
enum drop egress_take_home(struct setup *s)
{
	int address = network_find_address(s->ctx->net, s->flow.nat_src);
	enum drop drop = egress_take_mapping(s, (uint32_t)address, 0);

	if (drop == DROP_NONE)
		ports_count_flow(s, 1);
	return drop;
}

bool egress_follow_change(struct context *ctx, uint32_t *at, unsigned n)
{
	return mappings_follow_change(ctx->egress->mappings, ctx->flows, ctx->net, at, n);
}

void egress_moved(struct context *ctx, const struct flow *flow)
{
	const struct pool *pool = network_find_pool(ctx->net, flow->nat_src, ntohs(flow->nat_port));

	if (pool != NULL && pool->mapping == MAPPING_ENDPOINT_INDEPENDENT)
		mappings_move(ctx->egress->mappings, ctx->flows, flow);
}

/* @is_over: the flow has ended; false: its setup failed. True: its record must rest. */
static bool give_back(struct setup *s, bool is_over)
{
	struct context *ctx = s->ctx;
	const struct network *net = ctx->net;
	const struct pool *pool = &net->pools[net->slices[s->slice].pool];
	bool rests = is_over && ports_have_to_rest(ctx, &s->flow);

	ports_count_flow(s, -1);
	if (pool->mapping == MAPPING_ENDPOINT_INDEPENDENT) {
		mappings_give(ctx->egress->mappings, ctx->flows, net, s->slice, &s->flow,
			      rests ? ctx->now_s + ctx->rest_s : 0);
		return false;
	}
	if (!rests && shortages_are_known(ctx->egress->shortages, ctx->now_s))
		shortage_port_freed(s);
	return rests;
}

void egress_undo(struct setup *s)
{
	if (!s->is_global) /* an untranslated flow has no port */
		give_back(s, false);
}

/* Finds the slice of a flow's port; only setup has its number at hand. -1: none. */
static int find_slice(const struct context *ctx, const struct flow *flow, const struct flow6 *six)
{
	int address = six != NULL ? network_find_address6(ctx->net, &six->nat_src)
				  : network_find_address(ctx->net, flow->nat_src);

	return address < 0 ? -1
			   : network_find_slice(ctx->net, (uint32_t)address, ntohs(flow->nat_port));
}

bool egress_release(struct context *ctx, const struct flow *flow, const struct flow6 *six)
{
	struct setup s = {.ctx = ctx, .flow = *flow};
	int slice = find_slice(ctx, flow, six);
	struct flow6 addresses;

	if (slice < 0) { /* untranslated, or its slice was removed */
		if (six == NULL)
			mappings_lose(ctx->egress->mappings, ctx->flows, flow);
		return false;
	}
	if (six != NULL) {
		addresses = *six;
		s.six = &addresses;
	}
	s.slice = (uint32_t)slice;
	return give_back(&s, true);
}

void egress_rested(struct context *ctx, const struct flow *flow, const struct flow6 *six)
{
	struct setup s = {.ctx = ctx, .flow = *flow};
	struct flow6 addresses;
	int slice;

	if (!shortages_are_known(ctx->egress->shortages, ctx->now_s))
		return;
	slice = find_slice(ctx, flow, six);
	if (slice < 0) /* its slice was removed */
		return;
	if (six != NULL) {
		addresses = *six;
		s.six = &addresses;
	}
	s.slice = (uint32_t)slice;
	shortage_port_freed(&s);
}
