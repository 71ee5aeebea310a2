/*
 * The API: HTTP and JSON on a Unix socket, one table of routes.
 *
 * Local only; who may connect is the socket's file permission (0660). Answers from the control
 * thread's own knowledge, from workers' counters, and, for flows, from a query that the workers
 * answer between bursts. Control thread.
 */
#pragma once

#include "control/config/config.h"
#include "control/port.h"
#include "network/network.h"
#include "worker.h"

struct event_base;
struct api;

struct api_context {
	const struct config *config;
	const struct network *net;
	const struct port_set *ports;
	struct worker *const *workers;
	size_t n_workers;
	uint64_t started_ns; /* CLOCK_MONOTONIC */
};

/* Listens on the configured socket. NULL and a sentence in @errs on failure. */
struct api *api_create(struct event_base *base, const struct api_context *ctx,
		       struct err_list *errs);
void api_destroy(struct api *api); /* closes and removes the socket; NULL is fine */
