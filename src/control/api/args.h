/*
 * Arguments in the query of a URL, described by a table of rows.
 *
 * Everything here comes from outside. An unknown name, a value out of range or an argument given
 * twice is refused with a sentence.
 */
#pragma once

#include "base/addr6.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ARGS_MAX = 8, /* rows of a route */
	ARGS_ERROR_SIZE = 256,
};

enum arg_type {
	ARG_NAME, /* name of a site or tunnel; 404 if there is none */
	ARG_TEXT,
	ARG_PREFIX, /* address or prefix, of either family */
	ARG_NUMBER, /* min to max */
	ARG_PROTOCOL, /* a name of base/protocol.h or 0 to 255 */
	ARG_FLAG, /* true or false */
	ARG_FORMAT, /* of the answer: json (0) or ndjson (1) */
};

struct route_arg {
	const char *name;
	enum arg_type type;
	uint32_t min, max; /* ARG_NUMBER */
	const char *help;
};

/* Value of one row; the type says which field is set. */
struct arg {
	bool given;
	uint32_t number; /* ARG_NUMBER, ARG_PROTOCOL, ARG_FLAG, ARG_FORMAT */
	struct prefix6 prefix; /* IPv4: v4-mapped */
	char *text; /* owned */
};

/*
 * Reads the query of a URL (NULL: none) into @args, one for each of the @n rows. On error -EINVAL
 * and a sentence in @error. Call args_fini() in either case.
 */
int args_parse(const char *query, const struct route_arg *rows, size_t n, struct arg *args,
	       char error[ARGS_ERROR_SIZE]);
void args_fini(struct arg *args, size_t n);

/* True if all of @text is a decimal number from @min to @max. */
bool args_read_number(const char *text, uint32_t min, uint32_t max, uint32_t *out);
