/*
 * What the adjacency table looks things up in: private to network/.
 */
#pragma once

#include "network/adjacency.h"

enum { PORT_COUNT_MAX = UINT8_MAX + 1 };

struct rte_rib;
struct rte_rib6;

struct host_slot {
	struct addr6 addr;
	uint8_t port;
	uint16_t hop; /* HOP_NONE: the slot is free */
};

struct adjacency_index {
	struct rte_rib *ribs[PORT_COUNT_MAX]; /* NULL: no route at all */
	struct rte_rib6 *ribs6[PORT_COUNT_MAX];
	uint64_t multiplier; /* odd, random */
	unsigned shift; /* keeps log2(slots) high bits of the product */
	uint32_t mask;
	struct host_slot *slots;
};

/* The hop of an on-link host, or HOP_UNKNOWN_HOST. */
uint16_t adjacency_host(const struct adjacency_index *index, uint8_t port,
			const struct addr6 *addr);

/* adjacency6.c: 0 or -ENOMEM; what was made is freed by the other. */
int adjacency6_add_routes(struct adjacency_index *index, const struct adjacency_spec *spec);
void adjacency6_free_routes(struct adjacency_index *index);
