/* Routes for announcement: see offer.h. The list of what is offered is sorted, so that a change
 * touches only what differs. */
#include "control/bgp/offer.h"

#include "control/kernel/netlink.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <libmnl/libmnl.h>

#define READY_ADDRESS UINT32_C(0xc0000008)

struct offered {
	struct prefix6 prefix;
	uint32_t metric;
};

void offer_init(struct offer *o, int ifindex)
{
	*o = (struct offer){.ifindex = ifindex};
}

void offer_fini(struct offer *o)
{
	free(o->at);
	*o = (struct offer){0};
}

static int compare_offered(const void *a, const void *b)
{
	const struct offered *x = a, *y = b;
	int ret = memcmp(&x->prefix.addr, &y->prefix.addr, sizeof(x->prefix.addr));

	if (ret == 0)
		ret = (int)x->prefix.len - (int)y->prefix.len;
	return ret != 0 ? ret : (int)x->metric - (int)y->metric;
}

static size_t make_unique(struct offered *at, size_t n)
{
	size_t kept = 0;

	qsort(at, n, sizeof(*at), compare_offered);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || compare_offered(&at[i], &at[kept - 1]) != 0)
			at[kept++] = at[i];
	return kept;
}

static size_t count_aliases(const struct network_spec *spec)
{
	size_t n = 0;

	for (size_t i = 0; i < spec->n_sites; i++)
		n += spec->sites[i].n_aliases;
	return n;
}

/* All that @net has to offer. NULL: no memory. */
static struct offered *offer_list(const struct network *net, size_t *n)
{
	const struct prefix6 ready = {addr6_from_ipv4(htonl(READY_ADDRESS)), 128};
	size_t room = net->n_addresses + net->n_globals + count_aliases(&net->spec) +
		      net->n_untranslated + 1;
	struct offered *list = calloc(room, sizeof(*list));
	size_t k = 0;

	if (list == NULL)
		return NULL;
	for (uint32_t i = 0; i < net->n_addresses; i++)
		list[k++] = (struct offered){{egress_address_of(&net->addresses[i]), 128},
					     OFFER_EGRESS};
	for (uint32_t i = 0; i < net->n_globals; i++)
		list[k++] = (struct offered){net->globals[i].prefix, OFFER_GLOBAL};
	for (uint32_t i = 0; i < net->n_untranslated; i++)
		list[k++] = (struct offered){net->untranslated[i], OFFER_UNTRANSLATED};
	for (size_t i = 0; i < net->spec.n_sites; i++)
		for (size_t j = 0; j < net->spec.sites[i].n_aliases; j++)
			list[k++] =
				(struct offered){net->spec.sites[i].aliases[j].alias, OFFER_ALIAS};
	list[k++] = (struct offered){ready, OFFER_READY};
	*n = make_unique(list, k);
	return list;
}

static int set_one(struct mnl_socket *nl, const struct offer *o, uint32_t table, bool add,
		   const struct offered *offered)
{
	const struct netlink_own_route route = {
		.prefix = offered->prefix,
		.table = table,
		.metric = offered->metric,
		.ifindex = o->ifindex,
		.protocol = OFFER_PROTOCOL,
	};

	int ret = netlink_set_route(nl, add, &route);

	return !add && ret == -ESRCH ? 0 : ret; /* it is gone already */
}

/* Sets what is in @to and not in @from. */
static int set_difference(struct mnl_socket *nl, const struct offer *o, uint32_t table, bool add,
			  const struct offered *to, size_t n_to, const struct offered *from,
			  size_t n_from)
{
	int ret = 0, one;

	for (size_t i = 0; i < n_to; i++) {
		if (n_from > 0 &&
		    bsearch(&to[i], from, n_from, sizeof(*from), compare_offered) != NULL)
			continue;
		one = set_one(nl, o, table, add, &to[i]);
		ret = ret == 0 ? one : ret;
	}
	return ret;
}

int offer_set(struct offer *o, uint32_t table, const struct network *net)
{
	size_t n = 0, kept = table == o->table ? o->n : 0;
	struct offered *list = table == 0 ? NULL : offer_list(net, &n);
	struct mnl_socket *nl = netlink_open(0);
	int ret = nl == NULL ? -errno : table != 0 && list == NULL ? -ENOMEM : 0, one;

	if (ret != 0) {
		free(list);
		if (nl != NULL)
			mnl_socket_close(nl);
		return ret;
	}
	ret = set_difference(nl, o, table, true, list, n, o->at, kept);
	if (o->table != 0) {
		one = set_difference(nl, o, o->table, false, o->at, o->n, list, kept > 0 ? n : 0);
		ret = ret == 0 ? one : ret;
	}
	mnl_socket_close(nl);
	if (ret != 0) { /* the next call sets all of the difference again */
		free(list);
		return ret;
	}
	free(o->at);
	o->at = list;
	o->n = n;
	o->table = table;
	return 0;
}
