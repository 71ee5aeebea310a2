/* One line an event: the prefix for the journal and for people, and what a level hides. */
#include "base/log.h"

#include "base/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const struct {
	enum log_level level;
	const char *journal; /* NULL: hidden */
	const char *people; /* after the time */
} rows[] = {
	{LOG_LEVEL_ERROR, "<3>port 7\n", " error: port 7\n"},
	{LOG_LEVEL_WARNING, "<4>port 7\n", " warning: port 7\n"},
	{LOG_LEVEL_INFO, "<6>port 7\n", " port 7\n"},
	{LOG_LEVEL_DEBUG, NULL, NULL},
};

/* What log_line() writes to standard error, in @text. */
static void capture(enum log_level level, char *text, size_t size)
{
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	size_t n;

	assert_non_null(file);
	assert_true(saved >= 0);
	fflush(stderr);
	dup2(fileno(file), STDERR_FILENO);
	log_line(level, "port %d", 7);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	n = fread(text, 1, size - 1, file);
	text[n] = '\0';
	fclose(file);
}

static void test_journal(void **state)
{
	char text[128];

	setenv("JOURNAL_STREAM", "1:1", 1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		capture(rows[i].level, text, sizeof(text));
		assert_string_equal(text, rows[i].journal != NULL ? rows[i].journal : "");
	}
}

static void test_people(void **state)
{
	enum { TIME_LEN = 8 }; /* HH:MM:SS */
	char text[128];

	unsetenv("JOURNAL_STREAM");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		capture(rows[i].level, text, sizeof(text));
		if (rows[i].people == NULL) {
			assert_string_equal(text, "");
			continue;
		}
		assert_true(strlen(text) > TIME_LEN);
		assert_string_equal(text + TIME_LEN, rows[i].people);
	}
}

static void test_level(void **state)
{
	char text[128];

	setenv("JOURNAL_STREAM", "1:1", 1);
	log_set_level(LOG_LEVEL_DEBUG);
	capture(LOG_LEVEL_DEBUG, text, sizeof(text));
	assert_string_equal(text, "<7>port 7\n");
	log_set_level(LOG_LEVEL_ERROR);
	capture(LOG_LEVEL_WARNING, text, sizeof(text));
	assert_string_equal(text, "");
	log_set_level(LOG_LEVEL_INFO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_journal),
		cmocka_unit_test(test_people),
		cmocka_unit_test(test_level),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
