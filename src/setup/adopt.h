/*
 * Adoption: flows of an earlier process go on in this one.
 *
 * Their records were kept (flow/kept.h). A record is judged as after a change of the configuration,
 * by the same rules (change.h): its site, source, egress port and tunnels must still be. Then all
 * that setup takes for a flow is taken for it, its record goes into the table of the worker that
 * owns its egress port, and its next packet looks up its route. Limits apply to new flows only.
 *
 * Control thread, before the workers run.
 */
#pragma once

#include "base/ended.h"
#include "path/context.h"

enum adopted {
	ADOPTED,
	ADOPTED_ENDED, /* the configuration does not allow it any more */
	ADOPTED_DAMAGED, /* no flow has such a record, or two have the same key or port */
	ADOPTED_OVER, /* its timeout is over */
	ADOPTED_NO_ROOM, /* the table is full */
};

/* When a record was written. */
struct adopt_source {
	uint64_t origin_ns; /* CLOCK_MONOTONIC when its seen_s was 0 */
	uint16_t worker; /* who had it */
};

/*
 * Adopts one record into the table of one of the @workers. @six: the addresses of an IPv6 flow,
 * else NULL. Trusts nothing in either. *@why is written if the result is ADOPTED_ENDED.
 */
enum adopted adopt_flow(struct context *const *workers, const struct adopt_source *source,
			const struct flow *flow, const struct flow6 *six, enum ended *why);

/*
 * The port of a flow that has ended rests (flow/flow.h): it goes on resting, for the whole time
 * again. In an endpoint-independent pool mappings rest, which are not kept.
 */
void adopt_rest(struct context *const *workers, const struct flow *flow, const struct flow6 *six);
