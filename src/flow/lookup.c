/*
 * The lookup of a burst: finds the flow of each packet.
 *
 * A table of a million flows lies in main memory: each packet costs two cache misses, its bucket
 * and its record. In sequence they would cost about 100 ns each. A burst prefetches all buckets,
 * then all records, and only then reads them, so that the misses overlap.
 *
 *   1  hash every key, prefetch every first bucket
 *   2  compare tags (one SIMD compare a bucket), prefetch the first candidate's record
 *   3  verify; the rare other cases (tag of another key, key in its second bucket) search both
 */
#include "flow/table.h"

#include "flow/index.h"

static void hash_all(const struct flow_table *t, struct flow_probe **probes, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct flow_probe *p = probes[i];

		p->hash = flow_hash(&t->secret, &p->key);
		__builtin_prefetch(&t->buckets[hash_first(t, p->hash)]);
	}
}

void flow_table_lookup(struct flow_table *t, struct flow_probe **probes, unsigned n)
{
	uint32_t refs[LOOKUP_MAX];

	assert(n <= LOOKUP_MAX);
	hash_all(t, probes, n);
	lookup_choose_candidates(t, probes, n, refs);

	for (unsigned i = 0; i < n; i++) {
		struct flow_probe *p = probes[i];
		uint32_t ref = refs[i];

		if (ref == FLOW_NO_RECORD || ref_differs(t, ref, &p->key) != 0)
			ref = index_find(t, &p->key, p->hash);
		lookup_answer(p, ref);
	}
}
