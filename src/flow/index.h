/* The index of a flow table: see index.c. Private to flow/. */
#pragma once

#include "flow/table.h"

bool index_add(struct flow_table *t, uint64_t hash, uint32_t ref); /* false: there is no room */
uint64_t index_ref_hash(const struct flow_table *t, uint32_t ref); /* of @ref's key */
void index_remove(struct flow_table *t, uint64_t hash, uint32_t ref);

/* The reference under which @key is in the table, or FLOW_NO_RECORD. */
uint32_t index_find(const struct flow_table *t, const struct flow_key *key, uint64_t hash);
