/*
 * docs/man/homeward.1 has exactly the commands and options of the tables, word by word. Its path is
 * the first argument.
 */
#include "cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ITEM_SIZE = 512 };

static char *page;

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

static size_t count(const char *what)
{
	size_t n = 0;

	for (const char *at = page; (at = strstr(at, what)) != NULL; at += strlen(what))
		n++;
	return n;
}

/* The item must follow @from. Returns its end. */
static const char *find_item(const char *from, const char *item)
{
	const char *at = strstr(from, item);

	if (at == NULL)
		fail_msg("homeward.1 lacks, or has at another place:\n%s", item);
	return at + strlen(item);
}

static const char *find_options(const char *from, const struct cli_option *rows, size_t *n)
{
	char item[ITEM_SIZE];

	for (; rows != NULL && rows->name != NULL; rows++, (*n)++) {
		snprintf(item, sizeof(item), ".It Fl -%s%s%s\n%s\n", rows->name,
			 rows->value != NULL ? " Ar " : "", rows->value != NULL ? rows->value : "",
			 rows->help);
		from = find_item(from, item);
	}
	return from;
}

static void test_same_as_tables(void **state)
{
	size_t commands = 0, options = 0;
	const char *at = page;
	char item[ITEM_SIZE];

	for (const struct command *c = cli_commands; c->word != NULL; c++, commands++) {
		snprintf(item, sizeof(item), ".It Cm %s%s%s%s%s%s\n%s\n", c->word,
			 c->operand_optional ? " Op" : "", c->operand != NULL ? " Ar " : "",
			 c->operand != NULL ? c->operand : "", c->second != NULL ? " Ar " : "",
			 c->second != NULL ? c->second : "", c->help);
		at = find_item(at, item);
		at = find_options(at, c->options, &options);
	}
	find_options(at, cli_options, &options);
	assert_int_equal(count(".It Cm "), commands);
	assert_int_equal(count(".It Fl "), options);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_as_tables),
	};

	if (argc != 2)
		return 1;
	page = read_file(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
