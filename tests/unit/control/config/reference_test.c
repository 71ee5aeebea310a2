/*
 * docs/configuration.md is up to date: between its markers are the example file and the reference
 * as the program writes them now, and the example is a valid configuration.
 *
 *   reference_test DOCS_FOLDER            compare
 *   reference_test DOCS_FOLDER --update   write it between the markers
 */
#include "base/err.h"
#include "control/config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *docs; /* the folder */

static char *doc_path(const char *name, char buf[static 512])
{
	snprintf(buf, 512, "%s/%s", docs, name);
	return buf;
}

static char *read_doc(const char *name)
{
	enum { SIZE = 1 << 20 };
	char path[512], *text = calloc(1, SIZE);
	FILE *file = fopen(doc_path(name, path), "re");

	if (text == NULL || file == NULL) {
		perror(path);
		exit(1);
	}
	if (fread(text, 1, SIZE - 1, file) == 0)
		fprintf(stderr, "%s is empty\n", path);
	fclose(file);
	return text;
}

static void write_example(FILE *out)
{
	char *yaml = read_doc("homeward.yaml");

	fprintf(out, "```yaml\n%s```\n", yaml);
	free(yaml);
}

/* Copies @text to @out up to the end of @marker's line. Returns the rest; NULL: no marker. */
static const char *copy_through(FILE *out, const char *text, const char *marker)
{
	const char *at = strstr(text, marker);

	if (at == NULL)
		return NULL;
	at += strlen(marker);
	fwrite(text, 1, (size_t)(at - text), out);
	return at;
}

/* Returns @text with the output of @write between the markers @name. */
static char *with_fresh(const char *text, const char *name, void (*write)(FILE *out))
{
	char begin[64], end[64], *fresh = NULL;
	const char *rest;
	size_t len;
	FILE *out = open_memstream(&fresh, &len);

	snprintf(begin, sizeof(begin), "<!-- %s: begin -->\n", name);
	snprintf(end, sizeof(end), "<!-- %s: end -->\n", name);
	rest = copy_through(out, text, begin);
	if (rest != NULL)
		rest = strstr(rest, end);
	if (rest == NULL) {
		fprintf(stderr, "configuration.md has no markers \"%s\"\n", name);
		exit(1);
	}
	write(out);
	fputs(rest, out);
	fclose(out);
	return fresh;
}

static char *fresh_doc(const char *text)
{
	char *half = with_fresh(text, "example", write_example);
	char *fresh = with_fresh(half, "reference", config_write_reference);

	free(half);
	return fresh;
}

static void test_doc_is_fresh(void **state)
{
	char *text = read_doc("configuration.md"), *fresh = fresh_doc(text);

	if (strcmp(text, fresh) != 0)
		fail_msg("docs/configuration.md is stale: ninja -C build update-config-reference");
	free(text);
	free(fresh);
}

static void test_example_is_good(void **state)
{
	struct err_list errs = ERR_LIST_EMPTY;
	char path[512];
	struct config *config = config_load(doc_path("homeward.yaml", path), &errs);

	err_print(&errs, stderr);
	assert_non_null(config);
	assert_int_equal(errs.n, 0);
	config_destroy(config);
	err_list_fini(&errs);
}

static int update(void)
{
	char path[512], *text = read_doc("configuration.md"), *fresh = fresh_doc(text);
	FILE *out = fopen(doc_path("configuration.md", path), "we");

	if (out == NULL) {
		perror(path);
		return 1;
	}
	fputs(fresh, out);
	fclose(out);
	free(text);
	free(fresh);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_doc_is_fresh),
		cmocka_unit_test(test_example_is_good),
	};

	if (argc < 2) {
		fprintf(stderr, "usage: reference_test DOCS_FOLDER [--update]\n");
		return 2;
	}
	docs = argv[1];
	if (argc > 2 && strcmp(argv[2], "--update") == 0)
		return update();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
