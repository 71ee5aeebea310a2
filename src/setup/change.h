/*
 * What does a change of the network do to a flow? The table in docs/changes.md, as a function.
 *
 * Flows are not asked when the network changes, and no packet pays for it. A sweep looks at each
 * once (change_sweep.h), and so is done with what was true when the flow was set up and is not now:
 * its site, its source, its egress port, the tunnel it came by.
 */
#pragma once

#include "base/ended.h"
#include "flow/flow6.h"
#include "network/network.h"

struct change_verdict {
	enum ended ended; /* ENDED_NOT: the flow lives on, */
	uint16_t onramp; /* and its returns go by this tunnel */
};

/* @flow lives; @six: its addresses if it is IPv6, else NULL. Looks at nothing else. Any thread. */
struct change_verdict change_judge(const struct network *net, const struct flow *flow,
				   const struct flow6 *six);

/* Is the egress port of a flow, or of one that rests, of a slice of ours? */
bool change_owns_port(const struct network *net, const struct flow *flow, const struct flow6 *six);
