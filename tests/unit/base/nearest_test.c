/* Which known word is offered for a mistyped one. */
#include "base/nearest.h"

#include "base/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const char *const known[] = {"status", "sites", "tunnels", "flows", "egress", "drops"};

static const struct {
	const char *word;
	const char *best; /* NULL: no guess */
	const char *why;
} rows[] = {
	{"flow", "flows", "a letter forgotten"},
	{"tunels", "tunnels", "one of two equal letters"},
	{"flwos", "flows", "two letters swapped"},
	{"egres", "egress", "cut short"},
	{"site", "sites", "singular"},
	{"drops", "drops", "the word itself"},
	{"", NULL, "nothing typed is near to nothing"},
	{"reload", NULL, "another word altogether"},
	{"f", NULL, "one letter says too little"},
	{"statusstatusstatusstatusstatusstatusstatusstatusstatusstatusstatusstatus", NULL,
	 "longer than any word we compare"},
};

static void test_rows(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct nearest n = nearest_begin(rows[i].word);

		for (size_t j = 0; j < ARRAY_SIZE(known); j++)
			nearest_offer(&n, known[j]);
		if (n.best != rows[i].best && (n.best == NULL || rows[i].best == NULL))
			fail_msg("%s: %s offers %s", rows[i].why, rows[i].word,
				 n.best ? n.best : "nothing");
		if (rows[i].best != NULL)
			assert_string_equal(n.best, rows[i].best);
	}
}

static void test_first_of_equals(void **state)
{
	struct nearest n = nearest_begin("port3");

	nearest_offer(&n, "port1");
	nearest_offer(&n, "port2");
	assert_string_equal(n.best, "port1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_first_of_equals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
