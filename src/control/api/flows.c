/*
 * GET /v1/flows: live flows, a page at a time.
 *
 * Only a worker may read its flow table. So a page is a stream (stream.h) of queries: the first
 * worker gets the query, and its flows are written. Then the page continues there or with the next
 * worker, until it is full or all workers have been asked. A worker answers one query at a time;
 * listings of several clients take turns. A cursor is "worker.record", where the next page begins.
 * It stays valid while flows come and go. A flow that lives during the whole listing is listed
 * once.
 *
 * If a client leaves while a worker has its query, the listing waits in api->left until the worker
 * has returned the query.
 */
#include "base/protocol.h"
#include "control/api/server.h"
#include "control/api/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/buffer.h>

enum {
	PAGE_DEFAULT = 100,
	PAGE_MAX = 1000,
	FLOWS_A_STEP = 16,
	TICK_NS = 1000 * 1000,
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
	[ROW_SITE] = {"site", ARG_NAME, 0, 0, "only flows that this site started"},
	[ROW_TUNNEL] = {"tunnel", ARG_NAME, 0, 0, "only flows whose replies go into this tunnel"},
	[ROW_ADDRESS] = {"address", ARG_PREFIX, 0, 0,
			 "only flows with this source, destination or egress address"},
	[ROW_PORT] = {"port", ARG_NUMBER, 0, 65535,
		      "only flows with this source, destination or egress port"},
	[ROW_PROTOCOL] = {"protocol", ARG_PROTOCOL, 0, 0, "only this protocol: " PROTOCOL_WORDS},
	[ROW_LIMIT] = {"limit", ARG_NUMBER, 1, PAGE_MAX, "flows a page; 100 if not given"},
	[ROW_CURSOR] = {"cursor", ARG_TEXT, 0, 0, "next_cursor of the page before"},
	{NULL},
};

const struct route_field flows_fields[] = {
	{"flows[].site", FIELD_STRING, "site that started it"},
	{"flows[].tunnel", FIELD_STRING, "tunnel its replies go into"},
	{"flows[].protocol", FIELD_STRING, PROTOCOL_WORDS},
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
	struct stream stream;
	struct flows_job *next; /* in api->left */
	struct api *api;
	size_t worker; /* the worker that is asked now */
	uint32_t limit;
	uint32_t n; /* flows written */
	uint32_t written; /* size of the answer to the last query */
	bool begun;
	bool running; /* the worker has the query */
	struct flow_query query;
};

static json_t *describe_address(const struct flow_view *view, be32_t four, const struct addr6 *six)
{
	return view->is_six ? json_address6(six) : json_address(four);
}

static json_t *describe_flow(const struct network *net, const struct flow_view *view)
{
	const struct flow *f = &view->flow;
	const char *known = protocol_name(f->proto);
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

/* Writes some of the flows that the worker found. */
static enum step job_write(struct flows_job *job, struct evbuffer *out)
{
	const struct network *net = job->api->ctx.net;
	enum step step = STEP_MORE;

	for (int i = 0; i < FLOWS_A_STEP && job->written < job->query.n && step == STEP_MORE; i++) {
		const struct flow_view *view = &job->query.flows[job->written++];

		if (job->n++ > 0)
			evbuffer_add(out, ",", 1);
		step = stream_json(out, describe_flow(net, view), 0);
	}
	return step;
}

/* Passes the query to the next worker. False: it is busy, try again. */
static bool job_ask(struct flows_job *job)
{
	job->query.limit = job->limit - job->n;
	job->query.n = 0;
	job->query.done = 0;
	job->written = 0;
	job->running = worker_query_start(job->api->ctx.workers[job->worker], &job->query) == 0;
	return job->running;
}

static void job_write_end(const struct flows_job *job, struct evbuffer *out)
{
	if (job->worker < job->api->ctx.n_workers)
		evbuffer_add_printf(out, "],\"next_cursor\":\"%zu.%u\"}\n", job->worker,
				    job->query.cursor);
	else
		evbuffer_add_printf(out, "],\"next_cursor\":null}\n");
}

static enum step job_step(struct stream *s, struct evbuffer *out)
{
	struct flows_job *job = (struct flows_job *)s;

	if (!job->begun)
		evbuffer_add_printf(out, "{\"flows\":[");
	job->begun = true;
	if (job->running) {
		if (!worker_query_done(&job->query))
			return STEP_WAIT;
		job->running = false;
		if (job->query.cursor == 0)
			job->worker++;
	}
	if (job->written < job->query.n)
		return job_write(job, out);
	if (job->worker >= job->api->ctx.n_workers || job->n >= job->limit) {
		job_write_end(job, out);
		return STEP_DONE;
	}
	return job_ask(job) && worker_query_done(&job->query) ? STEP_MORE : STEP_WAIT;
}

static void job_end(struct stream *s)
{
	struct flows_job *job = (struct flows_job *)s;

	if (!job->running || worker_query_done(&job->query)) {
		free(job);
		return;
	}
	job->next = job->api->left;
	job->api->left = job;
}

void flows_reap(struct api *api, bool wait)
{
	const struct timespec pause = {.tv_nsec = TICK_NS};
	struct flows_job **at = &api->left;

	while (*at != NULL) {
		struct flows_job *job = *at;

		while (wait && !worker_query_done(&job->query))
			nanosleep(&pause, NULL);
		if (worker_query_done(&job->query)) {
			*at = job->next;
			free(job);
		} else {
			at = &job->next;
		}
	}
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

/* Turns arguments into filter, limit and cursor. On error fills @reply. */
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
	job->limit = a[ROW_LIMIT].given ? a[ROW_LIMIT].number : PAGE_DEFAULT;
	if (a[ROW_CURSOR].given && read_cursor(rq->ctx, a[ROW_CURSOR].text, job) < 0) {
		reply_error(reply, 400, "cursor must be the next_cursor of the page before");
		return -EINVAL;
	}
	return 0;
}

void flows_answer(const struct api_request *rq, struct api_reply *reply)
{
	struct flows_job *job = calloc(1, sizeof(*job));

	if (job == NULL) {
		reply_error(reply, 500, "out of memory");
		return;
	}
	job->stream = (struct stream){.step = job_step, .end = job_end};
	job->api = rq->api;
	if (job_read_args(job, rq, reply) < 0) {
		free(job);
		return;
	}
	reply->stream = &job->stream;
}
