/*
 * Reads a text that differs little from one that was read before.
 *
 * Private to control/config and control/change.
 */
#pragma once

#include <stddef.h>

struct config;

/* A text that was read, and what it was read as. */
struct config_read_before {
	const struct config *config;
	const char *text;
	size_t len;
};

/*
 * The configuration that config_parse() reads from @text, in less time. NULL: nothing is known
 * about @text, and config_parse() has to read it. Many changes of a few sites can be read so. What
 * does not differ is shared with @before->config; either may be destroyed first.
 */
struct config *config_splice(const struct config_read_before *before, const char *name,
			     const char *text, size_t len);
