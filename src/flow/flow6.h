/*
 * IPv6 flows: the same record, table and life as IPv4 flows, and a second cache line for addresses.
 *
 *   struct flow     all but the addresses, which are zero here: state, ports, decision, counters
 *   struct flow6    the three addresses
 *
 * A table made by flow6_table_create() has both under one record number: 128 bytes a flow and 16 of
 * the index. All functions that do not read addresses (flow_table_at(), ageing, TCP, counting, the
 * free list) are those of flow.h and work on both kinds of tables.
 */
#pragma once

#include "base/addr6.h"
#include "flow/flow.h"

/* As struct flow_key. The identifier of ICMPv6 echo is where that of ICMP is. */
struct flow6_key {
	struct addr6 src;
	struct addr6 dst;
	be16_t sport;
	be16_t dport;
	uint16_t realm;
	uint8_t proto;
	uint8_t domain; /* enum flow_domain */
};

static_assert(sizeof(struct flow6_key) == 40, "a key is two and a half AES blocks");

/* Forward key: src dst. Return key: dst nat_src. */
struct flow6 {
	struct addr6 src;
	struct addr6 dst;
	struct addr6 nat_src; /* the source the far side sees */
	uint64_t unused[2];
};

static_assert(sizeof(struct flow6) == CACHE_LINE, "the addresses are one cache line");

/*
 * Finds all @keys of a burst, @n at most 64. Writes the results and hashes to @probes. Ignores the
 * keys in the probes.
 */
void flow6_table_lookup(struct flow_table *t, const struct flow6_key **keys,
			struct flow_probe **probes, unsigned n);

/* As the functions without the 6 in flow.h. */
uint64_t flow6_table_prefetch(const struct flow_table *t, const struct flow6_key *key);
bool flow6_table_has_hashed(const struct flow_table *t, const struct flow6_key *key, uint64_t hash);
uint32_t flow6_table_holder(const struct flow_table *t, const struct flow6_key *key, uint64_t hash);

/* Does the far side see the site's own address? Then packets are not translated. */
static inline bool flow6_is_untranslated(const struct flow *f, const struct flow6 *six)
{
	return addr6_equal(&six->src, &six->nat_src) && f->sport == f->nat_port;
}

/* Private to flow/: the hash of @ref's key, in a table of IPv6 flows. */
uint64_t flow6_ref_hash(const struct flow_table *t, uint32_t ref);

/* The addresses of a record. */
struct flow6 *flow6_at(const struct flow_table *t, uint32_t record);

/* The two keys of a flow. */
void flow6_forward_key(const struct flow *f, const struct flow6 *six, struct flow6_key *key);
void flow6_return_key(const struct flow *f, const struct flow6 *six, struct flow6_key *key);
