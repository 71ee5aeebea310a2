/*
 * What a worker counts. Each counter is written by its worker alone; others read copies
 * (worker/worker.h).
 */
#pragma once

#include "base/drop.h"
#include "base/ended.h"

#include <stdint.h>

struct tunnel_counters {
	uint64_t rx_packets, rx_bytes; /* inner packets that came out of it */
	uint64_t tx_packets, tx_bytes; /* inner packets that went into it */
	uint64_t drops; /* came out of it or were to go into it, and were dropped */
	uint64_t keepalives_answered; /* its far end's, sent back */
	uint64_t keepalives_heard; /* answers to ours */
};

struct port_counters {
	uint64_t rx_packets, rx_bytes;
	uint64_t tx_packets, tx_bytes;
	uint64_t partial; /* received with a checksum left undone, which we finished */
	uint64_t cut; /* received shorter than their IP header says, and dropped */
};

/* Ports in use of one slice; each worker counts its own part of the slice. */
struct slice_counters {
	uint32_t flows;
	uint32_t ports; /* different ports that carry at least one flow */
};

/* Flows of one site; each worker counts its own. */
struct site_counters {
	uint64_t flows; /* now */
	uint64_t half_open; /* of them: TCP connections not yet established */
	uint64_t refused; /* first packets, by one of the site's limits */
	uint64_t refused_source; /* of them: because one host has its limit */
	uint64_t no_room; /* first packets, for want of an egress port or a flow record */
};

struct worker_counters {
	/*
	 * Law 3: rx + handed_in + fragments_made
	 *        = tx + held + fragments_joined + handed_out + sum of drops
	 */
	uint64_t rx, tx, held;
	uint64_t handed_in, handed_out; /* packets from and to other workers */
	uint64_t fragments_made; /* a packet left in fragments: all but one of them */
	uint64_t fragments_joined; /* a packet came in fragments: all but one of them */
	uint64_t hairpinned; /* turned back in: came once and leave once, so no term of the law */
	uint64_t drops[DROP_COUNT];
	uint64_t answers[ANSWER_COUNT]; /* part of tx */
	uint64_t flows_created, flows_ended;
	uint64_t flows_ended_by[ENDED_COUNT]; /* of them, by a change */
	uint64_t flows_moved; /* a change took their tunnel, and they go by another one */
	uint64_t flows; /* now */
	uint64_t rests_cut; /* a port was given to another site before it had rested */
	uint64_t turns, idle_turns;
	uint64_t clock_steps; /* its counter disagreed with the system's clock (base/clock.h) */
};
