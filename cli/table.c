/*
 * Aligned columns.
 *
 * Cells are kept as text until all are known. Then each column gets the width of its widest cell.
 * Every cell is cleaned when it is added: no text in a table can control the terminal.
 */
#include "table.h"

#include "base/clean.h"
#include "text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { CELL_SIZE = 512 };

struct table {
	const struct table_column *columns;
	size_t n_columns;
	char **cells; /* row by row */
	size_t n_cells, room;
};

static void *or_die(void *p)
{
	if (p == NULL) {
		fputs("homeward: out of memory\n", stderr);
		exit(1);
	}
	return p;
}

struct table *table_create(const struct table_column *columns)
{
	struct table *t = or_die(calloc(1, sizeof(*t)));

	t->columns = columns;
	while (columns[t->n_columns].title != NULL)
		t->n_columns++;
	return t;
}

void table_destroy(struct table *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t);
}

void table_cell(struct table *t, const char *fmt, ...)
{
	char raw[CELL_SIZE], clean[CELL_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	clean_text(raw, clean, sizeof(clean));
	if (t->n_cells == t->room) {
		t->room = t->room > 0 ? 2 * t->room : 64;
		t->cells = or_die(realloc(t->cells, t->room * sizeof(t->cells[0])));
	}
	t->cells[t->n_cells++] = or_die(strdup(clean));
}

static size_t column_width(const struct table *t, size_t column, int titles)
{
	size_t width = titles ? strlen(t->columns[column].title) : 0;

	if (width < t->columns[column].min_width)
		width = t->columns[column].min_width;
	for (size_t i = column; i < t->n_cells; i += t->n_columns)
		if (text_width(t->cells[i]) > width)
			width = text_width(t->cells[i]);
	return width;
}

static void pad(size_t n, FILE *out)
{
	fprintf(out, "%*s", (int)n, "");
}

static void print_row(const struct table *t, const size_t *widths, const char *const *cells,
		      FILE *out)
{
	size_t owed = 0; /* blanks that are printed only if a cell follows */

	for (size_t c = 0; c < t->n_columns; c++) {
		size_t gap = widths[c] - text_width(cells[c]);

		if (c > 0)
			owed += 2;
		if (t->columns[c].align == TABLE_RIGHT)
			owed += gap;
		if (cells[c][0] != '\0') {
			pad(owed, out);
			fputs(cells[c], out);
			owed = 0;
		}
		if (t->columns[c].align == TABLE_LEFT)
			owed += gap;
	}
	fputc('\n', out);
}

void table_print(const struct table *t, int titles, FILE *out)
{
	size_t *widths = or_die(calloc(t->n_columns, sizeof(*widths)));
	const char **heads = or_die(calloc(t->n_columns, sizeof(*heads)));

	for (size_t c = 0; c < t->n_columns; c++) {
		widths[c] = column_width(t, c, titles);
		heads[c] = t->columns[c].title;
	}
	if (titles)
		print_row(t, widths, heads, out);
	for (size_t i = 0; i + t->n_columns <= t->n_cells; i += t->n_columns)
		print_row(t, widths, (const char *const *)&t->cells[i], out);
	free(heads);
	free(widths);
}
