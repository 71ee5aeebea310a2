/*
 * Private to control/kernel/: has the kernel look for neighbours.
 *
 * The kernel resolves neighbours when it has packets for them; it does not see ours. So it is told
 * that there is traffic for them (NTF_USE): it then asks by ARP or by solicitations as if the
 * packets were its own. Once a second for each neighbour in use that is not known or has not been
 * confirmed lately, gateways and ends of tunnels first; and at once for on-link hosts that sites
 * want, as many as asking.h allows.
 */
#pragma once

#include "control/kernel/asking.h"
#include "control/kernel/view.h"

struct search {
	struct view *view;
	struct mnl_socket *nl;
	struct asking asking;
	size_t next; /* row: round robin */
};

void search_init(struct search *s, struct view *view, struct mnl_socket *nl);

/* Once a second: neighbours in use. */
void search_targets(struct search *s);

/* A site wants an on-link host. True: it is there, and reachable with the next table. */
bool search_want(struct search *s, uint8_t port, uint16_t site, const struct addr6 *addr,
		 uint64_t now_ms);

/* Hosts that have been found become reachable; those that have not in time are given up. */
void search_take_found(struct search *s, uint64_t now_ms);

/* Is everything resolved that packets go to? */
bool search_is_complete(const struct search *s);
