/* Most commands are one list of the API and one table: asks, fills, prints. */
#pragma once

#include "client.h"
#include "table.h"

struct list {
	const char *path;
	const char *const *filters; /* options that go into the query; ends with NULL */
	const char *field; /* of the answer: the list */
	const struct table_column *columns;
	void (*fill)(struct table *t, const json_t *item); /* the cells of one row, or of several */
	const char *empty; /* said instead of a table without rows */
};

/* Exit status. */
int list_run(const struct cli *cli, const struct list *list);

/* A text of @item, "-" if it has none. */
const char *list_text(const json_t *item, const char *name);

/* Four cells: packets and bytes out of @item's rx_ and tx_ fields. */
void list_cells_traffic(struct table *t, const json_t *item);
