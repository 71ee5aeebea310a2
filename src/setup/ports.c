/*
 * Ports of the slices: see ports.h.
 *
 * A search visits the ports of an address in steps: from each port to the one a fixed step further,
 * modulo their number. The step has no common divisor with the number of ports (it is a larger
 * prime, modulo that number), so each round visits every port once. A search can stop and continue
 * at any port. Successive ports are far apart, so a long run of ports in use does not delay the
 * search.
 */
#include "setup/ports.h"

#include "base/memory.h"
#include "path/share.h"
#include "setup/mapping.h"
#include "setup/shortage.h"

#include <stdlib.h>

/* Primes, larger than the number of ports of an address. */
static const uint32_t primes[WALKS] = {
	2654435761, 2246822519, 3266489917, 668265263,
	374761393,  4294967291, 2860486313, 3367900313,
};

/* Slices that will be taken over already have their counts of flows. */
static bool create_slices(struct egress_state *e, const struct network *net, uint16_t index,
			  uint16_t count)
{
	e->slices = memory_lines((net->n_slices + 1) * sizeof(e->slices[0]));
	if (e->slices == NULL)
		return false;
	e->n_slices = net->n_slices;
	for (uint32_t i = 0; i < net->n_slices; i++) {
		uint32_t size = net->slices[i].size;
		struct slice_use *use = &e->slices[i];

		use->first = share_begin(size, index, count);
		use->n = share_begin(size, index + 1u, count) - use->first;
		if (e->from != NULL && e->from[i] != 0)
			continue;
		use->flows_of_port = memory_lines(size * sizeof(uint32_t));
		if (use->flows_of_port == NULL)
			return false;
	}
	return true;
}

static bool create_steps(struct egress_state *e, const struct network *net)
{
	e->steps = calloc(net->n_addresses + 1, sizeof(e->steps[0]));
	if (e->steps == NULL)
		return false;
	for (uint32_t i = 0; i < net->n_addresses; i++) {
		const struct egress_address *address = &net->addresses[i];
		uint32_t n = ports_part(e, address)->n, all = ports_count(e, address);

		for (unsigned walk = 0; walk < WALKS && all > 0; walk++) {
			uint32_t step = primes[walk] % all;

			e->steps[i][walk] =
				(struct place){(uint16_t)(step / n), (uint16_t)(step % n)};
		}
	}
	return true;
}

/* There is a reserve if there are several sites. */
static uint64_t kept_ports(const struct network *net)
{
	uint64_t bits = 0;

	for (uint32_t port = 0; port < 64 && net->n_sites > 1; port++) {
		if (ports_are_reserve(port))
			bits |= UINT64_C(1) << port;
	}
	return bits;
}

static uint64_t part_ports(uint32_t part)
{
	return UINT64_C(0xffff) << PART_PORTS * (part % PORT_PARTS);
}

static void choose_ports(struct egress_state *e)
{
	const struct port_turns *turns = &e->turns;

	if (!turns->taken)
		e->first_choice = ~e->kept;
	else if (turns->open_s != 0)
		e->first_choice = part_ports(turns->own) & ~e->kept;
	else
		e->first_choice = ~(part_ports(turns->fallow) | e->kept);
}

void ports_keep_reserve(struct egress_state *e, const struct network *net)
{
	e->kept = kept_ports(net);
	choose_ports(e);
}

void egress_begin(struct egress_state *e, uint32_t epoch, uint32_t rest_s)
{
	e->turns = (struct port_turns){
		.taken = true,
		.own = (uint8_t)(epoch % PORT_PARTS),
		.fallow = (uint8_t)((epoch + 1) % PORT_PARTS),
		.open_s = 1 + rest_s, /* the clock starts at 1 */
	};
	choose_ports(e);
}

void egress_tick(struct context *ctx)
{
	struct egress_state *e = ctx->egress;

	if (e->turns.open_s == 0 || ctx->now_s <= e->turns.open_s)
		return;
	e->turns.open_s = 0;
	choose_ports(e);
}

struct egress_state *egress_create(const struct network *net, uint32_t capacity, uint16_t index,
				   uint16_t count)
{
	return ports_create(net, NULL, NULL, capacity, index, count);
}

struct egress_state *ports_create(const struct network *net, const struct egress_state *before,
				  uint32_t *from, uint32_t capacity, uint16_t index, uint16_t count)
{
	struct egress_state *e = calloc(1, sizeof(*e));

	if (e == NULL) {
		free(from);
		return NULL;
	}
	e->from = from;
	e->mappings = mappings_create_next(before != NULL ? before->mappings : NULL, net, from,
					   capacity, index, count);
	e->shortages = shortages_create();
	ports_keep_reserve(e, net);
	if (e->mappings == NULL || e->shortages == NULL || !create_slices(e, net, index, count) ||
	    !create_steps(e, net)) {
		egress_destroy(e);
		return NULL;
	}
	return e;
}

void egress_destroy(struct egress_state *e)
{
	if (e == NULL)
		return;
	for (uint32_t i = 0; i < e->n_slices; i++)
		free(e->slices[i].flows_of_port);
	free(e->slices);
	free(e->steps);
	free(e->from);
	mappings_destroy(e->mappings);
	shortages_destroy(e->shortages);
	free(e);
}

struct slice_counters egress_slice(const struct egress_state *e, uint32_t slice)
{
	return slice < e->n_slices ? e->slices[slice].counters : (struct slice_counters){0};
}

static uint32_t *flows_of_port(const struct setup *s)
{
	const struct slice *slice = &s->ctx->net->slices[s->slice];
	uint32_t offset = (uint32_t)ntohs(s->flow.nat_port) - slice->first_port;

	return &s->ctx->egress->slices[s->slice].flows_of_port[offset];
}

void ports_prefetch(const struct setup *s)
{
	__builtin_prefetch(flows_of_port(s), 1);
}

void ports_count_flow(struct setup *s, int change)
{
	struct slice_counters *c = &s->ctx->egress->slices[s->slice].counters;
	uint32_t *flows = flows_of_port(s);

	c->ports += (uint32_t)((change > 0 && *flows == 0) - (change < 0 && *flows == 1));
	c->flows += (uint32_t)change;
	*flows += (uint32_t)change;
}

uint32_t egress_kept_ports(const struct network *net, const struct slice *slice)
{
	uint32_t last = slice->first_port + slice->size;

	return net->n_sites > 1 ? last / RESERVE_EVERY - slice->first_port / RESERVE_EVERY : 0;
}
