/*
 * Private to control/kernel/: what we know of the kernel, and the table of nexthops made from it.
 *
 *   netlink events and dumps -> struct view -> view_compile() -> nexthops_spec
 *
 * An event changes a few rows (rib.h, neighbour_rows.h). The next table is made from the changed
 * rows only, so its cost depends on their number and not on the number of routes. Addresses of both
 * families are stored as in netlink.h. No sockets and no clock here: tests take the kernel's place.
 */
#pragma once

#include "control/kernel/neighbour_rows.h"
#include "control/kernel/netlink.h"
#include "control/kernel/objects.h"
#include "control/kernel/rib.h"
#include "network/network.h"
#include "network/nexthop.h"

enum {
	VIEW_ROUTES_MAX = 262144, /* routes by a gateway; further ones are left out */
	VIEW_ROUTES_SPARE = 8192, /* in addition, for on-link networks and default routes */
	VIEW_HOSTS_MAX = 16384, /* on-link hosts that are not tunnel ends */
	VIEW_IDLE_MAX = 2, /* a host is removed after this many censuses without a flow */
	VIEW_PACE_MS = 100, /* between two reroutings of flows */
	VIEW_PACE_MAX_MS = 1000, /* while routes keep changing */
};

struct view_port {
	bool has_kernel; /* false: all packets go to @next_hop */
	int ifindex; /* at present; it changes when the interface is created again */
	uint8_t next_hop[6];
	uint8_t mac[6];
	uint16_t mtu; /* of IP packets, bytes */
	uint16_t mtu6; /* of IPv6 packets, if it is less; 0: the same */

	/* private to control/kernel/: lives as long as the view */
	bool is_plain; /* its trees say that all packets go to @next_hop */
	struct rib rib;
	struct trie four, six; /* used by workers */
};

/* A tunnel, by its id: exists from when a network first has it until no flow has the id. */
struct view_tunnel {
	int row; /* the row that its packets go by; ROWS_NONE: no route */
	uint16_t mtu; /* of inner packets */
	uint16_t substitute; /* used while the tunnel is down; NEXTHOP_NONE: none */
	uint16_t successor; /* used when the tunnel has been removed; NEXTHOP_NONE: none */
	struct addr6 far_end; /* where packets of IPsec go; zero: to the tunnel's `remote` */
	uint8_t peer_mac[6]; /* of an interconnect's peer (control/interconnect/) */
	bool has_peer_mac, peer_failed; /* it is known; it does not answer */
	bool down; /* a monitor reports that it does not work */
	bool known;
};

struct alarms;
struct path_mtus;

struct view {
	struct view_port *ports;
	size_t n_ports;
	bool with_six; /* are routes of IPv6 needed? */
	/* what bounds the size of tunnel packets; NULL: only their `mtu` */
	struct path_mtus *paths;
	struct alarms *alarms; /* NULL: only logged */
	struct neighbour_rows rows;
	struct objects objects;

	bool doubt; /* an event was not understood: all routes must be read again */
	bool is_short; /* of ids: some flows do not follow route changes */
	bool hosts_full; /* the last new host found no room */
	size_t n_left_out; /* routes left out since the last dump */
	size_t n_hosts;
	uint32_t generation; /* number of the current dump */

	/* private to view.c, view_hosts.c and view_compile.c */
	/* a gateway was found or lost: routes with several nexthops must choose again */
	bool reconsider;
	bool routes_changed;
	bool far_ends_changed; /* of tunnels of IPsec */
	uint64_t paced_ms; /* when flows were last asked to look up their routes again */
	unsigned pace; /* how many times in a row */

	/* the last compiled table */
	struct routes_trees trees;
	uint16_t *ids; /* [ids_room] */
	size_t n_ids, ids_room;
	uint8_t (*out_macs)[6]; /* [n_ports] */
	struct view_tunnel *tunnels; /* [NEXTHOP_LAST + 1]; by id */
	uint16_t max_tunnel; /* the highest known id */
};

/* 0 or -ENOMEM. @ids: nexthop ids, of which the tunnels have taken theirs; borrowed. */
int view_init(struct view *v, size_t n_ports, struct ids *ids);
void view_fini(struct view *v);

/* From the next table on the network is @net. Sets with_six: are routes of IPv6 needed? */
void view_take_network(struct view *v, const struct network *net);

/* The port on an interface, or -1. */
int view_port_of(const struct view *v, int ifindex);

/* Each takes one event, or one row of a dump. */
void view_take_route(struct view *v, const struct kernel_route *route);
void view_take_nexthop(struct view *v, const struct kernel_nexthop *nexthop);
void view_forget_nexthops(struct view *v); /* called before they are dumped again */
void view_take_neighbour(struct view *v, const struct kernel_neighbour *neighbour);

/*
 * Called before and after a dump of everything. If the dump was @whole, rows that were not in it
 * are removed.
 */
void view_dump_routes(struct view *v);
void view_dumped_routes(struct view *v, bool whole);
void view_dump_neighbours(struct view *v);
void view_dumped_neighbours(struct view *v, bool whole);

/*
 * Makes an on-link address reachable that was found. 0; -ENOENT: it is not on the link; -ENOSPC:
 * too many are in use; or -ENOMEM.
 */
int view_add_host(struct view *v, uint8_t port, const struct addr6 *addr);

/*
 * A census of flows. wants: is one due? begin: it starts. end: it is finished; @used: the ids that
 * flows have (ids.h).
 */
bool view_wants_census(const struct view *v, uint64_t now_ms);
void view_census_begin(struct view *v, uint64_t now_ms);
void view_census_end(struct view *v, const uint64_t *used);

/* After a census: removes hosts that no flow uses. */
void view_age_hosts(struct view *v);

/* Removes hosts below @prefix that are no longer on the link (view_hosts.c). */
void view_check_hosts(struct view *v, uint8_t port, const struct prefix6 *prefix);
void view_drop_host(struct view *v, int base);
/* Makes the hosts below @prefix again, since the MTU of its route has changed. */
void view_renew_hosts(struct view *v, uint8_t port, const struct prefix6 *prefix);

/* Counts a use of the row: with the next table it has an id. */
void view_use(struct view *v, int row);
void view_unuse(struct view *v, int row);

/* The largest packet that the port carries. */
uint16_t view_port_mtu(const struct view_port *port, bool six);

/*
 * Tunnels (view_tunnels.c). view_route_tunnels(): finds the row of each tunnel after routes have
 * changed. view_tunnel_via(): the id of its neighbour. view_compile_tunnels(), last: writes what is
 * behind their ids; true: something changed.
 */
void view_route_tunnels(struct view *v, const struct network *net);
uint16_t view_tunnel_via(const struct view *v, uint16_t id);
bool view_compile_tunnels(struct view *v, const struct network *net);
void view_forget_tunnels(struct view *v); /* those whose ids are free */

/* From the next table on @substitute is used instead of the tunnel, or not. */
void view_set_substitute(struct view *v, uint16_t tunnel, bool down, uint16_t substitute);

/* Packets of the tunnel, which is one of IPsec, go to @remote from the next table on. */
void view_set_far_end(struct view *v, uint16_t tunnel, const struct addr6 *remote);

/* After the rows: computes the MTU of each tunnel from its port, its neighbour and its path. */
void view_fold_mtus(struct view *v, const struct network *net);

/* Raises and clears the alarm about tunnels whose far end cannot be reached (view_reach.c). */
void view_alarm_unreachable(const struct view *v, const struct network *net);

/* The MTU of the on-link route that contains @addr; 0: it has none. */
uint32_t view_link_mtu(struct view *v, uint8_t port, const struct addr6 *addr);

/* The tree for the family of @addr. */
struct trie *view_tree(struct view *v, uint8_t port, const struct addr6 *addr);

/*
 * Makes the next table in @v and describes it in @spec, which borrows from @v; spec->at is NULL if
 * memory ran out. True: it differs. @again_ms: when to call it again without an event; 0: never.
 */
bool view_compile(struct view *v, const struct network *net, uint64_t now_ms,
		  struct nexthops_spec *spec, uint64_t *again_ms);

/* All workers have the last table, and no previous one. */
void view_published(struct view *v);
