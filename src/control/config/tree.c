/*
 * A tree of nodes, and how it is made.
 *
 * A stack of the open lists and maps gives the parent of the next node. Nodes and texts are
 * allocated from blocks that are freed together. Depth and number of nodes are bounded.
 *
 * Two readers make nodes. The simple one is tried first; libyaml reads what that one does not know,
 * and says what is wrong.
 */
#include "control/config/report.h"
#include "control/config/tree_build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Each block is twice as large as the one before: most texts are small. */
enum { BLOCK_LEAST = 4 << 10, BLOCK_MOST = 256 << 10 };

struct block {
	struct block *next;
	size_t used, size;
	_Alignas(16) unsigned char bytes[];
};

struct tree {
	struct block *blocks; /* the first block has room */
	struct tree_node *root;
	size_t n_nodes;
};

static void *tree_alloc(struct tree *tree, size_t size)
{
	struct block *b = tree->blocks;
	void *p;

	size = (size + 15) & ~(size_t)15;
	if (b == NULL || b->size - b->used < size) {
		size_t block_size = b == NULL ? BLOCK_LEAST : 2 * b->size;

		if (block_size > BLOCK_MOST)
			block_size = BLOCK_MOST;
		if (block_size < size)
			block_size = size;
		b = malloc(sizeof(*b) + block_size);
		if (b == NULL)
			return NULL;
		*b = (struct block){.next = tree->blocks, .size = block_size};
		tree->blocks = b;
	}
	p = b->bytes + b->used;
	b->used += size;
	return p;
}

static struct tree_node *node_create(struct builder *b, struct place at, enum tree_kind kind)
{
	struct tree_node *node = tree_alloc(b->tree, sizeof(*node));

	if (node == NULL)
		return NULL;
	b->tree->n_nodes++;
	*node = (struct tree_node){.kind = kind, .line = at.line, .column = at.column};
	return node;
}

/* Adds @node to the open list or map: as the next item, key or value. */
static int attach(struct builder *b, struct tree_node *node)
{
	struct tree_node *parent;
	size_t top = b->depth - 1;

	if (b->depth == 0) {
		b->tree->root = node;
		return 0;
	}

	parent = b->open[top];
	if (parent->kind == TREE_MAP && b->key[top] == NULL) {
		if (node->kind != TREE_TEXT)
			return -EINVAL;
		b->key[top] = node;
		return 0;
	}

	node->key = b->key[top];
	b->key[top] = NULL;
	if (parent->last == NULL)
		parent->first = node;
	else
		parent->last->next = node;
	parent->last = node;
	parent->n++;
	return 0;
}

int build_text(struct builder *b, struct place at, const char *text, size_t len, bool quoted)
{
	struct tree_node *node;
	char *copy;

	if (b->tree->n_nodes >= TREE_NODES_MAX)
		return -EMSGSIZE;
	node = node_create(b, at, TREE_TEXT);
	copy = tree_alloc(b->tree, len + 1);
	if (node == NULL || copy == NULL)
		return -ENOMEM;
	memcpy(copy, text, len);
	copy[len] = '\0';
	node->text = copy;
	node->quoted = quoted;
	return attach(b, node);
}

int build_open(struct builder *b, struct place at, enum tree_kind kind)
{
	struct tree_node *node;
	int ret;

	if (b->tree->n_nodes >= TREE_NODES_MAX)
		return -EMSGSIZE;
	if (b->depth == TREE_DEPTH_MAX)
		return -E2BIG;
	node = node_create(b, at, kind);
	if (node == NULL)
		return -ENOMEM;
	ret = attach(b, node);
	if (ret < 0)
		return ret;
	b->open[b->depth] = node;
	b->key[b->depth] = NULL;
	b->depth++;
	return 0;
}

void build_close(struct builder *b)
{
	b->depth--;
}

bool build_has_root(const struct builder *b)
{
	return b->tree->root != NULL;
}

/* libyaml would count the byte order mark as a column, and misread the first block. */
static size_t byte_order_mark(const char *text, size_t len)
{
	return len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

/* A tree without nodes, or NULL and a sentence. */
static struct tree *create(struct report *report)
{
	struct tree *tree = calloc(1, sizeof(*tree));

	if (tree == NULL)
		report_place(report, 0, 0, "there is not enough memory to read this file");
	return tree;
}

struct tree *tree_parse_yaml(struct report *report, const char *text, size_t len)
{
	struct builder b = {.tree = create(report)};
	size_t skip = byte_order_mark(text, len);

	if (b.tree == NULL || tree_read_yaml(&b, report, text + skip, len - skip) == 0)
		return b.tree;
	tree_destroy(b.tree);
	return NULL;
}

struct tree *tree_parse_simple(const char *text, size_t len)
{
	struct builder b = {.tree = calloc(1, sizeof(struct tree))};
	size_t skip = byte_order_mark(text, len);

	if (b.tree == NULL || tree_read_simple(&b, text + skip, len - skip) == 0)
		return b.tree;
	tree_destroy(b.tree);
	return NULL;
}

void tree_destroy(struct tree *tree)
{
	struct block *next;

	if (tree == NULL)
		return;
	for (struct block *b = tree->blocks; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
	free(tree);
}

const struct tree_node *tree_root(const struct tree *tree)
{
	return tree->root;
}

const struct tree_node *tree_get(const struct tree_node *node, const char *key)
{
	if (node == NULL || node->kind != TREE_MAP)
		return NULL;
	for (const struct tree_node *v = node->first; v != NULL; v = v->next) {
		if (v->key->text[0] == key[0] && strcmp(v->key->text, key) == 0)
			return v;
	}
	return NULL;
}

const char *tree_kind_name(enum tree_kind kind)
{
	static const char *const names[] = {
		[TREE_TEXT] = "a text",
		[TREE_LIST] = "a list",
		[TREE_MAP] = "a map",
	};

	return names[kind];
}

bool tree_is_null(const struct tree_node *node)
{
	return node->kind == TREE_TEXT && !node->quoted &&
	       (node->text[0] == '\0' || strcmp(node->text, "~") == 0 ||
		strcmp(node->text, "null") == 0);
}
