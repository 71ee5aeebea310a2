/*
 * From what has changed to the next adjacency table.
 *
 * Each prefix that has changed is given what the kernel would choose now. Where that differs from
 * before, the flows to addresses in the prefix may have to be rerouted. They used the hop that it
 * led to, or that of the shorter prefix above it, and flows to other prefixes use that hop, too. So
 * the hop is `moved` as a whole: it takes another number, and each of its flows looks up its route
 * again at its next packet (path/nexthop.h). That is one lookup a flow, and most find the same hop.
 * While routes change all the time it is done once a second at most, so that there are few lookups
 * for each packet; but at once for a hop that no route leads to any more.
 *
 * Of several nexthops of one metric the first one that is resolved is used; one that does not
 * answer is skipped.
 */
#include "control/kernel/view.h"

#include <stdlib.h>
#include <string.h>

#define ON_LINK (ADJACENCY_DIRECT | HOP_UNKNOWN_HOST)

static const uint16_t verdicts[] = {
	[KERNEL_WAYS] = HOP_UNKNOWN_HOST, /* without a gateway: on link */
	[KERNEL_BLACKHOLE] = HOP_BLACKHOLE, [KERNEL_UNREACHABLE] = HOP_UNREACHABLE,
	[KERNEL_PROHIBIT] = HOP_PROHIBITED, [KERNEL_THROW] = HOP_NONE,
};

/* How good a nexthop is: its neighbour answers, may answer, does not. */
static int grade(const struct view *v, const struct rib_way *way)
{
	const struct hops_row *r =
		way->row == HOPS_NO_ROW ? NULL : hops_neighbour(&v->hops, way->row);

	return r == NULL || r->resolved ? 2 : r->failed ? 0 : 1;
}

static const struct rib_way *choose(const struct view *v, const struct rib_entry *entry)
{
	const struct rib_way *best = NULL;

	for (const struct rib_way *way = entry->ways; way != NULL; way = way->next)
		if (best == NULL || way->order < best->order ||
		    (way->order == best->order && grade(v, way) > grade(v, best)))
			best = way;
	return best;
}

static uint32_t value_of(const struct rib_way *way)
{
	if (way == NULL)
		return TRIE_NONE;
	return way->row != HOPS_NO_ROW ? (uint32_t)way->row
				       : ADJACENCY_DIRECT | verdicts[way->kind];
}

static int row_of(uint32_t value)
{
	return value & ADJACENCY_DIRECT ? HOPS_NO_ROW : (int)value;
}

/* A host that stood where a route of a whole length is now. */
static void make_way(struct view *v, uint8_t port, const struct prefix6 *prefix)
{
	int row = prefix->len == 128 ? hops_find(&v->hops, port, &prefix->addr) : HOPS_NO_ROW;

	if (row != HOPS_NO_ROW && v->hops.rows[row].host)
		view_drop_host(v, row);
}

/* False: no memory; it stays as it was. */
static bool compile_entry(struct view *v, uint8_t port, struct rib_entry *entry)
{
	struct trie *tree = view_tree(v, port, &entry->prefix.addr);
	const struct rib_way *way = choose(v, entry);
	uint32_t value = value_of(way), old = entry->value, before = old;
	uint32_t mtu = way == NULL ? 0 : way->mtu, old_mtu = entry->mtu;
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
		make_way(v, port, &entry->prefix);
		before = trie_cover(tree->root, &entry->prefix);
	}
	ret = value == TRIE_NONE ? trie_remove(tree, &entry->prefix)
				 : trie_set(tree, &entry->prefix, value);
	if (ret != 0)
		return false;
	entry->value = value;
	view_use(v, row_of(value));
	if (row_of(before) != HOPS_NO_ROW)
		v->hops.rows[row_of(before)].moved = true;
	if (row_of(old) != HOPS_NO_ROW)
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

		if (entry->live && entry->ways != NULL && entry->ways->next != NULL)
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
			rib_touch(rib, &rib->entries[at]); /* at a place before i + 1 */
	}
}

/* Everything goes to one neighbour. */
static void compile_plain_port(struct view *v, uint8_t port)
{
	const struct addr6 any = {{0}};
	const struct prefix6 any4 = {addr6_from_ipv4(0), MAPPED_BITS}, any6 = {any, 0};
	struct view_port *p = &v->ports[port];
	int row;

	if (p->four.root != NULL)
		return;
	row = hops_row(&v->hops, port, &any);
	if (row == HOPS_NO_ROW || trie_set(&p->four, &any4, (uint32_t)row) != 0)
		return;
	view_use(v, row);
	if (v->with_six && trie_set(&p->six, &any6, (uint32_t)row) == 0)
		view_use(v, row);
	p->is_plain = true;
	v->routes_changed = true;
}

/* Such a port was removed while the gateway runs. */
static void leave_plain_port(struct view *v, uint8_t port)
{
	const struct addr6 any = {{0}};
	const struct prefix6 any4 = {addr6_from_ipv4(0), MAPPED_BITS}, any6 = {any, 0};
	struct view_port *p = &v->ports[port];
	int row = hops_find(&v->hops, port, &any);

	if (trie_find(p->four.root, &any4) != TRIE_NONE) {
		if (trie_remove(&p->four, &any4) != 0)
			return; /* no memory: the next table tries again */
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

/* --- tunnels ---------------------------------------------------------------------------------- */

/* Where packets to the far end of a tunnel go. */
static int tunnel_row(struct view *v, const struct network *net, uint16_t id)
{
	const struct addr6 remote = network_tunnel_remote(net, id);
	const uint8_t port = net->tunnels[id].port;
	uint32_t value;
	int row;

	if (port >= v->n_ports)
		return HOPS_NO_ROW;
	value = trie_lookup(view_tree(v, port, &remote)->root, &remote);
	if (value != ON_LINK)
		return row_of(value);
	row = hops_row(&v->hops, port, &remote);
	return row == HOPS_NO_ROW ? row
				  : hops_with_mtu(&v->hops, row, view_link_mtu(v, port, &remote));
}

static void route_tunnels(struct view *v, const struct network *net)
{
	for (uint32_t i = 0; i < net->n_tunnels; i++) {
		uint16_t id = net->tunnel_ids[i];
		int row = tunnel_row(v, net, id), before = v->tunnel_rows[id];

		view_use(v, row);
		v->tunnel_rows[id] = row;
		view_unuse(v, before);
	}
}

static bool compile_tunnels(struct view *v, const struct network *net)
{
	bool changed = false;

	for (uint32_t i = 0; i < net->n_tunnels; i++) {
		uint16_t id = net->tunnel_ids[i];
		int row = v->tunnel_rows[id];
		uint16_t hop = row == HOPS_NO_ROW ? HOP_NONE : v->hops.rows[row].id;

		changed = changed || v->tunnel_hops[id] != hop;
		v->tunnel_hops[id] = hop;
	}
	return changed;
}

/* --- hops ------------------------------------------------------------------------------------- */

/* May flows be asked to look again? If not, when. */
static bool may_move(const struct view *v, uint64_t now_ms, uint64_t *when_ms)
{
	uint64_t pace = (uint64_t)VIEW_PACE_MS << v->pace;

	*when_ms = v->paced_ms + (pace < VIEW_PACE_MAX_MS ? pace : VIEW_PACE_MAX_MS);
	return now_ms >= *when_ms;
}

/* Rows that routes have left take another number. When to do it if not now; 0: there are none. */
static uint64_t compile_moves(struct view *v, uint64_t now_ms)
{
	uint64_t when_ms;
	bool now = may_move(v, now_ms, &when_ms), some = false;

	for (size_t i = 0; i < v->hops.n_rows; i++) {
		struct hops_row *r = &v->hops.rows[i];

		if (!r->live || !r->moved)
			continue;
		some = some || r->id != 0;
		if (!now && r->id != 0)
			continue;
		r->moved = false;
		if (r->id == 0)
			continue;
		v->is_short = v->hops.n_free_numbers == 0;
		if (!v->is_short)
			hops_retire(&v->hops, (int)i);
	}
	if (!some)
		return 0;
	if (!now)
		return when_ms;
	v->pace = now_ms - v->paced_ms < 2 * VIEW_PACE_MAX_MS ? v->pace + (v->pace < 8) : 0;
	v->paced_ms = now_ms;
	return 0;
}

static bool compile_hop(struct view *v, const struct hops_row *r)
{
	const struct view_port *port = &v->ports[r->port];
	const struct hops_row *neighbour = &v->hops.rows[r->base];
	struct hop hop = {.mtu = port->mtu, .port = r->port};

	if (port->has_kernel)
		hop.mtu = view_port_mtu(port, !addr6_is_mapped(&r->addr));
	if (r->mtu != 0 && r->mtu < hop.mtu)
		hop.mtu = (uint16_t)r->mtu;
	memcpy(hop.src_mac, port->mac, sizeof(hop.src_mac));
	hop.resolved = !port->has_kernel || neighbour->resolved;
	if (hop.resolved)
		memcpy(hop.dst_mac, port->has_kernel ? neighbour->mac : port->next_hop,
		       sizeof(hop.dst_mac));
	if (memcmp(&v->hops.out[r->id], &hop, sizeof(hop)) == 0)
		return false;
	v->hops.out[r->id] = hop;
	return true;
}

static bool compile_hops(struct view *v)
{
	bool changed = false;

	for (size_t i = 0; i < v->hops.n_rows; i++) {
		struct hops_row *r = &v->hops.rows[i];
		uint16_t id;

		if (r->live && r->uses > 0 && !hops_number(&v->hops, (int)i))
			v->is_short = true;
		if (r->live && r->id != 0)
			changed = compile_hop(v, r) || changed;
		id = r->live ? r->id : 0;
		changed = changed || v->ids[i] != id;
		v->ids[i] = id;
	}
	v->n_ids = v->hops.n_rows;
	return changed;
}

/* The ports' own addresses: they may be changed while we run. */
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

	if (v->hops.n_rows <= v->ids_room)
		return true;
	ids = reallocarray(v->ids, v->hops.rows_room, sizeof(*ids));
	if (ids == NULL)
		return false;
	memset(&ids[v->ids_room], 0, (v->hops.rows_room - v->ids_room) * sizeof(*ids));
	v->ids = ids;
	v->ids_room = v->hops.rows_room;
	return true;
}

static bool commit_trees(struct view *v)
{
	bool changed = false;

	for (size_t i = 0; i < v->n_ports; i++) {
		const struct trie_node *four = trie_commit(&v->ports[i].four);
		const struct trie_node *six = trie_commit(&v->ports[i].six);

		changed = changed || four != v->ways.four[i] || six != v->ways.six[i];
		v->ways.four[i] = four;
		v->ways.six[i] = six;
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
	if (v->routes_changed)
		route_tunnels(v, net);
	v->routes_changed = false;
}

bool view_compile(struct view *v, const struct network *net, uint64_t now_ms,
		  struct adjacency_spec *spec, uint64_t *again_ms)
{
	bool changed;

	compile_routes(v, net);
	v->is_short = false;
	*again_ms = compile_moves(v, now_ms);
	if (!grow_ids(v)) {
		*again_ms = now_ms + VIEW_PACE_MS;
		return false;
	}
	changed = compile_hops(v);
	changed = compile_tunnels(v, net) || changed;
	view_fold_mtus(v, net, &changed);
	view_tell_unreachable(v, net);
	changed = compile_macs(v) || changed;
	changed = commit_trees(v) || changed;
	v->ways.ids = v->ids;
	v->ways.n_ids = v->n_ids;
	*spec = (struct adjacency_spec){
		.hops = v->hops.out,
		.n_hops = v->hops.n_out,
		.ways = &v->ways,
		.lost = HOPS_LOST,
		.tunnel_hops = v->tunnel_hops,
		.tunnel_mtus = v->tunnel_mtus,
		.n_tunnels = v->max_tunnel,
		.macs = (const uint8_t(*)[6])v->out_macs,
		.n_macs = v->n_ports,
	};
	return changed;
}

void view_published(struct view *v)
{
	for (size_t i = 0; i < v->n_ports; i++) {
		trie_release(&v->ports[i].four);
		trie_release(&v->ports[i].six);
	}
	hops_published(&v->hops);
}
