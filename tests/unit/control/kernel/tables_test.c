/* Follows tables of the real kernel, in a network namespace of the test's own. */
#include "control/kernel/tables.h"

#include "base/mono.h"
#include "base/types.h"
#include "tables_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

static unsigned bursts;
static size_t in_use; /* prefixes of table 1007 that its user knows */
static bool known[1 << 16];

static void on_way(const struct prefix6 *prefix, const struct table_way *ways, size_t n, void *arg)
{
	uint16_t i = (uint16_t)ntohl(addr6_to_ipv4(&prefix->addr));

	in_use += (n > 0) - (size_t)known[i];
	known[i] = n > 0;
}

static void forget(void)
{
	bursts = 0;
	in_use = 0;
	memset(known, 0, sizeof(known));
}

static void on_changed(void *arg)
{
	struct tables **ts = arg;

	bursts++;
	table_take_changes(tables_find(*ts, 1007), on_way, NULL);
}

/* Runs the loop until table 1007 has @n routes that its user knows. Milliseconds it took. */
static uint64_t run_until(struct event_base *base, struct tables *ts, size_t n)
{
	uint64_t began = mono_ms();

	while ((in_use != n || table_n(tables_find(ts, 1007)) != n) && mono_ms() < began + 20000)
		event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(in_use, n);
	return mono_ms() - began;
}

static void test_follow(void **state)
{
	static const struct table_wanted wanted[] = {{1007, 1000}, {100000, 1000}};
	struct event_base *base = event_base_new();
	struct tables *ts;
	uint64_t events;

	forget();
	ts = tables_create(base, TABLES_BUFFER, on_changed, &ts);
	assert_non_null(ts);
	tables_bed_routes(1007, 300, false);
	tables_bed_routes(100000, 20, false); /* above 255: by the attribute */
	tables_bed_routes(1008, 40, false); /* nobody follows it */
	assert_int_equal(tables_follow(ts, wanted, 2, 0), 0);
	assert_int_equal(tables_n(ts), 2);
	assert_int_equal(tables_read_now(ts), 0);
	assert_int_equal(table_n(tables_find(ts, 1007)), 300);
	assert_int_equal(table_n(tables_find(ts, 100000)), 20);
	assert_null(tables_find(ts, 1008));
	run_until(base, ts, 300);

	bursts = 0;
	events = tables_counts(ts)->events;
	tables_bed_routes(1007, 500, false); /* 200 are new */
	tables_bed_routes(254, 50, false); /* the main table */
	run_until(base, ts, 500);
	assert_in_range(bursts, 1, 3);
	assert_int_equal(tables_counts(ts)->events - events, 200); /* not for equal ones */
	tables_bed_routes(1007, 450, true);
	run_until(base, ts, 50);
	assert_int_equal(tables_find(ts, 1007)->n_drifted, 0);
	tables_destroy(ts);
	tables_bed_routes(1007, 500, true);
	event_base_free(base);
}

/* Followed anew with other tables: those that stay keep their routes. */
static void test_other_tables(void **state)
{
	static const struct table_wanted first[] = {{1007, 10}, {1009, 10}};
	static const struct table_wanted second[] = {{1005, 10}, {1007, 20}};
	struct event_base *base = event_base_new();
	struct tables *ts;

	forget();
	ts = tables_create(base, TABLES_BUFFER, on_changed, &ts);
	tables_bed_routes(1007, 15, false);
	tables_bed_routes(1005, 3, false);
	assert_int_equal(tables_follow(ts, first, 2, 0), 0);
	assert_int_equal(tables_read_now(ts), 0);
	assert_int_equal(table_n(tables_find(ts, 1007)), 10); /* the limit */
	assert_true(tables_find(ts, 1007)->n_refused >= 5);
	assert_int_equal(tables_follow(ts, second, 2, 0), 0);
	assert_int_equal(table_n(tables_find(ts, 1007)), 10);
	assert_null(tables_find(ts, 1009));
	run_until(base, ts, 15); /* there is room now, so it is read again */
	assert_int_equal(table_n(tables_at(ts, 0)), 3);
	tables_destroy(ts);
	tables_bed_routes(1007, 15, true);
	event_base_free(base);
}

/* The buffer is too small for what comes while nobody reads: all is read again, nothing is lost. */
static void test_lost_events(void **state)
{
	static const struct table_wanted wanted[] = {{1007, 300000}};
	struct event_base *base = event_base_new();
	struct tables *ts;

	forget();
	ts = tables_create(base, 4096, on_changed, &ts);
	assert_int_equal(tables_follow(ts, wanted, 1, 0), 0);
	assert_int_equal(tables_read_now(ts), 0);
	tables_bed_routes(1007, 5000, false);
	run_until(base, ts, 5000);
	assert_true(tables_counts(ts)->lost > 0);
	assert_true(tables_find(ts, 1007)->n_drifted > 0);
	tables_bed_routes(1007, 5000, true);
	run_until(base, ts, 0);
	tables_destroy(ts);
	event_base_free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_follow),
		cmocka_unit_test(test_other_tables),
		cmocka_unit_test(test_lost_events),
	};

	if (!tables_bed_enter()) {
		printf("skipped: no network namespace\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
