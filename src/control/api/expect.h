/*
 * Does a client wait for our consent before it sends a body? curl does, before a large one: with
 * the header "Expect: 100-continue" (RFC 9110 section 10.1.1). Private to control/api.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The headers of a request, as they come from the parser, in pieces. Begin with zeroes. */
struct expect {
	char name[16], value[16]; /* a header that is longer is another one */
	size_t name_len, value_len;
	bool has_value;
	bool is_asked; /* after expect_end() */
};

void expect_name(struct expect *e, const char *text, size_t len);
void expect_value(struct expect *e, const char *text, size_t len);
void expect_end(struct expect *e);
