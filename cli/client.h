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
 * Gets a page of a list. @names: names of the command's options that go into the query as they were
 * given, ending with NULL. @cursor: next_cursor of the page before, or NULL.
 */
json_t *client_get_page(const struct cli *cli, const char *path, const char *const *names,
			unsigned limit, const char *cursor);

/*
 * Gets the lines of a list that has no end in sight, with format=ndjson, and calls @take for each,
 * without its newline. @take returns false to end. 0 if all lines were taken; -EIO after a sentence
 * to cli->err, or if @take ended it.
 */
int client_get_lines(const struct cli *cli, const char *path, const char *const *names,
		     bool (*take)(char *line, size_t len, void *arg), void *arg);

/* Fields of an answer: "" and 0 if a field is missing or of another type. */
const char *client_text(const json_t *object, const char *name);
uint64_t client_number(const json_t *object, const char *name);

/*
 * Prints @json for programs: indented and in plain ASCII, so that no byte can change the terminal's
 * state.
 */
void client_print_json(const json_t *json, FILE *out);
