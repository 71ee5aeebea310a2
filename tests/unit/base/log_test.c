/*
 * A line for each event: its prefix in the journal and on a terminal, and the lines that a level
 * hides. Then a log that nobody reads.
 */
#include "base/log.h"

#include "base/types.h"

#include <fcntl.h>
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
	const char *journal; /* NULL: not logged */
	const char *people; /* on a terminal, behind the time */
} rows[] = {
	{LOG_LEVEL_ERROR, "<3>port 7\n", " error: port 7\n"},
	{LOG_LEVEL_WARNING, "<4>port 7\n", " warning: port 7\n"},
	{LOG_LEVEL_INFO, "<6>port 7\n", " port 7\n"},
	{LOG_LEVEL_DEBUG, NULL, NULL},
};

/* Writes to @text what log_line() writes to standard error. */
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

enum { LINES = 20000 };

static void log_many(void)
{
	for (int i = 0; i < LINES; i++)
		log_line(LOG_LEVEL_INFO, "line %d of a log that nobody reads", i);
}

/*
 * Reads up to the sentence about lost lines. Writes the number of lines before it, and its own
 * number.
 */
static void read_until_lost(int fd, unsigned long *lines, unsigned long *lost)
{
	static char text[1 << 20];
	size_t len = 0;
	char *said = NULL;

	while (said == NULL || strchr(said, '\n') == NULL) {
		ssize_t n = read(fd, text + len, sizeof(text) - 1 - len);

		assert_true(n > 0);
		len += (size_t)n;
		text[len] = '\0';
		said = strstr(text, "<4>");
	}
	assert_non_null(strstr(said, " lines of the log were lost: nobody read it in time\n"));
	*lost = strtoul(said + 3, NULL, 10);
	*lines = 0;
	for (const char *c = text; c < said; c++)
		*lines += *c == '\n';
}

/* Logging never waits. Lines that did not fit are counted, and later lines are written again. */
static void test_nobody_reads(void **state)
{
	int saved = dup(STDERR_FILENO), ends[2];
	unsigned long lines, lost;
	char text[64] = "";

	setenv("JOURNAL_STREAM", "1:1", 1);
	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	assert_int_equal(log_start(), 0);
	log_many();
	/* other processes share the descriptor */
	assert_int_equal(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0);
	read_until_lost(ends[0], &lines, &lost);
	assert_true(lost > 0);
	assert_int_equal(lines + lost, LINES);

	log_line(LOG_LEVEL_INFO, "one more");
	assert_int_equal(read(ends[0], text, sizeof(text) - 1), strlen("<6>one more\n"));
	assert_string_equal(text, "<6>one more\n");

	log_many();
	log_stop(); /* returns although nobody reads */
	dup2(saved, STDERR_FILENO);
	close(saved);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_journal),
		cmocka_unit_test(test_people),
		cmocka_unit_test(test_level),
		/* last, because a log can be started only once */
		cmocka_unit_test(test_nobody_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
