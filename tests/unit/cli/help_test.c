/* homeward help prints the same as homeward --help, also for each command. */
#include "base/types.h"
#include "cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

enum { WORDS_MAX = 4 };

/* Runs homeward with @words, which end with NULL. Returns its output; the caller frees it. */
static char *run_words(const char *const *words, int want)
{
	char *argv[WORDS_MAX + 1] = {(char *)"homeward"}, *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);
	struct cli cli = {.socket = CLI_SOCKET, .out = to, .err = to};
	int status = CLI_EXIT_OK, argc = 1;

	for (; words[argc - 1] != NULL; argc++)
		argv[argc] = (char *)words[argc - 1];
	assert_int_equal(cli_parse(&cli, argc, argv), 0);
	if (cli.help)
		cli_print_help(&cli, to);
	else
		status = cli.command->run(&cli);
	fclose(to);
	assert_int_equal(status, want);
	return text;
}

static char *run(const char *first, const char *second, int want)
{
	return run_words((const char *const[]){first, second, NULL}, want);
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

/* Help contains every command, operand and option. */
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
		if (c->second != NULL)
			assert_non_null(strstr(one, c->second));
		for (const struct cli_option *o = c->options; o != NULL && o->name != NULL; o++)
			assert_non_null(strstr(one, o->help));
		for (const struct cli_option *o = cli_options; o->name != NULL; o++)
			assert_non_null(strstr(one, o->help));
		free(one);
	}
	free(all);
}

/* No line is wider than a terminal of 100 columns. */
static void check_width(char *text)
{
	for (char *rest = text, *line; (line = strsep(&rest, "\n")) != NULL;)
		if (strlen(line) > 100)
			fail_msg("too long: %s", line);
	free(text);
}

static void test_width(void **state)
{
	check_width(run("help", NULL, CLI_EXIT_OK));
	for (const struct command *c = cli_commands; c->word != NULL; c++)
		check_width(run("help", c->word, CLI_EXIT_OK));
}

static json_t *run_json(const char *word)
{
	char *text = run_words((const char *const[]){"help", "--json", word, NULL}, CLI_EXIT_OK);
	json_t *json = json_loads(text, 0, NULL);

	free(text);
	assert_non_null(json);
	return json;
}

/* The JSON for completion in shells is made from the same tables. */
static void test_json(void **state)
{
	json_t *all = run_json(NULL), *item;
	const struct command *c = cli_commands;
	size_t i;

	json_array_foreach(json_object_get(all, "commands"), i, item)
	{
		json_t *one = run_json(c->word);

		assert_string_equal(json_string_value(json_object_get(item, "name")), c->word);
		assert_true(json_equal(item, one));
		json_decref(one);
		c++;
	}
	assert_null(c->word);
	item = json_array_get(json_object_get(all, "options"), 0);
	assert_string_equal(json_string_value(json_object_get(item, "name")), "socket");
	assert_string_equal(json_string_value(json_object_get(item, "value")), "PATH");
	json_decref(all);
}

/* Help for a word that several commands begin with shows those commands. */
static void test_group(void **state)
{
	char *a = run("help", "config", CLI_EXIT_OK), *b = run("config", "--help", CLI_EXIT_OK);
	char *one = run_words((const char *const[]){"help", "config", "apply", NULL}, CLI_EXIT_OK);

	assert_non_null(strstr(a, "\n  config apply FILE "));
	assert_null(strstr(a, "\n  status "));
	check_same(a, b);
	assert_non_null(strstr(one, "usage: homeward config apply [OPTIONS] FILE"));
	free(one);
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
		cmocka_unit_test(test_same_as_option), cmocka_unit_test(test_complete),
		cmocka_unit_test(test_width),	       cmocka_unit_test(test_json),
		cmocka_unit_test(test_unknown),	       cmocka_unit_test(test_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
