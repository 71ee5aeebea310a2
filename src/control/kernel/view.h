/*
 * Private to control/kernel/: what is known of the kernel, and the table of nexthops made from it.
 *
 *   netlink events and dumps -> struct view -> view_compile() -> nexthops_spec
 *
 * What an event changes is a few rows (rib.h, neighbour_rows.h); the next table is made from those
 * that have changed, in time that depends on their number and not on that of the routes. Addresses
 * of both families are as netlink.h has them. No sockets and no clock here: tests are the kernel.
 */
#pragma once

#include "control/kernel/neighbour_rows.h"
#include "control/kernel/netlink.h"
#include "control/kernel/rib.h"
#include "network/network.h"
#include "network/nexthop.h"

enum {
	VIEW_ROUTES_MAX = 262144, /* by a gateway; later ones are left out */
	VIEW_ROUTES_SPARE = 8192, /* more, for on-link networks and default routes */
	VIEW_HOSTS_MAX = 16384, /* on-link hosts that are not ends of tunnels */
	VIEW_NEXTHOPS_MAX = 65536, /* nexthop objects */
	VIEW_IDLE_MAX = 2, /* censuses without a flow to a host, after which it is let go */
	VIEW_PACE_MS = 100, /* between two times that flows are rerouted */
	VIEW_PACE_MAX_MS = 1000, /* while routes do not stop changing */
};

struct view_port {
	bool has_kernel; /* false: everything goes to @next_hop */
	int ifindex; /* as it is now: it may be another one when the interface is made again */
	uint8_t next_hop[6];
	uint8_t mac[6];
	uint16_t mtu; /* of IP packets, bytes */
	uint16_t mtu6; /* of IPv6 ones, where that is less; 0: the same */

	/* private to control/kernel/: kept as long as the view is */
	bool is_plain; /* its trees say that everything goes to @next_hop */
	struct rib rib;
	struct trie four, six; /* the workers' */
};

/* Of a tunnel, by its id, from when a network first has it until nobody means it. */
struct view_tunnel {
	int row; /* where its packets go; ROWS_NONE: no route */
	uint16_t mtu; /* of inner packets */
	uint16_t substitute; /* stands in while it is down or gone; NEXTHOP_NONE: nobody */
	bool down; /* it does not work, as whoever watches it says */
	bool known;
};

struct alarms;
struct path_mtus;

struct view {
	struct view_port *ports;
	size_t n_ports;
	bool with_six; /* is there any use in IPv6 routes? */
	struct path_mtus *paths; /* what bounds the packets of tunnels; NULL: only their `mtu` */
	struct alarms *alarms; /* NULL: only logged */
	struct neighbour_rows rows;
	struct kernel_nexthop *nexthops; /* sorted by id: nexthop objects */
	size_t n_nexthops, nexthops_room;

	bool doubt; /* an event was not understood: all routes are to be read again */
	bool is_short; /* of numbers: some flows do not follow */
	bool hosts_full; /* the last one found no room */
	size_t n_left_out; /* routes, since the last dump */
	size_t n_hosts;
	uint32_t generation; /* of dumps */

	/* private to view.c, hosts.c and compile.c */
	bool reconsider; /* a gateway was found or lost: routes with several nexthops */
	bool routes_changed;
	uint64_t paced_ms; /* the last time that flows were asked to look again */
	unsigned pace; /* how often in a row */

	/* the last compiled table */
	struct routes_trees trees;
	uint16_t *ids; /* [ids_room] */
	size_t n_ids, ids_room;
	uint8_t (*out_macs)[6]; /* [n_ports] */
	struct view_tunnel *tunnels; /* [NEXTHOP_LAST + 1] */
	uint16_t max_tunnel; /* none above it is known */
};

/* 0 or -ENOMEM. @ids: of nexthops, of which the tunnels have taken theirs; borrowed. */
int view_init(struct view *v, size_t n_ports, struct ids *ids);
void view_fini(struct view *v);

/* From the next table on the network is @net. Whether routes of IPv6 are wanted: with_six. */
void view_take_network(struct view *v, const struct network *net);

/* The port of an interface, or -1. */
int view_port_of(const struct view *v, int ifindex);

/* An event, or a row of a dump. */
void view_take_route(struct view *v, const struct kernel_route *route);
void view_take_nexthop(struct view *v, const struct kernel_nexthop *nexthop);
void view_forget_nexthops(struct view *v); /* they are dumped again */
void view_take_neighbour(struct view *v, const struct kernel_neighbour *neighbour);

/* Around a dump of everything: what is not in it is gone, if it was @whole. */
void view_dump_routes(struct view *v);
void view_dumped_routes(struct view *v, bool whole);
void view_dump_neighbours(struct view *v);
void view_dumped_neighbours(struct view *v, bool whole);

/*
 * Makes an on-link address reachable, as one that was found. 0, -ENOENT: it is not on the link,
 * -ENOSPC: there are too many in use, or -ENOMEM.
 */
int view_add_host(struct view *v, uint8_t port, const struct addr6 *addr);

/* A census of flows: is it due, it begins, it ends with the ids that flows have (ids.h). */
bool view_wants_census(const struct view *v, uint64_t now_ms);
void view_census_begin(struct view *v, uint64_t now_ms);
void view_census_end(struct view *v, const uint64_t *used);

/* After it: hosts that nobody uses are let go. */
void view_age_hosts(struct view *v);

/* Hosts below @prefix that are not on the link any more are let go (hosts.c). */
void view_check_hosts(struct view *v, uint8_t port, const struct prefix6 *prefix);
void view_drop_host(struct view *v, int base);
/* The MTU of their network is another one. */
void view_renew_hosts(struct view *v, uint8_t port, const struct prefix6 *prefix);

/* A table's use of a row: it has a number from the next table on. */
void view_use(struct view *v, int row);
void view_unuse(struct view *v, int row);

/* The largest packet that the port carries. */
uint16_t view_port_mtu(const struct view_port *port, bool six);

/*
 * Tunnels (tunnel_nexthops.c): which row their packets go by, after routes have changed; the id of
 * its neighbour; and, after all that, what is behind their ids. True: that has changed.
 */
void view_route_tunnels(struct view *v, const struct network *net);
uint16_t view_tunnel_via(const struct view *v, uint16_t id);
bool view_compile_tunnels(struct view *v, const struct network *net);
void view_forget_tunnels(struct view *v); /* whose ids are free */

/* After the rows: the MTU of each tunnel, by its port, its neighbour and its path. */
void view_fold_mtus(struct view *v, const struct network *net);

/* Raises and clears the alarm about tunnels whose far end no packet can reach (tunnel_reach.c). */
void view_tell_unreachable(const struct view *v, const struct network *net);

/* The MTU of the on-link route that @addr is in; 0: it names none. */
uint32_t view_link_mtu(struct view *v, uint8_t port, const struct addr6 *addr);

/* The tree of the family of @addr. */
struct trie *view_tree(struct view *v, uint8_t port, const struct addr6 *addr);

/*
 * Makes the next table in @v and describes it in @spec, which borrows. True: it differs. @again_ms:
 * when there will be something to do without an event; 0: never.
 */
bool view_compile(struct view *v, const struct network *net, uint64_t now_ms,
		  struct nexthops_spec *spec, uint64_t *again_ms);

/* All workers have the last table, and none before it. */
void view_published(struct view *v);
