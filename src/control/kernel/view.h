/*
 * Private to control/kernel/: what is known of the kernel, and the adjacency table made from it.
 *
 *   netlink dumps -> struct view (sorted rows) -> view_compile() -> adjacency_spec
 *
 * Addresses of both families are as netlink.h has them. No sockets and no clock here: tests fill
 * the rows by hand.
 */
#pragma once

#include "control/kernel/netlink.h"
#include "network/adjacency.h"
#include "network/network.h"

enum {
	VIEW_ROUTES_MAX = 16384, /* more specific ones beyond are left out */
	VIEW_HOSTS_MAX = 4096, /* on-link hosts that are not ends of tunnels */
	VIEW_TARGETS_MAX = 65536,
};

struct view_port {
	bool has_kernel; /* false: everything goes to @next_hop */
	uint8_t next_hop[6];
	uint8_t mac[6];
	uint16_t mtu; /* of IP packets, bytes */
	uint16_t mtu6; /* of IPv6 ones, where that is less; 0: the same */
};

struct view_route {
	uint8_t port;
	struct kernel_route route;
};

struct view_neighbour {
	uint8_t port;
	struct kernel_neighbour neighbour;
};

/* What must be resolved for packets to leave. */
struct view_target {
	struct addr6 addr;
	uint8_t port;
};

/* A number that flows remember, and what it stands for: never changes, never ends. */
struct view_hop {
	struct addr6 addr;
	uint8_t port;
	uint8_t len; /* of the route's prefix; VIEW_HOST: an on-link host */
	uint16_t id;
};

enum { VIEW_HOST = 129 };

struct alarms;
struct path_mtus;

struct view {
	struct view_port *ports;
	size_t n_ports;
	bool with_six; /* is there any use in reading IPv6? */
	struct path_mtus *paths; /* what bounds the packets of tunnels; NULL: only their `mtu` */
	struct alarms *alarms; /* NULL: only logged */
	struct view_route *routes; /* sorted by length, port, address, metric */
	size_t n_routes, routes_room;
	struct view_neighbour *neighbours; /* sorted by port, address */
	size_t n_neighbours, neighbours_room;

	/* private to view.c and compile.c */
	struct view_hop *hops; /* sorted by length, port, address */
	size_t n_hops, hops_room;
	size_t n_hosts; /* asked for by view_add_host() */
	struct addr6 *via; /* [HOPS_MAX + 1] by id: whose MAC the hop had in the last table */
	uint64_t lengths[256][3]; /* by port: bit k: there is a route of length k */
	bool hops_full_said, routes_full_said;

	/* the last compiled table */
	struct hop *out_hops; /* [HOPS_MAX + 1] */
	uint8_t (*out_macs)[6]; /* [n_ports] */
	struct adjacency_route *out_routes; /* [VIEW_ROUTES_MAX] */
	struct adjacency_host *out_hosts;
	struct adjacency_route6 *out_routes6; /* [VIEW_ROUTES_MAX] */
	struct adjacency_host6 *out_hosts6;
	size_t n_out_routes, n_out_routes6, n_out_hosts, n_out_hosts6;
	uint16_t *tunnel_hops;
	uint16_t *tunnel_mtus;
	size_t n_tunnels;
	struct view_target *targets;
	size_t n_targets;
};

int view_init(struct view *v, size_t n_ports, size_t n_tunnels); /* 0 or -ENOMEM */
void view_fini(struct view *v);

/* Rows of one dump: clear, add, ..., sort. Adding fails only for want of memory: -ENOMEM. */
void view_clear_routes(struct view *v);
int view_add_route(struct view *v, uint8_t port, const struct kernel_route *route);
void view_clear_neighbours(struct view *v);
int view_add_neighbour(struct view *v, uint8_t port, const struct kernel_neighbour *neighbour);
void view_sort(struct view *v);

/* What routes to @addr: longest prefix of at most @longest bits, lowest metric. NULL: nothing. */
const struct kernel_route *view_route(const struct view *v, uint8_t port, const struct addr6 *addr,
				      uint8_t longest);
const struct kernel_neighbour *view_neighbour(const struct view *v, uint8_t port,
					      const struct addr6 *addr);
bool view_resolved(const struct kernel_neighbour *neighbour); /* NULL: false */

/* The largest packet that the port carries. */
uint16_t view_port_mtu(const struct view_port *port, bool six);

/* Gives an on-link host a hop of its own. 0, -ENOSPC: too many already, or -ENOMEM. */
int view_add_host(struct view *v, uint8_t port, const struct addr6 *addr);

/* The number of (port, prefix), made when it is new. HOP_NONE: there are too many. */
uint16_t view_hop(struct view *v, uint8_t port, const struct addr6 *addr, uint8_t len);

/* After the hops: the MTU of each tunnel, by its port, the hop to its far end and its path. */
void view_fold_mtus(struct view *v, const struct network *net, bool *changed);

/* Makes the next table in @v and describes it in @spec, which borrows. True: it differs. */
bool view_compile(struct view *v, const struct network *net, struct adjacency_spec *spec);
