/* The tables that a worker keeps of flows and hosts. */
#pragma once

#include <stdbool.h>

struct context;
struct worker_config;

/*
 * Makes the flow tables, the address pairs of flows, and the counts of hosts. False with errno:
 * memory ran out. Call flow_tables_destroy() in any case. Control thread.
 */
bool flow_tables_create(struct context *ctx, const struct worker_config *config);
void flow_tables_destroy(struct context *ctx);
