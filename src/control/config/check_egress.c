/*
 * Egress pools. Slices are read here, because their size is known only now. No two entries of one
 * address may own the same slice: otherwise two flows could get the same port.
 *
 * To find overlaps, all entries are sorted by address. Then entries of one address are adjacent,
 * and the slices seen so far are one bit set.
 */
#include "control/config/check.h"
#include "control/config/config.h"
#include "control/config/report.h"
#include "control/config/tree.h"
#include "control/config/value.h"

#include <stdlib.h>
#include <string.h>

/* An address as listed in one pool. */
struct entry {
	const struct spec_pool *pool;
	const struct spec_address *address;
	const struct tree_node *item;
	bool sound; /* its slices could be read */
};

static uint32_t first_slice(uint32_t slice_size)
{
	return slice_size < SPEC_FIRST_PORT ? SPEC_FIRST_PORT / slice_size : 1;
}

static bool is_sound_range(struct checker *checker, const struct tree_node *node, uint64_t first,
			   uint64_t last, uint32_t slice_size)
{
	uint32_t low = first_slice(slice_size), high = spec_n_slices(slice_size) - 1;

	if (first > last) {
		report_at(checker->report, node, "the range %s ends before it begins", node->text);
		return false;
	}
	if (first < low) {
		report_at(checker->report, node,
			  "slice %llu has ports below %d, which belong to services: "
			  "the first slice of %u ports that may be used is %u",
			  (unsigned long long)first, SPEC_FIRST_PORT, slice_size, low);
		return false;
	}
	if (last > high) {
		report_at(checker->report, node,
			  "there is no slice %llu: the last slice of %u ports is %u",
			  (unsigned long long)last, slice_size, high);
		return false;
	}
	return true;
}

static bool read_range(struct checker *checker, const struct tree_node *node, uint32_t slice_size,
		       struct spec_address *address)
{
	char shown[REPORT_SHOWN_SIZE];
	uint64_t first, last;

	if (node->kind != TREE_TEXT || value_range(node->text, &first, &last) < 0) {
		report_at(checker->report, node,
			  "a slice number or a range such as 5-7 must be here, not %s",
			  node->kind == TREE_TEXT ? report_shown(node->text, shown)
						  : tree_kind_name(node->kind));
		return false;
	}
	if (!is_sound_range(checker, node, first, last, slice_size))
		return false;
	for (uint32_t k = (uint32_t)first; k <= last; k++) {
		if (spec_owns_slice(address, k)) {
			report_at(checker->report, node, "slice %u is listed twice", k);
			return false;
		}
		address->slices[k / 64] |= UINT64_C(1) << (k % 64);
	}
	return true;
}

static bool read_slices(struct checker *checker, const struct tree_node *item, uint32_t slice_size,
			struct spec_address *address)
{
	const struct tree_node *list = tree_get(item, "slices");
	bool sound = true;

	if (slice_size == 0)
		return false; /* an error was already reported */
	if (list == NULL) {
		for (uint32_t k = first_slice(slice_size); k < spec_n_slices(slice_size); k++)
			address->slices[k / 64] |= UINT64_C(1) << (k % 64);
		return true;
	}
	if (list->kind != TREE_LIST)
		return false;
	if (list->n == 0) {
		report_at(checker->report, list,
			  "\"slices\" is empty: leave it out, or list at least one");
		return false;
	}
	for (const struct tree_node *v = list->first; v != NULL; v = v->next)
		sound &= read_range(checker, v, slice_size, address);
	return sound;
}

static void check_local_end(struct checker *checker, const struct spec_address *address,
			    const struct tree_node *item)
{
	const struct tree_node *node = tree_get(item, "address"), *before;

	before = seen_find(&checker->local_ends, &address->addr, sizeof(address->addr));
	if (before != NULL)
		report_at(
			checker->report, node,
			"%s can not be an egress address: a tunnel has it as \"local\", on line %u",
			node->text, before->line);
}

/* The earlier entry of this address that owns @slice. */
static const struct entry *find_owner(const struct entry *run, uint32_t slice)
{
	while (!run->sound || !spec_owns_slice(run->address, slice))
		run++;
	return run;
}

/* The first of @n entries whose slice size is valid; a wrong size was already reported. */
static const struct entry *find_measure(const struct entry *run, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (run[i].pool->slice_size != 0)
			return &run[i];
	}
	return run;
}

/* @run is the first of @n entries of one address. */
static void check_run(struct checker *checker, const struct entry *run, size_t n)
{
	const struct entry *measure = find_measure(run, n);
	uint64_t taken[SPEC_SLICES_MAX / 64] = {0};

	for (size_t i = 0; i < n && !report_is_full(checker->report); i++) {
		const struct tree_node *node = tree_get(run[i].item, "address");

		if (!run[i].sound)
			continue;
		if (run[i].pool->slice_size != measure->pool->slice_size) {
			report_at(checker->report, node,
				  "%s has slices of %u ports here and others on line %u: "
				  "an address has slices of one size",
				  node->text, run[i].pool->slice_size,
				  tree_get(measure->item, "address")->line);
			continue;
		}
		for (uint32_t k = 0; k < SPEC_SLICES_MAX; k++) {
			if (!spec_owns_slice(run[i].address, k))
				continue;
			if (taken[k / 64] >> (k % 64) & 1) {
				report_at(checker->report, node,
					  "slice %u of %s is listed already, with the address on "
					  "line %u",
					  k, node->text,
					  tree_get(find_owner(run, k)->item, "address")->line);
				break;
			}
		}
		for (size_t w = 0; w < ARRAY_SIZE(taken); w++)
			taken[w] |= run[i].address->slices[w];
	}
}

/* Both families in one order; zero: the address could not be read. */
static struct addr6 address_of(const struct entry *e)
{
	return e->address->addr;
}

static bool same_address(const struct entry *a, const struct entry *b)
{
	struct addr6 x = address_of(a), y = address_of(b);

	return addr6_equal(&x, &y);
}

static int check_egress_compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	struct addr6 ax = address_of(x), ay = address_of(y);

	if (!addr6_equal(&ax, &ay))
		return addr6_compare(&ax, &ay);
	if (x->item->line != y->item->line)
		return x->item->line < y->item->line ? -1 : 1;
	return x->item->column < y->item->column ? -1 : x->item->column > y->item->column;
}

static void check_overlaps(struct checker *checker, struct entry *entries, size_t n)
{
	struct addr6 addr;
	size_t end;

	qsort(entries, n, sizeof(entries[0]), check_egress_compare_entries);
	for (size_t i = 0; i < n; i = end) {
		for (end = i + 1; end < n; end++) {
			if (!same_address(&entries[end], &entries[i]))
				break;
		}
		addr = address_of(&entries[i]);
		if (!addr6_is_zero(&addr))
			check_run(checker, &entries[i], end - i);
	}
}

/* Reads the slices of one pool and adds its addresses to @entries. Returns how many it added. */
static size_t check_pool(struct checker *checker, struct spec_pool *pool,
			 const struct tree_node *pool_item, struct entry *entries)
{
	const struct tree_node *item = check_items(pool_item, "addresses", pool->n_addresses);

	pool->port = check_port_of(checker, "an egress pool", pool_item);
	if (pool->filtering == FILTERING_ENDPOINT_INDEPENDENT &&
	    pool->mapping != MAPPING_ENDPOINT_INDEPENDENT)
		report_at(checker->report, tree_get(pool_item, "filtering"),
			  "\"filtering: endpoint-independent\" needs \"mapping: "
			  "endpoint-independent\": a port that several share has no owner to send "
			  "to");
	for (size_t i = 0; i < pool->n_addresses; i++, item = item->next) {
		struct spec_address *address = &pool->addresses[i];

		entries[i] = (struct entry){pool, address, item, false};
		entries[i].sound = read_slices(checker, item, pool->slice_size, address);
		check_local_end(checker, address, item);
		if (pool->mapping == MAPPING_ENDPOINT_INDEPENDENT && addr6_is_ipv6(&address->addr))
			report_at(checker->report, tree_get(item, "address"),
				  "an endpoint-independent pool can not have IPv6 addresses: give "
				  "them a pool of their own");
	}
	return pool->n_addresses;
}

/* Without an IPv6 egress address, a table for IPv6 would only cost memory. */
static void choose_capacity6(struct checker *checker)
{
	struct config *config = checker->config;
	bool six = spec_forwards_ipv6(&config->network);

	if (six && config->has_flows_capacity6 && config->flows_capacity6 == 0)
		report_at(checker->report,
			  tree_get(tree_get(checker->root, "flows"), "capacity-ipv6"),
			  "with 0 no IPv6 is forwarded, but there is an IPv6 egress address or a "
			  "global prefix: leave it out, or say how many flows");
	if (six && !config->has_flows_capacity6)
		config->flows_capacity6 = config->flows_capacity / 4;
	config->has_flows_capacity6 |= config->flows_capacity6 > 0;
}

void check_pools(struct checker *checker)
{
	struct network_spec *spec = &checker->config->network;
	const struct tree_node *item = check_items(checker->root, "egress", spec->n_pools);
	struct seen names = {0};
	struct entry *entries;
	size_t n = 0;

	for (size_t i = 0; i < spec->n_pools; i++)
		n += spec->pools[i].n_addresses;
	entries = calloc(n + 1, sizeof(*entries));
	if (entries == NULL) {
		report_at(checker->report, checker->root,
			  "there is not enough memory to check the egress pools");
		return;
	}

	n = 0;
	for (size_t i = 0; i < spec->n_pools; i++, item = item->next) {
		check_name(checker, &names, "egress pool", spec->pools[i].name, item);
		n += check_pool(checker, &spec->pools[i], item, entries + n);
	}
	check_overlaps(checker, entries, n);
	choose_capacity6(checker);
	free(entries);
	seen_fini(&names);
}
