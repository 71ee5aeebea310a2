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
	v->tunnel_hops = calloc(n_tunnels + 1, sizeof(v->tunnel_hops[0]));
	v->targets = calloc(VIEW_TARGETS_MAX, sizeof(v->targets[0]));
	if (v->ports != NULL && v->via != NULL && v->out_hops != NULL && v->out_routes != NULL &&
	    v->out_hosts != NULL && v->tunnel_hops != NULL && v->targets != NULL)
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
	free(v->tunnel_hops);
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
	v->lengths[port] |= UINT64_C(1) << route->prefix.len;
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

/* Length, port, address as one number: short prefixes come first, of all ports. */
static uint64_t key_of(uint8_t port, uint8_t len, be32_t addr)
{
	return (uint64_t)len << 40 | (uint64_t)port << 32 | ntohl(addr);
}

static uint64_t route_key(const struct view_route *row)
{
	return key_of(row->port, row->route.prefix.len, row->route.prefix.addr);
}

static uint64_t neighbour_key(const struct view_neighbour *row)
{
	return key_of(row->port, 0, row->neighbour.addr);
}

static int compare_routes(const void *a, const void *b)
{
	const struct view_route *x = a, *y = b;
	int by_key = order(route_key(x), route_key(y));

	return by_key != 0 ? by_key : order(x->route.metric, y->route.metric);
}

static int compare_neighbours(const void *a, const void *b)
{
	return order(neighbour_key(a), neighbour_key(b));
}

void view_sort(struct view *v)
{
	if (v->n_routes > 0)
		qsort(v->routes, v->n_routes, sizeof(v->routes[0]), compare_routes);
	if (v->n_neighbours > 0)
		qsort(v->neighbours, v->n_neighbours, sizeof(v->neighbours[0]), compare_neighbours);
}

/* The first row of exactly this prefix: the lowest metric. */
static const struct kernel_route *find_route(const struct view *v, uint64_t key)
{
	size_t low = 0, high = v->n_routes;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (route_key(&v->routes[middle]) < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low < v->n_routes && route_key(&v->routes[low]) == key ? &v->routes[low].route
								      : NULL;
}

const struct kernel_route *view_route(const struct view *v, uint8_t port, be32_t addr,
				      uint8_t longest)
{
	for (int len = longest > 32 ? 32 : longest; len >= 0; len--) {
		be32_t net = addr & htonl(prefix4_mask((uint8_t)len));
		const struct kernel_route *route;

		if ((v->lengths[port] >> len & 1) == 0)
			continue;
		route = find_route(v, key_of(port, (uint8_t)len, net));
		if (route != NULL)
			return route;
	}
	return NULL;
}

const struct kernel_neighbour *view_neighbour(const struct view *v, uint8_t port, be32_t addr)
{
	struct view_neighbour key = {.port = port, .neighbour.addr = addr};
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

/* Where the hop is, or where it belongs. */
static size_t hop_place(const struct view *v, uint64_t key)
{
	size_t low = 0, high = v->n_hops;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct view_hop *h = &v->hops[middle];

		if (key_of(h->port, h->len, h->addr) < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool hop_is(const struct view *v, size_t place, uint64_t key)
{
	const struct view_hop *h = &v->hops[place];

	return place < v->n_hops && key_of(h->port, h->len, h->addr) == key;
}

uint16_t view_hop(struct view *v, uint8_t port, be32_t addr, uint8_t len)
{
	uint64_t key = key_of(port, len, addr);
	size_t place = hop_place(v, key);
	struct view_hop *hops;

	if (hop_is(v, place, key))
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
	hops[place] = (struct view_hop){addr, port, len, (uint16_t)v->n_hops};
	return hops[place].id;
}

int view_add_host(struct view *v, uint8_t port, be32_t addr)
{
	uint64_t key = key_of(port, VIEW_HOST, addr);

	if (hop_is(v, hop_place(v, key), key))
		return 0;
	if (v->n_hosts >= VIEW_HOSTS_MAX)
		return -ENOSPC;
	if (view_hop(v, port, addr, VIEW_HOST) == HOP_NONE)
		return -ENOMEM;
	v->n_hosts++;
	return 0;
}
