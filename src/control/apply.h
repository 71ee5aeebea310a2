/*
 * Carries out a change while packets are forwarded: struct change_target for the running daemon.
 *
 * Each part that was made from the configuration takes the new one. All that workers read of it is
 * published as one snapshot. Flows that the change does not concern are not disturbed.
 *
 *   prepare   all steps that may fail; a failure restores everything
 *   publish   network, nexthops, settings and ports, with one pointer
 *   follow    ports and their programs in the kernel, neighbours, path MTUs, keepalives, health,
 *             API
 *   sweep     workers visit each flow once, and end it if something that it needs is gone
 *   done      ids of removed objects are retired, the old configuration is freed
 *
 * The first three steps are one turn of the event loop. If an address gets slices of another size
 * or mapping, there are two publications: see network/renewal.h.
 *
 * Control thread.
 */
#pragma once

#include "control/change/change.h"

#include <stddef.h>

struct event_base;
struct health;
struct keepalives;
struct neighbours;
struct network;
struct path_mtus;
struct port_life;
struct port_set;
struct publisher;
struct registry;
struct worker;

/* The parts of the daemon that follow a change. All must outlive the struct apply. */
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
	struct health *health;
	/*
	 * Called when @net is published and the parts in this struct use it. From then on nothing
	 * may refer to the previous network, or to a configuration before @config.
	 */
	void (*follow)(void *arg, const struct config *config, const struct network *net);
	/* called before sites or tunnels that have new ids are published; NULL is fine */
	void (*renumber)(void *arg);
	void (*done)(void *arg); /* called when the registry has committed */
	void *arg;
};

struct apply;

/* The @arg of its functions is a struct apply. */
extern const struct change_target apply_target;

/*
 * @config is the running configuration; on success the struct apply owns it. NULL if memory ran
 * out.
 */
struct apply *apply_create(struct event_base *base, const struct apply_parts *parts,
			   struct config *config);

/* Call it when the workers have stopped and nothing refers to the configuration. Accepts NULL. */
void apply_destroy(struct apply *a);

/*
 * Writes how many flows each item of @d ends when @net is replaced by @after, by the counters of
 * sites and slices (apply_count.c).
 */
void apply_count(struct difference *d, const struct network *net, const struct config *after,
		 struct worker *const *workers, size_t n_workers);
