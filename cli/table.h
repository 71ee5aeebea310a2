/* Aligned columns: add cells row by row, then print. */
#pragma once

#include <stdio.h>

enum table_align {
	TABLE_LEFT,
	TABLE_RIGHT,
};

struct table_column {
	const char *title;
	enum table_align align;
	unsigned min_width; /* so that pages of one listing have the same columns */
};

struct table;

/*
 * @columns ends with a row without a title and must outlive the table. Ends the process if memory
 * runs out.
 */
struct table *table_create(const struct table_column *columns);
void table_destroy(struct table *t); /* accepts NULL */

/* Adds the next cell of the current row; after the last cell the next row begins. */
void table_cell(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Prints titles (if @titles) and rows, with two blanks between columns and none at the end of a
 * line.
 */
void table_print(const struct table *t, int titles, FILE *out);
