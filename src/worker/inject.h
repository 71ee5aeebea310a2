/*
 * Packets of the control thread: probes of tunnels, requests to neighbours, packets of a routing
 * daemon.
 *
 *   control --inject_put()--> [ ring ] --at most 32 a turn--> encapsulate -> transmit
 *
 * The packet path sends packets and makes none. What the gateway has to say by itself comes from
 * the control thread through a ring to a worker, with one writer and one reader. Each packet is
 * counted as `injected`, so law 3 holds.
 */
#pragma once

#include "base/types.h"
#include "network/nexthop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	INJECT_MAX = 1536, /* bytes of a packet */
	INJECT_ROOM = 1024, /* packets in a ring; a power of two */
	INJECT_PER_TURN = 32,
};

enum inject_kind {
	/* an inner IP packet by nexthop @to, as packets of flows go: with its substitute */
	INJECT_NEXTHOP,
	/* an inner IP packet into the tunnel @to itself, also while a substitute is used for it */
	INJECT_TUNNEL,
	/* a frame from its Ethernet header on, to be sent by port @to as it is */
	INJECT_FRAME,
};

struct burst;
struct context;
struct inject;

/* NULL if memory ran out. Control thread. */
struct inject *inject_create(void);
void inject_destroy(struct inject *in); /* the worker is stopped; NULL is fine */

/*
 * Control thread: copies a packet into the ring. False: the ring is full, and nothing has happened.
 * @to: a tunnel or neighbour (at most NEXTHOP_LAST), or the slot of a port. @len: at most
 * INJECT_MAX; an IP packet has at least its fixed header. If the worker cannot send the packet, it
 * is dropped and counted by reason.
 */
bool inject_put(struct inject *in, enum inject_kind kind, uint16_t to, const void *bytes,
		size_t len);

/* Worker: are there packets? */
bool inject_is_there(const struct inject *in);

/*
 * Worker, between two bursts: puts the next packets into the lists of an empty burst. Returns how
 * many. While there is no buffer for them, they wait.
 */
unsigned inject_take(struct inject *in, struct context *ctx, struct burst *b);
