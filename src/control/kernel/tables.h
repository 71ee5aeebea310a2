/*
 * Follows kernel routing tables by number, into which a routing daemon (BIRD) writes its routes.
 *
 * It stands beside neighbours.h, which follows the main table for our ports: it has a socket of its
 * own, and the kernel sorts the events. So a storm of a site's routes never costs the uplink's
 * routes an event, and after a lost event only the tables are dumped again.
 *
 * Control thread, in its event loop.
 */
#pragma once

#include "control/kernel/table.h"

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct tables;

enum {
	TABLES_BUFFER = 64 << 20, /* for events; it uses kernel memory only while they wait */
};

/* A table that is to be followed. */
struct table_wanted {
	uint32_t number; /* not 0, and not that of the local or main table */
	size_t limit;
};

/*
 * Some table has changes (table_take_changes()). It is called once for a burst: 100 ms after its
 * last event, one second after its first one at the latest. The first dumps of tables are a burst
 * that ends with the last dump.
 */
typedef void (*tables_changed_fn)(void *arg);

/* @buffer: bytes for events that wait. NULL with errno on failure. */
struct tables *tables_create(struct event_base *base, int buffer, tables_changed_fn changed,
			     void *arg);
void tables_destroy(struct tables *ts); /* accepts NULL */

/*
 * Follows exactly these tables from now on; their numbers ascend and differ. Those that were
 * followed before stay as they are. @device: number of the interface by which routes without a
 * gateway count; 0: none. 0 or -ENOMEM: nothing has changed.
 */
int tables_follow(struct tables *ts, const struct table_wanted *wanted, size_t n, int device);

/* Reads all tables at once, and waits for it: at the start. 0 or -errno. */
int tables_read_now(struct tables *ts);

/* NULL: it is not followed. */
struct table *tables_find(struct tables *ts, uint32_t number);
size_t tables_n(const struct tables *ts);
struct table *tables_at(struct tables *ts, size_t i);

/* Since the start. */
struct tables_counts {
	uint64_t dumps, lost; /* dumps of a table; how many times events were lost */
	uint64_t events, bursts;
};
const struct tables_counts *tables_counts(const struct tables *ts);
