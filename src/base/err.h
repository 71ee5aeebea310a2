/*
 * Errors for people: a list of sentences, each with its place in a file.
 *
 * Filled by whoever checks something an operator wrote, printed by whoever talks to the operator.
 * Control thread only. Never on the packet path.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

struct err {
	char *file; /* NULL: not about a file */
	unsigned line, column; /* from 1; 0: unknown */
	char *text; /* one sentence, no full stop needed, no newline */
};

struct err_list {
	struct err *errs;
	size_t n;
};

#define ERR_LIST_EMPTY ((struct err_list){0})

/* Adds one sentence. @file may be NULL. Out of memory ends the process with a message. */
void err_add(struct err_list *list, const char *file, unsigned line, unsigned column,
	     const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Sorts by place in the file; what has the same place stays in order. */
void err_sort(struct err_list *list);

/* Sorts it and prints "file:line:column: text", one a line. */
void err_print(struct err_list *list, FILE *out);

/* The same into the log, which does not wait for its reader. */
void err_log(struct err_list *list);

void err_list_fini(struct err_list *list);
