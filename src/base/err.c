/* Errors for people: see err.h. */
#include "base/err.h"

#include "base/log.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void out_of_memory(void)
{
	fputs("out of memory\n", stderr);
	abort();
}

void err_add(struct err_list *list, const char *file, unsigned line, unsigned column,
	     const char *fmt, ...)
{
	struct err *errs = realloc(list->errs, (list->n + 1) * sizeof(*errs));
	struct err *e;
	va_list ap;

	if (errs == NULL)
		out_of_memory();
	list->errs = errs;

	e = &errs[list->n];
	*e = (struct err){.line = line, .column = column};
	if (file != NULL) {
		e->file = strdup(file);
		if (e->file == NULL)
			out_of_memory();
	}

	va_start(ap, fmt);
	if (vasprintf(&e->text, fmt, ap) < 0)
		out_of_memory();
	va_end(ap);
	list->n++;
}

static int compare_place(const void *a, const void *b)
{
	const struct err *x = *(const struct err *const *)a, *y = *(const struct err *const *)b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return x < y ? -1 : x > y;
}

static void print_one(const struct err *e, FILE *out)
{
	if (e->file != NULL) {
		fprintf(out, "%s:", e->file);
		if (e->line > 0)
			fprintf(out, "%u:", e->line);
		if (e->column > 0)
			fprintf(out, "%u:", e->column);
		fputc(' ', out);
	}
	fprintf(out, "%s\n", e->text);
}

void err_sort(struct err_list *list)
{
	const struct err **sorted;
	struct err *copy;

	if (list->n < 2)
		return;
	sorted = calloc(list->n, sizeof(struct err *));
	copy = calloc(list->n, sizeof(*copy));
	if (sorted == NULL || copy == NULL)
		out_of_memory();
	for (size_t i = 0; i < list->n; i++)
		sorted[i] = &list->errs[i];
	qsort(sorted, list->n, sizeof(sorted[0]), compare_place);
	for (size_t i = 0; i < list->n; i++)
		copy[i] = *sorted[i];
	free(sorted);
	free(list->errs);
	list->errs = copy;
}

void err_print(struct err_list *list, FILE *out)
{
	err_sort(list);
	for (size_t i = 0; i < list->n; i++)
		print_one(&list->errs[i], out);
}

void err_log(struct err_list *list)
{
	size_t size = 0;
	char *text = NULL, *rest, *line;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		out_of_memory();
	err_print(list, out);
	if (fclose(out) != 0)
		out_of_memory();
	for (line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
		log_error("%s", line);
	free(text);
}

void err_list_fini(struct err_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->errs[i].file);
		free(list->errs[i].text);
	}
	free(list->errs);
	*list = ERR_LIST_EMPTY;
}
