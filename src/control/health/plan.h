/* Whether and how a tunnel is probed: its settings, with the defaults of its site and the file. */
#pragma once

#include "control/health/probe.h"
#include "network/spec.h"

struct health_rate {
	const char *name;
	uint32_t interval_ms; /* between two probes */
	uint32_t timeout_ms; /* a probe is lost that is not answered by then */
};

struct health_plan {
	const struct health_rate *rate; /* NULL: it is not probed */
	struct health_ends ends;
	bool outside; /* answers come back beside the tunnel, to its outer address */
};

struct health_plan health_plan_of(const struct network_spec *spec, const struct spec_site *site,
				  const struct spec_tunnel *t);

/* Do both plans probe the same far end in the same way? Their rates may differ.
 */
bool health_plan_goes_on(const struct health_plan *a, const struct health_plan *b);
