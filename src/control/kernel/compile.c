/*
 * From what the kernel said to the next adjacency table.
 *
 * Each route with a gateway is a hop, each on-link host that is used is one, and a port without a
 * kernel behind it is one. Their numbers are for ever; here is decided what stands behind each now:
 *
 *   a route's hop    its gateway; if the route is gone, the gateway of what now covers it
 *   a host's hop     the host
 *
 * While the kernel looks a neighbour up again (it forgot it, or asks anew) the hop keeps the
 * address it had, as long as it is for the same neighbour; only when the kernel says it failed is
 * the hop unresolved. Otherwise a garbage collection in the kernel would cost packets.
 */
#include "base/log.h"
#include "control/kernel/view.h"

#include <string.h>

#include <linux/neighbour.h>

/* Writes a field only when it differs, and remembers that it did. */
static void put_hop(struct view *v, uint16_t id, const struct hop *hop, bool *changed)
{
	if (memcmp(&v->out_hops[id], hop, sizeof(*hop)) == 0)
		return;
	v->out_hops[id] = *hop;
	*changed = true;
}

static void add_target(struct view *v, uint8_t port, const struct addr6 *addr)
{
	struct view_target *last = v->n_targets > 0 ? &v->targets[v->n_targets - 1] : NULL;

	if (last != NULL && last->port == port && addr6_equal(&last->addr, addr))
		return; /* many routes by one gateway */
	if (v->n_targets < VIEW_TARGETS_MAX)
		v->targets[v->n_targets++] = (struct view_target){*addr, port};
}

/* The neighbour behind a hop by @route; zero: nobody. */
static struct addr6 find_via(const struct view_hop *h, const struct kernel_route *route)
{
	if (h->len == VIEW_HOST)
		return h->addr;
	return route == NULL ? (struct addr6){{0}} : route->gateway;
}

/* What the port carries, or less where the route says so. */
static uint16_t hop_mtu(const struct view_port *port, const struct view_hop *h,
			const struct kernel_route *route)
{
	uint16_t mtu = view_port_mtu(port, !addr6_is_mapped(&h->addr));

	return route != NULL && route->mtu != 0 && route->mtu < mtu ? (uint16_t)route->mtu : mtu;
}

static void compile_hop(struct view *v, const struct view_hop *h, bool *changed)
{
	const struct view_port *port = &v->ports[h->port];
	const struct hop *before = &v->out_hops[h->id];
	struct hop hop = {.mtu = port->mtu, .port = h->port};
	const struct kernel_neighbour *neighbour;
	const struct kernel_route *route;
	struct addr6 via;
	bool nobody;

	memcpy(hop.src_mac, port->mac, sizeof(hop.src_mac));
	if (!port->has_kernel) {
		memcpy(hop.dst_mac, port->next_hop, sizeof(hop.dst_mac));
		hop.resolved = true;
		put_hop(v, h->id, &hop, changed);
		return;
	}

	route = view_route(v, h->port, &h->addr, h->len);
	hop.mtu = hop_mtu(port, h, route);
	via = find_via(h, route);
	nobody = addr6_is_zero(&via);
	neighbour = nobody ? NULL : view_neighbour(v, h->port, &via);
	if (view_resolved(neighbour)) {
		memcpy(hop.dst_mac, neighbour->mac, sizeof(hop.dst_mac));
		hop.resolved = true;
	} else if (!nobody && addr6_equal(&via, &v->via[h->id]) && before->resolved &&
		   (neighbour == NULL || neighbour->state != NUD_FAILED)) {
		memcpy(hop.dst_mac, before->dst_mac, sizeof(hop.dst_mac));
		hop.resolved = true;
	}
	v->via[h->id] = via;
	put_hop(v, h->id, &hop, changed);
	if (!nobody)
		add_target(v, h->port, &via);
}

/* How many routes the next table has so far. */
struct counts {
	size_t four, six;
};

static void put_route4(struct view *v, size_t at, uint8_t port, const struct prefix4 *prefix,
		       uint16_t hop, bool *changed)
{
	struct adjacency_route *r = &v->out_routes[at];

	if (at < v->n_out_routes && r->port == port && r->hop == hop &&
	    r->prefix.addr == prefix->addr && r->prefix.len == prefix->len)
		return;
	*r = (struct adjacency_route){*prefix, port, hop};
	*changed = true;
}

static void put_route6(struct view *v, size_t at, uint8_t port, const struct prefix6 *prefix,
		       uint16_t hop, bool *changed)
{
	struct adjacency_route6 *r = &v->out_routes6[at];

	if (at < v->n_out_routes6 && r->port == port && r->hop == hop &&
	    addr6_equal(&r->prefix.addr, &prefix->addr) && r->prefix.len == prefix->len)
		return;
	*r = (struct adjacency_route6){*prefix, port, hop};
	*changed = true;
}

/* Into the table of its family. */
static void put_route(struct view *v, struct counts *n, uint8_t port, const struct prefix6 *prefix,
		      uint16_t hop, bool *changed)
{
	struct prefix4 four = {addr6_to_ipv4(&prefix->addr), (uint8_t)(prefix->len - MAPPED_BITS)};

	if (addr6_is_mapped(&prefix->addr) && prefix->len >= MAPPED_BITS)
		put_route4(v, n->four++, port, &four, hop, changed);
	else
		put_route6(v, n->six++, port, prefix, hop, changed);
}

static bool same_prefix(const struct view_route *a, const struct view_route *b)
{
	return a->port == b->port && a->route.prefix.len == b->route.prefix.len &&
	       addr6_equal(&a->route.prefix.addr, &b->route.prefix.addr);
}

static void say_routes_full(struct view *v)
{
	if (!v->routes_full_said)
		log_warning("the kernel has more than %d routes by our ports: the longest prefixes "
			    "are left out, their packets follow shorter ones",
			    VIEW_ROUTES_MAX);
	v->routes_full_said = true;
}

/* Rows are sorted by length: if there are too many, the most specific ones are left out. */
static struct counts compile_routes(struct view *v, bool *changed)
{
	const struct prefix6 any = {{{0}}, 0}, any4 = {addr6_from_ipv4(0), MAPPED_BITS};
	struct counts n = {0};

	for (size_t i = 0; i < v->n_ports; i++) {
		uint16_t hop;

		if (v->ports[i].has_kernel)
			continue;
		hop = view_hop(v, (uint8_t)i, &any.addr, 0);
		put_route(v, &n, (uint8_t)i, &any4, hop, changed);
		if (v->with_six)
			put_route(v, &n, (uint8_t)i, &any, hop, changed);
	}
	for (size_t i = 0; i < v->n_routes; i++) {
		const struct view_route *row = &v->routes[i];
		const struct prefix6 *prefix = &row->route.prefix;
		uint16_t hop = HOP_UNKNOWN_HOST;

		if (n.four == VIEW_ROUTES_MAX || n.six == VIEW_ROUTES_MAX) {
			say_routes_full(v);
			break;
		}
		if (i > 0 && same_prefix(row, row - 1))
			continue; /* a higher metric */
		if (!addr6_is_zero(&row->route.gateway))
			hop = view_hop(v, row->port, &prefix->addr, prefix->len);
		if (hop != HOP_NONE)
			put_route(v, &n, row->port, prefix, hop, changed);
	}
	return n;
}

/* The ports' own addresses: they may be changed while we run. */
static void compile_macs(struct view *v, bool *changed)
{
	for (size_t i = 0; i < v->n_ports; i++) {
		if (memcmp(v->out_macs[i], v->ports[i].mac, sizeof(v->out_macs[i])) != 0)
			*changed = true;
		memcpy(v->out_macs[i], v->ports[i].mac, sizeof(v->out_macs[i]));
	}
}

/* The hop towards the far end of a tunnel. */
static uint16_t tunnel_hop(struct view *v, const struct network *net, uint16_t id)
{
	const struct addr6 remote = network_tunnel_remote(net, id), any = {{0}};
	const uint8_t port = net->tunnels[id].port;
	const struct kernel_route *route;

	if (!v->ports[port].has_kernel)
		return view_hop(v, port, &any, 0);
	route = view_route(v, port, &remote, 128);
	if (route == NULL)
		return HOP_NONE;
	if (addr6_is_zero(&route->gateway))
		return view_hop(v, port, &remote, VIEW_HOST);
	return view_hop(v, port, &route->prefix.addr, route->prefix.len);
}

static void compile_tunnels(struct view *v, const struct network *net, bool *changed)
{
	for (uint16_t id = 1; id <= net->n_tunnels && id <= v->n_tunnels; id++) {
		uint16_t hop =
			net->tunnels[id].port < v->n_ports ? tunnel_hop(v, net, id) : HOP_NONE;

		if (v->tunnel_hops[id] != hop)
			*changed = true;
		v->tunnel_hops[id] = hop;
	}
}

/* Never fewer than before: a new one is a new hop. */
static void compile_hosts(struct view *v)
{
	v->n_out_hosts = v->n_out_hosts6 = 0;
	for (size_t i = 0; i < v->n_hops; i++) {
		const struct view_hop *h = &v->hops[i];

		if (h->len != VIEW_HOST)
			continue;
		if (addr6_is_mapped(&h->addr))
			v->out_hosts[v->n_out_hosts++] =
				(struct adjacency_host){addr6_to_ipv4(&h->addr), h->port, h->id};
		else
			v->out_hosts6[v->n_out_hosts6++] =
				(struct adjacency_host6){h->addr, h->port, h->id};
	}
}

bool view_compile(struct view *v, const struct network *net, struct adjacency_spec *spec)
{
	size_t n_hops_before = v->n_hops;
	bool changed = false;
	struct counts n_routes = compile_routes(v, &changed);

	compile_macs(v, &changed);
	compile_tunnels(v, net, &changed);
	v->n_targets = 0;
	for (size_t i = 0; i < v->n_hops; i++)
		compile_hop(v, &v->hops[i], &changed);
	view_fold_mtus(v, net, &changed);
	compile_hosts(v);
	changed = changed || n_routes.four != v->n_out_routes || n_routes.six != v->n_out_routes6 ||
		  n_hops_before != v->n_hops;
	v->n_out_routes = n_routes.four;
	v->n_out_routes6 = n_routes.six;

	*spec = (struct adjacency_spec){
		.hops = v->out_hops,
		.n_hops = v->n_hops + 1,
		.routes = v->out_routes,
		.n_routes = v->n_out_routes,
		.routes6 = v->out_routes6,
		.n_routes6 = v->n_out_routes6,
		.hosts = v->out_hosts,
		.n_hosts = v->n_out_hosts,
		.hosts6 = v->out_hosts6,
		.n_hosts6 = v->n_out_hosts6,
		.tunnel_hops = v->tunnel_hops,
		.tunnel_mtus = v->tunnel_mtus,
		.n_tunnels = v->n_tunnels,
		.macs = (const uint8_t(*)[6])v->out_macs,
		.n_macs = v->n_ports,
	};
	return changed;
}
