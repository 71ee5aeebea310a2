/* The client of the daemon's API: HTTP over its Unix socket, JSON. */
#pragma once

#include "cli.h"

#include <jansson.h>
#include <stdint.h>

/*
 * Gets @path (with its query) from the daemon. Returns the answer, an object; NULL after a sentence
 * to cli->err.
 */
json_t *client_get(const struct cli *cli, const char *path);

/*
 * Posts @len bytes to @path. Returns the answer, an object; NULL after a sentence to cli->err.
 * *@status: CLI_EXIT_FAILED, or CLI_EXIT_WRONG if the daemon has refused. Then it prints all errors
 * of the answer; with --json, the answer itself on cli->out.
 */
json_t *client_post(const struct cli *cli, const char *path, const char *body, size_t len,
		    int *status);

/* Adds ?@name=@value or &@name=@value to @url. -ENOSPC after a sentence: it is too long. */
int client_add_query(const struct cli *cli, char *url, size_t size, const char *name,
		     const char *value);

/*
 * Makes the URL of @command's path, with the given options of the command as its query. @names:
 * names of the options that go into the query, ending with NULL. @more: further query, or NULL.
 */
json_t *client_get_filtered(const struct cli *cli, const char *path, const char *const *names,
			    const char *more);

/* Fields of an answer: "" and 0 if a field is missing or of another type. */
const char *client_text(const json_t *object, const char *name);
uint64_t client_number(const json_t *object, const char *name);

/*
 * Prints @json for programs: indented and in plain ASCII, so that no byte can change the terminal's
 * state.
 */
void client_print_json(const json_t *json, FILE *out);
void client_print_json_line(const json_t *json, FILE *out); /* on one line, without a newline */
