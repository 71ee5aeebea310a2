/* homeward help says what homeward --help says, and of each command what --help says behind it. */
#include "base/types.h"
#include "cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Runs "homeward @first @second". What it said, for free(). */
static char *run(const char *first, const char *second, int want)
{
	char *argv[] = {(char *)"homeward", (char *)first, (char *)second, NULL};
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);
	struct cli cli = {.socket = CLI_SOCKET, .out = to, .err = to};
	int status = CLI_EXIT_OK;

	assert_int_equal(cli_parse(&cli, second != NULL ? 3 : 2, argv), 0);
	if (cli.help)
		cli_print_help(&cli, to);
	else
		status = cli.command->run(&cli);
	fclose(to);
	assert_int_equal(status, want);
	return text;
}

static void check_same(char *a, char *b)
{
	assert_string_equal(a, b);
	assert_int_equal(strncmp(a, "usage: homeward ", strlen("usage: homeward ")), 0);
	free(a);
	free(b);
}

static void test_same_as_option(void **state)
{
	check_same(run("help", NULL, CLI_EXIT_OK), run("--help", NULL, CLI_EXIT_OK));
	for (const struct command *c = cli_commands; c->word != NULL; c++)
		check_same(run("help", c->word, CLI_EXIT_OK), run(c->word, "--help", CLI_EXIT_OK));
}

/* Every command, operand and option is there. */
static void test_complete(void **state)
{
	char *all = run("help", NULL, CLI_EXIT_OK), word[64];

	for (const struct command *c = cli_commands; c->word != NULL; c++) {
		char *one = run("help", c->word, CLI_EXIT_OK);

		snprintf(word, sizeof(word), "\n  %s ", c->word);
		assert_non_null(strstr(all, word));
		assert_non_null(strstr(all, c->help));
		assert_non_null(strstr(one, c->help));
		if (c->operand != NULL)
			assert_non_null(strstr(one, c->operand));
		for (const struct cli_option *o = c->options; o != NULL && o->name != NULL; o++)
			assert_non_null(strstr(one, o->help));
		for (const struct cli_option *o = cli_options; o->name != NULL; o++)
			assert_non_null(strstr(one, o->help));
		free(one);
	}
	free(all);
}

static void test_unknown(void **state)
{
	static const struct {
		const char *word, *said;
	} rows[] = {
		{"flow",
		 "homeward: unknown command \"flow\"; did you mean flows?\npossible: status"},
		{"frobnicate", "homeward: unknown command \"frobnicate\"\npossible: status"},
		{"", "homeward: unknown command \"\"\npossible: status"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *said = run("help", rows[i].word, CLI_EXIT_WRONG);

		assert_int_equal(strncmp(said, rows[i].said, strlen(rows[i].said)), 0);
		free(said);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_as_option),
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
