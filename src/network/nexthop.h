/*
 * Nexthops: where does a packet go on?
 *
 * One object for both directions of a flow, and for neighbours and tunnels alike:
 *
 *   flow.onramp, flow.offramp -> struct nexthop -> Ethernet bytes, port, MTU, whose headers
 *
 * A flow keeps ids of 16 bits. What is behind an id changes without the flow: a neighbour's
 * Ethernet address, the MTU of a path, the tunnel that stands in for one that is down. When routes
 * have changed, the neighbour that packets went by is `moved`: a flow that has its id looks up its
 * route again (path/resolve.h), at its next packet.
 *
 * Neighbours and tunnels share one space of ids (ids.h): a tunnel's id is its number in
 * network.tunnels. Every id of 16 bits may be looked up: behind one that nobody has there is
 * nothing, which never resolves.
 *
 * The control thread makes a table of them from what it knows of kernel and network
 * (control/kernel), publishes it like the network and destroys it when every worker has let go.
 * Nothing is written in between: workers read without locks.
 */
#pragma once

#include "base/addr6.h"
#include "base/types.h"
#include "network/routes.h"
#include "network/spec.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reserved ids lie at the top, so that tunnels are numbered from 1, as people would. */
enum {
	NEXTHOP_NONE = 0, /* never given */
	NEXTHOP_LAST = 0xffed, /* of neighbours and tunnels; the first is 1 */
	NEXTHOP_LOST = 0xffee, /* of flows that have no route now: moved for ever */
	NEXTHOP_HAIRPIN = 0xffef, /* back in: to one of our own egress addresses (out/hairpin.c) */
	NEXTHOP_IDS = 1 << 16,
	NEXTHOP_MTU_MAX = 65000, /* so that headers fit in front of a packet that fills a buffer */
	NEXTHOP_MTU_ANY = UINT16_MAX, /* of what ends here */
};

static_assert((int)SPEC_TUNNELS_MAX <= (int)NEXTHOP_LAST, "every tunnel is a nexthop");
static_assert((int)NEXTHOP_HAIRPIN < (int)ROUTE_VERDICTS, "a verdict is no nexthop");

enum nexthop_kind {
	NEXTHOP_KIND_NONE, /* nobody has this id */
	NEXTHOP_KIND_NEIGHBOUR,
	NEXTHOP_KIND_TUNNEL,
	NEXTHOP_KIND_HAIRPIN,
	NEXTHOP_KIND_DROP, /* a tunnel that is gone */
};

/*
 * Where a substitute stands in, all is the substitute's but `via` and `substitute`: packets pay
 * nothing for a failover, and counters count the tunnel that was used.
 */
struct nexthop {
	uint8_t ethernet[14]; /* header, ready made: its type is the outer one, or IPv4's */
	uint16_t mtu; /* bytes of IP packet, inside a tunnel; 0: moved */
	uint16_t tunnel; /* whose headers go in front; TUNNEL_NONE: none */
	uint16_t via; /* a tunnel's own neighbour, whoever stands in; NEXTHOP_NONE: no route */
	uint16_t substitute; /* stands in while it is down or gone; NEXTHOP_NONE: nobody */
	uint8_t port; /* index of the port */
	uint8_t kind; /* enum nexthop_kind */
	bool resolved : 1; /* packets can leave by it */
	bool moved : 1; /* some or all routes to it lead elsewhere: look up again */
	bool down : 1; /* known not to work: the substitute stands in */
	uint8_t pad[7];
};

static_assert(sizeof(struct nexthop) == 32, "two nexthops a cache line");

/* A destination on the link of @port that a flow of @site waits for. */
struct neighbour_wanted {
	struct addr6 addr; /* IPv4: mapped */
	uint16_t site;
	uint8_t port;
};

/* What the control thread found; copied, but for the nodes of trees. */
struct nexthops_spec {
	const struct nexthop *at; /* [n], by id */
	size_t n;
	const uint8_t (*macs)[6]; /* [n_macs], by port: its own Ethernet address */
	size_t n_macs;
	struct routes_spec routes;
};

struct nexthops {
	struct routes routes;
	uint8_t (*macs)[6]; /* by port: what we answer ARP and solicitations with */
	_Alignas(CACHE_LINE) struct nexthop at[NEXTHOP_IDS];
};

/* NULL if memory ran out. Control thread. */
struct nexthops *nexthops_create(const struct nexthops_spec *spec);
void nexthops_destroy(struct nexthops *t); /* NULL is fine */

/* A neighbour behind @port. @dst NULL: its Ethernet address is not known yet. */
struct nexthop nexthop_to_neighbour(uint8_t port, const uint8_t src[6], const uint8_t *dst,
				    uint16_t mtu);

struct ids;
struct network;

/* Ids of nexthops, of which the tunnels of @net have taken theirs. NULL if memory ran out. */
struct ids *nexthop_ids_create(const struct network *net);

/*
 * Tunnel @id of @net, whose outer packets go by the neighbour @via with the id @via_id; NULL: no
 * route. Of the two MTUs this is the inner one.
 */
struct nexthop nexthop_to_tunnel(const struct network *net, uint16_t id, uint16_t via_id,
				 const struct nexthop *via, uint16_t mtu);
