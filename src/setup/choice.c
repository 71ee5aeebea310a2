/*
 * Steps: choose the egress address and port of the flow, and take them.
 *
 * Only ports in our own slices, and in this worker's part of them, are used (law 2). There is no
 * list of free ports: the flow table is the allocator. A candidate is free if its return key
 *
 *   (the Internet, remote address and port, egress address, candidate port, protocol)
 *
 * is not in the table. So one port can serve one flow to each destination (RFC 7857 section 3
 * allows it; RFC 4787 REQ-3 did not). A pool with endpoint-independent mapping does not share
 * ports; there endpoint.c takes the port.
 *
 * address.c chooses the addresses, and decides about the reserve. A random port is tried first (RFC
 * 6056 section 3.3.1). If it is in use, search.c looks for another, and each address gets half of
 * the remaining work.
 */
#include "base/wire.h"
#include "setup/address.h"
#include "setup/ports.h"
#include "setup/room.h"
#include "setup/search.h"
#include "setup/shortage.h"
#include "setup/slices.h"

enum { PLACE_TRIES = 4 };

/* Apart, so that a flow whose first port is free pays nothing for it. */
static __attribute__((noinline)) enum drop choice_search_pool(struct setup *s)
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
static const struct egress_address *choice_address(const struct setup *s)
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
static ALWAYS_INLINE void choice_place(struct setup *s, const struct egress_address *address)
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

enum drop choice_propose(struct setup *s)
{
	const struct egress_address *address;

	if (__builtin_expect(s->keeps_source, 0))
		return private_propose(s);
	if (s->pool->mapping == MAPPING_ENDPOINT_INDEPENDENT)
		return DROP_NONE; /* the choice depends on the ports that earlier packets take */
	if (__builtin_expect(shortages_are_known(s->ctx->egress->shortages, s->ctx->now_s), 0))
		address = choice_address(s);
	else
		address = &s->ctx->net->addresses[address_of_host(s)];
	if (address == NULL)
		return DROP_EGRESS_EXHAUSTED;
	choice_place(s, address);
	if (!s->has_candidate)
		return DROP_NONE;
	search_use_address(s, address);
	s->return_hash = search_hash(s);
	slices_prefetch(s);
	return DROP_NONE;
}

static bool choice_is_free(const struct setup *s)
{
	const struct flow_table *flows = s->six != NULL ? s->ctx->flows6 : s->ctx->flows;

	return flow_table_lacks(flows, s->return_hash) ||
	       search_holder(s, s->return_hash) == FLOW_NO_RECORD;
}

static enum drop choice_take_shared(struct setup *s)
{
	if (s->has_candidate && choice_is_free(s))
		return DROP_NONE;
	return choice_search_pool(s);
}

enum drop choice_take(struct setup *s)
{
	enum drop drop;

	if (__builtin_expect(s->keeps_source, 0))
		return private_take(s);
	drop = s->pool->mapping == MAPPING_ENDPOINT_INDEPENDENT ? endpoint_take(s)
								: choice_take_shared(s);
	if (drop == DROP_NONE)
		slices_count_flow(s, 1);
	return drop;
}
