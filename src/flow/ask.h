/*
 * Asking another worker's table, which its owner changes meanwhile: has it a live flow with this
 * key?
 *
 * All tables of a gateway have the same secret, so the hash of a look-up in the own table serves
 * for every other one. Nothing is locked, and the owner waits for nobody:
 *
 *   - it publishes a key by its tag, after the record is complete
 *   - a key that moves to its other bucket is in both for a moment, and never in none
 *   - moves are counted: a reader that met one and found nothing looks again
 *
 * So a flow that is in the table all the time is always found. One that begins or ends meanwhile
 * may or may not be found, and that is no error: the caller hands a packet over, and its new owner
 * looks it up again.
 */
#pragma once

#include "flow/flow.h"
#include "flow/flow6.h"

/* Prefetches what ask_prefetch_record() reads. Any thread. */
void ask_prefetch(const struct flow_table *t, uint64_t hash);

/* Prefetches the record that the key most probably has, if there is one. Any thread. */
void ask_prefetch_record(const struct flow_table *t, uint64_t hash);

/* @t is a table of IPv4 flows, @hash that of @key. Any thread. */
bool ask_has(const struct flow_table *t, const struct flow_key *key, uint64_t hash);

/* The same for a table of IPv6 flows. */
bool ask_has6(const struct flow_table *t, const struct flow6_key *key, uint64_t hash);
