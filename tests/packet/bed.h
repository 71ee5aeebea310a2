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
 * 1,500 or what the YAML says, and limits the tunnels over it as on a real machine. A port with
 * `driver: af_packet` also receives frames to other stations. @seed makes the choice of egress ports repeatable.
 */
struct bed *bed_create(const char *yaml, uint64_t seed);

/* The epoch of the next bed's start: setup/ports.c. */
extern uint32_t bed_epoch;
void bed_destroy(struct bed *bed);

struct worker *bed_worker(struct bed *bed, unsigned i); /* `workers: n` in the YAML */
unsigned bed_workers(const struct bed *bed);
const struct network *bed_network(struct bed *bed);
struct esp_table *bed_sas(struct bed *bed); /* NULL: the first network has no tunnel of IPsec */
const struct nexthops *bed_nexthops(struct bed *bed); /* of the current snapshot */

/*
 * Queues of the first port, 0: one for each worker; and of each other port. Set them before
 * bed_create().
 */
extern unsigned bed_first_queues, bed_queues;

/*
 * Puts a frame, from its Ethernet header on, into the queue of port number @port; bed_run()
 * processes it. Port 0 has a queue for each worker, and frames go to them in turn. Other ports have
 * one queue.
 */
void bed_send(struct bed *bed, unsigned port, const void *frame, size_t len);
void bed_send_to(struct bed *bed, unsigned port, unsigned queue, const void *frame, size_t len);

/* How many frames have left by a queue of a port and are not taken yet. */
unsigned bed_sent_by(struct bed *bed, unsigned port, unsigned queue);

/* Runs the workers, in turn on this thread, until nothing comes in. */
void bed_run(struct bed *bed);

/*
 * Runs each worker as a thread of its own, until bed_stop(). Meanwhile frames may be sent and taken
 * and everything may be changed; nothing else of the bed may be called.
 */
void bed_start(struct bed *bed);
void bed_stop(struct bed *bed);

/* Takes the next frame that went out by @port: its length, or 0 if there is none. */
size_t bed_take(struct bed *bed, unsigned port, void *frame);

/*
 * Changes all routes. The previous nexthops are not used any more. Routes lead to @to:
 * NEXTHOP_NONE, another verdict (network/routes.h), or BED_ANOTHER, a second neighbour whose last
 * byte of the Ethernet address is the complement of the first one's.
 */
enum { BED_ANOTHER = -1 };
void bed_move(struct bed *bed, int to);

/*
 * From now on port 1 has @n routes more: bed_prefix() of 0 to @n - 1. Where @other is set, the route
 * leads to the other neighbour. @other is borrowed.
 */
enum { BED_UPLINK = 1, BED_ROUTES_MAX = 8192 };
void bed_route(struct bed *bed, const uint8_t *other, unsigned n);
struct prefix4 bed_prefix(unsigned route);

/*
 * The id of a port's first neighbour; with @other, of the second one, to which routes lead after
 * bed_move().
 */
enum { BED_FIRST_NEIGHBOUR = 30000 }; /* tunnels have lower ids */
uint16_t bed_neighbour(unsigned port, bool other);

/*
 * Marks @tunnel as down, or with @gone as removed. @substitute: the tunnel to use instead, or none.
 * With @tunnel 0 all tunnels work again.
 */
void bed_fail(struct bed *bed, uint16_t tunnel, bool gone, uint16_t substitute);

/* Sets the path MTU of tunnel @tunnel: inner packets of @mtu bytes. */
void bed_narrow(struct bed *bed, uint16_t tunnel, uint16_t mtu);

/* Sets the MTU of a port, which also limits the tunnels over it. */
void bed_set_mtu(struct bed *bed, unsigned port, uint16_t mtu);

/* Another configuration, with the same ports and workers. */
struct bed_change {
	const char *yaml;
	struct network_ids ids; /* of its sites and tunnels */
	struct worker_heirs heirs;
	/* called after the publication and before the sweep; or NULL */
	void (*meanwhile)(void *arg);
	void *arg;
};

/* Carries out the whole change, as the daemon does. Returns the result of the sweeps. */
struct change_sweep bed_change(struct bed *bed, const struct bed_change *change);

/* Takes port number @port away from the workers, or gives it back. */
void bed_close(struct bed *bed, unsigned port, bool closed);

struct worker_counters bed_counters(struct bed *bed); /* of all workers */

/* Fails the test with the message @why unless @n packets were dropped, all of them as @drop. */
void bed_expect_drops(struct bed *bed, const char *why, enum drop drop, unsigned n);

/*
 * The same unless exactly one packet was answered, as @answer - 1; with @answer 0, unless none was.
 */
void bed_expect_answer(struct bed *bed, const char *why, int answer);

/* Fails the test unless rx = tx + held + drops for each worker, and every buffer is free again. */
void bed_check(struct bed *bed);
