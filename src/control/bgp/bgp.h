/*
 * BGP by a routing daemon of this machine: what it learns is mirrored, its sessions pass through
 * tunnels, and our own prefixes are offered to it.
 *
 *   kernel tables --> tables.h --> learned.h --> routes of virtual networks
 *   tunnels <--> relay.h <--> homeward0 <--> BIRD
 *   offer.h --> a kernel table --> BIRD --> neighbours
 *
 * We speak no BGP ourselves: docs/bgp.md. Control thread, in its event loop.
 */
#pragma once

#include "control/bgp/learned.h"
#include "control/bgp/relay.h"
#include "control/kernel/tables.h"
#include "network/network.h"

struct alarms;
struct bgp;
struct event_base;

struct bgp_parts {
	struct relay_workers workers;
	struct alarms *alarms;
	/* gets what is learned; NULL: nobody. changed: after a burst of it */
	learned_set_fn set;
	void (*changed)(void *arg);
	void *arg;
};

/*
 * Follows the tables of @net, and reads them before it returns. What cannot be done now (a device
 * that another process has) is an alarm and is tried again. NULL with errno on failure.
 */
struct bgp *bgp_create(struct event_base *base, const struct bgp_parts *parts,
		       const struct network *net);
void bgp_destroy(struct bgp *b); /* withdraws what is offered; accepts NULL */

/*
 * The network is to be @net: gives all that is learned for it, before workers have it. 0; or
 * -ENOMEM: nothing has changed. Also called to go back to the previous one (routing_on_network()),
 * whose user still has all that it was given: that gives only what has changed since, and cannot
 * fail.
 */
int bgp_learn(struct bgp *b, const struct network *net);

/* Workers have the network @net of the last bgp_learn(): follows its tables and sessions. */
void bgp_follow(struct bgp *b, const struct network *net);

/* Packets are forwarded: offers the prefixes in @table, 0: nowhere. Also called after a change. */
void bgp_offer(struct bgp *b, uint32_t table);

/* A table that is followed, and whose it is. */
struct bgp_table {
	const struct table *table;
	const char *owner; /* name of a site or network */
	bool of_network;
	uint32_t source; /* of learned_refused() */
};
size_t bgp_n_tables(const struct bgp *b);
struct bgp_table bgp_table(const struct bgp *b, size_t i);

const struct learned *bgp_learned(const struct bgp *b);
const struct tables_counts *bgp_counts(const struct bgp *b);
const struct relay_counts *bgp_relay_counts(const struct bgp *b); /* NULL: no session is possible */
