/*
 * Traffic for one worker in lock step: a burst in, a turn, the same burst out again.
 */
#pragma once

#include "shots.h"

enum {
	PER_DIRECTION = RIG_BURST / 2, /* packets of a burst */
	BUFFERS_PER_DIRECTION = 128, /* more would not stay in the cache */
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
	struct templates templates;
};

struct traffic *traffic_create(struct rig *rig, uint32_t n_flows);
void traffic_destroy(struct traffic *t);

/*
 * Every flow in both directions, in random order, again and again until there are at least
 * @at_least packets. The same for the same number of flows.
 */
struct sequence traffic_make_sequence(const struct traffic *t, uint32_t at_least);
void traffic_free_sequence(struct sequence *s);

/* Puts @n shots into the port's ring. */
void traffic_send(struct traffic *t, enum flow_dir dir, const struct shot *shots, unsigned n);

/*
 * Takes up to @n back where they come out. What was dropped is made good from the pool. Returns how
 * many came out.
 */
unsigned traffic_collect(struct traffic *t, enum flow_dir dir, unsigned n);

/* What came out besides, to be forgotten: the gateway's own answers. Returns how many. */
unsigned traffic_discard(struct traffic *t, enum flow_dir dir);

/* The sequence's next burst; and back. Ends the program if one of it is missing. */
void traffic_send_burst(struct traffic *t, struct sequence *s);
void traffic_collect_burst(struct traffic *t);

/*
 * First packets of @n (at most RIG_BURST) flows from @from on; and back, with their mappings. Ends
 * the program if one is missing.
 */
void traffic_send_first(struct traffic *t, uint32_t from, unsigned n);
void traffic_collect_first(struct traffic *t, unsigned n);

/*
 * Opens flows [@from, @to) and learns their mappings. TSC cycles a flow in worker_turn(): the mean
 * without the slowest 2 % of turns, in which the kernel ran somebody else. Not the median: setup
 * becomes slower as the table fills.
 */
double traffic_open(struct traffic *t, uint32_t from, uint32_t to);

/* Sends one burst of the sequence and verifies all that comes out. */
void traffic_verify(struct traffic *t, struct sequence *s);
