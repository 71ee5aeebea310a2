/* Walks a tree by the tables of the schema and fills structs. Private to control/config. */
#pragma once

struct block;
struct report;
struct tree_node;

/*
 * Reads the map @node (NULL: nothing but defaults) as @block says into @base, a zeroed struct of
 * the block's kind; arrays are
 * allocated. Each thing that is wrong becomes one error, and its field stays as it was: zero, or
 * SPEC_PORT_ANY for a port. Arrays have one item for each item of the file, good or bad.
 */
void parse_block(struct report *report, const struct block *block, const struct tree_node *node,
		 void *base);
