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

#include <stdlib.h>

/* Primes, larger than the number of ports of an address. */
static const uint32_t primes[WALKS] = {
	2654435761, 2246822519, 3266489917, 668265263,
	374761393,  4294967291, 2860486313, 3367900313,
};

bool ports_create_steps(struct egress_state *e, const struct network *net)
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
static uint64_t ports_kept_mask(const struct network *net)
{
	uint64_t bits = 0;

	for (uint32_t port = 0; port < 64 && net->n_sites > 1; port++) {
		if (ports_are_reserve(port))
			bits |= UINT64_C(1) << port;
	}
	return bits;
}

static uint64_t ports_part_mask(uint32_t part)
{
	return UINT64_C(0xffff) << PART_PORTS * (part % PORT_PARTS);
}

static void ports_set_first_choice(struct egress_state *e)
{
	const struct port_turns *turns = &e->turns;

	if (!turns->taken)
		e->first_choice = ~e->kept;
	else if (turns->open_s != 0)
		e->first_choice = ports_part_mask(turns->own) & ~e->kept;
	else
		e->first_choice = ~(ports_part_mask(turns->fallow) | e->kept);
}

void ports_keep_reserve(struct egress_state *e, const struct network *net)
{
	e->kept = ports_kept_mask(net);
	ports_set_first_choice(e);
}

void ports_begin(struct egress_state *e, uint32_t epoch, uint32_t rest_s)
{
	e->turns = (struct port_turns){
		.taken = true,
		.own = (uint8_t)(epoch % PORT_PARTS),
		.fallow = (uint8_t)((epoch + 1) % PORT_PARTS),
		.open_s = 1 + rest_s, /* the clock starts at 1 */
	};
	ports_set_first_choice(e);
}

void ports_tick(struct context *ctx)
{
	struct egress_state *e = ctx->egress;

	if (e->turns.open_s == 0 || ctx->now_s <= e->turns.open_s)
		return;
	e->turns.open_s = 0;
	ports_set_first_choice(e);
}

uint32_t ports_kept_in_slice(const struct network *net, const struct slice *slice)
{
	uint32_t last = slice->first_port + slice->size;

	return net->n_sites > 1 ? last / RESERVE_EVERY - slice->first_port / RESERVE_EVERY : 0;
}
