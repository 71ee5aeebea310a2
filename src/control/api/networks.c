/* GET /v1/networks: each virtual network with its sites and routes, by number. */
#include "control/api/networks.h"

#include "base/nearest.h"
#include "control/api/handlers.h"
#include "control/api/list.h"
#include "control/routing/routing.h"

#include <string.h>

const struct route_arg networks_args[] = {
	PAGE_ARGS("all"),
	{NULL},
};

const struct route_field networks_fields[] = {
	{"networks[].name", FIELD_STRING, "of the virtual network"},
	{"networks[].egress", FIELD_STRING_OR_NULL,
	 "pool for public destinations without a route; null: they are refused"},
	{"networks[].sites", FIELD_INTEGER, "sites that belong to it"},
	{"networks[].routes", FIELD_INTEGER, "routes, of the file and learned"},
	{"networks[].learned", FIELD_INTEGER, "of them: learned by a routing protocol"},
	PAGE_FIELDS,
	{NULL},
};

const struct spec_vnet *vnet_spec(const struct network *net, uint16_t id)
{
	for (uint32_t i = 0; i < net->n_vnets; i++)
		if (net->vnet_ids[i] == id)
			return &net->spec.vnets[i];
	return id == 0 ? &spec_vnet_default : NULL;
}

int find_vnet(const struct network *net, const char *name, struct api_reply *reply)
{
	struct nearest near = nearest_begin(name);

	for (uint32_t id = 0; id <= net->max_vnet; id++) {
		const struct spec_vnet *vnet = vnet_spec(net, (uint16_t)id);

		if (vnet != NULL && strcmp(vnet->name, name) == 0)
			return (int)id;
		if (vnet != NULL)
			nearest_offer(&near, vnet->name);
	}
	if (near.best != NULL)
		reply_error(reply, 404, "no network is called \"%.64s\"; did you mean %s?", name,
			    near.best);
	else
		reply_error(reply, 404, "no network is called \"%.64s\"", name);
	return -1;
}

const char *vnet_egress(const struct network *net, const struct spec_vnet *vnet)
{
	const struct pool *pool = net->egress != NULL ? net->egress : net->egress6;

	if (vnet->no_egress)
		return NULL;
	if (vnet->egress_pool != SPEC_POOL_DEFAULT)
		return net->spec.pools[vnet->egress_pool].name;
	return pool != NULL ? net->spec.pools[pool - net->pools].name : NULL;
}

static uint64_t count_sites(const struct network *net, uint16_t vnet)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < net->n_sites; i++)
		n += net->sites[net->site_ids[i]].vnet == vnet;
	return n;
}

/* Ids of a list begin at 1, and those of virtual networks at 0. */
static bool write_network(const struct api_context *ctx, uint16_t number, uint32_t part,
			  struct writer *w)
{
	uint16_t id = (uint16_t)(number - 1);
	const struct spec_vnet *vnet = vnet_spec(ctx->net, id);
	size_t learned = 0, n = ctx->routing != NULL ? routing_n(ctx->routing, id, &learned) : 0;

	writer_open(w, NULL, '{');
	writer_text(w, "name", vnet->name);
	writer_text(w, "egress", vnet_egress(ctx->net, vnet));
	writer_number(w, "sites", count_sites(ctx->net, id));
	writer_number(w, "routes", n);
	writer_number(w, "learned", learned);
	writer_close(w, '}');
	return true;
}

static uint32_t max_number(const struct network *net)
{
	return net->max_vnet + 1;
}

static bool is_there(const struct network *net, uint16_t number)
{
	return number > 0 && vnet_spec(net, (uint16_t)(number - 1)) != NULL;
}

void networks_answer(const struct api_request *rq, struct api_reply *reply)
{
	static const struct list_kind kind = {"networks", max_number, is_there, write_network};
	struct page page = page_of(rq->args);

	reply_list(rq, reply, &kind, SITE_INTERNET, &page);
}
