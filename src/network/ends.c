/*
 * The pairs of outer addresses of all tunnels that have any, without keys. A later fragment of a
 * tunnel packet has no GRE header; it can belong to a tunnel only if some tunnel has its pair of
 * addresses.
 *
 * Sorted once, found by binary search: fragments are rare.
 */
#include "network/index.h"
#include "network/network.h"

#include <stdlib.h>

static int ends_compare(const void *a, const void *b)
{
	const struct tunnel_ends *x = a, *y = b;
	int by_remote = addr6_compare(&x->remote, &y->remote);

	return by_remote != 0 ? by_remote : addr6_compare(&x->local, &y->local);
}

bool network_make_ends(struct network *net)
{
	struct network_index *x = net->index;

	x->ends = calloc(net->n_tunnels + 1, sizeof(x->ends[0]));
	if (x->ends == NULL)
		return false;
	for (uint32_t i = 0; i < net->n_tunnels; i++) {
		uint16_t id = net->tunnel_ids[i];

		if (!network_is_interconnect(net, id))
			x->ends[x->n_ends++] = (struct tunnel_ends){network_tunnel_local(net, id),
								    network_tunnel_remote(net, id)};
	}
	qsort(x->ends, x->n_ends, sizeof(x->ends[0]), ends_compare);
	return true;
}

bool network_has_tunnel_between(const struct network *net, const struct addr6 *local,
				const struct addr6 *remote)
{
	const struct tunnel_ends wanted = {*local, *remote};

	return bsearch(&wanted, net->index->ends, net->index->n_ends, sizeof(wanted),
		       ends_compare) != NULL;
}

bool network_same_ends(const struct network *a, const struct network *b, uint16_t tunnel)
{
	struct addr6 local_a = network_tunnel_local(a, tunnel);
	struct addr6 local_b = network_tunnel_local(b, tunnel);
	struct addr6 remote_a = network_tunnel_remote(a, tunnel);
	struct addr6 remote_b = network_tunnel_remote(b, tunnel);

	return addr6_equal(&local_a, &local_b) && addr6_equal(&remote_a, &remote_b) &&
	       a->tunnels[tunnel].key == b->tunnels[tunnel].key &&
	       a->tunnels[tunnel].has_key == b->tunnels[tunnel].has_key;
}
