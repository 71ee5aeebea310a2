/*
 * The alarm about ports that did not rest: it stands until a minute has passed without one.
 */
#include "control/rest_watch.h"

#include "control/alarm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

#include <cmocka.h>
#include <event2/event.h>

static void comes_and_goes(void **state)
{
	struct event_base *base = event_base_new();
	struct alarms *alarms = alarms_create();
	struct rest_watch *w = rest_watch_create(base, NULL, 0, alarms);

	assert_non_null(w);
	for (unsigned s = 0; s < 200; s++) {
		rest_watch_note(w, 0);
		assert_int_equal(alarms_count(alarms), 0);
	}
	for (uint64_t n = 1; n < 4; n++) {
		rest_watch_note(w, 5 * n);
		assert_true(alarm_stands(alarms, ALARM_PORTS_SHORT, "egress"));
		for (unsigned s = 1; s < 60; s++) {
			rest_watch_note(w, 5 * n);
			assert_true(alarm_stands(alarms, ALARM_PORTS_SHORT, "egress"));
		}
		rest_watch_note(w, 5 * n);
		assert_int_equal(alarms_count(alarms), 0);
	}
	rest_watch_destroy(w);
	rest_watch_destroy(NULL);
	alarms_destroy(alarms);
	event_base_free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_and_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
