/*
 * IPv6 flows: see flow6.h. Keys, and the lookup of a burst.
 *
 * The lookup is that of lookup.c; verifying a candidate needs both lines of its record, which are
 * in two arrays and are prefetched together.
 */
#include "flow/flow6.h"

#include "flow/table.h"

void flow6_forward_key(const struct flow *f, const struct flow6 *six, struct flow6_key *key)
{
	*key = (struct flow6_key){
		.src = six->src,
		.dst = six->dst,
		.sport = f->sport,
		.dport = f->dport,
		.realm = f->site,
		.proto = f->proto,
	};
}

void flow6_return_key(const struct flow *f, const struct flow6 *six, struct flow6_key *key)
{
	*key = (struct flow6_key){
		.src = six->dst,
		.dst = six->nat_src,
		.sport = f->dport,
		.dport = f->nat_port,
		.realm = f->far,
		.proto = f->proto,
	};
}

uint64_t flow6_ref_hash(const struct flow_table *t, uint32_t ref)
{
	uint32_t record = ref & ~REF_RETURN;
	struct flow6_key key;

	if (ref & REF_RETURN)
		flow6_return_key(&t->records[record], &t->six[record], &key);
	else
		flow6_forward_key(&t->records[record], &t->six[record], &key);
	if (key.realm == FLOW_NOWHERE)
		key.realm = t->records[record].onramp;
	return flow6_hash(&t->secret, &key);
}

struct flow6 *flow6_at(const struct flow_table *t, uint32_t record)
{
	return &t->six[record];
}

static inline uint64_t ref6_differs(const struct flow_table *t, uint32_t ref, const void *key)
{
	uint32_t record = ref & ~REF_RETURN;

	return record6_differs(&t->records[record], &t->six[record], ref, key);
}

/* As ref_differs_resting(). */
static inline uint64_t ref6_differs_resting(const struct flow_table *t, uint32_t ref,
					    const void *arg)
{
	const struct flow *f = &t->records[ref & ~REF_RETURN];
	const struct flow6 *six = &t->six[ref & ~REF_RETURN];
	const struct flow6_key *key = arg;
	uint64_t addresses =
		addr6_differs(&six->dst, &key->src) | addr6_differs(&six->nat_src, &key->dst);

	return (uint32_t)(f->dport ^ key->sport) | (uint32_t)(f->nat_port ^ key->dport) |
	       (uint32_t)(record_far(f) ^ key->realm) | (uint32_t)(f->proto ^ key->proto) |
	       (uint32_t)(addresses != 0) | (uint32_t) !(ref & REF_RETURN);
}

static uint32_t find(const struct flow_table *t, const struct flow6_key *key, uint64_t hash)
{
	return index_find_by(t, hash, ref6_differs, key);
}

uint64_t flow6_table_prefetch(const struct flow_table *t, const struct flow6_key *key)
{
	uint64_t hash = flow6_hash(&t->secret, key);

	__builtin_prefetch(&t->buckets[hash_first(t, hash)]);
	return hash;
}

bool flow6_table_has_hashed(const struct flow_table *t, const struct flow6_key *key, uint64_t hash)
{
	return find(t, key, hash) != FLOW_NO_RECORD;
}

uint32_t flow6_table_holder(const struct flow_table *t, const struct flow6_key *key, uint64_t hash)
{
	uint32_t ref = index_find_by(t, hash, ref6_differs_resting, key);

	return ref == FLOW_NO_RECORD ? FLOW_NO_RECORD : ref & ~REF_RETURN;
}

void flow6_table_lookup(struct flow_table *t, const struct flow6_key **keys,
			struct flow_probe **probes, unsigned n)
{
	uint32_t refs[LOOKUP_MAX];

	assert(n <= LOOKUP_MAX);
	for (unsigned i = 0; i < n; i++)
		probes[i]->hash = flow6_table_prefetch(t, keys[i]);
	lookup_choose_candidates(t, probes, n, refs);
	for (unsigned i = 0; i < n; i++) {
		if (refs[i] != FLOW_NO_RECORD)
			__builtin_prefetch(&t->six[refs[i] & ~REF_RETURN]);
	}
	for (unsigned i = 0; i < n; i++) {
		uint32_t ref = refs[i];

		if (ref == FLOW_NO_RECORD || ref6_differs(t, ref, keys[i]) != 0)
			ref = find(t, keys[i], probes[i]->hash);
		lookup_answer(probes[i], ref);
	}
}
