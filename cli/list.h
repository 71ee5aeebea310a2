/* For commands that print one list of the API as one table. */
#pragma once

#include "client.h"
#include "table.h"

/* A row for the options of every such command. */
#define LIST_LIMIT(help)                                                                           \
	{                                                                                          \
		"limit", "COUNT", help                                                             \
	}

struct list {
	const char *path;
	const char *const *filters; /* options that go into the query; ends with NULL */
	const char *field; /* name of the list in the answer */
	const struct table_column *columns;
	/* adds the cells of one row, or of several */
	void (*fill)(struct table *t, const json_t *item);
	const char *empty; /* printed instead of an empty table */
	const char *more; /* printed if the limit left some out */
	unsigned limit; /* of items if there is no --limit; 0: none */
	const char *inner; /* NULL: items are counted; else the list in each that is */
};

/*
 * Gets the list, page by page, up to --limit, fills the table and prints it. Returns the exit
 * status.
 */
int list_run(const struct cli *cli, const struct list *list);

/* A text of @item; "-" if it is missing. */
const char *list_text(const json_t *item, const char *name);

/* Adds four cells: packets and bytes of @item's rx_ and tx_ fields. */
void list_cells_traffic(struct table *t, const json_t *item);
