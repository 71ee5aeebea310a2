/*
 * Sources that routes let out to the Internet untranslated (RFC 6888 REQ-6).
 *
 * Their returns come by the uplink with such an address as their destination. Of which site it is
 * does not matter there, and sites may have the same: the flow knows. So this is only a set of
 * addresses, the prefixes of all sites whose virtual network has such a route. It is sorted, and
 * those within another one are left out, so one binary search finds the only one that can contain
 * an address. IPv4, mapped; IPv6 sources that leave untranslated are in global.c.
 */
#include "network/index.h"
#include "network/network.h"

#include <stdlib.h>

static int untranslated_compare(const void *a, const void *b)
{
	const struct prefix6 *x = a, *y = b;
	int order = addr6_compare(&x->addr, &y->addr);

	return order != 0 ? order : x->len - y->len;
}

static void untranslated_add(struct network *net, const struct site *site)
{
	for (uint32_t i = 0; i < site->n_prefixes; i++)
		net->untranslated[net->n_untranslated++] =
			(struct prefix6){addr6_from_ipv4(site->prefixes[i].addr),
					 (uint8_t)(MAPPED_BITS + site->prefixes[i].len)};
}

static void untranslated_sort(struct network *net)
{
	struct prefix6 *list = net->untranslated;
	uint32_t n = net->n_untranslated, kept = 0;

	qsort(list, n, sizeof(list[0]), untranslated_compare);
	for (uint32_t i = 0; i < n; i++)
		if (kept == 0 || !prefix6_contains(&list[kept - 1], &list[i].addr))
			list[kept++] = list[i];
	net->n_untranslated = kept;
}

bool network_make_untranslated(struct network *net)
{
	bool *lets_out = spec_find_untranslated(&net->spec);
	size_t n = 0;

	for (uint32_t i = 0; i < net->n_sites; i++)
		n += net->sites[net->site_ids[i]].n_prefixes;
	net->untranslated = calloc(n + 1, sizeof(net->untranslated[0]));
	if (lets_out == NULL || net->untranslated == NULL) {
		free(lets_out);
		return false;
	}
	for (uint32_t i = 0; i < net->n_sites; i++)
		if (lets_out[net->spec.sites[i].vnet])
			untranslated_add(net, &net->sites[net->site_ids[i]]);
	untranslated_sort(net);
	free(lets_out);
	return true;
}

bool network_is_among_untranslated(const struct network *net, be32_t addr)
{
	const struct addr6 mapped = addr6_from_ipv4(addr);
	uint32_t low = 0, high = net->n_untranslated; /* the prefix is below high */

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (addr6_compare(&net->untranslated[middle].addr, &mapped) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && prefix6_contains(&net->untranslated[low - 1], &mapped) &&
	       !network_is_local_end(net, addr);
}

bool network_may_leave_untranslated(const struct network *net, uint16_t site, be32_t addr)
{
	return net->sites[site].n_prefixes > 0 && network_is_untranslated(net, addr) &&
	       network_find_address(net, addr) < 0;
}

/* Is there a target whose uplink is @wanted? *@first: the first one's uplink; -1: none yet. */
static bool ports_of(const struct network *net, uint16_t vnet, const struct addr6 *dst,
		     unsigned links, int *first, int wanted)
{
	const struct vnet *v = vnet <= net->max_vnet ? &net->vnets[vnet] : NULL;
	uint32_t found =
		v != NULL && v->spec != NULL ? trie_lookup(v->routes.root, dst) : TRIE_NONE;
	const struct spec_route *route = found == TRIE_NONE ? NULL : &v->spec->routes[found];

	for (size_t i = 0; route != NULL && i < route->n_targets; i++) {
		const struct spec_target *t = &route->targets[i];

		if (t->kind == TARGET_LINK && links < SPEC_LINKS_MAX &&
		    ports_of(net, net->vnet_ids[t->index], dst, links + 1, first, wanted))
			return true;
		if (t->kind != TARGET_EGRESS || !t->untranslated)
			continue;
		if (*first < 0)
			*first = net->pools[t->index].port;
		if (net->pools[t->index].port == wanted)
			return true;
	}
	return false;
}

bool network_leaves_untranslated(const struct network *net, uint16_t vnet, const struct addr6 *dst,
				 uint8_t *port)
{
	int first = -1;

	if (ports_of(net, vnet, dst, 0, &first, *port))
		return true;
	if (first >= 0)
		*port = (uint8_t)first;
	return first >= 0;
}
