/*
 * Private to control/kernel/: makes the kernel resolve neighbours.
 *
 * The kernel resolves a neighbour when it has packets for it, but it does not see our packets. So
 * we tell it that the neighbour is used (NTF_USE). It then sends ARP requests or neighbour
 * solicitations as if the packets were its own. This is done once a second for each neighbour in
 * use that is unknown or not confirmed recently, gateways and tunnel ends first. On-link hosts that
 * sites want are asked for at once, as many as asking.h allows.
 */
#pragma once

#include "control/kernel/asking.h"
#include "control/kernel/view.h"

struct search {
	struct view *view;
	struct mnl_socket *nl;
	struct asking asking;
	size_t next; /* next row, round robin */
};

void search_init(struct search *s, struct view *view, struct mnl_socket *nl);

/* Call it once a second: asks for neighbours in use. */
void search_targets(struct search *s);

/* A site wants an on-link host. True: it is known, and reachable with the next table. */
bool search_want(struct search *s, uint8_t port, uint16_t site, const struct addr6 *addr,
		 uint64_t now_ms);

/* Makes hosts reachable that were found; gives up those that were not found in time. */
void search_take_found(struct search *s, uint64_t now_ms);

/* Are all neighbours resolved that packets go to? */
bool search_is_complete(const struct search *s);
