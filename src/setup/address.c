/*
 * The inner host determines the egress address of a flow, so that a host keeps one address as long
 * as that address has free ports (RFC 4787 REQ-2). Then the next addresses are tried, up to
 * ADDRESSES_MAX.
 *
 * With several sites, every 16th port is in a reserve, for each destination. Only a site with less
 * than its fair share of an address's ports may use the reserve, and only when other ports are hard
 * to find. So a site that exhausts the other ports towards one destination leaves the reserve to
 * other sites.
 */
#include "setup/address.h"

#include "setup/ports.h"

enum { ADDRESSES_MAX = 4 };

uint32_t addresses_to_try(const struct setup *s)
{
	uint32_t n = address_range_of(s).n;

	return n < ADDRESSES_MAX ? n : ADDRESSES_MAX;
}

uint32_t address_in_turn(const struct setup *s, uint32_t i)
{
	struct address_range range = address_range_of(s);
	uint32_t k = address_place_of_host(s) + i;

	return range.first + (k < range.n ? k : k - range.n);
}

/* The fair share: this worker's ports of one address divided by the number of sites. */
bool address_may_use_reserve(const struct setup *s)
{
	const struct network *net = s->ctx->net;
	const struct site_use *use = &s->ctx->sites[s->flow.site];
	uint64_t ports = ports_count(s->ctx->egress, &net->addresses[address_of_host(s)]);
	uint64_t flows = s->six != NULL ? use->flows6 : use->counters.flows - use->flows6;

	return net->n_sites > 1 && flows * net->n_sites < ports;
}
