/*
 * Search: a free port towards the destination of a flow, where a random one was not.
 *
 * Private to setup/.
 */
#pragma once

#include "setup/ports.h"

/* The flow is to leave from @address. */
void search_use_address(struct setup *s, const struct egress_address *address);

/* A candidate is what the flow says now, address and port. Its hash; memory is asked for it. */
uint64_t search_hash(const struct setup *s);

/* The record of who has, or had, that port towards the flow's destination; or FLOW_NO_RECORD. */
uint32_t search_holder(const struct setup *s, uint64_t hash);

/*
 * Looks at ports of address number @address, at most @looks of them, which are taken off. True: the
 * flow has one now, and s->slice and s->return_hash are written.
 */
bool search_address(struct setup *s, uint32_t address, bool with_reserve, unsigned *looks);

/* Is it known that a search would be in vain? */
bool search_is_vain(const struct setup *s, uint32_t address, bool with_reserve);
