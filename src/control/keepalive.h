/*
 * Does a tunnel's far end still answer? GRE keepalives of our own, for tunnels that have them
 * configured.
 *
 * Control thread.
 */
#pragma once

#include "network/network.h"
#include "worker/worker.h"

struct alarms;
struct event_base;
struct keepalives;

enum keepalive_state {
	KEEPALIVE_OFF, /* none are sent */
	KEEPALIVE_UNKNOWN, /* none was answered yet */
	KEEPALIVE_ANSWERED,
	KEEPALIVE_SILENT, /* as many as configured were not */
};

enum { KEEPALIVE_SIZE = 2 * TUNNEL_HEADER_MAX };

/* Borrows all it is given. NULL with errno if memory ran out. */
struct keepalives *keepalives_create(struct event_base *base, const struct network *net,
				     struct worker *const *workers, size_t n_workers,
				     struct alarms *alarms);
void keepalives_destroy(struct keepalives *k); /* NULL is fine */

/*
 * From now on the network is @net. Tunnels with the same ends and key go on as they were; others
 * begin anew. Alarms of those that are gone, or have another name, are cleared.
 */
void keepalives_follow(struct keepalives *k, const struct network *net);

enum keepalive_state keepalives_of(const struct keepalives *k, uint16_t tunnel);

/* The keepalive of @tunnel, outer IP header and all; its length. */
size_t keepalive_make(const struct network *net, uint16_t tunnel, uint8_t out[KEEPALIVE_SIZE]);
