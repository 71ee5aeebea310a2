/*
 * JSON written directly, for long lists. Private to control/api.
 *
 * A list of a million flows as a tree of objects (jansson) costs ten times as much as its text. A
 * writer writes the text piece by piece, puts in the commas, and passes it on to a buffer. The
 * caller sees to it that what is opened is closed. Short answers are trees: json_pack() checks
 * more.
 */
#pragma once

#include "base/addr6.h"
#include "base/types.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct evbuffer;

enum { WRITER_SIZE = 8192 };

struct writer {
	struct evbuffer *out;
	bool comma; /* something precedes in this object or list */
	bool failed; /* memory ran out; stays */
	size_t n;
	char text[WRITER_SIZE]; /* [n], not yet passed on */
};

static inline void writer_init(struct writer *w, struct evbuffer *out)
{
	w->out = out;
	w->comma = w->failed = false;
	w->n = 0;
}

/*
 * @name: of the field, ASCII without quotes; NULL: an item of a list, or the whole. IPv4 addresses
 * may be mapped.
 */
void writer_open(struct writer *w, const char *name, char bracket); /* '{' or '[' */
void writer_close(struct writer *w, char bracket); /* '}' or ']' */
void writer_text(struct writer *w, const char *name, const char *value); /* UTF-8; NULL: null */
void writer_bool(struct writer *w, const char *name, bool value);
void writer_number(struct writer *w, const char *name, uint64_t value);
void writer_address4(struct writer *w, const char *name, be32_t addr);
void writer_address(struct writer *w, const char *name, const struct addr6 *addr);
void writer_prefix(struct writer *w, const char *name, const struct prefix6 *prefix);

/* Ends a line; the next value is a text of its own. */
void writer_line(struct writer *w);

/* Passes on what is left. */
void writer_flush(struct writer *w);
