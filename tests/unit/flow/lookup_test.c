/* A burst looks up all its keys at once: the results are those of single look-ups. */
#include "flow/table.h"

#include "flows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { CAPACITY = 2000, BURST = 64 };

static struct flow_table *full_table(void)
{
	struct flow_table *t = flow_table_create(CAPACITY, flows_secret);

	assert_non_null(t);
	for (uint32_t n = 0; n < CAPACITY; n++) {
		struct flow flow = flows_make(n);

		flow_table_insert(t, &flow);
	}
	return t;
}

/* Finds @key by a look at all records. */
static uint32_t stupid_find(const struct flow_table *t, const struct flow_key *key,
			    enum flow_dir *dir)
{
	for (uint32_t r = 0; r < t->used; r++) {
		const struct flow *f = &t->records[r];
		struct flow_key forward, back;

		if (f->state == FLOW_FREE)
			continue;
		flow_forward_key(f, &forward);
		flow_return_key(f, &back);
		*dir = FLOW_FORWARD;
		if (memcmp(key, &forward, sizeof(*key)) == 0)
			return r;
		*dir = FLOW_RETURN;
		if (memcmp(key, &back, sizeof(*key)) == 0)
			return r;
	}
	return FLOW_NO_RECORD;
}

/* Half of the keys are known, in either direction; one in eight is the same as the previous one. */
static void roll_probe(struct flow_probe *probes, unsigned i, uint64_t *dice)
{
	struct flow flow = flows_make(dice_roll(dice, 2 * CAPACITY));
	struct flow_probe *p = &probes[i];

	memset(p, 0xaa, sizeof(*p));
	if (i > 0 && dice_roll(dice, 8) == 0)
		p->key = probes[i - 1].key;
	else if (dice_roll(dice, 2) == 0)
		flow_forward_key(&flow, &p->key);
	else
		flow_return_key(&flow, &p->key);
}

static void test_bursts(void **state)
{
	struct flow_table *t = full_table();
	struct flow_probe probes[BURST];
	struct flow_probe *list[BURST];
	unsigned found[2] = {0}, missed = 0;
	uint64_t dice = 3;

	for (unsigned round = 0; round < 400; round++) {
		unsigned n = round % (BURST + 1);

		for (unsigned i = 0; i < n; i++) {
			roll_probe(probes, i, &dice);
			list[i] = &probes[i];
		}
		flow_table_lookup(t, list, n);
		for (unsigned i = 0; i < n; i++) {
			enum flow_dir dir;
			uint32_t record = stupid_find(t, &probes[i].key, &dir);

			assert_int_equal(probes[i].record, record);
			assert_int_equal(probes[i].hash, flow_hash(&t->secret, &probes[i].key));
			if (record == FLOW_NO_RECORD) {
				missed++;
				continue;
			}
			assert_int_equal(probes[i].dir, dir);
			found[dir]++;
		}
	}
	assert_true(found[FLOW_FORWARD] > 1000 && found[FLOW_RETURN] > 1000 && missed > 1000);
	flow_table_destroy(t);
}

/* A removed flow is not found, although its record still has its old content. */
static void test_ghosts(void **state)
{
	struct flow_table *t = full_table();

	for (uint32_t r = 0; r < t->used; r++) {
		struct flow flow = t->records[r];

		if (flow.state == FLOW_FREE)
			continue;
		flow_table_remove(t, r);
		assert_true(flows_is_nowhere(t, &flow));
	}
	assert_int_equal(flow_table_count(t), 0);
	flow_table_destroy(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bursts),
		cmocka_unit_test(test_ghosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
