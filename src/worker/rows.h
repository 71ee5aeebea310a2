/*
 * The rows that a worker keeps: of tunnels, by id, their counters, awaited probes, and tokens for
 * keepalives; and those of destinations (path/route_cache.h, path/vnet_cache.h).
 */
#pragma once

#include <stdbool.h>

struct context;
struct network;

/*
 * A row for every possible id, since ids are stable and their owners come and go; pages without an
 * id in use cost nothing. False: memory ran out. Call rows_destroy() in any case.
 */
bool rows_create(struct context *ctx, const struct network *net);
void rows_destroy(struct context *ctx);

/*
 * Makes the rows of a large network ready: on huge pages, and no packet waits for a page. Control
 * thread, before the worker takes @net; the worker may run.
 */
void rows_settle(const struct context *ctx, const struct network *net);
