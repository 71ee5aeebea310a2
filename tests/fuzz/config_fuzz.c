/*
 * Any bytes as a configuration file: never a crash, always either a configuration or an error with
 * line and column. A printed configuration is parsed as the same one. The two readers of YAML
 * agree.
 */
#include "base/err.h"
#include "control/config/config.h"
#include "control/config/report.h"
#include "control/config/tree.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct text {
	char *bytes;
	size_t len;
};

/* Ends the process with the finding @wrong, which no input may cause. */
static void stop_if(int wrong, const char *what)
{
	if (wrong) {
		fprintf(stderr, "%s\n", what);
		abort();
	}
}

static struct text print_config(const struct config *config)
{
	struct text t = {0};
	FILE *out = open_memstream(&t.bytes, &t.len);

	stop_if(out == NULL, "no memory for the print");
	config_print(config, out);
	fclose(out);
	return t;
}

static void check_errors(const struct err_list *errs, size_t size)
{
	stop_if(errs->n == 0, "no configuration and no error");
	for (size_t i = 0; i < errs->n; i++) {
		const struct err *e = &errs->errs[i];

		stop_if(e->line > size + 1, "an error behind the end of the file");
		stop_if(e->text[0] == '\0' || strchr(e->text, '\n') != NULL, "no sentence");
	}
}

static void check_round_trip(const struct config *config)
{
	struct text first = print_config(config), second;
	struct err_list errs = ERR_LIST_EMPTY;
	struct config *again = config_parse("print", first.bytes, first.len, &errs);

	err_print(&errs, stderr);
	stop_if(again == NULL, "our own print is refused");
	second = print_config(again);
	stop_if(strcmp(first.bytes, second.bytes) != 0, "read again, it is another");
	free(first.bytes);
	free(second.bytes);
	config_destroy(again);
}

static bool same(const struct tree_node *a, const struct tree_node *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	if (a->kind != b->kind || a->quoted != b->quoted || a->line != b->line ||
	    a->column != b->column || !same(a->key, b->key) ||
	    (a->kind == TREE_TEXT && strcmp(a->text, b->text) != 0))
		return false;
	a = a->first;
	b = b->first;
	for (; a != NULL && b != NULL; a = a->next, b = b->next)
		if (!same(a, b))
			return false;
	return a == b;
}

/* What the simple reader accepts, libyaml reads as the same. */
static void check_readers(const char *text, size_t size)
{
	struct tree *simple = tree_parse_simple(text, size), *yaml;
	struct err_list errs = ERR_LIST_EMPTY;
	struct report report = {.file = "fuzz", .errs = &errs};

	if (simple == NULL)
		return;
	yaml = tree_parse_yaml(&report, text, size);
	stop_if(yaml == NULL, "the simple reader accepts what is wrong");
	stop_if(!same(tree_root(simple), tree_root(yaml)), "the readers differ");
	tree_destroy(yaml);
	tree_destroy(simple);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct config *config = config_parse("fuzz", (const char *)data, size, &errs);

	check_readers((const char *)data, size);
	if (config == NULL) {
		check_errors(&errs, size);
	} else {
		stop_if(errs.n != 0, "a configuration and errors");
		check_round_trip(config);
	}
	config_destroy(config);
	err_list_fini(&errs);
	return 0;
}
