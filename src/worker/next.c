/*
 * Change to another network: see next.h.
 *
 * State by site or tunnel number stays in place: these numbers are stable, and the arrays have an
 * entry for every possible number. Only state by address and slice moves (setup/take_over.c).
 */
#include "worker/next.h"

#include "path/context.h"
#include "setup/setup.h"
#include "worker/rows.h"

#include <stdlib.h>
#include <string.h>

static uint16_t *create_copy(const uint16_t *ids, size_t n)
{
	uint16_t *to = calloc(n + 1, sizeof(*to));

	if (to != NULL && n > 0)
		memcpy(to, ids, n * sizeof(*to));
	return to;
}

struct worker_next *next_create(const struct context *ctx, const struct network *net,
				const struct worker_heirs *heirs)
{
	struct worker_next *next = calloc(1, sizeof(*next));
	uint32_t capacity = flow_table_capacity(ctx->flows);

	if (next == NULL)
		return NULL;
	*next = (struct worker_next){
		.sites = create_copy(heirs->sites, heirs->n_sites),
		.tunnels = create_copy(heirs->tunnels, heirs->n_tunnels),
		.n_sites = heirs->n_sites,
		.n_tunnels = heirs->n_tunnels,
	};
	if (next->sites == NULL || next->tunnels == NULL ||
	    egress_create_next(&next->egress, ctx->egress, net, ctx->net, capacity, ctx->index,
			       ctx->count) != 0) {
		worker_destroy_next(next);
		return NULL;
	}
	rows_settle(ctx, net);
	return next;
}

void worker_destroy_next(struct worker_next *next)
{
	if (next == NULL)
		return;
	egress_destroy(next->egress);
	egress_destroy(next->left);
	free(next->sites);
	free(next->tunnels);
	free(next);
}

void next_take(struct worker_next *next, struct context *ctx, const struct network *net)
{
	struct egress_state *before = ctx->egress, *now;

	now = egress_take_over(next->egress, before, net);
	__atomic_store_n(&ctx->egress, now, __ATOMIC_RELEASE); /* counters are read by it */
	next->left = now != before ? before : NULL;
	next->egress = NULL;
	for (size_t i = 0; i < next->n_sites; i++) {
		memset(&ctx->sites[next->sites[i]], 0, sizeof(ctx->sites[0]));
		*context_answers(ctx, next->sites[i]) = (struct site_answers){0};
	}
	for (size_t i = 0; i < next->n_tunnels; i++) {
		memset(&ctx->tunnels[next->tunnels[i]], 0, sizeof(ctx->tunnels[0]));
		ctx->keepalives_until_ns[next->tunnels[i]] = 0;
	}
}
