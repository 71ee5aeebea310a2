/*
 * How a tree is made: node by node, in the order of the file. Private to tree.c and its readers.
 *
 * Functions return 0, -ENOMEM, -E2BIG (nested too deeply), -EINVAL (the name of a setting is no
 * text) or -EMSGSIZE (too many values). A builder that has failed can only be destroyed.
 */
#pragma once

#include "control/config/tree.h"

struct place {
	unsigned line, column; /* from 1 */
};

struct builder {
	struct tree *tree;
	struct tree_node *open[TREE_DEPTH_MAX]; /* lists and maps that are still open */
	struct tree_node *key[TREE_DEPTH_MAX]; /* a map's key whose value comes next, or NULL */
	size_t depth;
};

/* Adds a text to what is open: an item, a key, or the value of the key before. */
int build_text(struct builder *b, struct place at, const char *text, size_t len, bool quoted);

/* Adds a list or map, which is open until build_close(). */
int build_open(struct builder *b, struct place at, enum tree_kind kind);
void build_close(struct builder *b);

/* Was a top node made? */
bool build_has_root(const struct builder *b);

/*
 * tree_yaml.c: reads any YAML that we accept, by libyaml. 0, or -errno and a sentence in @report.
 */
int tree_read_yaml(struct builder *b, struct report *report, const char *text, size_t len);

/*
 * tree_simple.c: reads the YAML that most files consist of, several times as fast. -ENOTSUP: the
 * text has more than that in it, or an error: nothing is known about it then.
 */
int tree_read_simple(struct builder *b, const char *text, size_t len);
