/*
 * Adds and removes ports while the gateway runs.
 *
 * A port stays the same port as long as its name, driver, interface and files stay the same. It
 * keeps its slot, whatever its place in the file. If one of them changes, the old port is removed
 * and a new one is added.
 *
 *   ports_plan()      computes what would change; changes nothing
 *   ports_prepare()   opens added ports and gives them to the workers; removed ones still work
 *   ports_commit()    closes removed ports, once the workers have the new network
 *   ports_abort()     instead of commit: restores the state before ports_prepare()
 *
 * A port may be added on the interface of a removed port. It can open only after the old one has
 * closed. In this case ports_prepare() closes the old port and ports_abort() opens it again.
 *
 * Control thread.
 */
#pragma once

#include "control/port/port.h"

struct port_life;

struct port_plan {
	/* slot of each port of the new configuration, by its place in the file */
	uint8_t slots[PORTS_MAX];
	uint32_t added, removed; /* bits of slots */
	uint32_t closed_first; /* removed ports that ports_prepare() has to close; bits of slots */
};

/*
 * Assigns a slot to each port of @config. 0; or -errno and sentences in @errs if a port cannot be
 * added without a restart: there are no buffers for it, or they do not suit its driver or MTU.
 */
int ports_plan(const struct port_set *set, const struct config *config, struct port_plan *out,
	       struct err_list *errs);

/*
 * Returns 0; or -errno and sentences in @errs, with everything restored. @net is the new network.
 */
int ports_prepare(struct port_set *set, struct port_life *life, const struct config *config,
		  const struct network *net, const struct port_plan *plan, struct err_list *errs);

/* From here on the set refers to @config and @net. It no longer refers to the previous ones. */
void ports_commit(struct port_set *set, struct port_life *life, const struct config *config,
		  const struct network *net, const struct port_plan *plan);
void ports_abort(struct port_set *set, struct port_life *life, const struct port_plan *plan);
