/*
 * Nexthops: where a packet is sent.
 *
 * One object for both directions of a flow, and for neighbours and tunnels alike:
 *
 *   flow.onramp, flow.offramp -> struct nexthop -> Ethernet bytes, port, MTU, whose headers
 *
 * A flow stores ids of 16 bits. The object behind an id may change without the flow: a neighbour's
 * Ethernet address, a path MTU, the substitute of a tunnel that is down. When routes to a neighbour
 * have changed, its nexthop is `moved`: a flow that has its id looks up its route again at its next
 * packet (path/resolve.h).
 *
 * Neighbours and tunnels share one space of ids (ids.h): a tunnel's id is its index in
 * network.tunnels. Every 16-bit id may be looked up: an id that is not in use has a nexthop that
 * never resolves.
 *
 * The control thread makes a table of nexthops from the kernel's state and the network
 * (control/kernel), publishes it as part of a snapshot, and destroys it when no worker uses it any
 * more. A published table never changes: workers read it without locks.
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

/* Reserved ids are at the top, so that tunnels are numbered from 1. */
enum {
	NEXTHOP_NONE = 0, /* never in use */
	NEXTHOP_LAST = 0xffed, /* last id of neighbours and tunnels; the first is 1 */
	NEXTHOP_LOST = 0xffee, /* of flows without a route; always moved */
	NEXTHOP_HAIRPIN = 0xffef, /* to one of our own egress addresses (out/hairpin.c) */
	NEXTHOP_IDS = 1 << 16,
	NEXTHOP_MTU_MAX = 65000, /* leaves room for headers in a full buffer */
	NEXTHOP_MTU_ANY = UINT16_MAX, /* no limit: packets are not sent */
};

static_assert((int)SPEC_TUNNELS_MAX <= (int)NEXTHOP_LAST, "every tunnel is a nexthop");
static_assert((int)NEXTHOP_HAIRPIN < (int)ROUTE_VERDICTS, "a verdict is no nexthop");

enum nexthop_kind {
	NEXTHOP_KIND_NONE, /* the id is not in use */
	NEXTHOP_KIND_NEIGHBOUR,
	NEXTHOP_KIND_TUNNEL,
	NEXTHOP_KIND_HAIRPIN,
	NEXTHOP_KIND_DROP, /* a removed tunnel */
};

/*
 * While a substitute is in use, all fields are those of the substitute, except `via`, `substitute`
 * and those that begin with `own_`. So a failover costs packets nothing, and counters count the
 * tunnel that is used.
 */
struct nexthop {
	/* ready-made header; its type is that of the outer header or the VLAN tag, or IPv4 */
	uint8_t ethernet[14];
	uint16_t mtu; /* bytes of IP packet, for a tunnel of the inner one; 0: moved */
	uint16_t tunnel; /* its headers are put in front; TUNNEL_NONE: none */
	/*
	 * A tunnel's own neighbour, also with a substitute; NEXTHOP_NONE: no route, or an
	 * interconnect, whose peer has no id.
	 */
	uint16_t via;
	uint16_t substitute; /* used while this one is down or removed; NEXTHOP_NONE: none */
	uint8_t port; /* index of the port */
	uint8_t kind; /* enum nexthop_kind */
	/* no header stands between Ethernet's and the tunnel's packet: an untagged interconnect */
	bool bare : 1;
	bool resolved : 1; /* packets can be sent */
	bool moved : 1; /* routes to it have changed: look up again */
	bool down : 1; /* known not to work: the substitute is used */
	bool sealed : 1; /* packets go through out/esp.c */
	bool direct : 1; /* resolved and not sealed: one question for encapsulation */

	/* of `tunnel`, so that a packet needs one line of both: as in struct tunnel */
	uint8_t outer, type, header_len;
	uint8_t header[TUNNEL_HEADER_IPV4];

	/*
	 * While a substitute is used: where frames of the tunnel itself go. An interconnect has no
	 * `via` that says so.
	 */
	uint8_t own_mac[6];
	bool own_resolved;
	uint8_t pad;
};

static_assert(sizeof(struct nexthop) == CACHE_LINE, "a packet reads one line of its nexthop");

/* An on-link destination behind @port that a flow of @site needs. */
struct neighbour_wanted {
	struct addr6 addr; /* IPv4: mapped */
	uint16_t site;
	uint8_t port;
};

/* Input from the control thread. All is copied, except the nodes of the trees. */
struct nexthops_spec {
	const struct nexthop *at; /* [n], by id */
	size_t n;
	const uint8_t (*macs)[6]; /* [n_macs], by port: the port's own Ethernet address */
	size_t n_macs;
	struct routes_spec routes;
};

struct nexthops {
	struct nexthop at[NEXTHOP_IDS]; /* first, so that it begins on a huge page */
	struct routes routes;
	uint8_t (*macs)[6]; /* by port: our Ethernet address in ARP and ND answers */
};

/* NULL if memory ran out. Control thread. */
struct nexthops *nexthops_create(const struct nexthops_spec *spec);
void nexthops_destroy(struct nexthops *t); /* NULL is fine */

/* A neighbour behind @port. @dst NULL: its Ethernet address is unknown. */
struct nexthop nexthop_to_neighbour(uint8_t port, const uint8_t src[6], const uint8_t *dst,
				    uint16_t mtu);

struct ids;
struct network;

/* Makes the ids of nexthops; those of the tunnels of @net are in use. NULL if memory ran out. */
struct ids *nexthop_ids_create(const struct network *net);

/*
 * The nexthop of tunnel @id of @net. Its outer packets go by the neighbour @via with id @via_id;
 * NULL: no route. Its MTU is that of inner packets.
 */
struct nexthop nexthop_to_tunnel(const struct network *net, uint16_t id, uint16_t via_id,
				 const struct nexthop *via, uint16_t mtu);
