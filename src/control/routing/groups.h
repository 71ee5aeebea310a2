/*
 * Groups: the targets of a route, all of them, whatever their health is.
 *
 * Routes with the same targets share a group, and the number of a group is that of its choice
 * (network/choice.h). A tree of routes holds these numbers. So when the health of a tunnel changes,
 * no tree does: only the choices are made again, and there are as many as there are different
 * places to go.
 *
 * Control thread.
 */
#pragma once

#include "network/choice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GROUP_TARGETS_MAX = 2 * SPEC_TARGETS_MAX }; /* those of the file, and learned ones */

#define GROUPS_NONE UINT32_MAX

/* No padding: compared by its bytes. */
struct group_target {
	struct route_target target;
	uint32_t priority; /* without a penalty */
	uint32_t is_learned;
};

struct group {
	struct group_target *targets; /* [n], sorted; NULL: the number is free */
	uint16_t n;
	bool refuses_collision;
	uint32_t refs;
	uint32_t hash;
	uint32_t next; /* in its bucket, or of the free ones; GROUPS_NONE: the last */
};

struct groups {
	struct group *list; /* [n] */
	struct route_choice *choices; /* [n], by number; of a free one: n is 0 */
	uint32_t n, room;
	uint32_t n_used;
	uint32_t free;
	uint32_t *buckets; /* [n_buckets] */
	uint32_t n_buckets; /* a power of two */
	bool changed; /* choices must be made again */
};

/* Zeroed memory holds none. */
void groups_fini(struct groups *g);

/*
 * The number of the group with these targets, 1 to GROUP_TARGETS_MAX, which are sorted; made if it
 * is new. It is used once more. GROUPS_NONE: memory ran out.
 */
uint32_t groups_take(struct groups *g, struct group_target *targets, size_t n,
		     bool refuses_collision);
void groups_drop(struct groups *g, uint32_t group);

/* What is added to the priority of @t at present. */
typedef uint32_t (*groups_penalty_fn)(void *arg, const struct route_target *t);

/* Makes all choices again. True: one of them differs. */
bool groups_choose(struct groups *g, groups_penalty_fn penalty, void *arg);

/*
 * The effective priority of the targets that @group leads to, and whether they are learned. Of
 * several with this priority those of the file come first.
 */
uint32_t groups_best(const struct group *group, groups_penalty_fn penalty, void *arg,
		     bool *is_learned);
