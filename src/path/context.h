/*
 * A worker context: all that the stages of one worker may touch.
 *
 * Written by its worker alone. What control publishes is a snapshot (snapshot.h), whose parts the
 * worker takes between two bursts (worker/worker.c).
 */
#pragma once

#include "flow/flow.h"
#include "network/network.h"
#include "network/nexthop.h"
#include "path/counters.h"
#include "path/packet.h"

enum {
	CONTEXT_WANTED_MAX = 64,
	CONTEXT_IDENTIFICATION_BITS = 10,
	CONTEXT_TX_NOBODY = UINT16_MAX, /* as tx_worker: the port is closed */
};

static_assert(ETHER_LEN + TUNNEL_HEADER_MAX <= HEADROOM_MIN, "a tunnel's headers need more room");

struct egress_state; /* setup/egress.c */
struct sources; /* sources.h */
struct remotes; /* flow/remotes.h */

struct handover; /* handover.c */
struct reassembly; /* in/assembly.c */
struct unknown_tunnels; /* in/unknown.c */
struct rte_mbuf;
struct steer_queue;

struct context_port {
	uint16_t ethdev; /* DPDK port id */
	uint16_t n_queues; /* 0: the port is closed; queue q is worker (q mod workers)'s */
	uint16_t tx_worker; /* who transmits for this worker; itself if it has a queue */
	struct steer_queue
		*rings; /* how full they are, for the program in the kernel; NULL: none */
	bool empty; /* nobody has the slot */
	bool hears_all;
	bool answer_arp_for_tunnels;
	uint32_t partial_until_s; /* until then every checksum is looked at: in/partial.c */
	uint16_t n_tx;
	struct rte_mbuf *tx[BURST_MAX]; /* transmit: leaves at the end of the burst */
};

/* What a site has of this worker: its limits look here (setup/limits.c). */
struct site_use {
	struct site_counters counters;
	uint64_t flows6; /* of counters.flows: those in the table of IPv6 */
	uint64_t spent_until_ns; /* its tokens for new flows are gone until then */
	uint64_t errors_until_ns; /* the same for ICMP errors that we send it (answer/icmp.c) */
	uint64_t resets_until_ns; /* and for TCP resets */
};

/*
 * What a burst may still do to make room for its first packets (setup/room.c): its work is bounded.
 */
struct room {
	const struct burst *burst; /* whose packets are on their way; NULL: none are */
	uint16_t first_packets;
	uint16_t sweeps; /* records looked at so far */
	bool knows_met[2]; /* are the following written? by family */
	uint64_t met[2][16]; /* records that packets of the burst have met, by some bits */
};

struct context {
	/* read by stages, set by the worker */
	const struct network *net;
	const struct nexthops *nexthops;
	struct handover *handover; /* NULL: the only worker */
	struct flow_table *flows;
	struct flow_table *flows6; /* IPv6 ones; NULL: none are forwarded */
	struct remotes *const *all_remotes; /* [count], by worker; read only */
	uint32_t now_s; /* worker clock, seconds; starts at 1 */
	uint64_t now_ns; /* the same in nanoseconds */
	uint16_t index, count; /* which of how many workers: its part of each slice */
	struct flow_timers timers;
	uint16_t rest_s; /* an egress port towards the same server, when its flow has ended */
	bool outbound_refresh; /* follow: returns do not keep a flow alive */
	bool reset_unknown; /* setup: segments of no flow are answered by a reset */
	struct context_port *ports;
	uint16_t n_ports; /* from here on no slot was ever used */
	uint16_t first_source; /* receive: takes turns */
	void (*moved)(struct context *ctx,
		      const struct flow *flow); /* has another on-ramp; NULL: none */

	/* written by stages */
	struct egress_state *egress;
	struct room room;
	struct reassembly *reassembly;
	struct unknown_tunnels *unknown; /* NULL: nobody asks */
	struct remotes *remotes; /* of this worker's flows */
	struct site_use *sites; /* [SPEC_SITES_MAX + 1], by id */
	struct sources *sources; /* the hosts of all sites */
	uint32_t flows_taken; /* by all sites; those in the making are among them */
	uint32_t flows6_taken;
	uint64_t errors_until_ns; /* as a site's, for all of them */
	uint32_t partial_until_s; /* the latest of all ports (in/partial.c) */
	struct worker_counters counters;
	struct tunnel_counters *tunnels; /* [SPEC_TUNNELS_MAX + 1], by id */
	uint64_t *keepalives_until_ns; /* the same: answers to them are used up until then */
	struct port_counters *port_counters; /* by slot */

	/* on-link destinations nobody resolved: setup writes, the worker hands them to control */
	struct neighbour_wanted wanted[CONTEXT_WANTED_MAX];
	uint16_t n_wanted;
	uint32_t wanted_turn; /* wanted.c */

	/* numbers of the fragments that we make (out/identification.c) */
	uint16_t identification_part; /* this worker's of the 65,536 of IPv4 */
	uint8_t identification6_half; /* bits */
	uint32_t identification6;
	uint16_t identifications[1 << CONTEXT_IDENTIFICATION_BITS];
};
