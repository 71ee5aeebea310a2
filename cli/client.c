/*
 * The daemon's API: requests over HTTP (http.c), JSON with jansson.
 *
 * The daemon is trusted, but it may have errors: the size of answers is bounded, types are checked
 * where fields are read, and sentences are cleaned before they reach a terminal.
 */
#include "client.h"

#include "base/clean.h"
#include "http.h"
#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	ANSWER_MAX = 256 << 20, /* bytes */
	LINE_MAX_LEN = 1 << 20, /* of a list that comes line by line */
	URL_SIZE = 4096,
	SENTENCE_SIZE = 1024,
};

/* of a POST */
struct text_body {
	const char *text;
	size_t len;
};

struct buffer {
	char *data;
	size_t len, room;
};

/* What to do with an answer: keep it, or take its lines as they come. */
struct sink {
	struct buffer buffer; /* the whole answer; or a line that is not yet complete */
	bool (*take)(char *line, size_t len, void *arg); /* NULL: keep all */
	void *arg;
	bool stopped; /* @take wants no more */
};

static size_t keep(struct buffer *b, const char *data, size_t n)
{
	if (n > ANSWER_MAX - b->len)
		return 0;
	if (b->len + n > b->room) {
		size_t room = 2 * (b->len + n);
		char *grown = realloc(b->data, room);

		if (grown == NULL)
			return 0;
		b->data = grown;
		b->room = room;
	}
	memcpy(b->data + b->len, data, n);
	b->len += n;
	return n;
}

static bool take_line(struct sink *s, char *line, size_t len)
{
	s->stopped = s->stopped || !s->take(line, len, s->arg);
	return !s->stopped;
}

/* The last line of @data may be incomplete; it is kept. */
static size_t take_lines(struct sink *s, char *data, size_t n)
{
	char *at = data, *end = data + n, *newline;

	while ((newline = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		size_t len = (size_t)(newline - at);

		if (s->buffer.len > 0) {
			if (keep(&s->buffer, at, len) != len ||
			    !take_line(s, s->buffer.data, s->buffer.len))
				return 0;
			s->buffer.len = 0;
		} else if (!take_line(s, at, len)) {
			return 0;
		}
		at = newline + 1;
	}
	if (s->buffer.len + (size_t)(end - at) > LINE_MAX_LEN)
		return 0;
	return keep(&s->buffer, at, (size_t)(end - at)) == (size_t)(end - at) ? n : 0;
}

/* A refusal is kept, whatever was asked for. */
static bool receive(char *data, size_t n, int status, void *arg)
{
	struct sink *s = arg;

	if (s->take == NULL || status != 200)
		return keep(&s->buffer, data, n) == n;
	return take_lines(s, data, n) == n;
}

static const char *describe(int error)
{
	switch (error) {
	case -EPROTO:
		return "its answer was cut short, or is no HTTP";
	case -ECANCELED:
		return "its answer is too long";
	default:
		return strerror(-error);
	}
}

static void explain(const struct cli *cli, const struct http_call *call, int error)
{
	if (error == -ETIMEDOUT || error == -EAGAIN)
		fprintf(cli->err,
			"homeward: the daemon has not answered on %s for %u s: it is busy or "
			"stopped; --timeout waits longer\n",
			cli->socket, cli->timeout_s);
	else if (call->connected)
		fprintf(cli->err, "homeward: the daemon did not answer on %s: %s\n", cli->socket,
			describe(error));
	else if (error == -EACCES || error == -EPERM)
		fprintf(cli->err,
			"homeward: not allowed to open %s: run as root or join its group\n",
			cli->socket);
	else
		fprintf(cli->err,
			"homeward: cannot reach the daemon: is homewardd running? looked at %s\n",
			cli->socket);
}

/* @body NULL: GET. Returns 0 with the answer in @s and its status in *@status. */
static int fetch(const struct cli *cli, const char *path, const struct text_body *body,
		 struct sink *s, long *status)
{
	struct http_call call = {
		.socket = cli->socket,
		.path = path,
		.body = body != NULL ? body->text : NULL,
		.len = body != NULL ? body->len : 0,
		.timeout_s = cli->timeout_s,
		.take = receive,
		.arg = s,
	};
	int ret = http_call(&call);

	*status = call.status;
	if (ret != 0 && !s->stopped)
		explain(cli, &call, ret);
	return ret == 0 ? 0 : -EIO;
}

static json_t *read_answer(const struct cli *cli, const struct buffer *b)
{
	json_t *json = json_loadb(b->data != NULL ? b->data : "", b->len, 0, NULL);

	if (json_is_object(json))
		return json;
	fprintf(cli->err, "homeward: the answer on %s is not JSON\n", cli->socket);
	json_decref(json);
	return NULL;
}

/* The answer to a GET, whatever its content; NULL after a sentence. */
static json_t *ask(const struct cli *cli, const char *path, const struct text_body *body,
		   long *status)
{
	struct sink s = {0};
	json_t *json = NULL;

	*status = 0;
	if (fetch(cli, path, body, &s, status) == 0)
		json = read_answer(cli, &s.buffer);
	free(s.buffer.data);
	return json;
}

static void print_error(const struct cli *cli, const json_t *json)
{
	char sentence[SENTENCE_SIZE];

	clean_text(client_text(json, "error"), sentence, sizeof(sentence));
	fprintf(cli->err, "homeward: %s\n", sentence);
}

json_t *client_get(const struct cli *cli, const char *path)
{
	long status;
	json_t *json = ask(cli, path, NULL, &status);

	if (json != NULL && status != 200) {
		print_error(cli, json);
		json_decref(json);
		json = NULL;
	}
	return json;
}

/* Prints one of several errors of a file: "file:line:column: sentence". */
static void print_place(const struct cli *cli, const json_t *error)
{
	char sentence[SENTENCE_SIZE], file[SENTENCE_SIZE];

	clean_text(client_text(error, "error"), sentence, sizeof(sentence));
	clean_text(client_text(error, "file"), file, sizeof(file));
	if (file[0] == '\0')
		fprintf(cli->err, "homeward: ");
	else
		fprintf(cli->err, "%s:", file);
	if (file[0] != '\0' && client_number(error, "line") > 0)
		fprintf(cli->err, "%d:%d:", (int)client_number(error, "line"),
			(int)client_number(error, "column"));
	fprintf(cli->err, "%s%s\n", file[0] != '\0' ? " " : "", sentence);
}

static void print_refusal(const struct cli *cli, const json_t *json)
{
	const json_t *errors = json_object_get(json, "errors");
	json_t *error;
	size_t i;

	if (cli->json)
		client_print_json(json, cli->out);
	else if (json_array_size(errors) == 0)
		print_error(cli, json);
	else
		json_array_foreach(errors, i, error) print_place(cli, error);
}

json_t *client_post(const struct cli *cli, const char *path, const char *body, size_t len,
		    int *status)
{
	const struct text_body text = {body, len};
	long code;
	json_t *json = ask(cli, path, &text, &code);

	*status = json == NULL ? CLI_EXIT_FAILED : CLI_EXIT_OK;
	if (json != NULL && code != 200 && code != 202) {
		print_refusal(cli, json);
		json_decref(json);
		json = NULL;
		*status = CLI_EXIT_WRONG;
	}
	return json;
}

int client_add_query(const struct cli *cli, char *url, size_t size, const char *name,
		     const char *value)
{
	size_t len = strlen(url);
	int n = snprintf(url + len, size - len, "%c%s=", strchr(url, '?') != NULL ? '&' : '?',
			 name);

	if (n >= 0 && (size_t)n < size - len &&
	    http_escape(value, url + len + n, size - len - (size_t)n))
		return 0;
	fprintf(cli->err, "homeward: the value of --%s is too long\n", name);
	return -ENOSPC;
}

/* @path with the command's options of these @names. False after a sentence. */
static bool make_url(const struct cli *cli, char url[static URL_SIZE], const char *path,
		     const char *const *names)
{
	snprintf(url, URL_SIZE, "%s", path);
	for (size_t i = 0; names[i] != NULL; i++) {
		const char *value = cli_value(cli, names[i]);

		if (value != NULL && client_add_query(cli, url, URL_SIZE, names[i], value) < 0)
			return false;
	}
	return true;
}

json_t *client_get_page(const struct cli *cli, const char *path, const char *const *names,
			unsigned limit, const char *cursor)
{
	char url[URL_SIZE], number[16];

	snprintf(number, sizeof(number), "%u", limit);
	if (!make_url(cli, url, path, names) ||
	    client_add_query(cli, url, sizeof(url), "limit", number) < 0 ||
	    (cursor != NULL && client_add_query(cli, url, sizeof(url), "cursor", cursor) < 0))
		return NULL;
	return client_get(cli, url);
}

int client_get_lines(const struct cli *cli, const char *path, const char *const *names,
		     bool (*take)(char *line, size_t len, void *arg), void *arg)
{
	struct sink s = {.take = take, .arg = arg};
	char url[URL_SIZE];
	long status = 0;
	json_t *json;
	int err;

	if (!make_url(cli, url, path, names) ||
	    client_add_query(cli, url, sizeof(url), "format", "ndjson") < 0)
		return -EIO;
	err = fetch(cli, url, NULL, &s, &status);
	if (err == 0 && status != 200) {
		json = read_answer(cli, &s.buffer);
		if (json != NULL)
			print_error(cli, json);
		json_decref(json);
		err = -EIO;
	}
	free(s.buffer.data);
	return err;
}

const char *client_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

uint64_t client_number(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

/* A double holds any decimal of fifteen digits: 9.6 stays 9.6. */
#define DUMP_FLAGS (JSON_ENSURE_ASCII | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15))

/* jansson escapes all control characters except DEL. */
static int write_ascii(const char *text, size_t len, void *arg)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == 0x7f)
			fputs("\\u007f", arg);
		else
			fputc(text[i], arg);
	}
	return 0;
}

void client_print_json(const json_t *json, FILE *out)
{
	json_dump_callback(json, write_ascii, out, DUMP_FLAGS | JSON_INDENT(2));
	fputc('\n', out);
}
