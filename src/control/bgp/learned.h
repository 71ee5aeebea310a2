/*
 * What routes of kernel tables mean: prefix -> tunnels.
 *
 *   struct table --learned_take()--> by virtual network --learned_flush()--> control/routing
 *
 * A table belongs to a site or to a virtual network. The gateway of its routes is the far end's
 * address inside a tunnel (`peer`) of that site, or of any site of that network. Several tables of
 * one network may have a prefix: their targets are put together.
 *
 * Some routes are refused, and told: to a gateway that is no tunnel's, a default route where public
 * destinations leave by an egress pool, and the outer address of the tunnel by which it goes.
 *
 * The user may have no room for a prefix. Then it waits, and is offered again by each flush, after
 * the prefixes that have gone.
 *
 * Control thread.
 */
#pragma once

#include "control/kernel/table.h"
#include "network/spec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct learned;

enum {
	LEARNED_PRIORITY = 100, /* of a route without a metric */
	LEARNED_WHOLE = 1 << 16, /* source of a whole network: its index is added */
};

/*
 * All learned targets of a prefix of a virtual network (its index in the spec), the best
 * SPEC_TARGETS_MAX of them; @n 0: it is learned no more. 0; or -ENOSPC or -ENOMEM: the user has it
 * as before, and gets it again.
 */
typedef int (*learned_set_fn)(void *arg, uint16_t vnet, const struct prefix6 *prefix,
			      const struct spec_target *targets, size_t n);

/* Why routes are refused. */
enum learned_refusal {
	LEARNED_GATEWAY, /* it is not the `peer` of a tunnel of the site or network */
	LEARNED_DEFAULT, /* it would take public destinations away from the egress pool */
	LEARNED_ITSELF, /* the far end of a tunnel through this tunnel */
	LEARNED_REFUSALS,
};

/* @set NULL: nobody is told. NULL if memory ran out. */
struct learned *learned_create(learned_set_fn set, void *arg);
void learned_destroy(struct learned *l); /* accepts NULL */

/*
 * The network is @spec from now on, which must outlive it. All routes are forgotten without a call:
 * the caller gives them again, and its user starts with none. 0 or -ENOMEM: as before.
 */
int learned_take_network(struct learned *l, const struct network_spec *spec);

/*
 * Takes all nexthops of @prefix in a table. @source: the index of its site, or LEARNED_WHOLE plus
 * the index of its network. @n 0: the table has it no more. 0; or -ENOMEM: some of its nexthops are
 * missing until it is taken again.
 */
int learned_take(struct learned *l, uint32_t source, const struct prefix6 *prefix,
		 const struct table_way *ways, size_t n);

/* Tells the user all prefixes that have changed, and those that wait. */
void learned_flush(struct learned *l);

/*
 * The number of prefixes for which the user had no room at the last flush; the first error of it in
 * *@error, 0: none.
 */
size_t learned_waiting(const struct learned *l, int *error);

/* Number of prefixes of a network that are in use. */
size_t learned_n(const struct learned *l, uint16_t vnet);

/*
 * Prefixes of @source that are refused at present for @why: their number, and one of them in
 * *@example, valid until the next change; NULL: the last that was known is refused no more.
 */
size_t learned_refused(const struct learned *l, uint32_t source, enum learned_refusal why,
		       const struct prefix6 **example);
