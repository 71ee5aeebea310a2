/*
 * GET /v1/flows: live flows, a page at a time.
 *
 * Only a worker may look into its flow table, so a page is a job: the query is handed to the first
 * worker, a timer looks every millisecond whether it is answered, then the next worker is asked,
 * until the page is full or all have been asked. A worker answers one query at a time; the jobs of
 * several clients take turns. A cursor is "worker.record": where the next page goes on. It stays
 * good while flows come and go; a flow that lives through the listing is listed once.
 *
 * A job dies when it has replied. If its client leaves first, the job goes on until the worker has
 * let go of the query, and then dies without a reply.
 */
#include "control/api/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>
#include <event2/http.h>

enum {
	JOBS_MAX = 64,
	LIMIT_DEFAULT = 100,
	TICK_US = 1000,
	CURSOR_SIZE = 32,
};

enum {
	ROW_SITE,
	ROW_TUNNEL,
	ROW_ADDRESS,
	ROW_PORT,
	ROW_PROTOCOL,
	ROW_LIMIT,
	ROW_CURSOR,
};

const struct route_arg flows_args[] = {
	[ROW_SITE] = {"site", ARG_TEXT, 0, 0, "only flows that this site started"},
	[ROW_TUNNEL] = {"tunnel", ARG_TEXT, 0, 0, "only flows whose replies go into this tunnel"},
	[ROW_ADDRESS] = {"address", ARG_PREFIX, 0, 0,
			 "only flows with this source, destination or egress address"},
	[ROW_PORT] = {"port", ARG_NUMBER, 0, 65535,
		      "only flows with this source, destination or egress port"},
	[ROW_PROTOCOL] = {"protocol", ARG_PROTOCOL, 0, 0, "tcp, udp, icmp, icmpv6 or a number"},
	[ROW_LIMIT] = {"limit", ARG_NUMBER, 1, FLOW_QUERY_MAX, "flows a page; 100 if not given"},
	[ROW_CURSOR] = {"cursor", ARG_TEXT, 0, 0, "next_cursor of the page before"},
	{NULL},
};

const struct route_field flows_fields[] = {
	{"flows[].site", FIELD_STRING, "site that started it"},
	{"flows[].tunnel", FIELD_STRING, "tunnel its replies go into"},
	{"flows[].protocol", FIELD_STRING, "tcp, udp, icmp, icmpv6 or a number"},
	{"flows[].source", FIELD_STRING, "inner source address"},
	{"flows[].source_port", FIELD_INTEGER, "inner source port; ICMP: the identifier"},
	{"flows[].destination", FIELD_STRING, "destination address"},
	{"flows[].destination_port", FIELD_INTEGER, "destination port; ICMP: 0"},
	{"flows[].egress", FIELD_STRING, "source address that the destination sees"},
	{"flows[].egress_port", FIELD_INTEGER, "source port or identifier that it sees"},
	{"flows[].state", FIELD_STRING, "state of the protocol"},
	{"flows[].packets_out", FIELD_INTEGER, "packets from the site"},
	{"flows[].packets_in", FIELD_INTEGER, "packets to the site"},
	{"flows[].bytes_out", FIELD_INTEGER, "inner bytes from the site"},
	{"flows[].bytes_in", FIELD_INTEGER, "inner bytes to the site"},
	{"flows[].idle_s", FIELD_INTEGER, "seconds since the last packet"},
	{"flows[].expires_s", FIELD_INTEGER, "seconds until it ends if no packet comes"},
	{"next_cursor", FIELD_STRING_OR_NULL, "where the next page begins; null: this is the last"},
	{NULL},
};

struct flows_job {
	struct flows_job *next; /* in api->jobs */
	struct api *api;
	struct evhttp_request *http; /* NULL: the client has left */
	struct event *tick;
	json_t *flows; /* found so far */
	size_t worker; /* asked now */
	uint32_t limit;
	bool running; /* the worker has the query */
	struct flow_query query;
};

static void job_destroy(struct flows_job *job)
{
	struct flows_job **at = &job->api->jobs;

	while (*at != NULL && *at != job)
		at = &(*at)->next;
	if (*at == job) {
		*at = job->next;
		job->api->n_jobs--;
	}
	if (job->http != NULL)
		evhttp_connection_set_closecb(evhttp_request_get_connection(job->http), NULL, NULL);
	if (job->tick != NULL)
		event_free(job->tick);
	json_decref(job->flows);
	free(job);
}

static void client_left(struct evhttp_connection *connection, void *arg)
{
	struct flows_job *job = arg;

	job->http = NULL;
}

static json_t *describe_address(const struct flow_view *view, be32_t four, const struct addr6 *six)
{
	return view->is_six ? json_address6(six) : json_address(four);
}

static json_t *describe_flow(const struct network *net, const struct flow_view *view)
{
	const struct flow *f = &view->flow;
	const char *known = args_protocol_name(f->proto);
	char proto[8];

	snprintf(proto, sizeof(proto), "%u", f->proto);
	return json_pack(
		"{s:s, s:s, s:s, s:o, s:i, s:o, s:i, s:o, s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:I}",
		"site", network_site_name(net, f->site), "tunnel",
		network_tunnel_name(net, f->onramp), "protocol", known != NULL ? known : proto,
		"source", describe_address(view, f->src, &view->six.src), "source_port",
		(int)ntohs(f->sport), "destination", describe_address(view, f->dst, &view->six.dst),
		"destination_port", (int)ntohs(f->dport), "egress",
		describe_address(view, f->nat_src, &view->six.nat_src), "egress_port",
		(int)ntohs(f->nat_port), "state",
		f->state < FLOW_STATE_COUNT ? flow_state_names[f->state] : "unknown", "packets_out",
		(json_int_t)flow_packets(f, FLOW_FORWARD), "packets_in",
		(json_int_t)flow_packets(f, FLOW_RETURN), "bytes_out",
		(json_int_t)flow_bytes(f, FLOW_FORWARD), "bytes_in",
		(json_int_t)flow_bytes(f, FLOW_RETURN), "idle_s", (json_int_t)view->idle_s,
		"expires_s", (json_int_t)view->expires_s);
}

static void job_take_answer(struct flows_job *job)
{
	const struct network *net = job->api->ctx.net;

	job->running = false;
	for (uint32_t i = 0; i < job->query.n; i++)
		json_array_append_new(job->flows, describe_flow(net, &job->query.flows[i]));
	if (job->query.cursor == 0)
		job->worker++;
}

static void job_reply(struct flows_job *job)
{
	struct api_reply reply = {.status = 200};
	char cursor[CURSOR_SIZE];

	snprintf(cursor, sizeof(cursor), "%zu.%u", job->worker, job->query.cursor);
	reply.body = json_pack("{s:O, s:s?}", "flows", job->flows, "next_cursor",
			       job->worker < job->api->ctx.n_workers ? cursor : NULL);
	api_send(job->http, &reply);
	job->http = NULL;
}

/* Hands the query to the next worker. False: it is busy, try again. */
static bool job_ask(struct flows_job *job)
{
	job->query.limit = job->limit - json_array_size(job->flows);
	job->query.n = 0;
	job->query.done = 0;
	job->running = worker_query_start(job->api->ctx.workers[job->worker], &job->query) == 0;
	return job->running;
}

static bool job_finished(const struct flows_job *job)
{
	return job->http == NULL || job->worker >= job->api->ctx.n_workers ||
	       json_array_size(job->flows) >= job->limit;
}

static void job_tick(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval tick = {.tv_usec = TICK_US};
	struct flows_job *job = arg;

	if (job->running && worker_query_done(&job->query))
		job_take_answer(job);
	if (!job->running) {
		if (job_finished(job)) {
			if (job->http != NULL) {
				evhttp_connection_set_closecb(
					evhttp_request_get_connection(job->http), NULL, NULL);
				job_reply(job);
			}
			job_destroy(job);
			return;
		}
		job_ask(job);
	}
	event_add(job->tick, &tick);
}

static int read_cursor(const struct api_context *ctx, const char *text, struct flows_job *job)
{
	uint32_t worker = 0, record = 0;
	const char *dot = strchr(text, '.');
	char head[CURSOR_SIZE];

	if (dot == NULL || (size_t)(dot - text) >= sizeof(head))
		return -EINVAL;
	memcpy(head, text, dot - text);
	head[dot - text] = '\0';
	if (!args_read_number(head, 0, ctx->n_workers - 1, &worker) ||
	    !args_read_number(dot + 1, 0, UINT32_MAX, &record))
		return -EINVAL;
	job->worker = worker;
	job->query.cursor = record;
	return 0;
}

/* Arguments into filter, limit and cursor. On error fills @reply. */
static int job_read_args(struct flows_job *job, const struct api_request *rq,
			 struct api_reply *reply)
{
	const struct arg *a = rq->args;
	struct flow_filter *filter = &job->query.filter;

	*filter = (struct flow_filter){
		.has_site = a[ROW_SITE].given,
		.has_tunnel = a[ROW_TUNNEL].given,
		.has_address = a[ROW_ADDRESS].given,
		.has_port = a[ROW_PORT].given,
		.has_proto = a[ROW_PROTOCOL].given,
		.address = a[ROW_ADDRESS].prefix,
		.port = a[ROW_PORT].number,
		.proto = a[ROW_PROTOCOL].number,
	};
	if (filter->has_site) {
		filter->site = find_site(rq->ctx->net, a[ROW_SITE].text, reply);
		if (filter->site == 0)
			return -ENOENT;
	}
	if (filter->has_tunnel) {
		filter->tunnel = find_tunnel(rq->ctx->net, a[ROW_TUNNEL].text, reply);
		if (filter->tunnel == 0)
			return -ENOENT;
	}
	job->limit = a[ROW_LIMIT].given ? a[ROW_LIMIT].number : LIMIT_DEFAULT;
	if (a[ROW_CURSOR].given && read_cursor(rq->ctx, a[ROW_CURSOR].text, job) < 0) {
		reply_error(reply, 400, "cursor must be the next_cursor of the page before");
		return -EINVAL;
	}
	return 0;
}

void flows_answer(const struct api_request *rq, struct api_reply *reply)
{
	struct flows_job *job;

	if (rq->api->n_jobs >= JOBS_MAX) {
		reply_error(reply, 503, "%d listings of flows are under way; try again later",
			    JOBS_MAX);
		return;
	}
	job = calloc(1, sizeof(*job));
	if (job == NULL) {
		reply_error(reply, 500, "out of memory");
		return;
	}
	job->api = rq->api;
	job->flows = json_array();
	job->tick = evtimer_new(rq->api->base, job_tick, job);
	if (job->flows == NULL || job->tick == NULL) {
		reply_error(reply, 500, "out of memory");
		job_destroy(job);
		return;
	}
	if (job_read_args(job, rq, reply) < 0) {
		job_destroy(job);
		return;
	}
	job->http = rq->http;
	job->next = rq->api->jobs;
	rq->api->jobs = job;
	rq->api->n_jobs++;
	evhttp_connection_set_closecb(evhttp_request_get_connection(job->http), client_left, job);
	reply->status = 0;
	job_tick(-1, 0, job);
}

void flows_end_jobs(struct api *api)
{
	const struct timespec pause = {.tv_nsec = TICK_US * 1000};

	while (api->jobs != NULL) {
		struct flows_job *job = api->jobs;

		while (job->running && !worker_query_done(&job->query))
			nanosleep(&pause, NULL);
		job_destroy(job);
	}
}
