/* Which known word is proposed for a mistyped one. */
#include "base/nearest.h"

#include "base/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const known[] = {"status", "sites", "tunnels", "flows", "egress", "drops"};

static const struct {
	const char *word;
	const char *best; /* NULL: no proposal */
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

/* The edit distance by the textbook's table, as the reference. */
static unsigned plain_distance(const char *a, const char *b)
{
	unsigned d[24][24] = {{0}};
	size_t na = strlen(a), nb = strlen(b);

	for (size_t i = 0; i <= na; i++) {
		for (size_t j = 0; j <= nb; j++) {
			unsigned best = i == 0 ? (unsigned)j : d[i - 1][j] + 1;

			if (j > 0 && d[i][j - 1] + 1 < best)
				best = d[i][j - 1] + 1;
			if (i > 0 && j > 0 && d[i - 1][j - 1] + (a[i - 1] != b[j - 1]) < best)
				best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    d[i - 2][j - 2] + 1 < best)
				best = d[i - 2][j - 2] + 1;
			d[i][j] = j == 0 ? (unsigned)i : best;
		}
	}
	return d[na][nb];
}

static void random_word(char word[24])
{
	size_t len = (size_t)rand() % 20;

	for (size_t i = 0; i < len; i++)
		word[i] = "ab-1"[rand() % 4];
	word[len] = '\0';
}

static void test_same_as_plain(void **state)
{
	srand(1);
	for (int i = 0; i < 100000; i++) {
		char a[24], b[24];
		struct nearest n;
		unsigned plain, limit;

		random_word(a);
		random_word(b);
		n = nearest_begin(a);
		limit = n.distance;
		nearest_offer(&n, b);
		plain = plain_distance(a, b);
		if ((n.best != NULL) != (plain < limit) || (n.best != NULL && n.distance != plain))
			fail_msg("\"%s\", \"%s\": %u, not %u", a, b, n.distance, plain);
	}
}

/* The work has a bound that does not depend on the number of names. */
static void test_bounded(void **state)
{
	char word[80], other[80];
	struct nearest n;
	unsigned work;

	snprintf(word, sizeof(word), "%060d", 7);
	n = nearest_begin(word);
	for (int i = 0; i < 65534; i++) {
		snprintf(other, sizeof(other), "%050d%010d", 1, 1111111 + i);
		nearest_offer(&n, other);
	}
	work = n.work;
	assert_true(work > 1 << 20 && work < 1 << 21);
	nearest_offer(&n, word);
	assert_int_equal(n.work, work);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_first_of_equals),
		cmocka_unit_test(test_same_as_plain),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
