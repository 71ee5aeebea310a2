/* Flows for the tests of this folder: as many different ones as there are numbers. */
#pragma once

#include "dice.h"
#include "flow/flow.h"

#include <string.h>

enum { FLOWS_UDP = 17 };

static const uint8_t flows_secret[16] = "tests of flows";

/* Flow number @n. Sites 1 to 5 share all addresses and ports; returns differ by the egress port. */
static inline struct flow flows_make(uint32_t n)
{
	return (struct flow){
		.src = htonl(0x0a000001 + n / 5 % 250),
		.dst = htonl(0xc0000200 + n % 3),
		.sport = htons((uint16_t)(1024 + n / 1250)),
		.dport = htons(53),
		.site = (uint16_t)(1 + n % 5),
		.proto = FLOWS_UDP,
		.state = FLOW_UDP,
		.nat_src = htonl(0xcb007100 + n / 60000),
		.nat_port = htons((uint16_t)(2048 + n % 60000)),
		.onramp = 1,
		.offramp = 1,
	};
}

/* The record of @key, by the same look-up that a burst uses. */
static inline uint32_t flows_find(struct flow_table *t, const struct flow_key *key,
				  enum flow_dir *dir)
{
	struct flow_probe probe = {.key = *key, .record = 12345, .dir = 99}, *probes[1] = {&probe};

	flow_table_lookup(t, probes, 1);
	*dir = probe.dir;
	return probe.record;
}

/* Is @flow in the table under both keys, as number @record? */
static inline bool flows_is_at(struct flow_table *t, const struct flow *flow, uint32_t record)
{
	struct flow_key forward, back;
	enum flow_dir dir, back_dir;

	flow_forward_key(flow, &forward);
	flow_return_key(flow, &back);
	return flows_find(t, &forward, &dir) == record && dir == FLOW_FORWARD &&
	       flows_find(t, &back, &back_dir) == record && back_dir == FLOW_RETURN &&
	       memcmp(flow_table_at(t, record), flow, sizeof(*flow)) == 0;
}

static inline bool flows_is_nowhere(struct flow_table *t, const struct flow *flow)
{
	struct flow_key forward, back;

	flow_forward_key(flow, &forward);
	flow_return_key(flow, &back);
	return !flow_table_has(t, &forward) && !flow_table_has(t, &back);
}
