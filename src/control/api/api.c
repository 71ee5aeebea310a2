/*
 * The API: a server on a Unix socket, and the table of routes.
 *
 * A connection passes each request to api_answer(). It looks up the path, reads the arguments by
 * the route's rows, and calls the route. Every error is answered by {"error": "a sentence"}.
 * Clients are local but may be hostile: sizes and times are bounded (connection.c).
 */
#include "control/api/api.h"

#include "base/err.h"
#include "base/nearest.h"
#include "control/api/pump.h"
#include "control/api/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <http_parser.h>

enum { PATH_MAX_LEN = 255 };

static void refuse_path(const char *path, struct api_reply *reply)
{
	struct nearest near = nearest_begin(path);

	for (const struct route *r = api_routes; r->path != NULL; r++)
		nearest_offer(&near, r->path);
	if (near.best != NULL)
		reply_error(reply, 404, "nothing is at %.128s; did you mean %s?", path, near.best);
	else
		reply_error(reply, 404, "nothing is at %.128s; /v1/openapi.json says what is",
			    path);
}

/* Splits @url. -EINVAL: it is not a URL. @query is "" if there is none. */
static int split_url(const char *url, char path[PATH_MAX_LEN + 1], const char **query)
{
	struct http_parser_url parts;
	size_t len = strlen(url);

	http_parser_url_init(&parts);
	if (http_parser_parse_url(url, len, 0, &parts) != 0 ||
	    (parts.field_set & (1 << UF_PATH)) == 0 || parts.field_data[UF_PATH].len > PATH_MAX_LEN)
		return -EINVAL;
	memcpy(path, url + parts.field_data[UF_PATH].off, parts.field_data[UF_PATH].len);
	path[parts.field_data[UF_PATH].len] = '\0';
	*query = "";
	/* clients never send a fragment; one that is sent counts as an unknown argument */
	if ((parts.field_set & (1 << UF_QUERY)) != 0)
		*query = url + parts.field_data[UF_QUERY].off;
	return 0;
}

size_t api_body_max(const char *url)
{
	char path[PATH_MAX_LEN + 1];
	const struct route *route = NULL;
	const char *query;

	if (split_url(url, path, &query) == 0)
		route = route_find(path);
	return route != NULL && route->method == ROUTE_POST_TEXT ? CONFIG_FILE_MAX : 0;
}

static void refuse_method(const struct route *route, struct api_reply *reply)
{
	if (route->method == ROUTE_GET)
		reply_error(reply, 405, "%s can only be read: GET", route->path);
	else
		reply_error(reply, 405, "%s makes a change: POST", route->path);
	reply->allow = route_method_name(route);
}

void api_answer(struct api *api, const struct api_call *call, struct api_reply *reply)
{
	struct api_request rq = {
		.api = api,
		.ctx = &api->ctx,
		.busy = api->busy,
		.body = call->body != NULL ? call->body : "",
		.body_len = call->body_len,
		.who = call->who,
	};
	char path[PATH_MAX_LEN + 1], error[ARGS_ERROR_SIZE];
	const struct route *route;
	const char *query;

	if (split_url(call->url, path, &query) < 0) {
		reply_error(reply, 400, "a path must look like /v1/status");
		return;
	}
	route = route_find(path);
	if (route == NULL) {
		refuse_path(path, reply);
		return;
	}
	if (strcmp(call->method, route_method_name(route)) != 0) {
		refuse_method(route, reply);
		return;
	}
	if (args_parse(query, route->args, route_n_args(route), rq.args, error) < 0)
		reply_error(reply, 400, "%s", error);
	else
		route->answer(&rq, reply);
	args_fini(rq.args, route_n_args(route));
}

/* Runs once a second. */
static void sample_load(evutil_socket_t fd, short what, void *arg)
{
	struct api *api = arg;

	for (size_t i = 0; i < api->ctx.n_workers; i++) {
		struct load *load = &api->loads[i];
		struct worker_counters now;
		uint64_t turns, idle;

		worker_read_counters(api->ctx.workers[i], &now);
		turns = now.turns - load->turns;
		idle = now.idle_turns - load->idle_turns;
		api->busy[i] = turns > idle ? (double)(turns - idle) / (double)turns : 0;
		*load = (struct load){now.turns, now.idle_turns};
	}
	flows_reap(api, false);
	listen_hold(api);
}

struct api *api_create(struct event_base *base, const struct api_context *ctx,
		       struct err_list *errs)
{
	const struct timeval second = {.tv_sec = 1};
	struct api *api = calloc(1, sizeof(*api));

	if (api == NULL) {
		err_add(errs, NULL, 0, 0, "not enough memory for the API");
		return NULL;
	}
	api->base = base;
	api->ctx = *ctx;
	TAILQ_INIT(&api->connections);
	api->sampler = event_new(base, -1, EV_PERSIST, sample_load, api);
	api->pump = pump_create(base);
	if (api->sampler == NULL || api->pump == NULL) {
		err_add(errs, NULL, 0, 0, "not enough memory for the API");
		api_destroy(api);
		return NULL;
	}
	if (listen_start(api, errs) < 0) {
		api_destroy(api);
		return NULL;
	}
	event_add(api->sampler, &second);
	return api;
}

void api_follow(struct api *api, const struct config *config, const struct network *net)
{
	api->ctx.config = config;
	api->ctx.net = net;
	api->ctx.generation++;
}

void api_destroy(struct api *api)
{
	if (api == NULL)
		return;
	listen_stop(api);
	while (!TAILQ_EMPTY(&api->connections))
		connection_close(TAILQ_FIRST(&api->connections));
	flows_reap(api, true);
	pump_destroy(api->pump);
	if (api->sampler != NULL)
		event_free(api->sampler);
	free(api);
}
