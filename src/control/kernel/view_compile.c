/*
 * Makes the next table of nexthops from what has changed.
 *
 * Each changed prefix gets the nexthop that the kernel would choose now. If that differs from
 * before, the flows to addresses in the prefix may have to be rerouted. Until now these flows used
 * the neighbour of this prefix, or that of the next shorter prefix. Flows to other prefixes use the
 * same neighbour. So the whole nexthop of that neighbour becomes `moved`: the neighbour takes
 * another id, and each flow looks up its route again at its next packet (path/resolve.h). That is
 * one lookup a flow, and most find the same neighbour. While routes keep changing this is done once
 * a second at most, so that there are few lookups for each packet. It is done at once for a
 * neighbour that no route leads to any more.
 *
 * Among several nexthops of one metric the first resolved one is used; one that does not answer is
 * skipped.
 */
#include "control/kernel/view.h"

#include <stdlib.h>
#include <string.h>

#define ON_LINK (ROUTES_DIRECT | ROUTE_UNKNOWN_HOST)

static const uint16_t verdicts[] = {
	[KERNEL_UNICAST] = ROUTE_UNKNOWN_HOST, /* without a gateway: on link */
	[KERNEL_BLACKHOLE] = ROUTE_BLACKHOLE,  [KERNEL_UNREACHABLE] = ROUTE_UNREACHABLE,
	[KERNEL_PROHIBIT] = ROUTE_PROHIBITED,  [KERNEL_THROW] = NEXTHOP_NONE,
};

/* Quality of a nexthop: its neighbour answers, may answer, or does not answer. */
static int grade(const struct view *v, const struct rib_nexthop *nexthop)
{
	const struct neighbour_row *r =
		nexthop->row == ROWS_NONE ? NULL : rows_neighbour(&v->rows, nexthop->row);

	return r == NULL || r->resolved ? 2 : r->failed ? 0 : 1;
}

static const struct rib_nexthop *choose(const struct view *v, const struct rib_entry *entry)
{
	const struct rib_nexthop *best = NULL;

	for (const struct rib_nexthop *nexthop = entry->nexthops; nexthop != NULL;
	     nexthop = nexthop->next)
		if (best == NULL || nexthop->order < best->order ||
		    (nexthop->order == best->order && grade(v, nexthop) > grade(v, best)))
			best = nexthop;
	return best;
}

static uint32_t value_of(const struct rib_nexthop *nexthop)
{
	if (nexthop == NULL)
		return TRIE_NONE;
	return nexthop->row != ROWS_NONE ? (uint32_t)nexthop->row
					 : ROUTES_DIRECT | verdicts[nexthop->kind];
}

static int row_of(uint32_t value)
{
	return value & ROUTES_DIRECT ? ROWS_NONE : (int)value;
}

/* Removes a host at whose place there is now a route of full length. */
static void compile_make_room(struct view *v, uint8_t port, const struct prefix6 *prefix)
{
	int row = prefix->len == 128 ? rows_find(&v->rows, port, &prefix->addr) : ROWS_NONE;

	if (row != ROWS_NONE && v->rows.rows[row].host)
		view_drop_host(v, row);
}

/* False: out of memory; the entry is unchanged. */
static bool compile_entry(struct view *v, uint8_t port, struct rib_entry *entry)
{
	struct trie *tree = view_tree(v, port, &entry->prefix.addr);
	const struct rib_nexthop *nexthop = choose(v, entry);
	uint32_t value = value_of(nexthop), old = entry->value, before = old;
	uint32_t mtu = nexthop == NULL ? 0 : nexthop->mtu, old_mtu = entry->mtu;
	int ret;

	entry->mtu = mtu;
	if (value == old) {
		if (value == ON_LINK && mtu != old_mtu) {
			view_renew_hosts(v, port, &entry->prefix);
			v->routes_changed = true;
		}
		return true;
	}
	if (before == TRIE_NONE) {
		compile_make_room(v, port, &entry->prefix);
		before = trie_cover(tree->root, &entry->prefix);
	}
	ret = value == TRIE_NONE ? trie_remove(tree, &entry->prefix)
				 : trie_set(tree, &entry->prefix, value);
	if (ret != 0)
		return false;
	entry->value = value;
	view_use(v, row_of(value));
	if (row_of(before) != ROWS_NONE)
		v->rows.rows[row_of(before)].moved = true;
	if (row_of(old) != ROWS_NONE)
		view_unuse(v, row_of(old));
	if (before == ON_LINK)
		view_check_hosts(v, port, &entry->prefix);
	v->routes_changed = true;
	return true;
}

static void touch_several(struct rib *rib)
{
	for (size_t i = 0; rib->n_several > 0 && i < rib->n_entries; i++) {
		struct rib_entry *entry = &rib->entries[i];

		if (entry->live && entry->nexthops != NULL && entry->nexthops->next != NULL)
			rib_touch(rib, entry);
	}
}

static void compile_rib(struct view *v, uint8_t port)
{
	struct rib *rib = &v->ports[port].rib;
	size_t n;

	if (v->reconsider)
		touch_several(rib);
	n = rib->n_changed;
	rib->n_changed = 0;
	for (size_t i = 0; i < n; i++) {
		uint32_t at = rib->changed[i];

		rib->entries[at].changed = false;
		if (compile_entry(v, port, &rib->entries[at]))
			rib_settle(rib, at);
		else
			rib_touch(rib, &rib->entries[at]); /* the loop has passed its new place */
	}
}

/* Sends all packets to one neighbour. */
static void compile_plain_port(struct view *v, uint8_t port)
{
	const struct addr6 any = {{0}};
	const struct prefix6 any4 = {addr6_from_ipv4(0), MAPPED_BITS}, any6 = {any, 0};
	struct view_port *p = &v->ports[port];
	int row;

	if (p->four.root != NULL && (p->six.root != NULL || !v->with_six))
		return;
	row = rows_add(&v->rows, port, &any);
	if (row == ROWS_NONE)
		return;
	if (p->four.root == NULL && trie_set(&p->four, &any4, (uint32_t)row) == 0)
		view_use(v, row);
	if (v->with_six && p->six.root == NULL && trie_set(&p->six, &any6, (uint32_t)row) == 0)
		view_use(v, row); /* IPv6 may be wanted later than IPv4 */
	p->is_plain = true;
	v->routes_changed = true;
}

/* The port was removed at run time. */
static void leave_plain_port(struct view *v, uint8_t port)
{
	const struct addr6 any = {{0}};
	const struct prefix6 any4 = {addr6_from_ipv4(0), MAPPED_BITS}, any6 = {any, 0};
	struct view_port *p = &v->ports[port];
	int row = rows_find(&v->rows, port, &any);

	if (trie_find(p->four.root, &any4) != TRIE_NONE) {
		if (trie_remove(&p->four, &any4) != 0)
			return; /* out of memory: the next table tries again */
		view_unuse(v, row);
	}
	if (trie_find(p->six.root, &any6) != TRIE_NONE) {
		if (trie_remove(&p->six, &any6) != 0)
			return;
		view_unuse(v, row);
	}
	p->is_plain = false;
	v->routes_changed = true;
}

/* --- neighbours ------------------------------------------------------------------------------- */

/* May flows look up their routes again now? If not, when? */
static bool may_move(const struct view *v, uint64_t now_ms, uint64_t *when_ms)
{
	uint64_t pace = (uint64_t)VIEW_PACE_MS << v->pace;

	*when_ms = v->paced_ms + (pace < VIEW_PACE_MAX_MS ? pace : VIEW_PACE_MAX_MS);
	return now_ms >= *when_ms;
}

/*
 * Gives a new id to rows that routes no longer lead to, while there are free ones: without an id a
 * row leads nowhere. Returns when to do it if not now; 0: nothing to do.
 */
static uint64_t compile_moves(struct view *v, uint64_t now_ms)
{
	uint64_t when_ms;
	bool now = may_move(v, now_ms, &when_ms), some = false;
	size_t n_free = ids_n_free(v->rows.ids);

	for (size_t i = 0; i < v->rows.n_rows; i++) {
		struct neighbour_row *r = &v->rows.rows[i];

		if (!r->live || !r->moved)
			continue;
		r->moved = r->id != NEXTHOP_NONE;
		if (!r->moved)
			continue;
		some = true;
		v->is_short = v->is_short || n_free == 0;
		if (!now || n_free == 0)
			continue;
		n_free--;
		r->moved = false;
		rows_retire(&v->rows, (int)i);
	}
	if (!some)
		return 0;
	if (!now)
		return when_ms;
	v->pace = now_ms - v->paced_ms < 2 * VIEW_PACE_MAX_MS ? v->pace + (v->pace < 8) : 0;
	v->paced_ms = now_ms;
	return 0;
}

static bool compile_row(struct view *v, const struct neighbour_row *r)
{
	const struct view_port *port = &v->ports[r->port];
	const struct neighbour_row *neighbour = &v->rows.rows[r->base];
	uint16_t mtu = port->mtu;
	const uint8_t *mac = port->next_hop;
	struct nexthop n;

	if (port->has_kernel) {
		mtu = view_port_mtu(port, !addr6_is_mapped(&r->addr));
		mac = neighbour->resolved ? neighbour->mac : NULL;
	}
	if (r->mtu != 0 && r->mtu < mtu)
		mtu = (uint16_t)r->mtu;
	n = nexthop_to_neighbour(r->port, port->mac, mac, mtu);
	if (memcmp(&v->rows.out[r->id], &n, sizeof(n)) == 0)
		return false;
	v->rows.out[r->id] = n;
	return true;
}

static bool compile_rows(struct view *v)
{
	bool changed = false;

	for (size_t i = 0; i < v->rows.n_rows; i++) {
		struct neighbour_row *r = &v->rows.rows[i];
		uint16_t id;

		if (r->live && r->uses > 0 && !rows_number(&v->rows, (int)i))
			v->is_short = true;
		if (r->live && r->id != NEXTHOP_NONE)
			changed = compile_row(v, r) || changed;
		id = r->live ? r->id : NEXTHOP_NONE;
		changed = changed || v->ids[i] != id;
		v->ids[i] = id;
	}
	v->n_ids = v->rows.n_rows;
	return changed;
}

/* Addresses of the ports themselves: they may change at run time. */
static bool compile_macs(struct view *v)
{
	bool changed = false;

	for (size_t i = 0; i < v->n_ports; i++) {
		changed = changed ||
			  memcmp(v->out_macs[i], v->ports[i].mac, sizeof(v->out_macs[i])) != 0;
		memcpy(v->out_macs[i], v->ports[i].mac, sizeof(v->out_macs[i]));
	}
	return changed;
}

static bool grow_ids(struct view *v)
{
	uint16_t *ids;

	if (v->rows.n_rows <= v->ids_room)
		return true;
	ids = reallocarray(v->ids, v->rows.rows_room, sizeof(*ids));
	if (ids == NULL)
		return false;
	memset(&ids[v->ids_room], 0, (v->rows.rows_room - v->ids_room) * sizeof(*ids));
	v->ids = ids;
	v->ids_room = v->rows.rows_room;
	return true;
}

static bool commit_trees(struct view *v)
{
	bool changed = false;

	for (size_t i = 0; i < v->n_ports; i++) {
		const struct trie_node *four = trie_commit(&v->ports[i].four);
		const struct trie_node *six = trie_commit(&v->ports[i].six);

		changed = changed || four != v->trees.four[i] || six != v->trees.six[i];
		v->trees.four[i] = four;
		v->trees.six[i] = six;
	}
	return changed;
}

static void compile_routes(struct view *v, const struct network *net)
{
	for (size_t i = 0; i < v->n_ports; i++) {
		if (v->ports[i].is_plain && v->ports[i].has_kernel)
			leave_plain_port(v, (uint8_t)i);
		if (v->ports[i].has_kernel)
			compile_rib(v, (uint8_t)i);
		else
			compile_plain_port(v, (uint8_t)i);
	}
	v->reconsider = false;
	if (v->routes_changed || v->far_ends_changed)
		view_route_tunnels(v, net);
	v->routes_changed = v->far_ends_changed = false;
}

bool view_compile(struct view *v, const struct network *net, uint64_t now_ms,
		  struct nexthops_spec *spec, uint64_t *again_ms)
{
	bool changed;

	compile_routes(v, net);
	view_forget_tunnels(v); /* before a neighbour takes such an id */
	v->is_short = false;
	*again_ms = compile_moves(v, now_ms);
	if (!grow_ids(v)) {
		*again_ms = now_ms + VIEW_PACE_MS;
		*spec = (struct nexthops_spec){0};
		return false;
	}
	changed = compile_rows(v);
	view_fold_mtus(v, net);
	changed = view_compile_tunnels(v, net) || changed;
	view_alarm_unreachable(v, net);
	changed = compile_macs(v) || changed;
	changed = commit_trees(v) || changed;
	v->trees.ids = v->ids;
	v->trees.n_ids = v->n_ids;
	*spec = (struct nexthops_spec){
		.at = v->rows.out,
		.n = ids_max(v->rows.ids) + (size_t)1,
		.macs = (const uint8_t(*)[6])v->out_macs,
		.n_macs = v->n_ports,
		.routes.trees = &v->trees,
	};
	return changed;
}

void view_published(struct view *v)
{
	for (size_t i = 0; i < v->n_ports; i++) {
		trie_release(&v->ports[i].four);
		trie_release(&v->ports[i].six);
	}
	ids_published(v->rows.ids);
}
