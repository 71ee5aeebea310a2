/* The server's own state: what a handler that replies later needs. Private to control/api. */
#pragma once

#include "control/api/route.h"

struct event;
struct evhttp;
struct flows_job;

struct api {
	struct event_base *base;
	struct evhttp *http;
	struct event *sampler; /* once a second: how busy are the workers */
	struct api_context ctx;
	struct load {
		uint64_t turns, idle_turns; /* at the last sample */
	} loads[WORKERS_MAX];
	double busy[WORKERS_MAX];
	struct flows_job *jobs; /* listings under way */
	size_t n_jobs;
};

/* Sends @reply and lets go of its body. */
void api_send(struct evhttp_request *http, struct api_reply *reply);

/* Waits until no worker holds a query of ours; their clients get no reply. */
void flows_end_jobs(struct api *api);
