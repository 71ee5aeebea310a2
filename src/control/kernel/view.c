/*
 * Turns events and dumps into rows: see view.h.
 *
 * An event adds nexthops to a prefix or removes some. That is right for both families. IPv4 may
 * have several routes of one prefix and metric, each with its own nexthops. IPv6 has one route,
 * whose nexthops are added and removed one by one (RTA_MULTIPATH lists all of them each time). A
 * packet may take any of them. NLM_F_REPLACE removes all nexthops of the prefix and metric first,
 * on every port, because the new route may leave by an interface that is not ours. Weights and
 * sources are ignored.
 *
 * A route that refuses packets (blackhole, unreachable, prohibit, throw) leaves by no interface, so
 * it counts on every port.
 */
#include "control/kernel/view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/neighbour.h>

int view_init(struct view *v, size_t n_ports, struct ids *ids)
{
	*v = (struct view){.n_ports = n_ports, .routes_changed = true};
	v->ports = calloc(n_ports + 1, sizeof(v->ports[0]));
	v->tunnels = calloc(NEXTHOP_LAST + 1, sizeof(v->tunnels[0]));
	v->out_macs = calloc(n_ports + 1, sizeof(v->out_macs[0]));
	if (v->ports == NULL || v->tunnels == NULL || v->out_macs == NULL ||
	    rows_init(&v->rows, n_ports, ids) != 0) {
		view_fini(v);
		return -ENOMEM;
	}
	for (size_t i = 0; i <= NEXTHOP_LAST; i++)
		v->tunnels[i].row = ROWS_NONE;
	return 0;
}

void view_fini(struct view *v)
{
	for (size_t i = 0; v->ports != NULL && i < v->n_ports; i++) {
		rib_fini(&v->ports[i].rib);
		trie_fini(&v->ports[i].four);
		trie_fini(&v->ports[i].six);
	}
	rows_fini(&v->rows);
	free(v->ports);
	objects_fini(&v->objects);
	free(v->ids);
	free(v->out_macs);
	free(v->tunnels);
	*v = (struct view){0};
}

void view_take_network(struct view *v, const struct network *net)
{
	v->with_six = network_uses_ipv6(net);
	v->routes_changed = true; /* tunnels look for their routes anew */
}

int view_port_of(const struct view *v, int ifindex)
{
	for (size_t i = 0; i < v->n_ports; i++)
		if (v->ports[i].has_kernel && v->ports[i].ifindex == ifindex)
			return (int)i;
	return -1;
}

struct trie *view_tree(struct view *v, uint8_t port, const struct addr6 *addr)
{
	return addr6_is_mapped(addr) ? &v->ports[port].four : &v->ports[port].six;
}

uint16_t view_port_mtu(const struct view_port *port, bool six)
{
	return six && port->mtu6 != 0 && port->mtu6 < port->mtu ? port->mtu6 : port->mtu;
}

static bool is_ipv4(const struct prefix6 *prefix)
{
	return prefix->len >= MAPPED_BITS && addr6_is_mapped(&prefix->addr);
}

/* --- rows ------------------------------------------------------------------------------------- */

static void ref(struct view *v, int row)
{
	if (row != ROWS_NONE)
		v->rows.rows[row].refs++;
}

static void unref(struct view *v, int row)
{
	if (row == ROWS_NONE)
		return;
	v->rows.rows[row].refs--;
	rows_free_unused(&v->rows, row);
}

void view_use(struct view *v, int row)
{
	if (row != ROWS_NONE)
		v->rows.rows[row].uses++;
}

void view_unuse(struct view *v, int row)
{
	if (row == ROWS_NONE)
		return;
	if (--v->rows.rows[row].uses == 0)
		rows_retire(&v->rows, row);
	rows_free_unused(&v->rows, row);
}

/* --- routes ----------------------------------------------------------------------------------- */

static uint64_t order_of(const struct kernel_route *route)
{
	return (uint64_t)route->metric << 8 | route->preference;
}

/* When there are too many routes, on-link networks and the shortest prefixes are kept. */
static bool is_bounded(const struct kernel_route *route, const struct kernel_gateway *gateway)
{
	unsigned shortest = is_ipv4(&route->prefix) ? MAPPED_BITS + 8 : 16;

	return route->prefix.len > shortest &&
	       (route->kind != KERNEL_UNICAST || !addr6_is_zero(&gateway->gateway));
}

static bool has_room(struct view *v, struct rib *rib, const struct prefix6 *prefix, bool bounded)
{
	size_t n = 0, n_bounded = 0;

	if (rib_find(rib, prefix) != NULL)
		return true;
	for (size_t i = 0; i < v->n_ports; i++) {
		n += v->ports[i].rib.n;
		n_bounded += v->ports[i].rib.n_bounded;
	}
	if (bounded ? n_bounded < VIEW_ROUTES_MAX : n < VIEW_ROUTES_MAX + VIEW_ROUTES_SPARE)
		return true;
	v->n_left_out++;
	return false;
}

static void add_nexthop(struct view *v, uint8_t port, const struct kernel_route *route,
			const struct kernel_gateway *gateway)
{
	struct rib *rib = &v->ports[port].rib;
	bool bounded = is_bounded(route, gateway);
	struct rib_nexthop row = {.order = order_of(route),
				  .row = ROWS_NONE,
				  .generation = v->generation,
				  .mtu = route->mtu,
				  .kind = route->kind};
	int added;

	if (!has_room(v, rib, &route->prefix, bounded))
		return;
	if (route->kind == KERNEL_UNICAST && !addr6_is_zero(&gateway->gateway)) {
		row.row = rows_add(&v->rows, port, &gateway->gateway);
		if (row.row != ROWS_NONE)
			row.row = rows_with_mtu(&v->rows, row.row, route->mtu);
		if (row.row == ROWS_NONE) {
			v->n_left_out++;
			return;
		}
	}
	added = rib_add(rib, &route->prefix, &row, bounded);
	if (added == 1)
		ref(v, row.row);
	else if (row.row != ROWS_NONE)
		rows_free_unused(&v->rows, row.row);
	v->n_left_out += added < 0;
}

struct removal {
	struct view *v;
	const struct kernel_route *route; /* NULL: matches what is older than the generation */
	uint8_t port;
	bool all; /* removes all nexthops of the metric */
};

static bool names_nexthop(const struct removal *r, const struct rib_nexthop *nexthop)
{
	for (size_t i = 0; i < r->route->n_gateways; i++) {
		const struct kernel_gateway *gateway = &r->route->gateways[i];
		int row = ROWS_NONE;

		if (gateway->ifindex != r->v->ports[r->port].ifindex)
			continue;
		if (!addr6_is_zero(&gateway->gateway)) {
			row = rows_find(&r->v->rows, r->port, &gateway->gateway);
			if (row == ROWS_NONE)
				continue;
		}
		if (row ==
		    (nexthop->row == ROWS_NONE ? nexthop->row : r->v->rows.rows[nexthop->row].base))
			return true;
	}
	return false;
}

static bool is_named(const struct removal *r, const struct rib_nexthop *nexthop)
{
	if (r->route == NULL)
		return nexthop->generation != r->v->generation;
	if (nexthop->order >> 8 != r->route->metric) /* some messages lack RTA_PREF */
		return false;
	if (r->all)
		return true;
	return nexthop->kind == r->route->kind &&
	       (nexthop->kind != KERNEL_UNICAST || names_nexthop(r, nexthop));
}

static bool is_gone(const struct rib_nexthop *nexthop, void *arg)
{
	const struct removal *r = arg;

	if (!is_named(r, nexthop))
		return false;
	unref(r->v, nexthop->row);
	return true;
}

static void remove_nexthops(struct view *v, uint8_t port, const struct kernel_route *route,
			    bool all)
{
	struct removal removal = {v, route, port, all};
	struct rib *rib = &v->ports[port].rib;
	struct rib_entry *entry = rib_find(rib, &route->prefix);

	if (entry != NULL)
		rib_remove(rib, entry, is_gone, &removal);
}

static void add_nexthops(struct view *v, uint8_t port, const struct kernel_route *route)
{
	static const struct kernel_gateway none;

	if (route->kind != KERNEL_UNICAST) {
		add_nexthop(v, port, route, &none);
		return;
	}
	for (size_t i = 0; i < route->n_gateways; i++) {
		const struct kernel_gateway *gateway = &route->gateways[i];

		if (gateway->ifindex == v->ports[port].ifindex && !gateway->dead)
			add_nexthop(v, port, route, gateway);
	}
}

void view_take_route(struct view *v, const struct kernel_route *route)
{
	static struct kernel_route expanded; /* too large for the stack */

	if (!v->with_six && !is_ipv4(&route->prefix))
		return;
	if (route->nexthop != 0) {
		if (!objects_expand(&v->objects, route, &expanded)) {
			v->doubt = true;
			return;
		}
		route = &expanded;
	}
	for (size_t i = 0; i < v->n_ports; i++) {
		if (!v->ports[i].has_kernel)
			continue;
		if (route->removed || route->replaces)
			remove_nexthops(v, (uint8_t)i, route, !route->removed);
		if (!route->removed)
			add_nexthops(v, (uint8_t)i, route);
	}
}

void view_dump_routes(struct view *v)
{
	v->generation++;
	v->n_left_out = 0;
	v->doubt = false;
}

void view_dumped_routes(struct view *v, bool whole)
{
	struct removal removal = {.v = v};

	for (size_t i = 0; whole && i < v->n_ports; i++) {
		struct rib *rib = &v->ports[i].rib;

		for (size_t k = 0; k < rib->n_entries; k++)
			if (rib->entries[k].live)
				rib_remove(rib, &rib->entries[k], is_gone, &removal);
	}
}

/* --- nexthop objects, neighbours -------------------------------------------------------------- */

void view_take_nexthop(struct view *v, const struct kernel_nexthop *nexthop)
{
	v->doubt = true; /* the kernel does not report routes by it: they are read again */
	objects_take(&v->objects, nexthop);
}

void view_forget_nexthops(struct view *v)
{
	objects_forget(&v->objects);
}

void view_take_neighbour(struct view *v, const struct kernel_neighbour *neighbour)
{
	int port = view_port_of(v, neighbour->ifindex), row;

	if (port < 0)
		return;
	row = rows_find(&v->rows, (uint8_t)port, &neighbour->addr);
	if (row == ROWS_NONE && neighbour->state != NUD_NONE)
		row = rows_add(&v->rows, (uint8_t)port, &neighbour->addr);
	if (row == ROWS_NONE)
		return;
	v->rows.rows[row].generation = v->generation;
	if (rows_learn(&v->rows, row, neighbour))
		v->reconsider = true;
	rows_free_unused(&v->rows, row);
}

void view_dump_neighbours(struct view *v)
{
	v->generation++;
}

void view_dumped_neighbours(struct view *v, bool whole)
{
	static const struct kernel_neighbour gone = {.state = NUD_NONE};

	for (size_t i = 0; whole && i < v->rows.n_rows; i++) {
		const struct neighbour_row *r = &v->rows.rows[i];

		if (!r->live || r->generation == v->generation || r->state == NUD_NONE)
			continue;
		if (rows_learn(&v->rows, (int)i, &gone))
			v->reconsider = true;
		rows_free_unused(&v->rows, (int)i);
	}
}

/* --- census ----------------------------------------------------------------------------------- */

bool view_wants_census(const struct view *v, uint64_t now_ms)
{
	return ids_wants_census(v->rows.ids, (uint32_t)(now_ms / 1000));
}

void view_census_begin(struct view *v, uint64_t now_ms)
{
	ids_census_begin(v->rows.ids, (uint32_t)(now_ms / 1000));
}

void view_census_end(struct view *v, const uint64_t *used)
{
	ids_census_end(v->rows.ids, used);
	view_forget_tunnels(v);
	rows_age_hosts(&v->rows, used);
	view_age_hosts(v);
}
