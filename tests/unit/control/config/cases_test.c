/*
 * Pairs of files: cases/NAME.yaml and its expected result, cases/NAME.ok.
 *
 * The result is the configuration in canonical YAML, or the errors. The canonical YAML must give
 * the same configuration. Every .yaml is one test.
 *
 *   cases_test CASES_FOLDER            compare
 *   cases_test CASES_FOLDER --update   write new .ok files; read the difference before you commit
 */
#include "base/err.h"
#include "base/types.h"
#include "control/config/config.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct text {
	char *bytes;
	size_t len;
};

static struct text read_text(const char *path)
{
	FILE *file = fopen(path, "re");
	struct text t = {0};
	size_t size = 1 << 20;

	if (file == NULL)
		return t;
	t.bytes = calloc(1, size);
	assert_non_null(t.bytes);
	t.len = fread(t.bytes, 1, size - 1, file);
	fclose(file);
	return t;
}

static struct text print_config(const struct config *config)
{
	struct text t = {0};
	FILE *out = open_memstream(&t.bytes, &t.len);

	assert_non_null(out);
	config_print(config, out);
	fclose(out);
	return t;
}

/* The result for a file: the canonical YAML, or the errors. */
static struct text result_of(const char *name, struct text yaml)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct config *config = config_parse(name, yaml.bytes, yaml.len, &errs);
	struct text t = {0};
	FILE *out;

	if (config != NULL) {
		assert_int_equal(errs.n, 0);
		t = print_config(config);
	} else {
		assert_true(errs.n > 0);
		out = open_memstream(&t.bytes, &t.len);
		assert_non_null(out);
		err_print(&errs, out);
		fclose(out);
	}
	config_destroy(config);
	err_list_fini(&errs);
	return t;
}

static const char *name_of(const char *path)
{
	return strrchr(path, '/') + 1;
}

static void ok_path(const char *yaml_path, char *buf, size_t size)
{
	snprintf(buf, size, "%.*s.ok", (int)(strlen(yaml_path) - strlen(".yaml")), yaml_path);
}

static bool has_errors(const char *name, struct text result)
{
	return strncmp(result.bytes, name, strlen(name)) == 0;
}

static void test_case(void **state)
{
	const char *path = *state, *name = name_of(path);
	struct text yaml = read_text(path), got = result_of(name, yaml), want, again;
	char ok[512];

	ok_path(path, ok, sizeof(ok));
	want = read_text(ok);
	if (want.bytes == NULL)
		fail_msg("%s is missing: write it with --update", ok);
	if (want.len != got.len || memcmp(want.bytes, got.bytes, got.len) != 0)
		fail_msg("%s: wanted\n%s\ngot\n%s", name, want.bytes, got.bytes);

	if (!has_errors(name, got)) {
		again = result_of(name, got);
		assert_string_equal(again.bytes, got.bytes);
		free(again.bytes);
	}
	free(yaml.bytes);
	free(want.bytes);
	free(got.bytes);
}

static int update(char **paths, size_t n)
{
	char ok[512];

	for (size_t i = 0; i < n; i++) {
		struct text yaml = read_text(paths[i]), got = result_of(name_of(paths[i]), yaml);
		FILE *out;

		ok_path(paths[i], ok, sizeof(ok));
		out = fopen(ok, "we");
		if (out == NULL) {
			perror(ok);
			return 1;
		}
		fwrite(got.bytes, 1, got.len, out);
		fclose(out);
		free(yaml.bytes);
		free(got.bytes);
	}
	return 0;
}

static int run(char **paths, size_t n)
{
	struct CMUnitTest *tests = calloc(n, sizeof(*tests));
	int failed;

	if (tests == NULL)
		return 1;
	for (size_t i = 0; i < n; i++)
		tests[i] = (struct CMUnitTest){
			.name = name_of(paths[i]),
			.test_func = test_case,
			.initial_state = paths[i],
		};
	failed = _cmocka_run_group_tests("config cases", tests, n, NULL, NULL);
	free(tests);
	return failed;
}

int main(int argc, char **argv)
{
	char pattern[512];
	glob_t found;
	int rc;

	if (argc < 2) {
		fprintf(stderr, "usage: cases_test CASES_FOLDER [--update]\n");
		return 2;
	}
	snprintf(pattern, sizeof(pattern), "%s/*.yaml", argv[1]);
	if (glob(pattern, 0, NULL, &found) != 0) {
		fprintf(stderr, "no cases in %s\n", argv[1]);
		return 1;
	}
	rc = argc > 2 && strcmp(argv[2], "--update") == 0 ? update(found.gl_pathv, found.gl_pathc)
							  : run(found.gl_pathv, found.gl_pathc);
	globfree(&found);
	return rc;
}
