/*
 * Reads the arguments of a route.
 *
 * libevent splits the query and decodes percent signs. Each pair is then looked up in the route's
 * rows and read by the row of its type in types[]. The first error ends the reading: a URL is
 * short, unlike a configuration file.
 */
#include "control/api/args.h"

#include "base/nearest.h"
#include "base/protocol.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/http.h>
#include <event2/keyvalq_struct.h>

bool args_read_number(const char *text, uint32_t min, uint32_t max, uint32_t *out)
{
	uint64_t value = 0;
	size_t len = strspn(text, "0123456789");

	if (len == 0 || len > 10 || text[len] != '\0')
		return false;
	for (size_t i = 0; i < len; i++)
		value = value * 10 + (unsigned)(text[i] - '0');
	if (value < min || value > max)
		return false;
	*out = value;
	return true;
}

static bool read_text(const struct route_arg *row, const char *text, struct arg *arg)
{
	return text[0] != '\0';
}

static bool read_prefix(const struct route_arg *row, const char *text, struct arg *arg)
{
	char text_addr[INET6_ADDRSTRLEN];
	size_t len = strcspn(text, "/");
	struct addr6 addr;
	be32_t four;
	uint32_t bits, before = 0;

	if (len >= sizeof(text_addr))
		return false;
	memcpy(text_addr, text, len);
	text_addr[len] = '\0';
	if (inet_pton(AF_INET, text_addr, &four) == 1) {
		addr = addr6_from_ipv4(four);
		before = MAPPED_BITS;
	} else if (inet_pton(AF_INET6, text_addr, &addr) != 1) {
		return false;
	}
	bits = 128 - before;
	if (text[len] == '/' && !args_read_number(text + len + 1, 0, bits, &bits))
		return false;
	arg->prefix.len = (uint8_t)(before + bits);
	arg->prefix.addr = addr6_masked(&addr, arg->prefix.len);
	return true;
}

static bool read_number(const struct route_arg *row, const char *text, struct arg *arg)
{
	return args_read_number(text, row->min, row->max, &arg->number);
}

static bool read_protocol(const struct route_arg *row, const char *text, struct arg *arg)
{
	int proto = protocol_number(text);

	if (proto < 0)
		return args_read_number(text, 0, UINT8_MAX, &arg->number);
	arg->number = (uint32_t)proto;
	return true;
}

static bool read_flag(const struct route_arg *row, const char *text, struct arg *arg)
{
	arg->number = strcmp(text, "true") == 0;
	return arg->number || strcmp(text, "false") == 0;
}

static bool read_format(const struct route_arg *row, const char *text, struct arg *arg)
{
	arg->number = strcmp(text, "ndjson") == 0;
	return arg->number || strcmp(text, "json") == 0;
}

static const struct {
	bool (*read)(const struct route_arg *row, const char *text, struct arg *arg);
	const char *wanted;
} types[] = {
	[ARG_NAME] = {read_text, "a name"},
	[ARG_TEXT] = {read_text, "some text"},
	[ARG_PREFIX] = {read_prefix, "an IPv4 or IPv6 address or prefix"},
	[ARG_NUMBER] = {read_number, NULL},
	[ARG_PROTOCOL] = {read_protocol, PROTOCOL_WORDS},
	[ARG_FLAG] = {read_flag, "true or false"},
	[ARG_FORMAT] = {read_format, "json or ndjson"},
};

static int refuse_value(const struct route_arg *row, char error[ARGS_ERROR_SIZE])
{
	if (row->type == ARG_NUMBER)
		snprintf(error, ARGS_ERROR_SIZE, "%s must be a number from %u to %u", row->name,
			 row->min, row->max);
	else
		snprintf(error, ARGS_ERROR_SIZE, "%s must be %s", row->name,
			 types[row->type].wanted);
	return -EINVAL;
}

static int refuse_name(const char *name, const struct route_arg *rows, size_t n,
		       char error[ARGS_ERROR_SIZE])
{
	struct nearest near = nearest_begin(name);
	size_t len;

	for (size_t i = 0; i < n; i++)
		nearest_offer(&near, rows[i].name);
	snprintf(error, ARGS_ERROR_SIZE, "unknown argument \"%.64s\"", name);
	len = strlen(error);
	if (near.best != NULL)
		snprintf(error + len, ARGS_ERROR_SIZE - len, "; did you mean %s?", near.best);
	else if (n == 0)
		snprintf(error + len, ARGS_ERROR_SIZE - len, "; this path takes none");
	return -EINVAL;
}

static int take_pair(const char *name, const char *value, const struct route_arg *rows, size_t n,
		     struct arg *args, char error[ARGS_ERROR_SIZE])
{
	size_t i = 0;

	while (i < n && strcmp(rows[i].name, name) != 0)
		i++;
	if (i == n)
		return refuse_name(name, rows, n, error);
	if (args[i].given) {
		snprintf(error, ARGS_ERROR_SIZE, "%s is given twice", rows[i].name);
		return -EINVAL;
	}
	if (!types[rows[i].type].read(&rows[i], value, &args[i]))
		return refuse_value(&rows[i], error);
	args[i].given = true;
	args[i].text = strdup(value);
	if (args[i].text == NULL) {
		snprintf(error, ARGS_ERROR_SIZE, "out of memory");
		return -ENOMEM;
	}
	return 0;
}

int args_parse(const char *query, const struct route_arg *rows, size_t n, struct arg *args,
	       char error[ARGS_ERROR_SIZE])
{
	struct evkeyvalq pairs;
	struct evkeyval *pair;
	int err = 0;

	memset(args, 0, n * sizeof(*args));
	if (query == NULL || query[0] == '\0')
		return 0;
	/* a decoded NUL would end a value early, so that it looks like another value */
	if (strstr(query, "%00") != NULL || evhttp_parse_query_str(query, &pairs) < 0) {
		snprintf(error, ARGS_ERROR_SIZE, "arguments must look like ?name=value&name=value");
		return -EINVAL;
	}
	for (pair = pairs.tqh_first; pair != NULL && err == 0; pair = pair->next.tqe_next)
		err = take_pair(pair->key, pair->value, rows, n, args, error);
	evhttp_clear_headers(&pairs);
	return err;
}

void args_fini(struct arg *args, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(args[i].text);
		args[i].text = NULL;
	}
}
