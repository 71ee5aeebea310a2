/*
 * The alarms about learned routes that are not used.
 *
 * Each table has one, whose subject is its owner: the name of a site, or "network" and the name of
 * a network. One more is about what all tables share: room in the tree of routes, and memory.
 *
 * Control thread.
 */
#pragma once

#include "control/bgp/learned.h"
#include "control/kernel/table.h"
#include "network/spec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REFUSALS_ALL "all tables" /* a subject; no name has a space */
#define REFUSALS_NOBODY UINT32_MAX /* source of a table that the network does not learn from */

struct alarms;

/* The name of the site or network, or "". */
const char *refusals_owner(const struct network_spec *spec, uint32_t source);

/* Raises or clears the alarm of a table. */
void refusals_tell(struct alarms *alarms, const struct learned *l, const struct network_spec *spec,
		   const struct table *t, uint32_t source);

/* The same of all tables. @short_of_memory: some nexthops are missing. */
void refusals_tell_all(struct alarms *alarms, const struct learned *l, bool short_of_memory);

/* Clears the alarms whose owner is none of @sources: their tables are not followed any more. */
void refusals_forget(struct alarms *alarms, const struct network_spec *spec,
		     const uint32_t *sources, size_t n);
