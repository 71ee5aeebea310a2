/*
 * The routes of one kernel table: see table.h.
 *
 * A nexthop in the storage (rib.h) names its gateway by a place in a list, which only grows: the
 * kernel accepts only gateways that it can reach, so there are hardly more than tunnels.
 */
#include "control/kernel/table.h"

#include "control/kernel/neighbour_rows.h"

#include <stdlib.h>

enum {
	ROW_ELSEWHERE = -2, /* no gateway, and another interface */
	TOLD = 0, /* value of an entry that the user of the table knows; else TRIE_NONE */
};

void table_init(struct table *t, uint32_t number, size_t limit)
{
	*t = (struct table){.number = number, .limit = limit};
}

void table_fini(struct table *t)
{
	rib_fini(&t->rib);
	trie_fini(&t->gateway_index);
	free(t->gateways);
	*t = (struct table){0};
}

size_t table_n(const struct table *t)
{
	return t->rib.n;
}

/* --- gateways --------------------------------------------------------------------------------- */

static bool table_grow_gateways(struct table *t)
{
	size_t more = t->gateways_room == 0 ? 8 : t->gateways_room * 2;
	struct addr6 *bigger;

	if (t->n_gateways < t->gateways_room)
		return true;
	bigger = reallocarray(t->gateways, more, sizeof(*bigger));
	if (bigger == NULL)
		return false;
	t->gateways = bigger;
	t->gateways_room = more;
	return true;
}

/*
 * ROWS_NONE: memory ran out. There are fewer tunnels than places in the list: when it is full, a
 * gateway that is not in it is hardly one's far end.
 */
static int row_of_gateway(struct table *t, const struct addr6 *gateway)
{
	const struct prefix6 host = {*gateway, 128};
	uint32_t at = trie_find(t->gateway_index.root, &host);

	if (at != TRIE_NONE)
		return (int)at;
	at = (uint32_t)t->n_gateways;
	if (at == TABLE_GATEWAYS_MAX)
		return ROW_ELSEWHERE;
	if (!table_grow_gateways(t) || trie_set(&t->gateway_index, &host, at) != 0)
		return ROWS_NONE;
	t->gateways[t->n_gateways++] = *gateway;
	return (int)at;
}

/* --- routes ----------------------------------------------------------------------------------- */

struct removal {
	const struct table *t;
	const struct kernel_route *route; /* NULL: matches what is older than the generation */
	int rows[KERNEL_GATEWAYS_MAX]; /* of its gateways */
	bool all; /* removes all nexthops of the metric */
};

static bool is_gone(const struct rib_nexthop *nexthop, void *arg)
{
	const struct removal *r = arg;

	if (r->route == NULL)
		return nexthop->generation != r->t->generation;
	if (nexthop->order >> 8 != r->route->metric) /* some messages lack the preference */
		return false;
	if (r->all || r->route->kind != KERNEL_UNICAST)
		return r->all || nexthop->kind == r->route->kind;
	for (size_t i = 0; i < r->route->n_gateways; i++)
		if (nexthop->kind == KERNEL_UNICAST && nexthop->row == r->rows[i])
			return true;
	return false;
}

static int row_of(struct table *t, const struct kernel_gateway *gateway, int device)
{
	static const struct addr6 none;

	if (!addr6_is_zero(&gateway->gateway))
		return row_of_gateway(t, &gateway->gateway);
	return device != 0 && gateway->ifindex == device ? row_of_gateway(t, &none) : ROW_ELSEWHERE;
}

static size_t count_ways(const struct rib_entry *entry)
{
	size_t n = 0;

	for (const struct rib_nexthop *at = entry->nexthops; at != NULL; at = at->next)
		n++;
	return n;
}

/* The next dump tries it again: table_has_room_again(). */
static void lack_memory(struct table *t)
{
	t->n_refused++;
	t->short_of_memory = true;
}

static void table_add(struct table *t, const struct kernel_route *route, int row, uint16_t weight)
{
	const struct rib_nexthop nexthop = {
		.order = (uint64_t)route->metric << 8 | route->preference,
		.row = row,
		.generation = t->generation,
		.weight = weight,
		.kind = route->kind,
	};
	const struct rib_entry *entry = rib_find(&t->rib, &route->prefix);
	int added;

	if (entry == NULL ? t->rib.n >= t->limit
			  : count_ways(entry) >= TABLE_WAYS_MAX && !rib_has(entry, &nexthop)) {
		t->n_refused += entry == NULL;
		return;
	}
	added = rib_add(&t->rib, &route->prefix, &nexthop, false);
	if (added < 0)
		lack_memory(t);
	t->differences += added > 0;
}

static void remove_ways(struct table *t, const struct kernel_route *route, int device)
{
	struct removal removal = {.t = t, .route = route, .all = !route->removed};
	struct rib_entry *entry = rib_find(&t->rib, &route->prefix);

	if (entry == NULL)
		return;
	for (size_t i = 0; i < route->n_gateways; i++)
		removal.rows[i] = row_of(t, &route->gateways[i], device);
	rib_remove(&t->rib, entry, is_gone, &removal);
}

void table_take(struct table *t, const struct kernel_route *route, int device)
{
	if (route->kind == KERNEL_THROW)
		return; /* an unknown prefix means the same */
	t->n_events += !t->in_dump;
	if (route->removed || route->replaces)
		remove_ways(t, route, device);
	if (route->removed)
		return;
	if (route->kind != KERNEL_UNICAST)
		table_add(t, route, ROWS_NONE, 1);
	for (size_t i = 0; route->kind == KERNEL_UNICAST && i < route->n_gateways; i++) {
		int row = row_of(t, &route->gateways[i], device);

		if (row == ROWS_NONE)
			lack_memory(t);
		else if (!route->gateways[i].dead)
			table_add(t, route, row, route->gateways[i].weight);
	}
}

void table_begin_dump(struct table *t)
{
	t->generation++;
	t->n_refused = 0;
	t->short_of_memory = false;
	t->in_dump = true;
	t->events_before = t->n_events;
	t->differences = 0;
}

void table_end_dump(struct table *t, bool whole)
{
	struct removal removal = {.t = t};

	t->in_dump = false;
	if (!whole)
		return;
	for (size_t i = 0; i < t->rib.n_entries; i++)
		if (t->rib.entries[i].live)
			t->differences +=
				rib_remove(&t->rib, &t->rib.entries[i], is_gone, &removal);
	t->n_dumps += t->n_dumps < 2;
}

void table_count_drift(struct table *t, bool lost)
{
	if (t->n_dumps > 1 && (lost || t->n_events == t->events_before))
		t->n_drifted += t->differences;
	t->differences = 0;
}

bool table_has_room_again(const struct table *t)
{
	return t->n_refused > 0 && t->rib.n < t->limit;
}

/* --- changes ---------------------------------------------------------------------------------- */

static size_t read_ways(const struct table *t, const struct rib_entry *entry,
			struct table_way ways[static TABLE_WAYS_MAX])
{
	size_t n = 0;

	for (const struct rib_nexthop *at = entry->nexthops; at != NULL; at = at->next) {
		ways[n] = (struct table_way){
			.metric = (uint32_t)(at->order >> 8),
			.weight = at->weight,
			.kind = at->kind,
			.elsewhere = at->row == ROW_ELSEWHERE,
		};
		if (at->row >= 0)
			ways[n].gateway = t->gateways[at->row];
		n++;
	}
	return n;
}

void table_take_changes(struct table *t, table_change_fn each, void *arg)
{
	struct table_way ways[TABLE_WAYS_MAX];
	size_t n_changed = t->rib.n_changed;

	t->rib.n_changed = 0;
	for (size_t i = 0; i < n_changed; i++) {
		uint32_t at = t->rib.changed[i];
		struct rib_entry *entry = &t->rib.entries[at];
		size_t n = read_ways(t, entry, ways);

		if (n > 0 || entry->value != TRIE_NONE)
			each(&entry->prefix, ways, n, arg);
		entry->value = n > 0 ? TOLD : TRIE_NONE;
		rib_settle(&t->rib, at);
	}
}

bool table_has_changes(const struct table *t)
{
	return t->rib.n_changed > 0;
}

void table_touch_all(struct table *t)
{
	for (size_t i = 0; i < t->rib.n_entries; i++)
		if (t->rib.entries[i].live)
			rib_touch(&t->rib, &t->rib.entries[i]);
}
