/* The egress state of a worker: what it begins with, and that every allocation is given back. */
#include "setup/egress.h"

#include "setup/ports.h"
#include "slices_bed.h"

/* The parts of all workers together are the slice, whatever their number. */
static void test_workers_share_a_slice(void **state)
{
	struct made *m = make(&before);

	for (uint16_t count = 1; count <= 7; count++) {
		uint32_t next = 0;

		for (uint16_t index = 0; index < count; index++) {
			struct egress_state *e = egress_create(m->net, CAPACITY, index, count);

			assert_non_null(e);
			assert_int_equal(e->n_slices, 3);
			assert_int_equal(e->slices[0].first, next);
			next += e->slices[0].n;
			egress_destroy(e);
		}
		assert_int_equal(next, SIZE);
	}
	unmake(m);
}

/* A reader may ask by the numbers of a network that the worker has not taken yet. */
static void test_unknown_slice_is_zero(void **state)
{
	struct made *m = make(&before);
	struct egress_state *e = egress_create(m->net, CAPACITY, 0, 1);

	e->slices[2].counters.flows = 7;
	assert_int_equal(egress_slice(e, 2).flows, 7);
	assert_int_equal(egress_slice(e, 3).flows, 0);
	assert_int_equal(egress_slice(e, UINT32_MAX).flows, 0);
	egress_destroy(e);
	unmake(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_workers_share_a_slice),
		cmocka_unit_test(test_unknown_slice_is_zero),
	};

	egress_destroy(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
