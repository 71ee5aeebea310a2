/*
 * The global prefixes of sites: which site has an IPv6 address?
 *
 * No two prefixes overlap (control/config ensures it). In the sorted array only the last prefix
 * that begins at or before an address can contain it: one binary search. Without global prefixes,
 * which is the usual case, it is one comparison.
 */
#include "network/index.h"
#include "network/network.h"

#include <stdlib.h>

static int global_compare(const void *a, const void *b)
{
	const struct global_prefix *x = a, *y = b;

	return addr6_compare(&x->prefix.addr, &y->prefix.addr);
}

bool network_make_globals(struct network *net)
{
	const struct network_spec *spec = &net->spec;
	size_t n = 0;

	for (size_t i = 0; i < spec->n_sites; i++)
		n += spec->sites[i].n_global_prefixes;
	net->globals = calloc(n + 1, sizeof(net->globals[0]));
	if (net->globals == NULL)
		return false;
	for (size_t i = 0; i < spec->n_sites; i++) {
		const struct spec_site *site = &spec->sites[i];

		for (size_t k = 0; k < site->n_global_prefixes; k++)
			net->globals[net->n_globals++] = (struct global_prefix){
				.prefix = site->global_prefixes[k],
				.site = net->site_ids[i],
			};
	}
	qsort(net->globals, net->n_globals, sizeof(net->globals[0]), global_compare);
	return true;
}

uint16_t network_find_global(const struct network *net, const struct addr6 *addr)
{
	uint32_t low = 0, high = net->n_globals; /* the prefix is below high */

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (addr6_compare(&net->globals[middle].prefix.addr, addr) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || !prefix6_contains(&net->globals[low - 1].prefix, addr))
		return SITE_INTERNET;
	return net->globals[low - 1].site;
}
