/*
 * A change is carried out while packets pass: struct change_target for the running daemon.
 *
 * Each part that was made from the configuration takes the new one, and all that workers read of it
 * is published as one snapshot. No flow is disturbed that the change does not concern.
 *
 *   prepare   all that may fail; if it does, all is as before
 *   publish   network, nexthops, settings and ports, with one pointer
 *   follow    ports and their programs in the kernel, neighbours, path MTUs, keepalives, API
 *   sweep     workers look at each flow once: what it needed is there, or it ends
 *   done      numbers of what is gone are retired, the old configuration is freed
 *
 * The first three are one turn of the event loop. If an address gets slices of another size or
 * mapping, there are two publications: see network/renewal.h.
 *
 * Control thread.
 */
#pragma once

#include "control/change/change.h"

#include <stddef.h>

struct event_base;
struct keepalives;
struct neighbours;
struct network;
struct path_mtus;
struct port_life;
struct port_set;
struct publisher;
struct registry;
struct worker;

/* Who follows. All must outlive the apply. */
struct apply_parts {
	struct publisher *publisher;
	struct registry *registry;
	struct worker *const *workers;
	size_t n_workers;
	struct port_set *ports;
	struct port_life *port_life;
	struct neighbours *neighbours;
	struct path_mtus *paths;
	struct keepalives *keepalives;
	/*
	 * @net is published, and what is in this struct has followed. From now on nobody may refer
	 * to the network before, nor to the configuration before @config.
	 */
	void (*follow)(void *arg, const struct config *config, const struct network *net);
	void (*done)(void *arg); /* the registry has committed */
	void *arg;
};

struct apply;

/* Its functions take a struct apply. */
extern const struct change_target apply_target;

/* @config runs, and is the apply's on success. NULL if memory ran out. */
struct apply *apply_create(struct event_base *base, const struct apply_parts *parts,
			   struct config *config);

/* The workers have stopped, and nothing refers to the configuration any more. NULL is fine. */
void apply_destroy(struct apply *a);

/*
 * Fills in how many flows end by each item of @d, by the counters of sites and slices, when @net
 * becomes @after. (apply_count.c.)
 */
void apply_count(struct difference *d, const struct network *net, const struct config *after,
		 struct worker *const *workers, size_t n_workers);
