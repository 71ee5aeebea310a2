/*
 * The HTTP server: a Unix socket, libevent's evhttp, the table of routes.
 *
 * One request at a time reaches api_handle(): its path is looked up, its arguments are read by the
 * route's rows, the route answers. Whatever goes wrong is {"error": "a sentence"}. Clients are
 * local but need not be friendly: sizes and times are bounded.
 */
#include "control/api/api.h"

#include "base/err.h"
#include "base/nearest.h"
#include "control/api/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>

enum {
	HEADERS_MAX = 8192, /* bytes */
	BODY_MAX = 4096, /* nobody needs one yet */
	CLIENT_TIMEOUT_S = 30, /* a client that says nothing */
	BACKLOG = 64,
	ALL_METHODS = EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT |
		      EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE |
		      EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH, /* so that the refusal is ours */
};

static int write_chunk(const char *text, size_t len, void *arg)
{
	return evbuffer_add(arg, text, len);
}

void api_send(struct evhttp_request *http, struct api_reply *reply)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(http);
	struct evbuffer *out = evhttp_request_get_output_buffer(http);

	evhttp_add_header(headers, "Content-Type", "application/json");
	evhttp_add_header(headers, "Cache-Control", "no-store");
	if (reply->body == NULL)
		reply_error(reply, 500, "out of memory");
	json_dump_callback(reply->body, write_chunk, out, JSON_COMPACT);
	evbuffer_add(out, "\n", 1);
	evhttp_send_reply(http, reply->status, NULL, NULL);
	json_decref(reply->body);
}

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

static void answer(struct api *api, struct evhttp_request *http, struct api_reply *reply)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(http);
	const char *path = evhttp_uri_get_path(uri);
	const struct route *route = route_find(path != NULL ? path : "");
	struct api_request rq = {.api = api, .ctx = &api->ctx, .busy = api->busy, .http = http};
	char error[ARGS_ERROR_SIZE];

	if (route == NULL) {
		refuse_path(path != NULL ? path : "", reply);
		return;
	}
	if (evhttp_request_get_command(http) != EVHTTP_REQ_GET) {
		evhttp_add_header(evhttp_request_get_output_headers(http), "Allow", "GET");
		reply_error(reply, 405, "%s can only be read: GET", route->path);
		return;
	}
	if (args_parse(evhttp_uri_get_query(uri), route->args, route_n_args(route), rq.args,
		       error) < 0)
		reply_error(reply, 400, "%s", error);
	else
		route->answer(&rq, reply);
	args_fini(rq.args, route_n_args(route));
}

static void api_handle(struct evhttp_request *http, void *arg)
{
	struct api_reply reply = {.status = 200};

	answer(arg, http, &reply);
	if (reply.status != 0)
		api_send(http, &reply);
}

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
}

/* What a killed daemon left; we hold the lock, so nobody listens there. */
static int remove_stale(const char *path, struct err_list *errs)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return 0;
	if (!S_ISSOCK(st.st_mode)) {
		err_add(errs, NULL, 0, 0, "%s is in the way of the API: it is not a socket", path);
		return -1;
	}
	unlink(path);
	return 0;
}

static int listen_unix(const char *path, struct err_list *errs)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	mode_t mask;
	int fd, err;

	if (remove_stale(path, errs) < 0)
		return -1;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	mask = umask(0117); /* 0660 from the first moment */
	err = fd < 0 ? -1 : bind(fd, (struct sockaddr *)&addr, sizeof(addr));
	umask(mask);
	if (err == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	err_add(errs, NULL, 0, 0, "cannot listen on %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static int start_http(struct api *api, int fd)
{
	api->http = evhttp_new(api->base);
	if (api->http == NULL)
		return -ENOMEM;
	evhttp_set_max_headers_size(api->http, HEADERS_MAX);
	evhttp_set_max_body_size(api->http, BODY_MAX);
	evhttp_set_timeout(api->http, CLIENT_TIMEOUT_S);
	evhttp_set_allowed_methods(api->http, ALL_METHODS);
	evhttp_set_gencb(api->http, api_handle, api);
	return evhttp_accept_socket(api->http, fd) == 0 ? 0 : -ENOMEM;
}

struct api *api_create(struct event_base *base, const struct api_context *ctx,
		       struct err_list *errs)
{
	const struct timeval second = {.tv_sec = 1};
	struct api *api = calloc(1, sizeof(*api));
	int fd;

	if (api == NULL) {
		err_add(errs, NULL, 0, 0, "not enough memory for the API");
		return NULL;
	}
	api->base = base;
	api->ctx = *ctx;
	fd = listen_unix(ctx->config->api_socket, errs);
	if (fd < 0) {
		free(api);
		return NULL;
	}
	api->sampler = event_new(base, -1, EV_PERSIST, sample_load, api);
	if (api->sampler == NULL || start_http(api, fd) < 0) {
		err_add(errs, NULL, 0, 0, "not enough memory for the API");
		close(fd);
		api_destroy(api);
		return NULL;
	}
	event_add(api->sampler, &second);
	return api;
}

void api_destroy(struct api *api)
{
	if (api == NULL)
		return;
	if (api->http != NULL)
		evhttp_free(api->http);
	flows_end_jobs(api);
	if (api->sampler != NULL)
		event_free(api->sampler);
	unlink(api->ctx.config->api_socket);
	free(api);
}
