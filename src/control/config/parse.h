/* Fills structs from a tree, by the tables of the schema. Private to control/config. */
#pragma once

struct block;
struct report;
struct tree_node;

/*
 * Reads the map @node (NULL: all defaults) by the rows of @block into @base, a zeroed struct of the
 * block's type. Allocates arrays. Each fault becomes one error, and its field is left unchanged:
 * zero, or SPEC_PORT_ANY for a port. Arrays have one item for each item of the file, valid or not.
 */
void parse_block(struct report *report, const struct block *block, const struct tree_node *node,
		 void *base);
