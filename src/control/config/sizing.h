/*
 * Sizing: how many slices, flows and bytes do so many users need, and what does one slice carry?
 *
 * Arithmetic with the constants that the workers use; docs/sizing.md explains it. Rates are in
 * thousandths a second. Everything is said twice: so that each port rests before another site gets
 * it, and so that flows find a port at all.
 */
#pragma once

#include "control/config/config.h"

enum {
	SIZING_MILLI = 1000,
	SIZING_USERS_MAX = 100000000, /* in all: no sum overflows */
	SIZING_FLOWS_MAX = 100000, /* of a user */
	SIZING_CAPACITY_MAX = 1 << 28, /* of one gateway */
	SIZING_RATE_MAX = 1000, /* a second, of a user */
};

struct sizing_demand {
	uint64_t sites;
	uint64_t users; /* of each site */
	uint64_t flows; /* of a user at once, without DNS */
	uint64_t new_milli; /* new ones of a user a second, without DNS */
	uint64_t dns_milli; /* DNS queries of a user a second */
	uint64_t resolvers; /* which get equal parts of them */
	uint64_t peak_percent; /* so many of the flows go to one destination */
};

enum sizing_way {
	SIZING_RESTED, /* each port rests before another site gets it */
	SIZING_LEAST, /* flows find a port */
	SIZING_WAYS,
};

struct sizing_need {
	uint64_t peak_slices, dns_slices; /* towards one destination; towards each resolver */
	uint64_t slices; /* the larger of both */
	uint64_t addresses;
	uint64_t own_slices; /* where each flow takes a port of its own (endpoint-independent) */
	uint64_t flows; /* records at once */
	uint64_t capacity; /* the same with a reserve: flows.capacity */
	uint64_t flow_bytes; /* 0: more than one gateway can have */
	/* what one slice carries */
	uint32_t ports; /* towards one destination */
	uint32_t worker_ports; /* of them, each worker's */
	uint64_t dns_milli; /* queries a second to one resolver */
	uint64_t unanswered_milli; /* the same while it does not answer */
};

struct sizing {
	uint64_t flows; /* of all users, without DNS */
	uint64_t new_milli, dns_milli;
	uint32_t slice_size, slices_of_address;
	uint64_t buffers, buffer_bytes; /* without huge pages */
	struct sizing_need needs[SIZING_WAYS];
};

/* Seconds that UDP to port 53 is remembered, whichever setting says so. */
struct sizing_dns {
	uint16_t waiting_s, answered_s;
};

struct sizing_dns sizing_dns(const struct config *config);

/* For the timeouts, the workers and the ports of @config, and slices as its first pool has. */
void sizing_compute(const struct config *config, const struct sizing_demand *demand,
		    struct sizing *sizing);
