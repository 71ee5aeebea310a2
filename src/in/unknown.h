/*
 * The last tunnels that sent to us and are not configured. They show an operator which far end is
 * missing in the configuration; a counter alone would not.
 *
 * Bounded: UNKNOWN_TUNNELS of each worker. A new one replaces one that was silent for
 * UNKNOWN_FORGET_S, or else the one with the fewest packets. So a flood from ever new addresses
 * does not displace a site that keeps trying. Written by the worker, off the fast path; any thread
 * may copy them.
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
	uint8_t reason; /* enum drop: why it is unknown */
	uint8_t port; /* port that it came in by */
	uint8_t pad[5];
};

struct unknown_tunnels {
	uint64_t sequence; /* odd: being written */
	struct unknown_tunnel list[UNKNOWN_TUNNELS];
};

/* Counts one packet of @tunnel; ignores its packets and seen_s. */
void unknown_note(struct context *ctx, const struct unknown_tunnel *tunnel);

/*
 * Counts @p, which decapsulation drops, if its tunnel is unknown. @p is as received, with its
 * Ethernet header; its outer header was checked.
 */
void unknown_look(struct context *ctx, const struct packet *p, enum drop drop);

/*
 * Copies those seen in the last UNKNOWN_FORGET_S to @out, which has room for UNKNOWN_TUNNELS;
 * returns how many. seen_s of the copies is the time since then, in seconds.
 */
size_t unknown_read(const struct context *ctx, struct unknown_tunnel *out);
