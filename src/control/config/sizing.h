/*
 * Sizing: how many slices, flows and bytes do a number of users need, and what does one slice
 * carry?
 *
 * Uses the constants that the workers use; docs/sizing.md explains the arithmetic. Rates are in
 * thousandths a second. Every need is computed twice: for ports that always rest before another
 * site gets them, and for the least number of ports with which flows find one.
 */
#pragma once

#include "control/config/config.h"

enum {
	SIZING_MILLI = 1000,
	SIZING_USERS_MAX = 100000000, /* of all sites; no sum overflows */
	SIZING_FLOWS_MAX = 100000, /* of a user */
	SIZING_CAPACITY_MAX = 1 << 28, /* of one gateway */
	SIZING_RATE_MAX = 1000, /* a second, of a user */
};

struct sizing_demand {
	uint64_t sites;
	uint64_t users; /* of each site */
	uint64_t flows; /* of a user at once, without DNS */
	uint64_t new_milli; /* new flows of a user a second, without DNS */
	uint64_t dns_milli; /* DNS queries of a user a second */
	uint64_t resolvers; /* DNS queries are spread evenly over them */
	uint64_t peak_percent; /* percentage of flows that go to one destination */
};

enum sizing_plan {
	SIZING_RESTED, /* each port rests before another site gets it */
	SIZING_LEAST, /* flows find a port */
	SIZING_PLANS,
};

struct sizing_need {
	uint64_t peak_slices, dns_slices; /* towards one destination; towards each resolver */
	uint64_t slices; /* the larger of both */
	uint64_t addresses;
	uint64_t own_slices; /* if each flow takes its own port (endpoint-independent) */
	uint64_t flows; /* records at once */
	uint64_t capacity; /* flows with a reserve: the value for flows.capacity */
	uint64_t flow_bytes; /* 0: more than one gateway can have */
	/* what one slice carries */
	uint32_t ports; /* towards one destination */
	uint32_t worker_ports; /* of these, the part of each worker */
	uint64_t dns_milli; /* queries a second to one resolver */
	uint64_t unanswered_milli; /* queries a second if the resolver does not answer */
};

struct sizing {
	uint64_t flows; /* of all users, without DNS */
	uint64_t new_milli, dns_milli;
	uint32_t slice_size, slices_of_address;
	uint64_t buffers, buffer_bytes; /* without huge pages */
	struct sizing_need needs[SIZING_PLANS];
};

/* Seconds that a flow of UDP to port 53 is kept, whichever setting gives them. */
struct sizing_dns {
	uint16_t waiting_s, answered_s;
};

struct sizing_dns sizing_dns(const struct config *config);

/* Uses the timeouts, the workers and the ports of @config, and the slice size of its first pool. */
void sizing_compute(const struct config *config, const struct sizing_demand *demand,
		    struct sizing *sizing);
