/*
 * Who has which number: the identities of sites and tunnels.
 *
 * Flows keep numbers, so a number belongs to one owner for as long as a flow may have it, whatever
 * happens to the configuration: an owner that moves in the file, or gets another name, keeps its
 * number (control/change/match.h says who is who); one that is gone gives it up, and comes back
 * under another one. A tunnel that moves to another site is another tunnel: the flows that know it
 * are the old site's.
 *
 *   registry_plan()  ->  network_create(), published  ->  registry_commit()
 *                    ->  or not                       ->  registry_abort()
 *
 * Numbers given up rest in the pools of ids (network/ids.h) until no flow has them.
 *
 * Control thread.
 */
#pragma once

#include "network/ids.h"
#include "network/network.h"

#include <stddef.h>
#include <stdint.h>

enum { REGISTRY_REST_S = 120 }; /* a number, before a census may free it: fragments, hand-over */

struct registry;

/* What a plan gives out. All of it is the registry's, and valid until the plan's end. */
struct registry_plan {
	struct network_ids ids; /* for network_create() */
	const uint16_t *new_sites, *new_tunnels; /* had another owner before, or none */
	size_t n_new_sites, n_new_tunnels;
};

/*
 * Empty. Numbers of tunnels come from @nexthops, which must outlive it; those of sites from a pool
 * of its own. NULL if memory ran out.
 */
struct registry *registry_create(struct ids *nexthops);
void registry_destroy(struct registry *r); /* NULL is fine */

struct ids *registry_sites(struct registry *r); /* the pool of sites' numbers */

/*
 * Numbers for all of @spec. Nothing has changed yet, but for the free numbers that are kept for it.
 * One plan at a time. 0, -ENOMEM, or -ENOSPC: there is no number left.
 */
int registry_plan(struct registry *r, const struct network_spec *spec, struct registry_plan *out);

/*
 * All workers read what was planned, at @now_s of ids_census_begin()'s clock. What is not in it is
 * retired; at the first commit nobody can have seen it, and it is free.
 */
void registry_commit(struct registry *r, uint32_t now_s);
void registry_abort(struct registry *r); /* what was planned will not be */

/*
 * Saves what was committed last as a file, which is there as a whole or not at all: 0 or -errno.
 * Waits for the disk.
 */
int registry_save(const struct registry *r, const char *path);

/*
 * Reads it again, into one that is empty. 0; -ENOENT: there is none; -EBADMSG: it is damaged, in
 * line *@line, and the registry is empty; or another -errno, and so it is.
 */
int registry_load(struct registry *r, const char *path, unsigned *line);
