/* GET /v1/egress: pools, their addresses and our slices of them, with the ports in use. */
#include "control/api/route.h"

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
	{"pools[].addresses[].slices[].flows", FIELD_INTEGER,
	 "flows; more than ports where a port is shared between destinations"},
	{NULL},
};

static json_t *describe_slice(const struct api_context *ctx, uint32_t index)
{
	const struct slice *slice = &ctx->net->slices[index];
	struct slice_counters c;

	sum_slice(ctx, index, &c);
	return json_pack("{s:i, s:i, s:I, s:I}", "first_port", (int)slice->first_port, "last_port",
			 (int)(slice->first_port + slice->size - 1), "ports_in_use",
			 (json_int_t)c.ports, "flows", (json_int_t)c.flows);
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

static json_t *describe_pool(const struct api_context *ctx, uint32_t index)
{
	const struct pool *pool = &ctx->net->pools[index];
	json_t *addresses = json_array();

	for (uint32_t i = 0; i < pool->n_addresses + pool->n_addresses6; i++)
		json_array_append_new(addresses, describe_address(ctx, pool->first_address + i));
	return json_pack("{s:s, s:s, s:I, s:s, s:s, s:o}", "name", ctx->net->spec.pools[index].name,
			 "port", ctx->config->ports[pool->port].name, "slice_size",
			 (json_int_t)pool->slice_size, "mapping", pool_mapping_names[pool->mapping],
			 "filtering", pool_filtering_names[pool->filtering], "addresses",
			 addresses);
}

void egress_answer(const struct api_request *rq, struct api_reply *reply)
{
	json_t *pools = json_array();

	for (uint32_t i = 0; i < rq->ctx->net->n_pools; i++)
		json_array_append_new(pools, describe_pool(rq->ctx, i));
	reply->body = json_pack("{s:o}", "pools", pools);
}
