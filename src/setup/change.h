/*
 * The effect of a change of the network on a flow: the table in docs/changes.md as a function.
 *
 * A change of the network costs packets nothing. Instead a sweep visits each flow once
 * (worker/change_sweep.h) and checks whether the decisions of its setup still hold: its site, its
 * source, its egress port and its tunnel; to a private destination also the route to its site.
 */
#pragma once

#include "base/ended.h"
#include "flow/flow6.h"
#include "network/network.h"

struct change_verdict {
	enum ended ended; /* ENDED_NOT: the flow goes on */
	uint16_t onramp; /* then its returns use this tunnel, */
	uint16_t offramp; /* and its forward packets this nexthop */
};

/* @flow is live. @six: the addresses of an IPv6 flow, else NULL. Reads nothing else. Any thread. */
struct change_verdict change_judge(const struct network *net, const struct flow *flow,
				   const struct flow6 *six);

/* Does the egress port of a live or resting flow belong to a slice of ours? */
bool change_owns_port(const struct network *net, const struct flow *flow, const struct flow6 *six);
