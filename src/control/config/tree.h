/*
 * A YAML file as a tree of nodes, each with its place in the file.
 *
 * Private to control/config. Owns its memory: one tree_destroy() frees all nodes and texts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct report;

enum tree_kind {
	TREE_TEXT, /* a scalar; the schema decides what it means */
	TREE_LIST,
	TREE_MAP,
};

struct tree_node {
	enum tree_kind kind;
	bool quoted; /* text: "..." or '...' */
	unsigned line, column; /* from 1; column in characters */
	const char *text; /* TREE_TEXT: NUL-terminated, without any other NUL */
	struct tree_node *key; /* of a value in a map: a TREE_TEXT */
	struct tree_node *first, *last; /* values of a list or map, in the order of the file */
	struct tree_node *next; /* sibling */
	size_t n; /* values */
};

enum {
	TREE_DEPTH_MAX = 16,
	TREE_NODES_MAX = 8 << 20,
};

struct tree;

/*
 * Simple YAML (tree_simple.c), several times as fast. NULL, without a sentence: tree_parse_yaml()
 * has to read it.
 */
struct tree *tree_parse_simple(const char *text, size_t len);

/* NULL if @text is not YAML that we accept; then @report has at least one sentence. */
struct tree *tree_parse_yaml(struct report *report, const char *text, size_t len);

void tree_destroy(struct tree *tree); /* accepts NULL */

/* The top node; NULL if the file is empty. */
const struct tree_node *tree_root(const struct tree *tree);

/* The (first) value of @key in a map. NULL: not found, or @node is NULL or not a map. */
const struct tree_node *tree_get(const struct tree_node *node, const char *key);

/* "a list", "a map" or "a text". */
const char *tree_kind_name(enum tree_kind kind);

/* An empty value, `~` or `null`. */
bool tree_is_null(const struct tree_node *node);
