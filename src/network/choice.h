/*
 * Choices: where a route of a virtual network leads, as workers see it.
 *
 * A route has one choice, and equal routes share one. It holds only the targets of the best class:
 * the control side adds penalties to priorities, sorts by them, and keeps the lowest. A flow that
 * begins chooses among these by its hash.
 *
 * The choice is weighted rendezvous hashing. Each target gets a number from the flow's hash and its
 * own seed, and the lowest wins. So a flow's choice depends on no order and no number of targets: a
 * target that comes takes its share of the flows, one that goes leaves its share to the others, and
 * no other flow chooses differently.
 */
#pragma once

#include "network/spec.h"

#include <stdbool.h>
#include <stdint.h>

/* Made for one network and one table of nexthops, which are published together. */
struct route_target {
	uint16_t nexthop; /* TARGET_SITE, TARGET_TUNNEL: id of the tunnel, for a site its first */
	uint16_t far; /* the same: id of the site */
	uint16_t pool; /* TARGET_EGRESS: index in network.pools */
	uint16_t vnet; /* TARGET_LINK: id of the virtual network */
	uint16_t weight; /* 1 to SPEC_WEIGHT_MAX */
	uint8_t kind; /* enum spec_target_kind */
	bool untranslated; /* TARGET_EGRESS: the pool only says by which uplink */
	uint32_t seed; /* hash of the target's name: the same in all generations */
};

struct route_choice {
	uint8_t n; /* 1 to SPEC_TARGETS_MAX */
	bool refuse_collision; /* COLLISION_REFUSE */
	bool is_learned; /* by a routing protocol: its end ends no flow */
	uint8_t pad;
	struct route_target targets[SPEC_TARGETS_MAX]; /* [n] */
};

/*
 * The target for a flow with @hash, which nobody outside can choose. A share of the hashes that is
 * in proportion to its weight leads to each target. Any worker.
 */
const struct route_target *choice_pick(const struct route_choice *c, uint64_t hash);
