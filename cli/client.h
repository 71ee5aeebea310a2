/* The daemon, as seen from outside: HTTP over its Unix socket, JSON. */
#pragma once

#include "cli.h"

#include <jansson.h>
#include <stdint.h>

/*
 * Asks the daemon for @path (with its query). The answer, an object; NULL after a sentence to
 * cli->err.
 */
json_t *client_get(const struct cli *cli, const char *path);

/*
 * Sends @len bytes to @path. The answer, an object; NULL after a sentence to cli->err, and
 * *@status: CLI_EXIT_FAILED, or CLI_EXIT_WRONG if the daemon was asked and has refused; then it is
 * all that it found wrong, with --json on cli->out.
 */
json_t *client_post(const struct cli *cli, const char *path, const char *body, size_t len,
		    int *status);

/* Adds ?@name=@value or &@name=@value to @url. -ENOSPC: it is too long, which was said. */
int client_add_query(const struct cli *cli, char *url, size_t size, const char *name,
		     const char *value);

/* The same for @command's path, with those options of the command that were given as its query.
 * @names: their names, ending with NULL. @more: further query, or NULL. */
json_t *client_get_filtered(const struct cli *cli, const char *path, const char *const *names,
			    const char *more);

/* Fields of an answer: "" and 0 where one is missing or of another type. */
const char *client_text(const json_t *object, const char *name);
uint64_t client_number(const json_t *object, const char *name);

/* Prints @json for programs: indented, and plain ASCII, so that a terminal survives it. */
void client_print_json(const json_t *json, FILE *out);
void client_print_json_line(const json_t *json, FILE *out); /* on one line, without its end */
