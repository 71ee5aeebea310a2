/*
 * Slices: see slices.h.
 *
 * The counts of a slice's ports are one array, which moves as a whole to another network.
 */
#include "setup/slices.h"

#include "base/memory.h"
#include "path/share.h"
#include "setup/ports.h"

#include <stdlib.h>

bool slices_create(struct egress_state *e, const struct network *net, uint16_t index,
		   uint16_t count)
{
	e->slices = memory_lines((net->n_slices + 1) * sizeof(e->slices[0]));
	if (e->slices == NULL)
		return false;
	e->n_slices = net->n_slices;
	for (uint32_t i = 0; i < net->n_slices; i++) {
		uint32_t size = net->slices[i].size;
		struct slice_use *use = &e->slices[i];

		use->first = share_begin(size, index, count);
		use->n = share_begin(size, index + 1u, count) - use->first;
		if (e->from != NULL && e->from[i] != 0)
			continue;
		use->flows_of_port = memory_lines(size * sizeof(uint32_t));
		if (use->flows_of_port == NULL)
			return false;
	}
	return true;
}

void slices_destroy(struct egress_state *e)
{
	for (uint32_t i = 0; i < e->n_slices; i++)
		free(e->slices[i].flows_of_port);
	free(e->slices);
}

void slices_take_over(struct egress_state *next, struct egress_state *current)
{
	for (uint32_t i = 0; i < next->n_slices; i++) {
		struct slice_use *before, *use = &next->slices[i];

		if (next->from[i] == 0)
			continue;
		before = &current->slices[next->from[i] - 1];
		use->counters = before->counters;
		use->flows_of_port = before->flows_of_port;
		before->flows_of_port = NULL;
	}
}

static uint32_t *slices_flows_of_port(const struct setup *s)
{
	const struct slice *slice = &s->ctx->net->slices[s->slice];
	uint32_t offset = (uint32_t)ntohs(s->flow.nat_port) - slice->first_port;

	return &s->ctx->egress->slices[s->slice].flows_of_port[offset];
}

void slices_prefetch(const struct setup *s)
{
	__builtin_prefetch(slices_flows_of_port(s), 1);
}

void slices_count_flow(struct setup *s, int change)
{
	struct slice_counters *c = &s->ctx->egress->slices[s->slice].counters;
	uint32_t *flows = slices_flows_of_port(s);

	c->ports += (uint32_t)((change > 0 && *flows == 0) - (change < 0 && *flows == 1));
	c->flows += (uint32_t)change;
	*flows += (uint32_t)change;
}

int slices_find(const struct context *ctx, const struct flow *flow, const struct flow6 *six)
{
	int address = six != NULL ? network_find_address6(ctx->net, &six->nat_src)
				  : network_find_address(ctx->net, flow->nat_src);

	return address < 0 ? -1
			   : network_find_slice(ctx->net, (uint32_t)address, ntohs(flow->nat_port));
}
