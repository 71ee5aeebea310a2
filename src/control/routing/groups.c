/* Groups of targets: see groups.h. A hash table finds equal ones. */
#include "control/routing/groups.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 64 };

static_assert(sizeof(struct group_target) == sizeof(struct route_target) + 8,
	      "targets are compared by their bytes");

static uint32_t hash_of(const struct group_target *targets, size_t n, bool refuses)
{
	const unsigned char *bytes = (const unsigned char *)targets;
	uint32_t hash = 2166136261u ^ refuses; /* FNV-1a */

	for (size_t i = 0; i < n * sizeof(targets[0]); i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	return hash;
}

static int compare_targets(const void *a, const void *b)
{
	const struct group_target *x = a, *y = b;

	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	return memcmp(x, y, sizeof(*x));
}

static uint32_t groups_find(const struct groups *g, const struct group_target *targets, size_t n,
			    bool refuses, uint32_t hash)
{
	uint32_t i = g->n_buckets > 0 ? g->buckets[hash & (g->n_buckets - 1)] : GROUPS_NONE;

	for (; i != GROUPS_NONE; i = g->list[i].next) {
		const struct group *other = &g->list[i];

		if (other->hash == hash && other->n == n && other->refuses_collision == refuses &&
		    memcmp(other->targets, targets, n * sizeof(targets[0])) == 0)
			return i;
	}
	return GROUPS_NONE;
}

static void groups_link(struct groups *g, uint32_t i)
{
	uint32_t *bucket = &g->buckets[g->list[i].hash & (g->n_buckets - 1)];

	g->list[i].next = *bucket;
	*bucket = i;
}

static void groups_unlink(struct groups *g, uint32_t i)
{
	uint32_t *at = &g->buckets[g->list[i].hash & (g->n_buckets - 1)];

	while (*at != i)
		at = &g->list[*at].next;
	*at = g->list[i].next;
}

/* Twice as much room, and as many buckets. The free ones are none: all are in use. */
static bool grow(struct groups *g)
{
	uint32_t room = g->room == 0 ? FIRST_ROOM : 2 * g->room;
	struct group *list = realloc(g->list, room * sizeof(list[0]));
	struct route_choice *choices;
	uint32_t *buckets;

	if (list == NULL)
		return false;
	g->list = list;
	choices = realloc(g->choices, room * sizeof(choices[0]));
	if (choices == NULL)
		return false;
	g->choices = choices;
	buckets = realloc(g->buckets, room * sizeof(buckets[0]));
	if (buckets == NULL)
		return false;
	g->buckets = buckets;
	memset(buckets, 0xff, room * sizeof(buckets[0]));
	g->n_buckets = g->room = room;
	for (uint32_t i = 0; i < g->n; i++)
		groups_link(g, i);
	return true;
}

static uint32_t take_number(struct groups *g)
{
	uint32_t i = g->free;

	if (g->n_used < g->n) {
		g->free = g->list[i].next;
		return i;
	}
	if (g->n == g->room && !grow(g))
		return GROUPS_NONE;
	return g->n++;
}

static void free_number(struct groups *g, uint32_t i)
{
	g->choices[i] = (struct route_choice){0};
	g->list[i] = (struct group){.next = g->free};
	g->free = i;
}

uint32_t groups_take(struct groups *g, struct group_target *targets, size_t n,
		     bool refuses_collision)
{
	struct group_target *copy;
	uint32_t i, hash;

	assert(n >= 1 && n <= GROUP_TARGETS_MAX);
	qsort(targets, n, sizeof(targets[0]), compare_targets);
	hash = hash_of(targets, n, refuses_collision);
	i = groups_find(g, targets, n, refuses_collision, hash);
	if (i != GROUPS_NONE) {
		g->list[i].refs++;
		return i;
	}
	copy = malloc(n * sizeof(copy[0]));
	i = copy != NULL ? take_number(g) : GROUPS_NONE;
	if (i == GROUPS_NONE) {
		free(copy);
		return i;
	}
	memcpy(copy, targets, n * sizeof(copy[0]));
	g->list[i] = (struct group){copy, (uint16_t)n, refuses_collision, 1, hash, GROUPS_NONE};
	g->choices[i] = (struct route_choice){0};
	groups_link(g, i);
	g->n_used++;
	g->changed = true;
	return i;
}

void groups_drop(struct groups *g, uint32_t i)
{
	if (--g->list[i].refs > 0)
		return;
	groups_unlink(g, i);
	free(g->list[i].targets);
	free_number(g, i);
	g->n_used--;
}

void groups_fini(struct groups *g)
{
	for (uint32_t i = 0; i < g->n; i++)
		free(g->list[i].targets);
	free(g->list);
	free(g->choices);
	free(g->buckets);
	*g = (struct groups){0};
}

/* --- choices ---------------------------------------------------------------------------------- */

uint32_t groups_best(const struct group *group, groups_penalty_fn penalty, void *arg,
		     bool *is_learned)
{
	uint32_t best = UINT32_MAX;

	*is_learned = true;
	for (unsigned i = 0; i < group->n; i++) {
		const struct group_target *t = &group->targets[i];
		uint32_t priority = t->priority + penalty(arg, &t->target);

		if (priority < best)
			*is_learned = true;
		if (priority <= best) {
			best = priority;
			*is_learned = *is_learned && t->is_learned;
		}
	}
	return best;
}

static struct route_choice choose(const struct group *group, groups_penalty_fn penalty, void *arg)
{
	struct route_choice c = {.refuse_collision = group->refuses_collision};
	uint32_t best = groups_best(group, penalty, arg, &c.is_learned);

	for (unsigned i = 0; i < group->n && c.n < SPEC_TARGETS_MAX; i++) {
		const struct group_target *t = &group->targets[i];

		if (t->priority + penalty(arg, &t->target) == best &&
		    (bool)t->is_learned == c.is_learned)
			c.targets[c.n++] = t->target;
	}
	return c;
}

bool groups_choose(struct groups *g, groups_penalty_fn penalty, void *arg)
{
	bool changed = false;

	for (uint32_t i = 0; i < g->n; i++) {
		struct route_choice c;

		if (g->list[i].targets == NULL)
			continue;
		c = choose(&g->list[i], penalty, arg);
		changed = changed || memcmp(&c, &g->choices[i], sizeof(c)) != 0;
		g->choices[i] = c;
	}
	g->changed = false;
	return changed;
}
