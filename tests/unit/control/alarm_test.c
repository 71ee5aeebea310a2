/* Alarms: when they stand, what is logged, and what happens if there are too many. */
#include "control/alarm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define KIND ALARM_PATH_MTU_DEAF

static FILE *log_file;
static int saved_stderr;

/* Sends the log to a file from here on. */
static int capture(void **state)
{
	setenv("JOURNAL_STREAM", "1:1", 1);
	log_file = tmpfile();
	saved_stderr = dup(STDERR_FILENO);
	fflush(stderr);
	dup2(fileno(log_file), STDERR_FILENO);
	*state = alarms_create();
	return *state == NULL ? -1 : 0;
}

static int release(void **state)
{
	fflush(stderr);
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	fclose(log_file);
	alarms_destroy(*state);
	return 0;
}

/* Number of logged lines that contain @word. */
static unsigned logged(const char *word)
{
	char line[512];
	unsigned n = 0;

	fflush(stderr);
	rewind(log_file);
	while (fgets(line, sizeof(line), log_file) != NULL)
		n += strstr(line, word) != NULL;
	return n;
}

static void test_begin_and_end(void **state)
{
	struct alarms *a = *state;

	assert_false(alarm_stands(a, KIND, "one"));
	alarm_raise(a, KIND, "one", "seen %d", 1);
	alarm_raise(a, KIND, "two", "seen %d", 2);
	assert_int_equal(alarms_count(a), 2);
	assert_true(alarm_stands(a, KIND, "one"));
	assert_string_equal(alarms_at(a, 1)->subject, "two");
	assert_string_equal(alarms_at(a, 1)->text, "seen 2");

	alarm_clear(a, KIND, "one");
	alarm_clear(a, KIND, "three");
	assert_int_equal(alarms_count(a), 1);
	assert_string_equal(alarms_at(a, 0)->subject, "two");
	alarm_clear_all(a, KIND);
	assert_int_equal(alarms_count(a), 0);
	assert_int_equal(logged("alarm path_mtu_deaf: "), 2);
	assert_int_equal(logged("alarm path_mtu_deaf ended: "), 2);
}

static void test_again_is_not_logged(void **state)
{
	struct alarms *a = *state;

	for (int i = 0; i < 5; i++)
		alarm_raise(a, KIND, "one", "seen %d", i);
	assert_int_equal(alarms_count(a), 1);
	assert_string_equal(alarms_at(a, 0)->text, "seen 4");
	assert_int_equal(logged("alarm"), 1);
}

static void test_flapping_is_logged_once(void **state)
{
	struct alarms *a = *state;

	for (int i = 0; i < 100; i++) {
		alarm_raise(a, KIND, "one", "seen");
		assert_true(alarm_stands(a, KIND, "one"));
		alarm_clear(a, KIND, "one");
	}
	assert_int_equal(logged("alarm path_mtu_deaf: one: seen"), 1);
	assert_int_equal(logged("ended"), 1);
}

static void test_long_subjects(void **state)
{
	char subject[2 * ALARM_SUBJECT_SIZE];
	struct alarms *a = *state;

	memset(subject, 'x', sizeof(subject) - 1);
	subject[sizeof(subject) - 1] = '\0';
	alarm_raise(a, KIND, subject, "%s", "seen");
	alarm_raise(a, KIND, subject, "%s", "seen");
	assert_int_equal(alarms_count(a), 1);
	alarm_clear(a, KIND, subject);
	assert_int_equal(alarms_count(a), 0);
}

static void test_too_many(void **state)
{
	struct alarms *a = *state;
	char subject[16];

	for (int i = 0; i < ALARMS_MAX + 3; i++) {
		snprintf(subject, sizeof(subject), "number %d", i);
		alarm_raise(a, KIND, subject, "seen");
	}
	assert_int_equal(alarms_count(a), ALARMS_MAX);
	assert_int_equal(alarms_missed(a), 3);
	alarm_clear(a, KIND, "number 0");
	alarm_raise(a, KIND, "number 999", "seen");
	assert_true(alarm_stands(a, KIND, "number 999"));
}

static void test_no_list(void **state)
{
	alarm_raise(NULL, KIND, "one", "seen");
	alarm_clear(NULL, KIND, "one");
	assert_int_equal(alarms_count(NULL), 0);
	assert_int_equal(logged("alarm path_mtu_deaf: one: seen"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_begin_and_end, capture, release),
		cmocka_unit_test_setup_teardown(test_again_is_not_logged, capture, release),
		cmocka_unit_test_setup_teardown(test_flapping_is_logged_once, capture, release),
		cmocka_unit_test_setup_teardown(test_long_subjects, capture, release),
		cmocka_unit_test_setup_teardown(test_too_many, capture, release),
		cmocka_unit_test_setup_teardown(test_no_list, capture, release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
