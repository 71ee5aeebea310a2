/*
 * The rig: a real worker on memory ports in this process, with room to measure around it.
 *
 *   generator --> [ ring ] -> worker_turn() -> [ ring ] --> generator, all on one thread
 *
 * Two ports as in a machine with two NICs: tunnels on one, the Internet on the other. RIG_SITES sites
 * with the same private addresses, each with one keyed GRE tunnel, or a network of another shape.
 *
 * An error ends the program with a sentence: a benchmark has no caller that could handle it.
 */
#pragma once

#include "control/config/config.h"
#include "network/network.h"
#include "shape.h"
#include "worker/worker.h"

#include <stdint.h>

struct esp_table;
struct handover;
struct rte_mbuf;
struct rte_ring;

enum {
	RIG_SITES = 64,
	RIG_UNDERLAY = 0,
	RIG_UPLINK = 1,
	RIG_PORTS = 2,
	RIG_WORKERS_MAX = 2,
	RIG_BURST = 64,
	RIG_TIMEOUT_S = 300, /* of flows in any state */
	RIG_REST_S = 120, /* of egress ports */
};

struct rig_port {
	struct rte_ring *in[RIG_WORKERS_MAX], *out[RIG_WORKERS_MAX];
	/*
	 * A device for each worker, all with the same rings: a worker uses its own queue of its own
	 * device. DPDK's ring driver counts packets of neighbouring queues in one cache line.
	 */
	uint16_t ethdevs[RIG_WORKERS_MAX];
};

struct rig {
	struct shape shape;
	struct config *config;
	struct network *net;
	struct nexthops *nexthops;
	struct snapshot snapshots[RIG_WORKERS_MAX]; /* each worker has devices of its own */
	struct rig_port ports[RIG_PORTS];
	unsigned n_workers;
	unsigned n_queues; /* of each port: one for each worker, or fewer */
	struct handover *handover;
	struct esp_table *esp; /* of a sealed shape; without SAs */
	struct worker *workers[RIG_WORKERS_MAX];
	uint64_t create_ns; /* all worker_create() */
};

enum rig_start {
	RIG_RINGS, /* with huge pages if some are free */
	RIG_SMALL_PAGES, /* without */
	RIG_LARGE_BUFFERS, /* as RIG_RINGS, for packets of up to 1,500 bytes */
	RIG_MEMIF_SERVER, /* two memif ports: the gateway */
	RIG_MEMIF_CLIENT, /* the generator */
};

/* Starts DPDK on @cpu, once a process. @socket: names the memif, or is its path; the same for both
 * ends. */
void rig_start_dpdk(int cpu, enum rig_start how, const char *socket);

/* "hugetlbfs" or "transparent": where tables of @bytes would lie if they were made now. */
const char *rig_memory(uint64_t bytes);

/* The pool: so many addresses, of each the first slices but number 0. */
struct rig_egress {
	unsigned addresses, slices, slice_size;
};

/* The configuration; free() it. */
char *rig_yaml(uint32_t capacity, const struct rig_egress *egress, const struct shape *shape);

/* @workers workers with room for @capacity flows each; same secret in each run. */
struct rig *rig_create(uint32_t capacity, unsigned workers);

/* The same with another number of queues of each port than of workers. */
struct rig *rig_create_queues(uint32_t capacity, unsigned workers, unsigned queues);

/* The same with another pool than the usual one. */
struct rig *rig_create_egress(uint32_t capacity, unsigned workers, const struct rig_egress *egress);

/* One worker in a network of another shape. */
struct rig *rig_create_shape(uint32_t capacity, const struct shape *shape);

/* The same with another configuration: its ports are RIG_UNDERLAY and RIG_UPLINK, its first sites
 * those of rig_yaml(). */
struct rig *rig_create_yaml(const char *yaml, unsigned workers);

/* One worker on the two memif ports of this process. */
struct rig *rig_create_memif(uint32_t capacity);
void rig_destroy(struct rig *rig);

/* Starts the memif ports alone: RIG_UNDERLAY, RIG_UPLINK. */
void rig_memif_ports(uint16_t ethdevs[RIG_PORTS]);

/* @n buffers of the rig's pool, full of zeros. */
void rig_buffers(struct rte_mbuf **mbufs, unsigned n);

/* Ends the program unless every packet went out: prints the reasons of the others. */
void rig_check_no_drops(const struct rig *rig);

/* Worker 0's counters as they are now: a turn without packets makes them public first. */
struct worker_counters rig_counters(const struct rig *rig);

/* First packets that started no flow: dropped or answered. */
uint64_t rig_refused(const struct worker_counters *c);

uint64_t rig_now_ns(void);

/* How often the kernel has taken the core from this thread so far. */
uint64_t rig_preemptions(void);

void rig_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
