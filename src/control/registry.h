/*
 * The ids of sites and tunnels.
 *
 * Flows keep ids, so an id belongs to one owner as long as a flow may have it, whatever happens to
 * the configuration. An owner that moves in the file, or gets another name, keeps its id
 * (control/change/match.h decides who is the same). An owner that is removed gives its id up; if it
 * comes back, it gets another one. A tunnel that moves to another site counts as another tunnel,
 * because its flows belong to the old site.
 *
 *   registry_plan()  ->  network_create(), published  ->  registry_commit()
 *                    ->  or not                       ->  registry_abort()
 *
 * Retired ids stay in the id pools (network/ids.h) until no flow has them.
 *
 * Control thread.
 */
#pragma once

#include "network/ids.h"
#include "network/network.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* how long an id rests before a census may free it: fragments, hand-over */
enum { REGISTRY_REST_S = 120 };

struct registry;

/* The result of a plan. All of it belongs to the registry, and is valid until the plan ends. */
struct registry_plan {
	struct network_ids ids; /* input of network_create() */
	const uint16_t *new_sites, *new_tunnels; /* the id had another owner before, or none */
	size_t n_new_sites, n_new_tunnels;
};

/*
 * Creates an empty registry. Ids of tunnels come from @nexthops, which must outlive it; those of
 * sites from a pool of its own. NULL if memory ran out.
 */
struct registry *registry_create(struct ids *nexthops);
void registry_destroy(struct registry *r); /* accepts NULL */

struct ids *registry_sites(struct registry *r); /* the pool of site ids */

/*
 * Finds ids for all of @spec. Changes nothing, but reserves the free ids that it uses. One plan at
 * a time. 0, -ENOMEM, or -ENOSPC: no id is free.
 */
int registry_plan(struct registry *r, const struct network_spec *spec, struct registry_plan *out);

/*
 * All workers read the planned network, at @now_s of ids_census_begin()'s clock. Ids that are not
 * in it are retired. At the first commit no flow can have them, so they are free at once.
 */
void registry_commit(struct registry *r, uint32_t now_s);
void registry_abort(struct registry *r); /* the plan will not be published */

/* Saves the last committed state as a file, atomically: 0 or -errno. Waits for the disk. */
int registry_save(struct registry *r, const char *path);

/* Is what registry_save() would write in the file that it wrote last? */
bool registry_is_saved(const struct registry *r);

/*
 * Reads it into an empty registry. 0; -ENOENT: there is no file; -EBADMSG: it is damaged in line
 * *@line; or another -errno. On any error the registry stays empty.
 */
int registry_load(struct registry *r, const char *path, unsigned *line);
