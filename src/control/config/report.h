/*
 * Where the parts of the configuration reader put their errors: sentences with a place in the file.
 *
 * A file of garbage could cause an error for every few bytes. After REPORT_MAX of them one
 * sentence says so, and further ones are only counted.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct err_list;
struct tree_node;

enum {
	REPORT_MAX = 1000,
	REPORT_SHOWN_SIZE = 48, /* of a text from the file, when it is quoted in a sentence */
};

struct report {
	const char *file;
	struct err_list *errs;
	size_t n;
};

/* Adds one sentence about @node. */
void report_at(struct report *report, const struct tree_node *node, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same for a bare place; line 0: about the file as a whole. */
void report_place(struct report *report, unsigned line, unsigned column, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* True once no further sentence will be kept: callers may spare the work to find good words. */
bool report_is_full(const struct report *report);

/*
 * @text as it may stand in a sentence: quoted, cut when long, control characters as '?'. Written
 * to @buf, which is returned.
 */
const char *report_shown(const char *text, char buf[static REPORT_SHOWN_SIZE]);
