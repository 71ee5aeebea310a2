/*
 * Macros for the tables of settings: see schema.h. Each chapter of the file has its own source,
 * schema_*.c.
 *
 * Private to those.
 */
#pragma once

#include "control/config/config.h"
#include "control/config/schema.h"
#include "flow/flow.h"

#include <assert.h>

/* Offset of a row's value. */
#define AT(type, field)                                                                            \
	.offset = offsetof(struct type, field), .size = sizeof(((struct type *)0)->field)
#define COUNT(type, field) .count_offset = offsetof(struct type, field)
#define SIX(type, field) .six_offset = offsetof(struct type, field)
#define SIX_COUNT(type, field) .six_count_offset = offsetof(struct type, field)
#define HAS(type, field) .has_offset = offsetof(struct type, field)
#define BIT(n) (1u << (n)) /* for needed_by and taken_by */
#define BLOCK_OF(rows) .settings = (rows), .n = ARRAY_SIZE(rows)

enum {
	CAPACITY_MAX = FLOW_CAPACITY_MAX,
	NEW_FLOWS_MAX = 100000000, /* for one second: ten nanoseconds each */
	LEARNED_MAX = 262144, /* prefixes of one table */
	DURATION_MAX_S = 18 * 3600, /* fits 16 bits */
};

extern const struct block schema_flows;
extern const struct block schema_api;
extern const struct block schema_health;
extern const struct block schema_tunnel_health;
extern const struct block schema_site_health;
extern const struct block schema_ipsec; /* of a tunnel */
extern const struct block schema_charon;
