/*
 * Prefetch: in a large network, what a burst will read of its tunnels and sites.
 *
 * The rows of 64 tunnels stay in the cache. Those of 10,000 do not, and a packet would wait for up
 * to four of them, one after the other. So a stage that knows whose rows its packets need asks for
 * all of them first, and the misses of a burst overlap. In a small network this would only cost
 * instructions: the caller asks network.is_large, once a burst.
 *
 * A guess may be wrong, and nothing depends on it. Each function returns how many packets it found
 * something for. Worker.
 */
#pragma once

#include "path/context.h"

/* Before decapsulation: the tunnel that a packet seems to come out of. */
unsigned prefetch_onramps(struct context *ctx, const struct burst *b);

/*
 * Before the setup of the first packets of @stage: the rows of their sites, and where there are
 * many routes, those of their destinations. IPv4.
 */
unsigned prefetch_first_packets(struct context *ctx, const struct burst *b, enum stage stage);

/* Before the packets of @stage are forwarded: where their flows in @flows send returns. */
unsigned prefetch_returns(struct context *ctx, const struct burst *b, enum stage stage,
			  const struct flow_table *flows);
