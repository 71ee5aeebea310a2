/* Census: visits the records of flows. See census.h. */
#include "worker/census.h"

#include "path/context.h"
#include "path/resolve.h"

enum { RENEWAL_COST = 16 }; /* a route lookup costs as much as this many records */

static void census_look(struct context *ctx, struct flow_table *t, struct census *c, unsigned *n)
{
	struct flow *f = flow_table_at(t, c->at);

	if (f->state == FLOW_FREE)
		return;
	ids_mark(c->sites, f->site);
	if (f->state == FLOW_RESTING) { /* no nexthop: no packet is forwarded by it */
		ids_mark(c->sites, f->onramp); /* the realm of its return: flow.h */
		return;
	}
	ids_mark(c->sites, f->far);
	if (ctx->nexthops->at[f->offramp].moved) {
		resolve_again(ctx, f, c->six ? flow6_at(t, c->at) : NULL);
		*n -= *n < RENEWAL_COST ? *n : RENEWAL_COST;
	}
	ids_mark(c->nexthops, f->onramp);
	ids_mark(c->nexthops, f->offramp);
}

bool census_step(struct context *ctx, struct census *c, unsigned n)
{
	while (n > 0) {
		struct flow_table *t = c->six ? ctx->flows6 : ctx->flows;

		if (t == NULL || c->at >= flow_table_used(t)) {
			if (c->six)
				return true;
			c->six = true;
			c->at = 0;
			continue;
		}
		n--;
		census_look(ctx, t, c, &n);
		c->at++;
	}
	return false;
}
