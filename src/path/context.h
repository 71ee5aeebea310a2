/*
 * A worker context: all data that the stages of one worker use.
 *
 * Only its worker writes it. Control publishes a snapshot (snapshot.h); the worker copies pointers
 * to its parts between two bursts (worker/worker.c).
 */
#pragma once

#include "flow/flow.h"
#include "network/network.h"
#include "network/nexthop.h"
#include "path/counters.h"
#include "path/packet.h"
#include "path/snapshot.h"

enum {
	CONTEXT_WANTED_MAX = 64,
	CONTEXT_HEARD_MAX = 64,
	CONTEXT_IDENTIFICATION_BITS = 10,
	CONTEXT_TX_NOBODY = UINT16_MAX, /* as tx_worker: nobody, the port is closed */
};

static_assert(IPV6_LEN + ICMP_LEN + TUNNEL_HEADER_MAX <= HEADROOM_MIN,
	      "an error in a tunnel needs more room");

struct egress_state; /* setup/egress.h */
struct sources; /* sources.h */
struct remotes; /* flow/remotes.h */
struct probe_row; /* probes.h */
struct context;
struct deliver; /* deliver.h */
struct esp_worker; /* esp/worker.h */
struct route_cache; /* route_cache.h */
struct vnet_cache; /* vnet_cache.h */

struct handover; /* handover.c */
struct reassembly; /* in/assembly.c */
struct unknown_tunnels; /* in/unknown.c */
struct memif_queue; /* memif.h */
struct rte_mbuf;
struct steer_queue;

struct context_port {
	uint16_t n_queues; /* 0: the port is closed; worker (q mod workers) owns queue q */
	uint16_t tx_worker; /* the worker that transmits for this one; itself if it has a queue */
	struct port_queue tx_queue; /* of this worker, if it has one */
	struct memif_queue *memif; /* [n_queues]; NULL: a DPDK port */
	struct steer_queue
		*rings; /* their fill levels, shared with the steer program; NULL: none */
	bool empty; /* the slot has no port */
	bool hears_all;
	bool answer_arp_for_tunnels;
	uint32_t partial_until_s; /* until then every checksum is checked: in/partial.c */
	uint16_t n_tx;
	struct rte_mbuf *tx[BURST_MAX]; /* transmit: packets to send at the end of the burst */
	struct port_queue queues[PORT_QUEUES_MAX]; /* [n_queues] */
};

/* What a site uses of this worker; compared with its limits (setup/limits.c). */
struct site_use {
	_Alignas(CACHE_LINE) struct site_counters counters;
	uint64_t flows6; /* of counters.flows: those in the table of IPv6 */
	uint64_t far_flows; /* others' to it; of site 0 untranslated ones; workers read it */
	uint64_t spent_until_ns; /* its tokens for new flows are used up until then */
};

static_assert(sizeof(struct site_use) == CACHE_LINE, "a first packet writes one line of a site");

/* What this worker answered to a site. Few packets need it, so it is not in struct site_use. */
struct site_answers {
	uint64_t errors_until_ns; /* its tokens for ICMP errors are used up until then */
	uint64_t resets_until_ns; /* the same for TCP resets */
};

/* All rows of both, in one piece of memory. */
struct site_rows {
	struct site_use use[SPEC_SITES_MAX + 1];
	struct site_answers answers[SPEC_SITES_MAX + 1];
};

/* The peer of an interconnect tells its Ethernet address. */
struct peer_heard {
	uint16_t tunnel;
	uint8_t mac[6];
};

/* The work that a burst may still do to make room for its first packets (setup/room.c). */
struct room {
	const struct burst *burst; /* packets of this burst are in flight; NULL: none */
	uint16_t first_packets;
	uint16_t sweeps; /* records visited so far */
	uint16_t spills; /* packets passed on to other workers */
	bool knows_met[2]; /* is met[] filled in? by family */
	uint64_t met[2][16]; /* records that packets of the burst refer to, by some bits */
};

struct context {
	/* read by stages, set by the worker */
	const struct network *net;
	const struct nexthops *nexthops;
	struct handover *handover; /* NULL: there is only one worker */
	struct flow_table *flows;
	struct flow_table *flows6; /* of IPv6; NULL: IPv6 is not forwarded */
	/*
	 * [count], by index, itself included. Of another worker only what is written by atomics:
	 * the tables by flow/ask.h, the remotes, and what sites and hosts use by totals.h.
	 */
	const struct context *const *workers;
	const struct context *self; /* what `workers` points to if there is one worker */
	uint32_t now_s; /* worker clock, seconds; starts at 1 */
	uint64_t now_ns; /* the same in nanoseconds */
	uint64_t origin_ns; /* the system's time when the worker clock was 0 */
	uint16_t index, count; /* this worker's index, and the number of workers */
	struct flow_timers timers;
	uint16_t rest_s; /* how long an egress port rests towards the same server */
	bool outbound_refresh; /* forward: returns do not keep a flow alive */
	bool reset_unknown; /* setup: answer segments of no flow by a reset */
	struct context_port *ports;
	uint16_t n_ports; /* slots from here on were never used */
	uint16_t first_source; /* receive: rotates */
	void (*moved)(struct context *ctx,
		      const struct flow *flow); /* its on-ramp changed; may be NULL */

	/* written by stages */
	struct egress_state *egress;
	struct room room;
	struct reassembly *reassembly;
	struct unknown_tunnels *unknown; /* NULL: not recorded */
	struct deliver *deliver; /* to the routing daemon */
	struct esp_worker *esp; /* NULL: there are no SAs, and no tunnel of IPsec works */
	struct remotes *remotes; /* address pairs of this worker's flows */
	struct site_use *sites; /* by id: `use` of struct site_rows */
	struct sources *sources; /* the hosts of all sites */
	struct route_cache *route_cache;
	struct vnet_cache *vnet_cache;
	uint32_t flows_taken; /* of all sites, including flows in setup */
	uint32_t flows6_taken;
	uint64_t errors_until_ns; /* as that of a site, for all sites together */
	uint32_t partial_until_s; /* the latest of all ports (in/partial.c) */
	struct worker_counters counters;
	struct tunnel_counters *tunnels; /* [SPEC_TUNNELS_MAX + 1], by id */
	struct probe_row *probes; /* by id: awaited answers; NULL: none are */
	uint64_t *keepalives_until_ns; /* by id: tokens for answers are used up until then */
	struct port_counters *port_counters; /* by slot */

	/* unresolved on-link destinations: setup writes, the worker passes them to control */
	struct neighbour_wanted wanted[CONTEXT_WANTED_MAX];
	uint16_t n_wanted;
	uint32_t wanted_turn; /* wanted.c */

	/* decapsulate writes, the worker passes them to control: heard.c */
	struct peer_heard heard[CONTEXT_HEARD_MAX];
	uint16_t n_heard;

	/* identifications of fragments (out/identification.c) */
	uint16_t identification_part; /* this worker's share of the 65,536 of IPv4 */
	uint8_t identification6_half; /* bits */
	uint32_t identification6;
	uint16_t identifications[1 << CONTEXT_IDENTIFICATION_BITS];
};

static inline struct site_answers *context_answers(struct context *ctx, uint16_t site)
{
	return &((struct site_rows *)ctx->sites)->answers[site];
}
