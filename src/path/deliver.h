/*
 * Packets for the routing daemon of this machine: from a worker to the control thread.
 *
 *   setup --deliver_packet()--> [ ring ] --deliver_take()--> control/bgp --> homeward0
 *
 * The far end of a tunnel speaks BGP (TCP port 179) and BFD (UDP port 3784) with our address inside
 * the tunnel. These packets belong to no flow, so setup finds them, and other packets cost nothing
 * more. Their bytes are copied: there are few of them, and no buffer leaves the worker.
 *
 * One writer, the worker; one reader, the control thread.
 */
#pragma once

#include "base/addr6.h"
#include "path/packet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DELIVER_MAX = 1536, /* bytes of a packet */
	DELIVER_ROOM = 256, /* packets in a ring; a power of two */
};

struct context;
struct deliver;

struct deliver *deliver_create(void); /* NULL if memory ran out */
void deliver_destroy(struct deliver *d); /* the worker is stopped; NULL is fine */

/*
 * Is @p, which is addressed to our address inside its tunnel, for the routing daemon? Then it goes
 * into the ring and is dropped as bgp_delivered; or by another name, if its source is not the far
 * end of this tunnel, or if there is no room. False: it is another packet, and nothing has
 * happened. @six: the key of an IPv6 packet; else NULL.
 */
bool deliver_packet(struct context *ctx, struct burst *b, struct packet *p,
		    const struct flow6_key *six);

/*
 * Takes the oldest packet out of the ring: writes its IP packet to @bytes, of DELIVER_MAX bytes,
 * and returns its length. 0: the ring is empty. Control thread.
 */
size_t deliver_take(struct deliver *d, void *bytes);
