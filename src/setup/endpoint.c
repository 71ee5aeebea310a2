/*
 * Endpoint-independent pools: an inner endpoint takes the port of its mapping (mapping.c), in both
 * directions.
 *
 * A new mapping gets a port of first choice (ports.h). Second choices are taken only if there is no
 * other port: ports of the reserve and of other parts, ports of flows whose timeout is over, and
 * resting ports.
 */
#include "setup/address.h"
#include "setup/mapping.h"
#include "setup/ports.h"
#include "setup/room.h"
#include "setup/search.h"
#include "setup/slices.h"

static enum drop endpoint_take_mapping(struct setup *s, uint32_t address, uint64_t kept)
{
	return mappings_take(s->ctx->egress->mappings, s->ctx->flows, s->ctx->net, s->ctx->now_s,
			     address, kept, &s->flow, &s->slice);
}

/*
 * No port of first choice is free. Tries second choices: other ports, ports of flows whose timeout
 * is over, and resting ports.
 */
static enum drop endpoint_take_second_choice(struct setup *s, uint32_t address)
{
	const struct egress_state *e = s->ctx->egress;
	uint64_t kept = address_may_use_reserve(s) ? 0 : e->kept;
	enum drop drop = endpoint_take_mapping(s, address, kept);

	if (drop != DROP_NONE && room_make(s))
		drop = endpoint_take_mapping(s, address, kept);
	if (drop == DROP_EGRESS_EXHAUSTED &&
	    mappings_end_rest(e->mappings, s->ctx->flows, s->ctx->net, kept, &s->flow)) {
		s->ctx->counters.rests_cut++;
		drop = endpoint_take_mapping(s, address, kept);
	}
	return drop;
}

/*
 * Pairing is strict (RFC 4787 REQ-2, REQ-11): no other address is tried if this one is exhausted.
 */
enum drop endpoint_take(struct setup *s)
{
	uint32_t address = address_of_host(s);
	enum drop drop = endpoint_take_mapping(s, address, ~s->ctx->egress->first_choice);

	if (drop != DROP_NONE)
		drop = endpoint_take_second_choice(s, address);
	if (drop == DROP_NONE)
		s->return_hash = search_hash(s);
	return drop;
}

/* The endpoint's tunnel, or its site, may have been removed. */
bool endpoint_find_home(struct setup *s)
{
	struct flow *flow = &s->flow;

	if (!mappings_find_home(s->ctx->egress->mappings, s->ctx->flows, flow))
		return false;
	flow->onramp = network_onramp(s->ctx->net, flow->site, flow->onramp);
	return flow->onramp != TUNNEL_NONE;
}

/* The port has a mapping: this finds it and counts one more flow. */
enum drop endpoint_take_home(struct setup *s)
{
	int address = network_find_address(s->ctx->net, s->flow.nat_src);
	enum drop drop = endpoint_take_mapping(s, (uint32_t)address, 0);

	if (drop == DROP_NONE)
		slices_count_flow(s, 1);
	return drop;
}

bool endpoint_follow_change(struct context *ctx, uint32_t *at, unsigned n)
{
	return mappings_follow_change(ctx->egress->mappings, ctx->flows, ctx->net, at, n);
}

void endpoint_moved(struct context *ctx, const struct flow *flow)
{
	const struct pool *pool = network_find_pool(ctx->net, flow->nat_src, ntohs(flow->nat_port));

	if (pool != NULL && pool->mapping == MAPPING_ENDPOINT_INDEPENDENT)
		mappings_move(ctx->egress->mappings, ctx->flows, flow);
}
