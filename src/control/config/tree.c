/*
 * Turns YAML into a tree.
 *
 * libyaml's events become nodes; a stack of the open lists and maps gives the parent of the next
 * node. Of YAML we accept what a configuration needs: one document of maps, lists and texts.
 * Anchors, aliases, merge keys and tags are refused by name: a dozen lines of aliases can expand to
 * billions of nodes, and a reader of the file should see what it says.
 *
 * Nodes and texts are allocated from blocks that are freed together. Depth and number of nodes are
 * bounded. The first syntax error ends the reading, because the rest cannot be trusted.
 */
#include "control/config/tree.h"

#include "control/config/report.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { BLOCK_SIZE = 256 << 10 };

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

struct builder {
	struct tree *tree;
	struct report *report;
	struct tree_node *open[TREE_DEPTH_MAX]; /* lists and maps that are still open */
	struct tree_node *key[TREE_DEPTH_MAX]; /* a map's key whose value comes next, or NULL */
	size_t depth;
	bool done; /* the end of the stream was reached */
};

static void *tree_alloc(struct tree *tree, size_t size)
{
	struct block *b = tree->blocks;
	void *p;

	size = (size + 15) & ~(size_t)15;
	if (b == NULL || b->size - b->used < size) {
		size_t block_size = size > BLOCK_SIZE ? size : BLOCK_SIZE;

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

static unsigned place_line(const yaml_mark_t *mark)
{
	return (unsigned)mark->line + 1;
}

static unsigned place_column(const yaml_mark_t *mark)
{
	return (unsigned)mark->column + 1;
}

static int refuse(struct builder *b, const yaml_event_t *event, const char *sentence)
{
	report_place(b->report, place_line(&event->start_mark), place_column(&event->start_mark),
		     "%s", sentence);
	return -EINVAL;
}

static int out_of_memory(struct builder *b)
{
	report_place(b->report, 0, 0, "there is not enough memory to read this file");
	return -ENOMEM;
}

static struct tree_node *node_create(struct builder *b, const yaml_event_t *event,
				     enum tree_kind kind)
{
	struct tree_node *node = tree_alloc(b->tree, sizeof(*node));

	if (node == NULL)
		return NULL;
	b->tree->n_nodes++;
	*node = (struct tree_node){
		.kind = kind,
		.line = place_line(&event->start_mark),
		.column = place_column(&event->start_mark),
	};
	return node;
}

/* Adds @node to the open list or map: as the next item, key or value. */
static int attach(struct builder *b, const yaml_event_t *event, struct tree_node *node)
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
			return refuse(b, event, "the name of a setting must be a text");
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

static int add_text(struct builder *b, const yaml_event_t *event)
{
	const char *value = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	struct tree_node *node;
	char *text;

	if (memchr(value, '\0', len) != NULL)
		return refuse(b, event, "a text may not have a NUL character in it");

	node = node_create(b, event, TREE_TEXT);
	text = tree_alloc(b->tree, len + 1);
	if (node == NULL || text == NULL)
		return out_of_memory(b);
	memcpy(text, value, len);
	text[len] = '\0';
	node->text = text;
	node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	return attach(b, event, node);
}

static int open_node(struct builder *b, const yaml_event_t *event, enum tree_kind kind)
{
	struct tree_node *node;
	int rc;

	if (b->depth == TREE_DEPTH_MAX)
		return refuse(b, event, "lists and maps are nested too deeply");

	node = node_create(b, event, kind);
	if (node == NULL)
		return out_of_memory(b);
	rc = attach(b, event, node);
	if (rc < 0)
		return rc;
	b->open[b->depth] = node;
	b->key[b->depth] = NULL;
	b->depth++;
	return 0;
}

/* Anchor and tag of an event that can have them. */
static int check_decoration(struct builder *b, const yaml_event_t *event, const yaml_char_t *anchor,
			    const yaml_char_t *tag)
{
	if (anchor != NULL)
		return refuse(b, event, "YAML anchors (&name) are not supported: remove it");
	if (tag != NULL)
		return refuse(b, event, "YAML tags (!name) are not supported: remove it");
	return 0;
}

static int add_event(struct builder *b, const yaml_event_t *event)
{
	int rc;

	if (b->tree->n_nodes >= TREE_NODES_MAX)
		return refuse(b, event, "the file has too many values");

	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (b->tree->root != NULL)
			return refuse(b, event, "a second document begins here: only one is read");
		return 0;
	case YAML_ALIAS_EVENT:
		return refuse(b, event,
			      "YAML aliases (*name) are not supported: write the value out");
	case YAML_SCALAR_EVENT:
		rc = check_decoration(b, event, event->data.scalar.anchor, event->data.scalar.tag);
		return rc < 0 ? rc : add_text(b, event);
	case YAML_SEQUENCE_START_EVENT:
		rc = check_decoration(b, event, event->data.sequence_start.anchor,
				      event->data.sequence_start.tag);
		return rc < 0 ? rc : open_node(b, event, TREE_LIST);
	case YAML_MAPPING_START_EVENT:
		rc = check_decoration(b, event, event->data.mapping_start.anchor,
				      event->data.mapping_start.tag);
		return rc < 0 ? rc : open_node(b, event, TREE_MAP);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		b->depth--;
		return 0;
	case YAML_STREAM_END_EVENT:
		b->done = true;
		return 0;
	default:
		return 0;
	}
}

/* The reader gives only the offset in bytes of what it could not read. */
static void report_unreadable(struct report *report, const yaml_parser_t *parser, const char *text,
			      size_t len)
{
	unsigned line = 1, column = 1;

	for (size_t i = 0; i < len && i < parser->problem_offset; i++) {
		unsigned char c = (unsigned char)text[i];

		column += (c & 0xc0) != 0x80;
		if (c == '\n') {
			line++;
			column = 1;
		}
	}
	report_place(report, line, column, "the file is not readable text: %s",
		     parser->problem != NULL ? parser->problem : "unknown character");
}

static void report_syntax(struct report *report, const yaml_parser_t *parser, const char *text,
			  size_t len)
{
	const char *problem = parser->problem != NULL ? parser->problem : "unknown problem";
	unsigned line = place_line(&parser->problem_mark);
	unsigned column = place_column(&parser->problem_mark);

	if (parser->error == YAML_MEMORY_ERROR)
		report_place(report, 0, 0, "there is not enough memory to read this file");
	else if (parser->error == YAML_READER_ERROR)
		report_unreadable(report, parser, text, len);
	else if (parser->context != NULL && parser->context_mark.line + 1 != line)
		report_place(report, line, column, "this is not YAML: %s, %s that began at line %u",
			     problem, parser->context, place_line(&parser->context_mark));
	else if (parser->context != NULL)
		report_place(report, line, column, "this is not YAML: %s, %s", problem,
			     parser->context);
	else
		report_place(report, line, column, "this is not YAML: %s", problem);
}

/* libyaml would count the byte order mark as a column, and misread the first block. */
static size_t byte_order_mark(const char *text, size_t len)
{
	return len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

static int read_events(struct builder *b, const char *text, size_t len)
{
	yaml_parser_t parser;
	yaml_event_t event;
	int rc = 0;

	if (!yaml_parser_initialize(&parser))
		return out_of_memory(b);
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);

	while (rc == 0 && !b->done) {
		if (!yaml_parser_parse(&parser, &event)) {
			report_syntax(b->report, &parser, text, len);
			rc = -EINVAL;
			break;
		}
		rc = add_event(b, &event);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return rc;
}

struct tree *tree_parse(struct report *report, const char *text, size_t len)
{
	struct builder b = {.report = report, .tree = calloc(1, sizeof(struct tree))};
	size_t skip = byte_order_mark(text, len);

	if (b.tree == NULL) {
		out_of_memory(&b);
		return NULL;
	}
	if (read_events(&b, text + skip, len - skip) < 0) {
		tree_destroy(b.tree);
		return NULL;
	}
	return b.tree;
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
		if (strcmp(v->key->text, key) == 0)
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
