/*
 * Traffic for the rig: flows by number, and packets of them in random order, ready to be copied.
 *
 * Flow i is a UDP conversation of a host of site i % RIG_SITES. All sites use the same hosts, ports
 * and servers. A packet is a shot of 32 bytes: inner IPv4 and UDP headers and the flow's number; a
 * template gives what stands before. The generator copies both into a buffer and does nothing else.
 */
#pragma once

#include "rig.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	INNER_LEN = 64, /* bytes of an inner packet: IPv4 20, UDP 8, payload 36 */
	SHOT_LEN = 32,
	TEMPLATE_LEN = 48,
	PER_DIRECTION = RIG_BURST / 2, /* packets of a burst */
	BUFFERS_PER_DIRECTION = 128, /* more would not stay in the cache */
};

struct shot {
	uint8_t bytes[SHOT_LEN]; /* the last 4: the flow's number, host order */
};

/* What the Internet sees of a flow; learned when it is opened. */
struct mapping {
	be32_t addr;
	be16_t port;
	uint16_t seen;
};

/* @n_bursts times PER_DIRECTION forward shots and as many return shots. */
struct sequence {
	struct shot *shots;
	uint32_t n_bursts;
	uint32_t next; /* burst */
	uint64_t bytes;
};

struct traffic {
	struct rig *rig;
	uint32_t n_flows;
	struct mapping *mappings; /* [n_flows] */
	/* buffers that wait: forward ones come back from the uplink, return ones from the underlay */
	struct rte_mbuf *free[2][BUFFERS_PER_DIRECTION];
	uint32_t next_free[2];
	_Alignas(64) uint8_t templates[RIG_SITES + 1][64]; /* the last one: from the Internet */
};

struct traffic *traffic_create(struct rig *rig, uint32_t n_flows);
void traffic_destroy(struct traffic *t);

/* A flow's first packet, and later ones in the same direction. */
void traffic_forward_shot(uint32_t flow, struct shot *shot);

/* A packet of the other direction; the flow was opened before. */
void traffic_return_shot(const struct traffic *t, uint32_t flow, struct shot *shot);

/*
 * Every flow in both directions, in random order, again and again until there are at least
 * @at_least packets. The same for the same number of flows.
 */
struct sequence traffic_make_sequence(const struct traffic *t, uint32_t at_least);
void traffic_free_sequence(struct sequence *s);

/*
 * Puts @n shots into the port's ring. traffic_collect() takes them back where they come out and
 * returns how many there were; @max is the same in all calls between which not all buffers came back.
 */
void traffic_send(struct traffic *t, enum flow_dir dir, const struct shot *shots, unsigned n);
unsigned traffic_collect(struct traffic *t, enum flow_dir dir, unsigned max);

/*
 * Opens flows [@from, @to) and learns their mappings. TSC cycles a flow in worker_turn(): the mean
 * without the slowest 2 % of turns, in which the kernel ran somebody else. Not the median: setup
 * becomes slower as the table fills.
 */
double traffic_open(struct traffic *t, uint32_t from, uint32_t to);

/* Sends a burst of both directions and checks what comes out byte by byte. */
void traffic_verify(struct traffic *t, const struct sequence *s);
