/*
 * The snapshot: all that workers read of the configuration and of the kernel's state.
 *
 * The control thread makes it and publishes it as one pointer (worker_publish()). A published
 * snapshot is never written. A worker that finds a new one at the start of a turn copies pointers
 * to its parts into its context, so a packet never sees two snapshots. The memory of a snapshot is
 * used again when all workers have passed a quiescent point (control/publish.c).
 *
 *   snapshot 7 ── network 3, table 41, settings, ports
 *   snapshot 8 ── network 3, table 42, settings, ports       the network is the same object
 *
 * The network and the table of nexthops and routes are large and are shared between generations;
 * small parts are copied into each.
 */
#pragma once

#include "flow/flow.h"
#include "network/network.h"
#include "network/nexthop.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	PORTS_MAX = 32,
	PORT_QUEUES_MAX = 64, /* of one port */
};

struct memif_queue; /* memif.h */
struct steer_queue; /* in/steer.h */

/* A queue of a port, for receiving and transmitting. */
struct port_queue {
	uint16_t ethdev; /* the DPDK port that has it */
	uint16_t number; /* its number there */
	uint16_t of_nic; /* its number at the interface */
};

/* A port as workers see it. Index in an array: its slot (control/port/port.h). */
struct worker_port {
	uint16_t ethdev; /* DPDK port id */
	uint16_t mtu;
	uint16_t n_queues; /* that packets are received from; 0 means 1 */
	uint16_t n_tx; /* that packets are sent by, the first ones; 0: all */
	/* [n_queues], unchanged while the port is open; NULL: those of @ethdev, in order */
	const struct port_queue *queues;
	uint8_t mac[6];
	struct memif_queue *memif; /* [n_queues]; NULL: a DPDK port */
	struct steer_queue *rings; /* [STEER_QUEUES_MAX], fill level of each; NULL: not shared */
	bool hears_all; /* the device is promiscuous: it delivers frames for other stations, too */
	bool answer_arp_for_tunnels; /* no kernel answers for tunnel ends on this port */
	bool closed; /* there is no device, or it is stopped: workers do not use it */
	bool empty; /* the slot has no port: no packet is sent to it */
};

/* Settings that can change while packets pass, besides the network. */
struct settings {
	struct flow_timers timers; /* each worker sets half_open_s */
	uint16_t rest_s; /* how long an egress port rests towards the same server; 0: no rest */
	bool outbound_refresh; /* returns do not keep a flow alive */
	bool reset_unknown; /* segments of no flow are answered by a reset */
};

struct snapshot {
	uint64_t generation; /* 1, 2, 3 ... */
	const struct network *net;
	const struct nexthops *nexthops; /* NULL: no worker runs yet */
	struct settings settings;
	uint16_t n_ports; /* slots: the same in all snapshots of a worker */
	struct worker_port ports[PORTS_MAX]; /* by slot */
};
