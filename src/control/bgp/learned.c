/*
 * Learned routes by virtual network: see learned.h.
 *
 * Each network has a book: prefix -> targets with their source, kept in the storage of kernel
 * routes (rib.h), whose list of changes says what to tell. A refused nexthop is in a second book of
 * the same kind, so that its reason ends when the route does. Refusals are counted as they come and
 * go: a storm of them never makes anybody search the book.
 */
#include "control/bgp/learned.h"

#include "control/kernel/rib.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	TOLD = 0, /* value of an entry that the user knows; else TRIE_NONE */
	IPV6_DEFAULT_METRIC = 1024, /* the kernel's for IPv6 routes without one */
	SHORTEST = 8, /* a learned prefix of IPv4 that is shorter swallows egress */
	SHORTEST6 = 16,
};

#define PRIORITY_MAX UINT32_C(4000000000) /* penalties are added to it */

struct peer {
	struct addr6 addr;
	uint16_t site, tunnel; /* indexes in the spec */
};

struct book {
	struct rib routes;
	struct rib refused; /* kind: enum learned_refusal */
};

/* The refusals of a source for one reason. */
struct tally {
	size_t n;
	struct prefix6 example; /* the last one */
	bool has_example;
};

struct learned {
	learned_set_fn set;
	void *arg;
	const struct network_spec *spec;
	struct book *books; /* [n_books], by index of the network */
	size_t n_books;
	struct peer *peers; /* [n_peers], by address */
	size_t n_peers;
	struct tally (*tallies)[LEARNED_REFUSALS]; /* [n_sites + n_books], by source */
	size_t waiting; /* prefixes for which the user had no room */
	int error; /* the first one of the last flush */
};

struct learned *learned_create(learned_set_fn set, void *arg)
{
	struct learned *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->set = set;
	l->arg = arg;
	return l;
}

static void learned_forget(struct learned *l)
{
	for (size_t i = 0; l->books != NULL && i < l->n_books; i++) {
		rib_fini(&l->books[i].routes);
		rib_fini(&l->books[i].refused);
	}
	free(l->books);
	free(l->peers);
	free(l->tallies);
	l->books = NULL;
	l->peers = NULL;
	l->tallies = NULL;
	l->n_books = l->n_peers = 0;
}

void learned_destroy(struct learned *l)
{
	if (l == NULL)
		return;
	learned_forget(l);
	free(l);
}

/* --- peers ------------------------------------------------------------------------------------ */

static int compare_peers(const void *a, const void *b)
{
	const struct peer *x = a, *y = b;

	return memcmp(&x->addr, &y->addr, sizeof(x->addr));
}

static void add_peer(struct learned *l, const struct addr6 *addr, size_t site, size_t tunnel)
{
	if (!addr6_is_zero(addr))
		l->peers[l->n_peers++] = (struct peer){*addr, (uint16_t)site, (uint16_t)tunnel};
}

static int find_peers(struct learned *l, const struct network_spec *spec)
{
	size_t n = 0;

	for (size_t i = 0; i < spec->n_sites; i++)
		n += 2 * spec->sites[i].n_tunnels;
	l->peers = calloc(n + 1, sizeof(l->peers[0]));
	if (l->peers == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < spec->n_sites; i++) {
		for (size_t k = 0; k < spec->sites[i].n_tunnels; k++) {
			add_peer(l, &spec->sites[i].tunnels[k].peer, i, k);
			add_peer(l, &spec->sites[i].tunnels[k].peer6, i, k);
		}
	}
	qsort(l->peers, l->n_peers, sizeof(l->peers[0]), compare_peers);
	return 0;
}

int learned_take_network(struct learned *l, const struct network_spec *spec)
{
	struct learned fresh = {.set = l->set, .arg = l->arg, .spec = spec};

	fresh.n_books = spec->n_vnets == 0 ? 1 : spec->n_vnets;
	fresh.books = calloc(fresh.n_books, sizeof(fresh.books[0]));
	fresh.tallies = calloc(spec->n_sites + fresh.n_books, sizeof(fresh.tallies[0]));
	if (fresh.books == NULL || fresh.tallies == NULL || find_peers(&fresh, spec) != 0) {
		learned_forget(&fresh);
		return -ENOMEM;
	}
	learned_forget(l);
	*l = fresh;
	return 0;
}

static bool is_source(const struct learned *l, uint32_t source, uint16_t site)
{
	return source < LEARNED_WHOLE ? source == site
				      : l->spec->sites[site].vnet == source - LEARNED_WHOLE;
}

/* NULL: it is no tunnel's far end. */
static const struct peer *find_peer(const struct learned *l, uint32_t source,
				    const struct addr6 *addr)
{
	size_t low = 0, high = l->n_peers;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (memcmp(&l->peers[mid].addr, addr, sizeof(*addr)) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < l->n_peers && addr6_equal(&l->peers[low].addr, addr); low++)
		if (is_source(l, source, l->peers[low].site))
			return &l->peers[low];
	return NULL;
}

/* --- one nexthop ------------------------------------------------------------------------------ */

static uint16_t vnet_of(const struct learned *l, uint32_t source)
{
	return source < LEARNED_WHOLE ? l->spec->sites[source].vnet
				      : (uint16_t)(source - LEARNED_WHOLE);
}

static bool is_ipv4(const struct prefix6 *prefix)
{
	return prefix->len >= MAPPED_BITS && addr6_is_mapped(&prefix->addr);
}

static bool swallows_egress(const struct learned *l, uint16_t vnet, const struct prefix6 *prefix)
{
	bool has_egress = l->spec->n_vnets == 0 || !l->spec->vnets[vnet].no_egress;

	return has_egress && prefix->len < (is_ipv4(prefix) ? MAPPED_BITS + SHORTEST : SHORTEST6);
}

/*
 * Only a route to exactly the far end. One that covers it harms nobody: outer packets take the
 * kernel's routes, not these.
 */
static bool is_itself(const struct spec_tunnel *tunnel, const struct prefix6 *prefix)
{
	return prefix->len == 128 && addr6_equal(&prefix->addr, &tunnel->remote);
}

static uint32_t priority_of(const struct prefix6 *prefix, uint32_t metric)
{
	if (metric == 0 || (metric == IPV6_DEFAULT_METRIC && !is_ipv4(prefix)))
		return LEARNED_PRIORITY;
	return metric > PRIORITY_MAX ? PRIORITY_MAX : metric;
}

/* Where a nexthop leads. True: @target is written; else @why is. */
static bool learned_resolve(const struct learned *l, uint32_t source, const struct prefix6 *prefix,
			    const struct table_way *way, struct spec_target *target,
			    enum learned_refusal *why)
{
	const struct peer *peer;

	*target = (struct spec_target){.kind = TARGET_DROP,
				       .weight = way->weight,
				       .priority = priority_of(prefix, way->metric)};
	*why = LEARNED_DEFAULT;
	if (swallows_egress(l, vnet_of(l, source), prefix))
		return false;
	if (way->kind != KERNEL_UNICAST)
		return true;
	*why = LEARNED_GATEWAY;
	if (way->elsewhere)
		return false;
	if (addr6_is_zero(&way->gateway)) { /* by our device: the site is known by the table */
		target->kind = TARGET_SITE;
		target->index = (uint16_t)source;
		return source < LEARNED_WHOLE;
	}
	peer = find_peer(l, source, &way->gateway);
	if (peer == NULL)
		return false;
	target->kind = TARGET_TUNNEL;
	target->index = peer->site;
	target->tunnel = peer->tunnel;
	*why = LEARNED_ITSELF;
	return !is_itself(&l->spec->sites[peer->site].tunnels[peer->tunnel], prefix);
}

/* --- books ------------------------------------------------------------------------------------ */

/* A target as a nexthop of a rib: its MTU is the source. */
static struct rib_nexthop nexthop_of(const struct spec_target *t, uint32_t source)
{
	return (struct rib_nexthop){
		.order = t->priority,
		.row = (int)((uint32_t)t->index << 16 | t->tunnel),
		.mtu = source,
		.weight = t->weight,
		.kind = (uint8_t)t->kind,
	};
}

static struct spec_target target_of(const struct rib_nexthop *nexthop)
{
	return (struct spec_target){
		.kind = (enum spec_target_kind)nexthop->kind,
		.index = (uint16_t)((uint32_t)nexthop->row >> 16),
		.tunnel = (uint16_t)nexthop->row,
		.weight = nexthop->weight,
		.priority = (uint32_t)nexthop->order,
	};
}

static bool is_of_source(const struct rib_nexthop *nexthop, void *arg)
{
	const uint32_t *source = arg;

	return nexthop->mtu == *source;
}

/* NULL: there is no such source. */
static struct tally *tallies_of(const struct learned *l, uint32_t source)
{
	size_t at = source < LEARNED_WHOLE ? source : l->spec->n_sites + (source - LEARNED_WHOLE);

	return (source < LEARNED_WHOLE ? at < l->spec->n_sites
				       : source - LEARNED_WHOLE < l->n_books)
		       ? l->tallies[at]
		       : NULL;
}

static void remove_source(struct rib *rib, const struct prefix6 *prefix, uint32_t source)
{
	struct rib_entry *entry = rib_find(rib, prefix);

	if (entry != NULL)
		rib_remove(rib, entry, is_of_source, &source);
}

/* Its reasons end. */
static void remove_refusals(struct learned *l, struct rib *rib, const struct prefix6 *prefix,
			    uint32_t source)
{
	const struct rib_entry *entry = rib_find(rib, prefix);
	struct tally *tallies = tallies_of(l, source);

	for (const struct rib_nexthop *at = entry == NULL ? NULL : entry->nexthops; at != NULL;
	     at = at->next) {
		struct tally *tally = &tallies[at->kind];

		if (at->mtu != source)
			continue;
		tally->n--;
		if (tally->example.len == prefix->len &&
		    addr6_equal(&tally->example.addr, &prefix->addr))
			tally->has_example = false;
	}
	remove_source(rib, prefix, source);
}

static int learned_refuse(struct learned *l, struct rib *rib, const struct prefix6 *prefix,
			  uint32_t source, enum learned_refusal why)
{
	const struct rib_nexthop refused = {.mtu = source, .kind = (uint8_t)why};
	struct tally *tally = &tallies_of(l, source)[why];
	int ret = rib_add(rib, prefix, &refused, false);

	if (ret > 0) {
		tally->n++;
		tally->example = *prefix;
		tally->has_example = true;
	}
	return ret < 0 ? ret : 0;
}

int learned_take(struct learned *l, uint32_t source, const struct prefix6 *prefix,
		 const struct table_way *ways, size_t n)
{
	struct book *book = &l->books[vnet_of(l, source)];
	int ret = 0, one;

	remove_source(&book->routes, prefix, source);
	remove_refusals(l, &book->refused, prefix, source);
	for (size_t i = 0; i < n; i++) {
		struct rib_nexthop nexthop;
		struct spec_target target;
		enum learned_refusal why;

		if (learned_resolve(l, source, prefix, &ways[i], &target, &why)) {
			nexthop = nexthop_of(&target, source);
			one = rib_add(&book->routes, prefix, &nexthop, false);
		} else {
			one = learned_refuse(l, &book->refused, prefix, source, why);
		}
		ret = one < 0 ? one : ret;
	}
	return ret;
}

/* Adds @t to the best targets, which ascend by priority. Equal targets count once. */
static size_t keep_best(struct spec_target *targets, size_t n, const struct spec_target *t)
{
	size_t at = n;

	for (size_t i = 0; i < n; i++)
		if (targets[i].kind == t->kind && targets[i].index == t->index &&
		    targets[i].tunnel == t->tunnel && targets[i].priority == t->priority)
			return n;
	while (at > 0 && targets[at - 1].priority > t->priority)
		at--;
	if (at == SPEC_TARGETS_MAX)
		return n;
	n -= n == SPEC_TARGETS_MAX;
	memmove(&targets[at + 1], &targets[at], (n - at) * sizeof(*targets));
	targets[at] = *t;
	return n + 1;
}

/* False: the user has no room for it at present. */
static bool tell(struct learned *l, uint16_t vnet, struct rib_entry *entry)
{
	struct spec_target targets[SPEC_TARGETS_MAX];
	size_t n = 0;
	int ret = 0;

	if (l->error != 0 && entry->value == TRIE_NONE && entry->nexthops != NULL)
		return false; /* another one had none */
	for (const struct rib_nexthop *at = entry->nexthops; at != NULL; at = at->next) {
		struct spec_target target = target_of(at);

		n = keep_best(targets, n, &target);
	}
	if (l->set != NULL && (n > 0 || entry->value != TRIE_NONE))
		ret = l->set(l->arg, vnet, &entry->prefix, targets, n);
	if (ret != 0) {
		l->error = l->error == 0 ? ret : l->error;
		return false;
	}
	entry->value = n > 0 ? TOLD : TRIE_NONE;
	return true;
}

/* Tells the prefixes that are gone, or the others. Those that wait stay in the list of changes. */
static void tell_changed(struct learned *l, uint16_t vnet, bool gone)
{
	struct rib *rib = &l->books[vnet].routes;
	size_t n = rib->n_changed, kept = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t at = rib->changed[i];
		struct rib_entry *entry = &rib->entries[at];

		if ((entry->nexthops == NULL) != gone || !tell(l, vnet, entry))
			rib->changed[kept++] = at;
		else
			rib_settle(rib, at);
	}
	rib->n_changed = kept;
}

static void settle_all(struct rib *rib)
{
	size_t n = rib->n_changed;

	rib->n_changed = 0;
	for (size_t i = 0; i < n; i++)
		rib_settle(rib, rib->changed[i]);
}

/* What is gone makes room for the rest, also in another network. */
void learned_flush(struct learned *l)
{
	l->error = 0;
	l->waiting = 0;
	for (size_t i = 0; i < l->n_books; i++)
		tell_changed(l, (uint16_t)i, true);
	for (size_t i = 0; i < l->n_books; i++) {
		tell_changed(l, (uint16_t)i, false);
		l->waiting += l->books[i].routes.n_changed;
		settle_all(&l->books[i].refused);
	}
}

size_t learned_waiting(const struct learned *l, int *error)
{
	*error = l->error;
	return l->waiting;
}

size_t learned_n(const struct learned *l, uint16_t vnet)
{
	return vnet < l->n_books ? l->books[vnet].routes.n : 0;
}

size_t learned_refused(const struct learned *l, uint32_t source, enum learned_refusal why,
		       const struct prefix6 **example)
{
	const struct tally *tally = tallies_of(l, source);

	*example = NULL;
	if (tally == NULL)
		return 0;
	tally += why;
	if (tally->has_example)
		*example = &tally->example;
	return tally->n;
}
