/*
 * Collects the errors of the configuration reader: sentences with a place in the file.
 *
 * A corrupt file could cause an error every few bytes. After REPORT_MAX errors one sentence says
 * so, and further errors are only counted.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct err_list;
struct tree_node;

enum {
	REPORT_MAX = 1000,
	REPORT_SHOWN_SIZE = 48, /* length of a text from the file that is quoted in a sentence */
};

struct report {
	const char *file;
	struct err_list *errs;
	size_t n;
};

/* Adds one sentence about @node. */
void report_at(struct report *report, const struct tree_node *node, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Adds one sentence about a place; line 0: about the whole file. */
void report_place(struct report *report, unsigned line, unsigned column, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* True if further sentences are no longer kept: then callers need not write them. */
bool report_is_full(const struct report *report);

/*
 * Quotes @text for a sentence: shortens it when long, and prints control characters as '?'. Writes
 * to @buf and returns it.
 */
const char *report_shown(const char *text, char buf[static REPORT_SHOWN_SIZE]);
