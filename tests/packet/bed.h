/*
 * A bed for packet tests: the whole data plane in this process, with memory ports.
 *
 *   test --bed_send()--> [ port ring ] -> worker_turn() -> [ port ring ] --bed_take()--> test
 *
 * The configuration is the operator's YAML. After each scenario bed_check() checks the laws that
 * hold at any moment: every packet is accounted for, every buffer is given back.
 */
#pragma once

#include "control/config/config.h"
#include "network/network.h"
#include "worker/change_sweep.h"
#include "worker/worker.h"

#include <stddef.h>
#include <stdint.h>

struct bed;

enum { BED_FRAME_MAX = 9300 };

/*
 * Fails the test if anything is wrong with @yaml. Every port sends to its next-hop-mac; its MTU is
 * 1,500 or what the YAML says, and bounds the tunnels over it as on a real machine; one with
 * `driver: af_packet` hears what is for others. @seed makes the choice of egress ports repeatable.
 */
struct bed *bed_create(const char *yaml, uint64_t seed);

/* Which start the next one is: setup/ports.c. */
extern uint32_t bed_epoch;
void bed_destroy(struct bed *bed);

struct worker *bed_worker(struct bed *bed, unsigned i); /* `workers: n` in the YAML */
unsigned bed_workers(const struct bed *bed);
const struct network *bed_network(struct bed *bed);
const struct nexthops *bed_nexthops(struct bed *bed); /* of the current snapshot */

/*
 * Queues of the first port, 0: one for each worker; and of each other port. Set them before
 * bed_create().
 */
extern unsigned bed_first_queues, bed_queues;

/*
 * Puts a frame (from Ethernet on) into port number @port. Not yet processed. The queues of a port
 * take turns; bed_send_to() chooses the queue.
 */
void bed_send(struct bed *bed, unsigned port, const void *frame, size_t len);
void bed_send_to(struct bed *bed, unsigned port, unsigned queue, const void *frame, size_t len);

/* How many frames have left by a queue of a port and are not taken yet. */
unsigned bed_sent_by(struct bed *bed, unsigned port, unsigned queue);

/* Runs the workers, in turn on this thread, until nothing comes in. */
void bed_run(struct bed *bed);

/* Takes the next frame that went out by @port: its length, or 0 if there is none. */
size_t bed_take(struct bed *bed, unsigned port, void *frame);

/*
 * Routes change: no nexthop of before is used any more. They lead to @to, NEXTHOP_NONE or another
 * verdict (network/routes.h); or to another neighbour, whose Ethernet address ends in the
 * complement of the first one's.
 */
enum { BED_ANOTHER = -1 };
void bed_move(struct bed *bed, int to);

/* The id of a port's first neighbour, or of the one that routes lead to when they have moved. */
uint16_t bed_neighbour(unsigned port, bool other);

/* A tunnel is down from now on, or @gone; @substitute, a tunnel or none, stands in. 0: none is. */
void bed_fail(struct bed *bed, uint16_t tunnel, bool gone, uint16_t substitute);

/* The way of a tunnel, by number from 1, takes inner packets of @mtu bytes from now on. */
void bed_narrow(struct bed *bed, uint16_t tunnel, uint16_t mtu);

/* A port carries IP packets of @mtu bytes from now on, and so do the tunnels over it. */
void bed_set_mtu(struct bed *bed, unsigned port, uint16_t mtu);

/* Another configuration, with the same ports and workers. */
struct bed_change {
	const char *yaml;
	struct network_ids ids; /* of its sites and tunnels */
	struct worker_heirs heirs;
	void (*meanwhile)(void *arg); /* called when it is published, and not swept yet; or NULL */
	void *arg;
};

/* All of it, as the daemon does it; what the sweeps did. */
struct change_sweep bed_change(struct bed *bed, const struct bed_change *change);

/* The workers let go of port number @port, or take it back. */
void bed_close(struct bed *bed, unsigned port, bool closed);

struct worker_counters bed_counters(struct bed *bed); /* of all workers */

/* Fails the test, saying @why, unless @n packets were dropped as @drop and none as anything else. */
void bed_expect_drops(struct bed *bed, const char *why, enum drop drop, unsigned n);

/* The same unless one packet was answered, as @answer - 1, and no other; 0: none was. */
void bed_expect_answer(struct bed *bed, const char *why, int answer);

/* Fails the test unless rx = tx + held + drops, per worker, and every buffer is back. */
void bed_check(struct bed *bed);
