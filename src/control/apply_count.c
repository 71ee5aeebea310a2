/*
 * Counts the flows that a change ends, by the workers' counters of sites and slices.
 *
 * A flow of a removed site that uses a removed slice counts for both: each item says what it would
 * end alone. Flows whose source is no longer in the prefixes are not counted, since that would need
 * a look at each flow.
 */
#include "control/apply.h"

#include "base/addr6.h"
#include "control/config/config.h"
#include "network/network.h"
#include "worker/worker.h"

#include <arpa/inet.h>
#include <string.h>

struct counting {
	const struct network *net, *after;
	struct worker *const *workers;
	size_t n_workers;
};

static uint64_t flows_of_site(const struct counting *c, const char *name)
{
	uint16_t site = network_find_site(c->net, name);
	struct site_counters one;
	uint64_t flows = 0;

	for (size_t i = 0; site != SITE_INTERNET && i < c->n_workers; i++) {
		worker_read_site(c->workers[i], site, &one);
		flows += one.flows;
	}
	return flows;
}

static uint64_t flows_of_slice(const struct counting *c, uint32_t slice)
{
	struct slice_counters one;
	uint64_t flows = 0;

	for (size_t i = 0; i < c->n_workers; i++) {
		worker_read_slice(c->workers[i], slice, &one);
		flows += one.flows;
	}
	return flows;
}

/* Does the slice stay? Decides it as egress_create_next() does. */
static bool goes_on(const struct counting *c, const struct slice *slice)
{
	const struct addr6 *six = &c->net->addresses[slice->address].addr6;
	int address = slice->addr != 0 ? network_find_address(c->after, slice->addr)
				       : network_find_address6(c->after, six);
	int at = address < 0 ? -1
			     : network_find_slice(c->after, (uint32_t)address, slice->first_port);
	const struct slice *then = at < 0 ? NULL : &c->after->slices[at];

	return then != NULL && then->first_port == slice->first_port && then->size == slice->size &&
	       c->after->pools[then->pool].mapping == c->net->pools[slice->pool].mapping;
}

/* Does @item name the slice's pool or address? */
static bool names_slice(const struct counting *c, const struct change_item *item,
			const struct slice *slice)
{
	const struct egress_address *address = &c->net->addresses[slice->address];
	char text[INET6_ADDRSTRLEN];

	if (strcmp(item->kind, "pool") == 0)
		return strcmp(item->name, c->net->spec.pools[slice->pool].name) == 0;
	if (address->addr != 0)
		inet_ntop(AF_INET, &address->addr, text, sizeof(text));
	else
		inet_ntop(AF_INET6, &address->addr6, text, sizeof(text));
	return strcmp(item->name, text) == 0;
}

static bool is_of_egress(const struct change_item *item)
{
	return strcmp(item->kind, "pool") == 0 || strcmp(item->kind, "address") == 0 ||
	       strcmp(item->kind, "slices") == 0;
}

static void count_slices(const struct counting *c, struct difference *d)
{
	for (uint32_t s = 0; s < c->net->n_slices; s++) {
		if (goes_on(c, &c->net->slices[s]))
			continue;
		for (size_t i = 0; i < d->n; i++)
			if (is_of_egress(&d->items[i]) && d->items[i].what != CHANGE_ADDED &&
			    names_slice(c, &d->items[i], &c->net->slices[s]))
				d->items[i].flows_ended += flows_of_slice(c, s);
	}
}

static bool concerns_egress(const struct difference *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (is_of_egress(&d->items[i]) && d->items[i].what != CHANGE_ADDED)
			return true;
	return false;
}

void apply_count(struct difference *d, const struct network *net, const struct config *after,
		 struct worker *const *workers, size_t n_workers)
{
	struct counting c = {.net = net, .workers = workers, .n_workers = n_workers};
	struct network *then = NULL;

	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->items[i].kind, "site") == 0 && d->items[i].what == CHANGE_REMOVED)
			d->items[i].flows_ended = flows_of_site(&c, d->items[i].name);
	if (concerns_egress(d))
		c.after = then = network_create(&after->network, NULL);
	if (then != NULL)
		count_slices(&c, d);
	network_destroy(then);
}
