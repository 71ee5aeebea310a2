/*
 * Routes: for each path its handler, arguments and fields. Private to control/api.
 *
 * The table in route.c is the only declaration: the server, the argument parser, the OpenAPI
 * description and its test read it.
 */
#pragma once

#include "control/api/api.h"
#include "control/api/args.h"

#include <jansson.h>
#include <stddef.h>

struct stream;

enum field_type {
	FIELD_STRING,
	FIELD_STRING_OR_NULL,
	FIELD_INTEGER,
	FIELD_INTEGER_OR_NULL,
	FIELD_NUMBER,
	FIELD_BOOLEAN,
	FIELD_OBJECT, /* anything; used only by the description of the API itself */
};

/*
 * A field of an answer, with its path: "flows.now" is in an object, "ports[].name" in each object
 * of a list, "prefixes[]" is a list of plain values.
 */
struct route_field {
	const char *path;
	enum field_type type;
	const char *help;
	bool optional; /* may be absent */
};

enum route_method {
	ROUTE_GET,
	ROUTE_POST,
	ROUTE_POST_TEXT, /* POST with the text of a configuration as body */
};

struct api_request {
	struct api *api;
	const struct api_context *ctx;
	const double *busy; /* [n_workers], share of turns with work in the last second */
	struct arg args[ARGS_MAX]; /* by row of the route's args */
	const char *body; /* ROUTE_POST_TEXT: @body_len bytes and a NUL */
	size_t body_len;
	const char *who; /* not for ROUTE_GET: the user of the client */
};

struct api_reply {
	int status; /* HTTP status; 200 unless a handler sets another */
	json_t *body; /* NULL: out of memory */
	struct stream *stream; /* instead of a body, with status 200: stream.h */
	const char *allow; /* for 405: the method that the path supports */
};

struct route {
	const char *path;
	const char *summary;
	const struct route_arg *args; /* ends with a row without a name; NULL: none */
	const struct route_field *fields; /* of the answer; ends with a row without a path */
	void (*answer)(const struct api_request *rq, struct api_reply *reply);
	enum route_method method;
};

extern const struct route api_routes[]; /* ends with a row without a path */

const struct route *route_find(const char *path);
size_t route_n_args(const struct route *route);

const char *route_method_name(const struct route *route); /* "GET", "POST" */

/* Fills @reply with {"error": sentence}. */
void reply_error(struct api_reply *reply, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Parts of answers. */
json_t *json_address(be32_t addr);
json_t *json_prefix(const struct prefix4 *p);
json_t *json_address6(const struct addr6 *addr);
json_t *json_prefix6(const struct prefix6 *p);
json_t *json_end(const struct addr6 *end); /* outer address of a tunnel; IPv4: v4-mapped */
json_t *json_u64(uint64_t value);

/* Describes the port in a slot. */
const char *port_name(const struct api_context *ctx, uint8_t slot);

/* Sums over all workers. */
void sum_counters(const struct api_context *ctx, struct worker_counters *sum);
void sum_tunnel(const struct api_context *ctx, uint16_t tunnel, struct tunnel_counters *sum);
void sum_port(const struct api_context *ctx, uint16_t port, struct port_counters *sum);
void sum_site(const struct api_context *ctx, uint16_t site, struct site_counters *sum);
void sum_slice(const struct api_context *ctx, uint32_t slice, struct slice_counters *sum);

/*
 * Finds a site or tunnel by name. 0: there is none, and @reply has a sentence with the most similar
 * name.
 */
uint16_t find_site(const struct network *net, const char *name, struct api_reply *reply);
uint16_t find_tunnel(const struct network *net, const char *name, struct api_reply *reply);
