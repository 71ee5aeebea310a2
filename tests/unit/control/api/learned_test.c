/*
 * What the status says of learned routes: each number in its own field, from its own source.
 *
 * What is counted is not asked of the kernel here: the functions that say it are replaced.
 */
#include "control/api/handlers.h"
#include "control/bgp/bgp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TABLES = 2 };

static struct table tables[TABLES] = {
	{.number = 1007, .limit = 5000, .n_refused = 11, .n_drifted = 12},
	{.number = 1008, .limit = 6000, .n_refused = 21, .n_drifted = 22},
};
static const struct prefix6 example;
static bool has_relay;

/* No test reads what is behind these. */
static struct bgp *const some_bgp = (struct bgp *)tables;
static const struct learned *const some_learned = (const struct learned *)tables;

size_t __wrap_bgp_n_tables(const struct bgp *b);
struct bgp_table __wrap_bgp_table(const struct bgp *b, size_t i);
const struct learned *__wrap_bgp_learned(const struct bgp *b);
const struct tables_counts *__wrap_bgp_counts(const struct bgp *b);
const struct relay_counts *__wrap_bgp_relay_counts(const struct bgp *b);
size_t __wrap_learned_refused(const struct learned *l, uint32_t source, enum learned_refusal why,
			      const struct prefix6 **at);
size_t __wrap_table_n(const struct table *t);

size_t __wrap_bgp_n_tables(const struct bgp *b)
{
	assert_ptr_equal(b, some_bgp);
	return TABLES;
}

struct bgp_table __wrap_bgp_table(const struct bgp *b, size_t i)
{
	static const char *const owners[TABLES] = {"berlin", "default"};

	assert_true(i < TABLES);
	return (struct bgp_table){
		.table = &tables[i],
		.owner = owners[i],
		.of_network = i == 1,
		.source = i == 1 ? LEARNED_WHOLE : 0,
	};
}

const struct learned *__wrap_bgp_learned(const struct bgp *b)
{
	return some_learned;
}

const struct tables_counts *__wrap_bgp_counts(const struct bgp *b)
{
	static const struct tables_counts counts = {
		.dumps = 31, .lost = 32, .events = 33, .bursts = 34};

	return &counts;
}

const struct relay_counts *__wrap_bgp_relay_counts(const struct bgp *b)
{
	static const struct relay_counts counts = {
		.to_kernel = 41, .to_tunnels = 42, .no_tunnel = 43, .lost = 44};

	return has_relay ? &counts : NULL;
}

size_t __wrap_learned_refused(const struct learned *l, uint32_t source, enum learned_refusal why,
			      const struct prefix6 **at)
{
	assert_ptr_equal(l, some_learned);
	*at = &example;
	return (source == LEARNED_WHOLE ? 60 : 50) + (size_t)why;
}

size_t __wrap_table_n(const struct table *t)
{
	return t->number * 10;
}

static void expect(const json_t *got, const char *wanted)
{
	json_t *json = json_loads(wanted, JSON_DECODE_ANY, NULL);
	char *text = json_dumps(got, JSON_SORT_KEYS);

	assert_non_null(json);
	if (!json_equal(got, json))
		fail_msg("%s", text);
	json_decref(json);
	free(text);
}

static const char *const numbers =
	"'events': 33, 'events_lost': 32, 'dumps': 31, 'bursts': 34, 'sessions_in': %u, "
	"'sessions_out': %u, 'sessions_strange': %u, 'sessions_lost': %u}";

/* JSON of all numbers, behind @tables; ' stands for ". */
static char *make_wanted(const char *list, bool relay)
{
	static char text[4096];
	int len = snprintf(text, sizeof(text), "{'tables': %s, ", list);

	snprintf(text + len, sizeof(text) - (size_t)len, numbers, relay ? 41u : 0, relay ? 42u : 0,
		 relay ? 43u : 0, relay ? 44u : 0);
	for (char *at = text; *at != '\0'; at++)
		*at = *at == '\'' ? '"' : *at;
	return text;
}

static void test_tables(void **state)
{
	static const char list[] =
		"[{'owner': 'berlin', 'network': false, 'table': 1007, 'routes': 10070, 'limit': "
		"5000, 'over_limit': 11, 'routes_drifted': 12, 'unknown_gateway': 50, 'too_short': "
		"51, 'own_far_end': 52},"
		" {'owner': 'default', 'network': true, 'table': 1008, 'routes': 10080, 'limit': "
		"6000, 'over_limit': 21, 'routes_drifted': 22, 'unknown_gateway': 60, 'too_short': "
		"61, 'own_far_end': 62}]";

	for (unsigned relay = 0; relay < 2; relay++) {
		json_t *got;

		has_relay = relay;
		got = learned_describe(some_bgp);
		expect(got, make_wanted(list, relay));
		json_decref(got);
	}
}

/* Without BGP all is there, as zeros. */
static void test_nothing(void **state)
{
	json_t *got = learned_describe(NULL), *number;
	const char *key;

	assert_int_equal(json_array_size(json_object_get(got, "tables")), 0);
	assert_int_equal(json_object_size(got), 9);
	json_object_foreach(got, key, number)
	{
		if (strcmp(key, "tables") != 0)
			assert_int_equal(json_integer_value(number), 0);
	}
	json_decref(got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
