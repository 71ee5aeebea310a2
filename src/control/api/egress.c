/*
 * GET /v1/egress: pools, their addresses and our slices of them, with the ports in use. A pool may
 * have thousands of addresses, so each step of the answer writes one address.
 */
#include "control/api/stream.h"
#include "setup/setup.h"

#include <stdlib.h>

#include <event2/buffer.h>

const struct route_field egress_fields[] = {
	{"pools[].name", FIELD_STRING, "of the pool"},
	{"pools[].port", FIELD_STRING, "uplink"},
	{"pools[].slice_size", FIELD_INTEGER, "ports a slice"},
	{"pools[].mapping", FIELD_STRING, "how a site's source port is seen outside"},
	{"pools[].filtering", FIELD_STRING, "who may send to it"},
	{"pools[].addresses[].address", FIELD_STRING, "egress address"},
	{"pools[].addresses[].slices[].first_port", FIELD_INTEGER, "lowest port of the slice"},
	{"pools[].addresses[].slices[].last_port", FIELD_INTEGER, "highest port of the slice"},
	{"pools[].addresses[].slices[].ports_in_use", FIELD_INTEGER,
	 "ports that carry at least one flow"},
	{"pools[].addresses[].slices[].ports_kept", FIELD_INTEGER,
	 "of its ports: kept for sites that have less than their fair share"},
	{"pools[].addresses[].slices[].flows", FIELD_INTEGER,
	 "flows; more than ports where a port is shared between destinations"},
	{NULL},
};

static json_t *describe_slice(const struct api_context *ctx, uint32_t index)
{
	const struct slice *slice = &ctx->net->slices[index];
	struct slice_counters c;

	sum_slice(ctx, index, &c);
	return json_pack("{s:i, s:i, s:I, s:I, s:I}", "first_port", (int)slice->first_port,
			 "last_port", (int)(slice->first_port + slice->size - 1), "ports_in_use",
			 (json_int_t)c.ports, "ports_kept",
			 (json_int_t)egress_kept_ports(ctx->net, slice), "flows",
			 (json_int_t)c.flows);
}

static json_t *describe_address(const struct api_context *ctx, uint32_t index)
{
	const struct egress_address *address = &ctx->net->addresses[index];
	json_t *slices = json_array();

	for (uint32_t i = 0; i < address->n_slices; i++)
		json_array_append_new(slices, describe_slice(ctx, address->first_slice + i));
	return json_pack("{s:o, s:o}", "address",
			 address->addr != 0 ? json_address(address->addr)
					    : json_address6(&address->addr6),
			 "slices", slices);
}

struct egress_list {
	struct stream stream;
	const struct api_context *ctx;
	uint64_t generation; /* version of the network at the start of the answer */
	bool begun;
	uint32_t pool, address; /* what comes next; addresses are counted in their pool */
};

/* Writes what precedes a pool's addresses. */
static enum step begin_pool(const struct egress_list *l, struct evbuffer *out)
{
	const struct network *net = l->ctx->net;
	const struct pool *pool = &net->pools[l->pool];
	json_t *head = json_pack("{s:s, s:s, s:I, s:s, s:s}", "name", net->spec.pools[l->pool].name,
				 "port", port_name(l->ctx, pool->port), "slice_size",
				 (json_int_t)pool->slice_size, "mapping",
				 pool_mapping_names[pool->mapping], "filtering",
				 pool_filtering_names[pool->filtering]);
	enum step step;

	evbuffer_add_printf(out, "%s{", l->pool > 0 ? "," : "");
	step = stream_json(out, head, JSON_EMBED);
	evbuffer_add_printf(out, ",\"addresses\":[");
	return step;
}

static enum step egress_step(struct stream *s, struct evbuffer *out)
{
	struct egress_list *l = (struct egress_list *)s;
	const struct network *net = l->ctx->net;
	const struct pool *pool = &net->pools[l->pool];

	if (l->generation != l->ctx->generation)
		return STEP_FAILED; /* pools and addresses have changed meanwhile */
	if (!l->begun)
		evbuffer_add_printf(out, "{\"pools\":[");
	l->begun = true;
	if (l->pool == net->n_pools) {
		evbuffer_add_printf(out, "]}\n");
		return STEP_DONE;
	}
	if (l->address == 0 && begin_pool(l, out) == STEP_FAILED)
		return STEP_FAILED;
	if (l->address == pool->n_addresses + pool->n_addresses6) {
		evbuffer_add_printf(out, "]}");
		l->pool++;
		l->address = 0;
		return STEP_MORE;
	}
	if (l->address > 0)
		evbuffer_add(out, ",", 1);
	return stream_json(out, describe_address(l->ctx, pool->first_address + l->address++), 0);
}

static void egress_end(struct stream *s)
{
	free(s);
}

void egress_answer(const struct api_request *rq, struct api_reply *reply)
{
	struct egress_list *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		reply_error(reply, 500, "out of memory");
		return;
	}
	*l = (struct egress_list){
		.stream = {.step = egress_step, .end = egress_end},
		.ctx = rq->ctx,
		.generation = rq->ctx->generation,
	};
	reply->stream = &l->stream;
}
