/*
 * Search: finds a free port towards the destination of a flow, after a random port was not free.
 *
 * Private to setup/.
 */
#pragma once

#include "setup/ports.h"

/* Sets the egress address of the flow to @address. */
void search_use_address(struct setup *s, const struct egress_address *address);

/* Hashes the return key of the flow's current address and port, and prefetches its bucket. */
uint64_t search_hash(const struct setup *s);

/*
 * The record, live or resting, that has that port towards the flow's destination, or
 * FLOW_NO_RECORD.
 */
uint32_t search_holder(const struct setup *s, uint64_t hash);

/*
 * Visits at most @looks ports of address number @address, and subtracts them from @looks. True: the
 * flow has a port, and s->slice and s->return_hash are written.
 */
bool search_address(struct setup *s, uint32_t address, bool with_reserve, unsigned *looks);

/* Is it known that a search would find no port? */
bool search_is_vain(const struct setup *s, uint32_t address, bool with_reserve);
