/*
 * Flow queries, the worker's side: a page of flows, a bounded number of records at a time.
 */
#pragma once

#include "path/context.h"
#include "worker/worker.h"

/*
 * Searches up to @n records from the query's cursor on. True: the page is full or the table's end
 * is reached; the cursor then says where to continue, or is 0 at the end.
 */
bool query_step(const struct context *ctx, const struct flow_timers *timers, struct flow_query *q,
		unsigned n);
