/*
 * The inside of the table of mappings: private to mapping*.c. See mapping.c.
 */
#pragma once

#include "setup/mapping.h"

enum {
	PROTO_SETS = 3, /* TCP, UDP, ICMP */
	WORD_BITS = 64,
};

#define MAPPING_NONE UINT32_MAX

struct mapping {
	be32_t src;
	be32_t nat_src;
	be16_t sport;
	be16_t nat_port;
	uint16_t site;
	uint16_t onramp;
	uint8_t proto; /* 0: the record is free */
	bool queued; /* it is in the queue of resting mappings */
	bool lost; /* its slice was removed: it is in the queue, and in no chain */
	uint8_t pad;
	uint32_t flows;
	uint32_t next; /* next in its chain or in the free list */
	uint32_t next_outside; /* next in the chain of its outer endpoint */
	uint32_t next_resting; /* next in the queue */
	uint32_t rests_until_s;
};

static_assert(sizeof(struct mapping) == MAPPING_BYTES, "as control counts it");

struct slice_ports {
	uint64_t *taken; /* [PROTO_SETS][size / WORD_BITS]; NULL: a pool that shares ports */
	uint32_t first, end; /* this worker's ports: offsets into the slice */
};

struct mappings {
	struct mapping *entries;
	uint32_t *heads; /* [mask + 1], by inner endpoint; then as many by outer endpoint */
	uint32_t mask;
	uint32_t capacity;
	uint32_t used; /* records [used, capacity) were never used */
	uint32_t free; /* head of the free list */
	uint32_t resting_first, resting_last; /* queue, MAPPING_NONE: empty */
	struct slice_ports *slices; /* indexed as network.slices */
	uint32_t n_slices;
};
