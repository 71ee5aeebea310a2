/*
 * GET /v1/flows: live flows, a page at a time, or all of them with one flow a line.
 *
 * Only a worker may read its flow table. So the answer is a stream (stream.h) of queries
 * (worker/query.h): the first worker gets one, and its flows are written as they are found. Then
 * the next worker is asked, until the page is full or all workers have been asked. The worker finds
 * flows while control writes, and no more than the client reads.
 *
 * A cursor is "worker.record", where the next page begins. It stays valid while flows come and go:
 * a flow keeps its record, so one that lives during the whole listing is listed exactly once.
 *
 * If a client leaves while a worker has its query, the listing waits in api->left until the worker
 * has let go of the query.
 */
#include "base/protocol.h"
#include "control/api/handlers.h"
#include "control/api/list.h"
#include "control/api/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	PAGE_DEFAULT = 100,
	FLOWS_A_STEP = 16,
	TICK_NS = 1000 * 1000,
	CURSOR_SIZE = 32,
	LINES_PATIENCE_S = 600, /* somebody may read them in a pager */
};

enum {
	ROW_SITE,
	ROW_TUNNEL,
	ROW_ADDRESS,
	ROW_PORT,
	ROW_PROTOCOL,
	ROW_LIMIT,
	ROW_CURSOR,
	ROW_FORMAT,
};

const struct route_arg flows_args[] = {
	[ROW_SITE] = {"site", ARG_NAME, 0, 0, "only flows that this site started"},
	[ROW_TUNNEL] = {"tunnel", ARG_NAME, 0, 0, "only flows whose replies go into this tunnel"},
	[ROW_ADDRESS] = {"address", ARG_PREFIX, 0, 0,
			 "only flows with this source, destination or egress address"},
	[ROW_PORT] = {"port", ARG_NUMBER, 0, 65535,
		      "only flows with this source, destination or egress port"},
	[ROW_PROTOCOL] = {"protocol", ARG_PROTOCOL, 0, 0, "only this protocol: " PROTOCOL_WORDS},
	PAGE_ARGS("100"),
	[ROW_FORMAT] = {"format", ARG_FORMAT, 0, 0,
			"json: a page; ndjson: all flows, one a line, without limit and cursor"},
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
	PAGE_FIELDS,
	{NULL},
};

struct flows_job {
	struct stream stream;
	struct flows_job *next; /* in api->left */
	struct api *api;
	size_t worker; /* the worker that is asked now */
	uint32_t limit; /* 0: all */
	uint32_t n; /* flows written; counted only if there is a limit */
	bool lines; /* a flow is a line */
	bool begun;
	bool running; /* the worker has the query */
	struct flow_query query;
};

static void write_ends(struct writer *w, const struct flow_view *view)
{
	const struct flow *f = &view->flow;

	if (view->is_six)
		writer_address(w, "source", &view->six.src);
	else
		writer_address4(w, "source", f->src);
	writer_number(w, "source_port", ntohs(f->sport));
	if (view->is_six)
		writer_address(w, "destination", &view->six.dst);
	else
		writer_address4(w, "destination", f->dst);
	writer_number(w, "destination_port", ntohs(f->dport));
	if (view->is_six)
		writer_address(w, "egress", &view->six.nat_src);
	else
		writer_address4(w, "egress", f->nat_src);
	writer_number(w, "egress_port", ntohs(f->nat_port));
}

static void write_flow(struct writer *w, const struct network *net, const struct flow_view *view)
{
	const struct flow *f = &view->flow;
	const char *known = protocol_name(f->proto);
	char proto[8];

	snprintf(proto, sizeof(proto), "%u", f->proto);
	writer_open(w, NULL, '{');
	writer_text(w, "site", network_site_name(net, f->site));
	writer_text(w, "tunnel", network_tunnel_name(net, f->onramp));
	writer_text(w, "protocol", known != NULL ? known : proto);
	write_ends(w, view);
	writer_text(w, "state",
		    f->state < FLOW_STATE_COUNT ? flow_state_names[f->state] : "unknown");
	writer_number(w, "packets_out", flow_packets(f, FLOW_FORWARD));
	writer_number(w, "packets_in", flow_packets(f, FLOW_RETURN));
	writer_number(w, "bytes_out", flow_bytes(f, FLOW_FORWARD));
	writer_number(w, "bytes_in", flow_bytes(f, FLOW_RETURN));
	writer_number(w, "idle_s", view->idle_s);
	writer_number(w, "expires_s", view->expires_s);
	writer_close(w, '}');
}

/* Writes some of the @n flows that the worker found. */
static void job_write(struct flows_job *job, const struct flow_view *views, uint32_t n,
		      struct writer *w)
{
	if (n > FLOWS_A_STEP)
		n = FLOWS_A_STEP;
	for (uint32_t i = 0; i < n; i++) {
		write_flow(w, job->api->ctx.net, &views[i]);
		if (job->lines)
			writer_line(w);
	}
	query_take(&job->query, n);
	if (job->limit > 0)
		job->n += n;
}

static void job_ask(struct flows_job *job)
{
	job->query.limit = job->limit > 0 ? job->limit - job->n : 0;
	worker_query_start(job->api->ctx.workers[job->worker], &job->query);
	job->running = true;
}

static void job_begin(struct flows_job *job, struct writer *w)
{
	job->begun = true;
	if (job->lines)
		return;
	writer_open(w, NULL, '{');
	writer_open(w, "flows", '[');
}

static void job_finish(const struct flows_job *job, struct writer *w)
{
	char cursor[CURSOR_SIZE];
	bool last = job->worker == job->api->ctx.n_workers;

	if (job->lines)
		return;
	snprintf(cursor, sizeof(cursor), "%zu.%u", job->worker, job->query.cursor);
	writer_close(w, ']');
	writer_text(w, "next_cursor", last ? NULL : cursor);
	writer_close(w, '}');
	writer_line(w);
}

/*
 * Asks first whether the query has ended, and then takes what it found: in the other order it could
 * find more, and end, in between.
 */
static enum step job_step(struct stream *s, struct writer *w)
{
	struct flows_job *job = (struct flows_job *)s;
	bool ended = job->running && query_ended(&job->query);
	uint32_t n;
	const struct flow_view *views = query_peek(&job->query, &n);

	if (!job->begun)
		job_begin(job, w);
	if (n > 0) {
		job_write(job, views, n, w);
		return STEP_MORE;
	}
	if (job->running && !ended)
		return STEP_WAIT;
	job->running = false;
	if (ended && job->query.cursor == 0)
		job->worker++;
	if (job->worker == job->api->ctx.n_workers || (job->limit > 0 && job->n == job->limit)) {
		job_finish(job, w);
		return STEP_DONE;
	}
	job_ask(job);
	return STEP_WAIT;
}

static void job_end(struct stream *s)
{
	struct flows_job *job = (struct flows_job *)s;

	if (!job->running || query_ended(&job->query)) {
		free(job);
		return;
	}
	query_cancel(&job->query);
	job->next = job->api->left;
	job->api->left = job;
}

void flows_reap(struct api *api, bool wait)
{
	const struct timespec pause = {.tv_nsec = TICK_NS};
	struct flows_job **at = &api->left;

	while (*at != NULL) {
		struct flows_job *job = *at;

		while (wait && !query_ended(&job->query))
			nanosleep(&pause, NULL);
		if (query_ended(&job->query)) {
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

/* A page, or all flows as lines. */
static int job_read_page(struct flows_job *job, const struct api_request *rq,
			 struct api_reply *reply)
{
	struct page page = page_of(&rq->args[ROW_LIMIT]);

	job->lines = rq->args[ROW_FORMAT].number == 1;
	if (job->lines && (page.limit > 0 || page.cursor != NULL)) {
		reply_error(reply, 400, "format=ndjson lists all flows: no limit, no cursor");
		return -EINVAL;
	}
	if (page.cursor != NULL && read_cursor(rq->ctx, page.cursor, job) < 0) {
		page_refuse(reply);
		return -EINVAL;
	}
	job->limit = page.limit > 0 ? page.limit : PAGE_DEFAULT;
	if (job->lines) {
		job->limit = 0;
		job->stream.type = "application/x-ndjson";
		job->stream.patience_s = LINES_PATIENCE_S;
	}
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
	return job_read_page(job, rq, reply);
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
