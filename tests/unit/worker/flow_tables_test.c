/* Workers that are to ask each other have the same hash; IPv6 has a table only if it is wanted. */
#include "stage.h"

#include "flow/table.h"
#include "worker/flow_tables.h"
#include "worker/worker.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { CAPACITY = 256, BYTES = 4 };

static uint64_t hash_of(const struct context *ctx)
{
	return flow_table_hash(ctx->flows, FLOW_DOMAIN_SOURCE, "some", BYTES);
}

static void test_tables(void **state)
{
	static const uint8_t secret[16] = "of all workers";
	const struct {
		const char *why;
		struct worker_config a, b;
		bool same;
	} rows[] = {
		{"one secret", {CAPACITY, .secret = secret}, {CAPACITY, .secret = secret}, true},
		{"one secret, another size",
		 {CAPACITY, .secret = secret},
		 {2 * CAPACITY, .flows6_capacity = CAPACITY, .secret = secret},
		 true},
		{"random ones", {CAPACITY}, {CAPACITY}, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct context a = {0}, b = {0};

		assert_true(flow_tables_create(&a, &rows[i].a) &&
			    flow_tables_create(&b, &rows[i].b));
		if ((hash_of(&a) == hash_of(&b)) != rows[i].same)
			fail_msg("%s: hashes %s", rows[i].why, rows[i].same ? "differ" : "agree");
		assert_int_equal(b.flows6 != NULL, rows[i].b.flows6_capacity > 0);
		flow_tables_destroy(&a);
		flow_tables_destroy(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_tables)};

	return cmocka_run_group_tests_name("worker/flow_tables", tests, NULL, NULL);
}
