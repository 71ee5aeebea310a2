/*
 * Ports are added and removed while the gateway runs.
 *
 * A port is the same one as long as its name, driver, interface and files are; it keeps its slot,
 * whatever its place in the file. One that differs in these is removed and added.
 *
 *   ports_plan()      what would happen? Nothing has
 *   ports_prepare()   added ports are open, and workers have them; removed ones still work
 *   ports_commit()    the new network is with the workers: removed ports are closed
 *   ports_abort()     instead: as before ports_prepare()
 *
 * A port that is added on the interface of one that is removed can only open when that has closed:
 * then the old one is closed by ports_prepare() and opened again by ports_abort().
 *
 * Control thread.
 */
#pragma once

#include "control/port/port.h"

struct port_life;

struct port_plan {
	uint8_t slots[PORTS_MAX]; /* of each port of the new configuration, by its place in it */
	uint32_t added, removed; /* bits of slots */
	uint32_t closed_first; /* of the removed ones */
};

/*
 * Where does each port of @config go? 0; or -errno and sentences in @errs, if a port cannot be
 * added without a restart: there are no buffers for it, or they do not suit its driver or MTU.
 */
int ports_plan(const struct port_set *set, const struct config *config, struct port_plan *out,
	       struct err_list *errs);

/* 0; or -errno and sentences in @errs: then all is as before. @net is the new network. */
int ports_prepare(struct port_set *set, struct port_life *life, const struct config *config,
		  const struct network *net, const struct port_plan *plan, struct err_list *errs);

/* From here on the set refers to @config and @net; nothing that it holds refers to those before. */
void ports_commit(struct port_set *set, struct port_life *life, const struct config *config,
		  const struct network *net, const struct port_plan *plan);
void ports_abort(struct port_set *set, struct port_life *life, const struct port_plan *plan);
