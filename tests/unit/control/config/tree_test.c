/*
 * The two readers of a file. The simple one either gives up or makes the tree that libyaml makes:
 * for each row, for the sample files, and for these with random damage in them.
 */
#include "control/config/tree.h"

#include "base/err.h"
#include "control/config/report.h"
#include "dice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FILE_MAX = 1 << 16, DAMAGES = 60000, DAMAGES_EACH = 3 };

static int n_files;
static char **files;

static bool same(const struct tree_node *a, const struct tree_node *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	if (a->kind != b->kind || a->quoted != b->quoted || a->line != b->line ||
	    a->column != b->column || a->n != b->n || !same(a->key, b->key) ||
	    (a->kind == TREE_TEXT && strcmp(a->text, b->text) != 0))
		return false;
	a = a->first;
	b = b->first;
	for (; a != NULL && b != NULL; a = a->next, b = b->next)
		if (!same(a, b))
			return false;
	return a == b;
}

/* Does the simple reader accept @text? If so, both trees must be the same. */
static bool is_simple(const char *text, size_t len, const char *why)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct report report = {.file = "test", .errs = &errs};
	struct tree *simple = tree_parse_simple(text, len), *yaml;
	bool accepted = simple != NULL;

	if (accepted) {
		yaml = tree_parse_yaml(&report, text, len);
		if (yaml == NULL || !same(tree_root(simple), tree_root(yaml)))
			fail_msg("%s: the readers differ (%s) in:\n%.*s", why,
				 errs.n > 0 ? errs.errs[0].text : "no error", (int)len, text);
		tree_destroy(yaml);
		tree_destroy(simple);
	}
	err_list_fini(&errs);
	return accepted;
}

static const struct {
	const char *text;
	bool simple;
	const char *why;
} rows[] = {
	{"a: b\n", true, "a name and a value"},
	{"a: b", true, "no newline at the end"},
	{"\xef\xbb\xbf"
	 "a: b\n",
	 true, "a byte order mark"},
	{"a:\n  b: c\n  d:\n      e: f\ng: h\n", true, "nested maps"},
	{"a:\n  - b\n  - c d\n", true, "a list of texts, one with a space"},
	{"- a: b\n  c: d\n- e:\n    f: g\n", true, "a list of maps"},
	{"a:\n  -   b: c\n      d: e\n  - f: g\n", true, "items at different columns"},
	{"a: [b, c,  d]\ne: {f: g, h: [i, {j: k}]}\n", true, "flow collections"},
	{"a: []\nb: {}\nc: [ ]\n", true, "empty ones"},
	{"a: \"b: #c\"\nd: 'e [f'\ng: ''\n", true, "quotes"},
	{"# c\n\n   # d\na: b   # e\nf:   # g\n  h: [i] # j\n\n", true, "comments and empty lines"},
	{"a: fd00::1\nb: 10.0.0.0/8\nc: /run/x.sock\nd: 1-15\n", true, "values as of addresses"},
	{"a: 02:00:00:00:00:aa\n", true, "colons inside"},
	{"a: b c - d\n", true, "words and a dash"},
	{"a: null\nb: no\n", true, "what other programs take for something else"},
	{"", false, "nothing"},
	{"# only a comment\n", false, "no value"},
	{"a:\n", false, "a name without a value"},
	{"a:\nb: c\n", false, "the same in front of another"},
	{"a:\n- b\n", false, "a list in the column of its name"},
	{"a: b\n  c\n", false, "a text of two lines"},
	{"a: b\n  c: d\n", false, "a value and deeper names: an error"},
	{"a:\n    b: c\n  d: e\n", false, "a column that nothing has: an error"},
	{"  a: b\n", false, "the file begins with spaces"},
	{"a: [b,\n c]\n", false, "a list of two lines"},
	{"a: [b, c,]\n", false, "a comma at the end"},
	{"a: [b c: d]\n", false, "a pair in a list"},
	{"a: {b}\n", false, "a name alone"},
	{"a: {b: }\n", false, "no value"},
	{"a: {b:c}\n", false, "no space: another name"},
	{"a: [b}\n", false, "the wrong end: an error"},
	{"a: [b] c\n", false, "something after it: an error"},
	{"a: \"b\\n\"\n", false, "an escape"},
	{"a: 'it''s'\n", false, "a quote in quotes"},
	{"a: \"b\n", false, "no end: an error"},
	{"a: \"b\" c\n", false, "something after a quote: an error"},
	{"\"a\": b\n", false, "a name in quotes"},
	{"a: b: c\n", false, "two colons: an error"},
	{"a: b:\n", false, "a colon at the end: an error"},
	{"a: -b\n", false, "begins with a dash"},
	{"a: *b\n", false, "an alias: refused"},
	{"a: &b c\n", false, "an anchor: refused"},
	{"a: !b c\n", false, "a tag: refused"},
	{"a: |\n  b\n", false, "a block of text"},
	{"a: b #c\n", true, "a comment"},
	{"a: b#c\n", false, "no comment"},
	{"a: \"b\"#c\n", false, "no space in front of it"},
	{"---\na: b\n", false, "the mark of a document"},
	{"a: b\n...\n", false, "its end"},
	{"%YAML 1.1\n---\na: b\n", false, "a directive"},
	{"? a\n: b\n", false, "a long name"},
	{"- - a\n", false, "a list in a list"},
	{"-\n  a: b\n", false, "an item in the next line"},
	{"-a: b\n", false, "no item"},
	{"a:\tb\n", false, "a tab"},
	{"a: b\r\n", false, "a carriage return"},
	{"a: b\xc3\xa4\n", false, "not ASCII"},
	{"- a\nb: c\n", false, "a list and a map: an error"},
	{"a: b\n- c\n", false, "the same"},
	{"a: [[[[[[[[[[[[[[[b]]]]]]]]]]]]]]]\n", true, "as deep as may be"},
	{"a: [[[[[[[[[[[[[[[[b]]]]]]]]]]]]]]]]\n", false, "deeper: refused"},
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (is_simple(rows[i].text, strlen(rows[i].text), rows[i].why) != rows[i].simple)
			fail_msg("%s: simple %d instead of %d", rows[i].why, !rows[i].simple,
				 rows[i].simple);
}

static size_t read_file(const char *path, char *text)
{
	FILE *in = fopen(path, "re");
	size_t len;

	assert_non_null(in);
	len = fread(text, 1, FILE_MAX, in);
	fclose(in);
	assert_in_range(len, 1, FILE_MAX - 1);
	return len;
}

/* What our own files say must be simple: else large ones are slow. */
static void test_files(void **state)
{
	char *text = malloc(FILE_MAX);

	(void)state;
	assert_true(n_files > 0);
	for (int i = 0; i < n_files; i++)
		assert_true(is_simple(text, read_file(files[i], text), files[i]));
	free(text);
}

/* Damage of @text in place: bytes that mean something in YAML, and pieces moved or doubled. */
static size_t damage(uint64_t *dice, char *text, size_t len)
{
	static const char bytes[] = "  \n\n--::##,,[]{}\"'ab1/.?|>&*!%@`~\t\\";
	size_t at = dice_roll(dice, (uint32_t)len), from = dice_roll(dice, (uint32_t)len);
	size_t n = 1 + dice_roll(dice, 8);

	n = at + n > len || from + n > len ? 1 : n;
	switch (dice_roll(dice, 4)) {
	case 0:
		text[at] = bytes[dice_roll(dice, sizeof(bytes) - 1)];
		return len;
	case 1:
		memmove(text + at, text + at + 1, len - at - 1);
		return len - 1;
	case 2:
		memmove(text + at + 1, text + at, len - at);
		text[at] = bytes[dice_roll(dice, sizeof(bytes) - 1)];
		return len + 1;
	default:
		memmove(text + at, text + from, n);
		return len;
	}
}

static const char sample[] = "ports:\n"
			     "  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:aa'}\n"
			     "sites:  # all\n"
			     "  - name: site-1\n"
			     "    prefixes: [10.0.0.0/24, fd00::/64]\n"
			     "    tunnels:\n"
			     "      - {name: t-1, local: 192.0.2.1, key: 5}\n"
			     "      - name: t 2\n"
			     "        keepalive: {interval: 5s}\n"
			     "\n"
			     "  - name: \"site 2\"\n"
			     "egress:\n"
			     "  addresses:\n"
			     "    - 1-15\n"
			     "    - a b\n";

static void test_damage(void **state)
{
	uint64_t dice = 20261127;
	char text[sizeof(sample) + DAMAGES_EACH];
	unsigned accepted = 0;

	(void)state;
	assert_true(is_simple(sample, sizeof(sample) - 1, "sample"));
	for (unsigned i = 0; i < DAMAGES; i++) {
		size_t len = sizeof(sample) - 1;

		memcpy(text, sample, len);
		for (unsigned k = dice_roll(&dice, DAMAGES_EACH) + 1; k > 0; k--)
			len = damage(&dice, text, len);
		accepted += is_simple(text, len, "damaged");
	}
	assert_in_range(accepted, DAMAGES / 20, DAMAGES - DAMAGES / 20);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_damage),
	};

	files = argv + 1;
	n_files = argc - 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
