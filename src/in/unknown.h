/*
 * The last few tunnels that send to us and that no configuration knows, so that an operator sees
 * who it is: a counter says only that there is somebody.
 *
 * Bounded: UNKNOWN_TUNNELS of each worker. A new one takes the place of one that was silent for
 * UNKNOWN_FORGET_S, or else of the one with the fewest packets: a flood from ever new addresses
 * does not push out a site that keeps trying. Written by the worker, off the fast path; any thread
 * takes copies.
 */
#pragma once

#include "base/addr6.h"
#include "base/drop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct context;
struct packet;

enum {
	UNKNOWN_TUNNELS = 16,
	UNKNOWN_FORGET_S = 600,
};

struct unknown_tunnel {
	struct addr6 local, remote; /* outer addresses; IPv4: mapped */
	uint64_t packets; /* 0: free */
	uint32_t key; /* host order */
	uint32_t seen_s; /* the worker's clock */
	uint8_t has_key;
	uint8_t reason; /* enum drop: why it is none of ours */
	uint8_t port; /* it came in by */
	uint8_t pad[5];
};

struct unknown_tunnels {
	uint64_t sequence; /* odd: being written */
	struct unknown_tunnel list[UNKNOWN_TUNNELS];
};

/* Counts one packet of @tunnel, whose packets and seen_s are not looked at. */
void unknown_note(struct context *ctx, const struct unknown_tunnel *tunnel);

/*
 * A packet is dropped by decapsulation: if it is of a tunnel that nobody knows, counts it. @p is as
 * it was received, with its Ethernet header, and its outer header has been checked.
 */
void unknown_look(struct context *ctx, const struct packet *p, enum drop drop);

/*
 * Copies those seen in the last UNKNOWN_FORGET_S to @out, which has room for UNKNOWN_TUNNELS; how
 * many. seen_s of the copies says how many seconds ago.
 */
size_t unknown_read(const struct context *ctx, struct unknown_tunnel *out);
