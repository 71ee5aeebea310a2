/*
 * Sorted rows of what the kernel said, and the numbers of hops: see view.h.
 *
 * Rows are sorted after each dump and found by bisection. Hops are kept sorted as they come; there
 * are few new ones after the first dump.
 */
#include "control/kernel/view.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/neighbour.h>

/* Room for one more of @size bytes. NULL: no memory, the old array is still there. */
static void *grow(void *array, size_t n, size_t *room, size_t size)
{
	size_t more = *room == 0 ? 64 : *room * 2;
	void *bigger;

	if (n < *room)
		return array;
	bigger = reallocarray(array, more, size);
	if (bigger != NULL)
		*room = more;
	return bigger;
}

int view_init(struct view *v, size_t n_ports, size_t n_tunnels)
{
	*v = (struct view){.n_ports = n_ports, .n_tunnels = n_tunnels};
	v->ports = calloc(n_ports + 1, sizeof(v->ports[0]));
	v->via = calloc(HOPS_MAX + 1, sizeof(v->via[0]));
	v->out_hops = calloc(HOPS_MAX + 1, sizeof(v->out_hops[0]));
	v->out_routes = calloc(VIEW_ROUTES_MAX, sizeof(v->out_routes[0]));
	v->out_hosts = calloc(HOPS_MAX + 1, sizeof(v->out_hosts[0]));
	v->out_routes6 = calloc(VIEW_ROUTES_MAX, sizeof(v->out_routes6[0]));
	v->out_hosts6 = calloc(HOPS_MAX + 1, sizeof(v->out_hosts6[0]));
	v->tunnel_hops = calloc(n_tunnels + 1, sizeof(v->tunnel_hops[0]));
	v->tunnel_mtus = calloc(n_tunnels + 1, sizeof(v->tunnel_mtus[0]));
	v->out_macs = calloc(n_ports + 1, sizeof(v->out_macs[0]));
	v->targets = calloc(VIEW_TARGETS_MAX, sizeof(v->targets[0]));
	if (v->ports != NULL && v->via != NULL && v->out_hops != NULL && v->out_routes != NULL &&
	    v->out_hosts != NULL && v->out_routes6 != NULL && v->out_hosts6 != NULL &&
	    v->tunnel_hops != NULL && v->tunnel_mtus != NULL && v->out_macs != NULL &&
	    v->targets != NULL)
		return 0;
	view_fini(v);
	return -ENOMEM;
}

void view_fini(struct view *v)
{
	free(v->ports);
	free(v->routes);
	free(v->neighbours);
	free(v->hops);
	free(v->via);
	free(v->out_hops);
	free(v->out_routes);
	free(v->out_hosts);
	free(v->out_routes6);
	free(v->out_hosts6);
	free(v->tunnel_hops);
	free(v->tunnel_mtus);
	free(v->out_macs);
	free(v->targets);
	*v = (struct view){0};
}

void view_clear_routes(struct view *v)
{
	v->n_routes = 0;
	memset(v->lengths, 0, sizeof(v->lengths));
}

int view_add_route(struct view *v, uint8_t port, const struct kernel_route *route)
{
	struct view_route *rows = grow(v->routes, v->n_routes, &v->routes_room, sizeof(*rows));

	if (rows == NULL)
		return -ENOMEM;
	v->routes = rows;
	rows[v->n_routes++] = (struct view_route){port, *route};
	v->lengths[port][route->prefix.len / 64] |= UINT64_C(1) << route->prefix.len % 64;
	return 0;
}

void view_clear_neighbours(struct view *v)
{
	v->n_neighbours = 0;
}

int view_add_neighbour(struct view *v, uint8_t port, const struct kernel_neighbour *neighbour)
{
	struct view_neighbour *rows =
		grow(v->neighbours, v->n_neighbours, &v->neighbours_room, sizeof(*rows));

	if (rows == NULL)
		return -ENOMEM;
	v->neighbours = rows;
	rows[v->n_neighbours++] = (struct view_neighbour){port, *neighbour};
	return 0;
}

static int order(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

/* What rows and hops are sorted by: short prefixes come first, of all ports. */
struct key {
	struct addr6 addr;
	uint8_t port, len;
};

static int compare_keys(const struct key *a, const struct key *b)
{
	int by = order((uint64_t)a->len << 8 | a->port, (uint64_t)b->len << 8 | b->port);

	return by != 0 ? by : addr6_compare(&a->addr, &b->addr);
}

static struct key route_key(const struct view_route *row)
{
	return (struct key){row->route.prefix.addr, row->port, row->route.prefix.len};
}

static struct key neighbour_key(const struct view_neighbour *row)
{
	return (struct key){row->neighbour.addr, row->port, 0};
}

static int compare_routes(const void *a, const void *b)
{
	const struct view_route *x = a, *y = b;
	struct key p = route_key(x), q = route_key(y);
	int by_key = compare_keys(&p, &q);

	return by_key != 0 ? by_key : order(x->route.metric, y->route.metric);
}

static int compare_neighbours(const void *a, const void *b)
{
	struct key p = neighbour_key(a), q = neighbour_key(b);

	return compare_keys(&p, &q);
}

void view_sort(struct view *v)
{
	if (v->n_routes > 0)
		qsort(v->routes, v->n_routes, sizeof(v->routes[0]), compare_routes);
	if (v->n_neighbours > 0)
		qsort(v->neighbours, v->n_neighbours, sizeof(v->neighbours[0]), compare_neighbours);
}

/* The first row of exactly this prefix: the lowest metric. */
static const struct kernel_route *find_route(const struct view *v, const struct key *key)
{
	size_t low = 0, high = v->n_routes;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct key at = route_key(&v->routes[middle]);

		if (compare_keys(&at, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < v->n_routes) {
		struct key at = route_key(&v->routes[low]);

		if (compare_keys(&at, key) == 0)
			return &v->routes[low].route;
	}
	return NULL;
}

const struct kernel_route *view_route(const struct view *v, uint8_t port, const struct addr6 *addr,
				      uint8_t longest)
{
	int shortest = addr6_is_mapped(addr) ? MAPPED_BITS : 0;

	for (int len = longest > 128 ? 128 : longest; len >= shortest; len--) {
		struct key key = {addr6_masked(addr, (uint8_t)len), port, (uint8_t)len};
		const struct kernel_route *route;

		if ((v->lengths[port][len / 64] >> len % 64 & 1) == 0)
			continue;
		route = find_route(v, &key);
		if (route != NULL)
			return route;
	}
	return NULL;
}

const struct kernel_neighbour *view_neighbour(const struct view *v, uint8_t port,
					      const struct addr6 *addr)
{
	struct view_neighbour key = {.port = port, .neighbour.addr = *addr};
	const struct view_neighbour *row = v->n_neighbours == 0
						   ? NULL
						   : bsearch(&key, v->neighbours, v->n_neighbours,
							     sizeof(key), compare_neighbours);

	return row == NULL ? NULL : &row->neighbour;
}

bool view_resolved(const struct kernel_neighbour *neighbour)
{
	return neighbour != NULL && neighbour->state & (NUD_STALE | NUD_REACHABLE | NUD_DELAY |
							NUD_PROBE | NUD_PERMANENT | NUD_NOARP);
}

uint16_t view_port_mtu(const struct view_port *port, bool six)
{
	return six && port->mtu6 != 0 && port->mtu6 < port->mtu ? port->mtu6 : port->mtu;
}

static struct key hop_key(const struct view_hop *h)
{
	return (struct key){h->addr, h->port, h->len};
}

/* Where the hop is, or where it belongs. */
static size_t hop_place(const struct view *v, const struct key *key)
{
	size_t low = 0, high = v->n_hops;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct key at = hop_key(&v->hops[middle]);

		if (compare_keys(&at, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool hop_is(const struct view *v, size_t place, const struct key *key)
{
	struct key at;

	if (place >= v->n_hops)
		return false;
	at = hop_key(&v->hops[place]);
	return compare_keys(&at, key) == 0;
}

uint16_t view_hop(struct view *v, uint8_t port, const struct addr6 *addr, uint8_t len)
{
	struct key key = {*addr, port, len};
	size_t place = hop_place(v, &key);
	struct view_hop *hops;

	if (hop_is(v, place, &key))
		return v->hops[place].id;
	if (v->n_hops >= HOPS_MAX) {
		if (!v->hops_full_said)
			log_warning("no more than %d next hops: new routes and hosts are left out",
				    HOPS_MAX);
		v->hops_full_said = true;
		return HOP_NONE;
	}
	hops = grow(v->hops, v->n_hops, &v->hops_room, sizeof(*hops));
	if (hops == NULL)
		return HOP_NONE;
	v->hops = hops;
	memmove(&hops[place + 1], &hops[place], (v->n_hops - place) * sizeof(*hops));
	v->n_hops++;
	hops[place] = (struct view_hop){*addr, port, len, (uint16_t)v->n_hops};
	return hops[place].id;
}

int view_add_host(struct view *v, uint8_t port, const struct addr6 *addr)
{
	struct key key = {*addr, port, VIEW_HOST};

	if (hop_is(v, hop_place(v, &key), &key))
		return 0;
	if (v->n_hosts >= VIEW_HOSTS_MAX)
		return -ENOSPC;
	if (view_hop(v, port, addr, VIEW_HOST) == HOP_NONE)
		return -ENOMEM;
	v->n_hosts++;
	return 0;
}
