/*
 * Reads the configuration file: text, tree, structs, checks. See config.h.
 *
 *   text -> tree.c -> tree with places -> parse.c by schema.c -> structs -> check*.c
 *
 * Every step adds its errors to one list and goes on. Only a file that is not YAML ends early.
 */
#include "control/config/config.h"

#include "base/err.h"
#include "control/config/check.h"
#include "control/config/parse.h"
#include "control/config/report.h"
#include "control/config/schema.h"
#include "control/config/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct config *config_create(const char *name)
{
	struct config *config = calloc(1, sizeof(*config));

	if (config == NULL)
		return NULL;
	config->file = strdup(name);
	if (config->file == NULL) {
		free(config);
		return NULL;
	}
	return config;
}

void config_destroy(struct config *config)
{
	if (config == NULL)
		return;
	network_spec_fini(&config->network);
	free(config->ports);
	free(config->port_timers);
	free(config->file);
	free(config);
}

static void read_tree(struct report *report, struct config *config, const struct tree_node *root)
{
	if (root == NULL) {
		report_place(report, 1, 1,
			     "the file is empty: it must have at least \"ports\", "
			     "\"sites\" and \"egress\"");
		return;
	}
	parse_block(report, &schema_file, root, config);
	check_config(report, config, root);
}

/* Destroys @tree. NULL: there were errors. */
static struct config *read_config(struct report *report, struct tree *tree)
{
	struct config *config = config_create(report->file);

	if (config == NULL)
		report_place(report, 0, 0, "there is not enough memory to read this file");
	else
		read_tree(report, config, tree_root(tree));
	tree_destroy(tree);

	if (report->n > 0) {
		config_destroy(config);
		return NULL;
	}
	return config;
}

static struct config *read_simple(struct report *report, struct tree *tree)
{
	struct config *config = read_config(report, tree);

	if (config != NULL)
		config->is_simple = true;
	return config;
}

struct config *config_parse(const char *name, const char *text, size_t len, struct err_list *errs)
{
	struct report report = {.file = name, .errs = errs};
	struct tree *tree;

	if (len > CONFIG_FILE_MAX) {
		report_place(&report, 0, 0, "the file is too large: at most %d MiB are read",
			     CONFIG_FILE_MAX >> 20);
		return NULL;
	}
	tree = tree_parse_simple(text, len);
	if (tree != NULL)
		return read_simple(&report, tree);
	tree = tree_parse_yaml(&report, text, len);
	return tree == NULL ? NULL : read_config(&report, tree);
}

struct config *config_parse_simple(const char *name, const char *text, size_t len)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct report report = {.file = name, .errs = &errs};
	struct tree *tree = len > CONFIG_FILE_MAX ? NULL : tree_parse_simple(text, len);
	struct config *config = tree == NULL ? NULL : read_simple(&report, tree);

	err_list_fini(&errs);
	return config;
}

/*
 * Reads all of @file, at most one byte more than is allowed, with room for a NUL. NULL and errno if
 * it cannot be read.
 */
static char *read_all(FILE *file, size_t *len)
{
	size_t size = 64 << 10, n = 0;
	char *text = NULL, *more;

	do {
		size *= 2;
		if (size > CONFIG_FILE_MAX + 1)
			size = CONFIG_FILE_MAX + 1;
		more = realloc(text, size + 1);
		if (more == NULL)
			goto fail;
		text = more;
		n += fread(text + n, 1, size - n, file);
		if (ferror(file))
			goto fail;
	} while (n == size && size <= CONFIG_FILE_MAX);
	*len = n;
	return text;

fail:
	free(text);
	return NULL;
}

char *config_read(const char *path, size_t *len, struct err_list *errs)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;

	if (file != NULL)
		text = read_all(file, len);
	if (text == NULL)
		err_add(errs, path, 0, 0, "the file can not be read: %s", strerror(errno));
	else
		text[*len] = '\0';
	if (file != NULL)
		fclose(file);
	return text;
}

struct config *config_load(const char *path, struct err_list *errs)
{
	size_t len;
	char *text = config_read(path, &len, errs);
	struct config *config = text != NULL ? config_parse(path, text, len, errs) : NULL;

	free(text);
	return config;
}
