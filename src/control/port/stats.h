/* What the kernel, drivers and interfaces count of a port: see control/port/meter.c. */
#pragma once

#include "base/drop.h"

#include <stdbool.h>

/*
 * Packets lost between the cable and a worker, in either direction. Workers do not see them, so
 * they are in none of the workers' counters.
 *
 * X(enum name, name for people, what it means and what to look at)
 */
#define PORT_LOSS_LIST(X)                                                                          \
	X(NO_LISTENER, "no_listener", "ours, but no socket listened on the queue")                 \
	X(CROWDED, "crowded",                                                                      \
	  "its sender has filled most of a ring; the rest is kept for other senders")              \
	X(IKE_LIMITED, "ike_limited",                                                              \
	  "new IKE requests: more in a second than one network may send, or all strangers")        \
	X(RX_RING_FULL, "rx_ring_full",                                                            \
	  "the receive ring was full: the worker got too little CPU")                              \
	X(RX_DROPPED, "rx_dropped",                                                                \
	  "no buffer was free, the worker got too little CPU; or it was longer than a buffer")     \
	X(RX_MISSED, "rx_missed", "the interface itself had no room for it")                       \
	X(TX_INVALID, "tx_invalid", "the kernel refused the buffer that it was sent from")         \
	X(TX_FAILED, "tx_failed", "the driver could not send it")                                  \
	X(TX_DROPPED, "tx_dropped",                                                                \
	  "the interface could not send it; includes the kernel's own packets")

/* clang-format off */
enum port_loss {
#define X(id, name, help) PORT_LOSS_##id,
	PORT_LOSS_LIST(X)
#undef X
	PORT_LOSSES,
};
/* clang-format on */

extern const struct drop_info port_loss_infos[PORT_LOSSES];

/* Since the start, over all openings of the port. */
struct port_stats {
	uint64_t took; /* kernel ports: what the kernel had for us */
	uint64_t received; /* what workers received of it */
	uint64_t waiting; /* in rings between kernel and worker, or on the way */
	uint64_t lost[PORT_LOSSES];
	/* events, not packets */
	uint64_t rx_invalid; /* receive buffers that the kernel refused */
	uint64_t fill_ring_empty, tx_ring_empty; /* how often the kernel found the ring empty */
	uint64_t no_buffer; /* how often the driver had no buffer; the packet waits */
	bool accounted; /* took = received + lost on receive + what the rings hold */
};

uint64_t port_sum_lost(const struct port_stats *stats);
