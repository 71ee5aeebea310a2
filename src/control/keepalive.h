/*
 * Does a tunnel's far end still answer? Sends GRE keepalives for tunnels that have them configured.
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
	KEEPALIVE_SILENT, /* the configured number of answers is missing */
};

enum { KEEPALIVE_SIZE = 2 * TUNNEL_HEADER_MAX };

/* Borrows all arguments. NULL with errno if memory ran out. */
struct keepalives *keepalives_create(struct event_base *base, const struct network *net,
				     struct worker *const *workers, size_t n_workers,
				     struct alarms *alarms);
/* Tells @heard of each keepalive that was answered, or not in time. */
void keepalives_listen(struct keepalives *k,
		       void (*heard)(void *arg, uint16_t tunnel, bool answered), void *arg);
void keepalives_destroy(struct keepalives *k); /* accepts NULL */

/*
 * From now on the network is @net. Tunnels with the same ends and key keep their state; others
 * start anew. Clears alarms of tunnels that are gone or have another name.
 */
void keepalives_follow(struct keepalives *k, const struct network *net);

enum keepalive_state keepalives_of(const struct keepalives *k, uint16_t tunnel);

/* Makes the keepalive of @tunnel, with its outer IP header; returns its length. */
size_t keepalive_make(const struct network *net, uint16_t tunnel, uint8_t out[KEEPALIVE_SIZE]);
