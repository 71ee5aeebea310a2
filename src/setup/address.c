/*
 * The address that a flow leaves with is chosen by the inner host, so that one host is seen under
 * one address as long as that has ports (RFC 4787 REQ-2); then under the next one, up to
 * ADDRESSES_MAX.
 *
 * Where there are several sites, each 16th port is a reserve, towards every destination: only a
 * site with less than its fair share of an address's ports comes into it, and only when others are
 * hard to find. So a site that uses up what there is towards one destination leaves something for
 * the others.
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

/* The fair share is this worker's ports of one address by the sites. */
bool address_may_use_reserve(const struct setup *s)
{
	const struct network *net = s->ctx->net;
	const struct site_use *use = &s->ctx->sites[s->flow.site];
	uint64_t ports = ports_count(s->ctx->egress, &net->addresses[address_of_host(s)]);
	uint64_t flows = s->six != NULL ? use->flows6 : use->counters.flows - use->flows6;

	return net->n_sites > 1 && flows * net->n_sites < ports;
}
