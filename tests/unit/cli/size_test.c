/*
 * homeward size: what it refuses; and docs/sizing.md, whose path is the first argument, shows what
 * it prints, character by character.
 */
#include "base/types.h"
#include "cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WORDS_MAX = 24 };

static char *page;

/* Runs the words of @line. Returns what it wrote to out and err; the caller frees it. */
static int run(char *line, char **out, char **err)
{
	char *argv[WORDS_MAX + 1] = {NULL}, *rest = line;
	size_t out_size, err_size;
	struct cli cli = {.socket = CLI_SOCKET};
	int argc = 0, status;

	for (char *word; argc < WORDS_MAX && (word = strsep(&rest, " ")) != NULL;)
		argv[argc++] = word;
	cli.out = open_memstream(out, &out_size);
	cli.err = open_memstream(err, &err_size);
	status = cli_parse(&cli, argc, argv) < 0 ? CLI_EXIT_WRONG : cli.command->run(&cli);
	fclose(cli.out);
	fclose(cli.err);
	return status;
}

static void test_refused(void **state)
{
	static const struct {
		const char *line, *error; /* part of the error; "": no error */
	} rows[] = {
		{"homeward size", ""},
		{"homeward size --sites 65534 --users 1", ""},
		{"homeward size --sites 0", "--sites must be a number from 1 to 65534"},
		{"homeward size --sites 65535", "--sites must be a number from 1 to 65534"},
		{"homeward size --sites 1.5", "--sites must be a number from 1 to 65534"},
		{"homeward size --sites -1", "--sites must be a number"},
		{"homeward size --sites=", "--sites must be a number"},
		{"homeward size --users 100000001", "--users must be a number from 1 to 100000000"},
		{"homeward size --sites 3 --users 40000000", "120000000 users are too many"},
		{"homeward size --flows 99999999999999999999999", "--flows must be a number"},
		{"homeward size --flows 0 --dns 0 --new-flows 0 --peak 0", ""},
		{"homeward size --dns 0.125", ""},
		{"homeward size --dns .5", ""},
		{"homeward size --dns 1000", ""},
		{"homeward size --dns 1000.001", "with three decimals at most"},
		{"homeward size --dns 0.1234", "with three decimals at most"},
		{"homeward size --dns 1.2.3", "with three decimals at most"},
		{"homeward size --dns .", "with three decimals at most"},
		{"homeward size --new-flows 1e3", "--new-flows must be a number"},
		{"homeward size --resolvers 0", "--resolvers must be a number from 1"},
		{"homeward size --peak 101", "--peak must be a number from 0 to 100"},
		{"homeward size --config /nonexistent.yaml", "/nonexistent.yaml: "},
		{"homeward size 5", "size does not take \"5\""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char line[256], *out = NULL, *err = NULL;
		int status;

		snprintf(line, sizeof(line), "%s", rows[i].line);
		status = run(line, &out, &err);
		if (strstr(err, rows[i].error) == NULL ||
		    (rows[i].error[0] == '\0') != (err[0] == '\0'))
			fail_msg("%s: says \"%s\"", rows[i].line, err);
		assert_int_equal(status, err[0] == '\0' ? CLI_EXIT_OK : CLI_EXIT_WRONG);
		assert_int_equal(out[0] == '\0', err[0] != '\0');
		free(out);
		free(err);
	}
}

/* Numbers in JSON are as short as people write them: no 9.5999999999999996. */
static void test_json(void **state)
{
	char line[] = "homeward size --json --sites 1 --users 16 --new-flows 0.6 --dns 0.1";
	char *out = NULL, *err = NULL;

	assert_int_equal(run(line, &out, &err), CLI_EXIT_OK);
	assert_non_null(strstr(out, "\"new_flows_per_second\": 9.6,\n"));
	assert_non_null(strstr(out, "\"dns_queries_per_second\": 1.6,\n"));
	free(out);
	free(err);
}

static void test_one_of_each(void **state)
{
	char line[] =
		"homeward size --sites 1 --users 1 --resolvers 1 --new-flows 1 --dns 1 --flows 1";
	char *out = NULL, *err = NULL;

	assert_int_equal(run(line, &out, &err), CLI_EXIT_OK);
	assert_non_null(strstr(out, "1 user in 1 site; 1 flow at once, 1 new one a second,\n"
				    "10 % of them to one destination; 1 DNS query a second to 1 "
				    "resolver;\n"));
	free(out);
	free(err);
}

/* Each block that begins with a command must go on with what the command prints. */
static void test_page_is_true(void **state)
{
	static const char prompt[] = "```\n$ homeward size";
	unsigned n = 0;

	for (const char *at = page; (at = strstr(at, prompt)) != NULL; n++) {
		const char *line = at + strlen("```\n$ "), *text = strchr(line, '\n') + 1;
		const char *end = strstr(text, "```");
		char *words = strndup(line, (size_t)(text - 1 - line)), *out = NULL, *err = NULL;

		assert_non_null(end);
		assert_int_equal(run(words, &out, &err), CLI_EXIT_OK);
		if (strlen(out) != (size_t)(end - text) || strncmp(out, text, strlen(out)) != 0)
			fail_msg("docs/sizing.md does not show what the command prints:\n%s", out);
		free(words);
		free(out);
		free(err);
		at = end;
	}
	assert_true(n > 0);
}

static char *read_file(const char *path)
{
	FILE *in = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;

	if (in == NULL || getdelim(&text, &size, '\0', in) < 0) {
		fprintf(stderr, "cannot read %s\n", path);
		exit(1);
	}
	fclose(in);
	return text;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_one_of_each),
		cmocka_unit_test(test_page_is_true),
	};
	int failed;

	if (argc != 2)
		return 1;
	page = read_file(argv[1]);
	failed = cmocka_run_group_tests_name("size", tests, NULL, NULL);
	free(page);
	return failed;
}
