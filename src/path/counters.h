/* Counters of a worker. Only the worker writes them; others read copies (worker/worker.h). */
#pragma once

#include "base/drop.h"
#include "base/ended.h"
#include "base/types.h"

#include <assert.h>
#include <stdint.h>

struct tunnel_counters {
	uint64_t rx_packets, rx_bytes; /* inner packets that came out of it */
	uint64_t tx_packets, tx_bytes; /* inner packets that went into it */
	uint64_t drops; /* dropped packets that came out of it or were to go into it */
	uint64_t keepalives_answered; /* keepalives of the far end, sent back */
	uint64_t keepalives_heard; /* answers to ours */
	uint64_t pad;
};

static_assert(sizeof(struct tunnel_counters) == CACHE_LINE, "a packet reads one line of them");

struct port_counters {
	uint64_t rx_packets, rx_bytes;
	uint64_t tx_packets, tx_bytes;
	uint64_t partial; /* received with a partial checksum, which was completed */
	uint64_t cut; /* received shorter than their IP header says, and dropped */
};

/* Ports in use in one slice; each worker counts its own part of the slice. */
struct slice_counters {
	uint32_t flows;
	uint32_t ports; /* different ports that carry at least one flow */
};

/* Flows of one site; each worker counts its own. */
struct site_counters {
	uint64_t flows; /* now */
	uint64_t half_open; /* of them: TCP connections not yet established */
	uint64_t refused; /* first packets refused by one of the site's limits */
	uint64_t refused_source; /* of them: by the limit of one host */
	uint64_t no_room; /* first packets refused: egress ports or flow records exhausted */
};

/* Adds to a counter of a site, which other workers read meanwhile. Its own worker. */
static inline void counters_add(uint64_t *counter, int change)
{
	__atomic_store_n(counter, *counter + (uint64_t)(int64_t)change, __ATOMIC_RELAXED);
}

struct worker_counters {
	/*
	 * Law 3: rx + injected + handed_in + fragments_made
	 *        = tx + held + fragments_joined + handed_out + sum of drops
	 */
	uint64_t rx, tx, held;
	uint64_t injected; /* packets of the control thread (worker/inject.h) */
	uint64_t handed_in, handed_out; /* packets from and to other workers */
	uint64_t asked; /* packets for whose flow other workers were asked */
	uint64_t spilled; /* first packets passed on, as this worker had no room for the flow */
	uint64_t fragments_made; /* packets added by fragmentation: fragments minus one */
	uint64_t fragments_joined; /* packets removed by reassembly: fragments minus one */
	uint64_t hairpinned; /* hairpinned; received once and sent once, so no term of law 3 */
	uint64_t drops[DROP_COUNT];
	uint64_t answers[ANSWER_COUNT]; /* part of tx */
	uint64_t flows_created, flows_ended;
	uint64_t flows_kept; /* of an earlier process */
	uint64_t flows_ended_by[ENDED_COUNT]; /* flows ended by a change, by reason */
	uint64_t flows_moved; /* flows whose tunnel a change removed, and that use another one */
	uint64_t flows; /* now */
	uint64_t rests_cut; /* ports given to another site before their rest was over */
	uint64_t turns, idle_turns;
	uint64_t clock_steps; /* the CPU's counter disagreed with the clock (base/clock.h) */
};
