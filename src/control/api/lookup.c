/*
 * GET /v1/routes/lookup: where new flows to an address go, and why.
 *
 * Each step is one look-up in one network. A private link leads to the next step. Of several links
 * that are used the first one is followed, and the answer says that there are more. Before routes
 * comes an alias, of this network or of one that is linked, as in setup/alias.c.
 */
#include "control/api/handlers.h"
#include "control/api/networks.h"
#include "control/api/routes.h"

#include <stdio.h>
#include <string.h>

enum { ANSWER_SIZE = 256 };

const struct route_arg lookup_args[] = {
	{"network", ARG_NAME, 0, 0, "virtual network of the site; default if not given"},
	{"address", ARG_PREFIX, 0, 0, "destination; without it nothing is looked up"},
	{NULL},
};

const struct route_field lookup_fields[] = {
	{"network", FIELD_STRING, "virtual network that was asked first"},
	{"address", FIELD_STRING_OR_NULL, "destination"},
	{"answer", FIELD_STRING, "one sentence"},
	{"alias_of", FIELD_STRING_OR_NULL, "host for which the destination stands; null: no alias"},
	{"alias_site", FIELD_STRING_OR_NULL, "its site, to which new flows go without a route"},
	{"steps[].network", FIELD_STRING, "virtual network whose routes were asked"},
	{"steps[].prefix", FIELD_STRING_OR_NULL, "the longest one that fits; null: no route"},
	{"steps[].source", FIELD_STRING_OR_NULL, "file, learned or both"},
	{"steps[].targets[].kind", FIELD_STRING, "site, tunnel, egress, network or drop"},
	{"steps[].targets[].name", FIELD_STRING_OR_NULL, "of what it leads to; null: drop"},
	{"steps[].targets[].learned", FIELD_BOOLEAN, "by a routing protocol"},
	{"steps[].targets[].priority", FIELD_INTEGER, "without a penalty"},
	{"steps[].targets[].penalty", FIELD_INTEGER, "added while its tunnel is not healthy"},
	{"steps[].targets[].effective_priority", FIELD_INTEGER, "their sum: the lowest is used"},
	{"steps[].targets[].weight", FIELD_INTEGER, "its share among those that are used"},
	{"steps[].targets[].untranslated", FIELD_BOOLEAN,
	 "egress: the source keeps its address and port"},
	{"steps[].targets[].used", FIELD_BOOLEAN, "new flows take it"},
	{"steps[].targets[].why_not", FIELD_STRING_OR_NULL, "why it is not used; null: it is"},
	{NULL},
};

static bool is_private(const struct addr6 *addr)
{
	static const struct {
		uint32_t addr;
		unsigned len;
	} rows[] = {{0x0a000000, 8}, {0xac100000, 12}, {0xc0a80000, 16}, {0x64400000, 10}};
	uint32_t four = ntohl(addr6_to_ipv4(addr));

	if (!addr6_is_mapped(addr))
		return be64toh(addr->half[0]) >> 57 == 0xfc >> 1; /* fc00::/7 */
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (((four ^ rows[i].addr) & prefix4_mask((uint8_t)rows[i].len)) == 0)
			return true;
	return false;
}

static const char *why_not(const struct routing_target *t, uint32_t best)
{
	if (t->is_used)
		return NULL;
	if (t->priority + t->penalty == best)
		return "a route of the file comes first";
	if (t->penalty >= 1000000)
		return "its tunnel is down, and another target is better";
	if (t->penalty > 0)
		return "its tunnel is degraded, and another target is better";
	return "another target has a lower priority";
}

static json_t *describe_target(const struct network *net, const struct routing_target *t,
			       uint32_t best)
{
	return json_pack("{s:s, s:s?, s:b, s:I, s:I, s:I, s:i, s:b, s:b, s:s?}", "kind",
			 target_kind(t), "name", target_name(net, t), "learned", (int)t->is_learned,
			 "priority", (json_int_t)t->priority, "penalty", (json_int_t)t->penalty,
			 "effective_priority", (json_int_t)t->priority + t->penalty, "weight",
			 (int)t->target.weight, "untranslated", (int)t->target.untranslated, "used",
			 (int)t->is_used, "why_not", why_not(t, best));
}

struct lookup {
	const struct api_context *ctx;
	struct addr6 dst;
	uint16_t vnet; /* id */
	json_t *steps;
	char answer[ANSWER_SIZE];
};

/* The pool by which flows to @dst leave without a route; NULL: it has no address of the family. */
static const char *egress_for(const struct network *net, const struct spec_vnet *vnet,
			      const struct addr6 *dst)
{
	bool four = addr6_is_mapped(dst);
	const struct pool *pool = four ? net->egress : net->egress6;

	if (vnet->no_egress)
		return NULL;
	if (vnet->egress_pool != SPEC_POOL_DEFAULT)
		pool = &net->pools[vnet->egress_pool];
	if (pool == NULL || (four ? pool->n_addresses : pool->n_addresses6) == 0)
		return NULL;
	return net->spec.pools[pool - net->pools].name;
}

/* Without a route in the network of the site. */
static void answer_without(struct lookup *l, bool linked)
{
	const char *egress = egress_for(l->ctx->net, vnet_spec(l->ctx->net, l->vnet), &l->dst);
	bool has_some = vnet_egress(l->ctx->net, vnet_spec(l->ctx->net, l->vnet)) != NULL;

	if (linked)
		strcpy(l->answer, "there is no route behind the private link: refused (no_route)");
	else if (is_private(&l->dst))
		strcpy(l->answer, "there is no route to this private address: refused (no_route)");
	else if (egress == NULL && has_some)
		snprintf(l->answer, ANSWER_SIZE,
			 "the egress pool of the network has no IPv%c address: refused (no_route)",
			 addr6_is_mapped(&l->dst) ? '4' : '6');
	else if (egress == NULL)
		strcpy(l->answer, "the network has no egress: refused (no_route)");
	else
		snprintf(l->answer, ANSWER_SIZE,
			 "there is no route, so new flows leave by the egress pool of the network, "
			 "%s",
			 egress);
}

static void answer_with(struct lookup *l, const struct routing_target *first, unsigned used)
{
	const char *name = target_name(l->ctx->net, first);

	if (first->target.kind == TARGET_DROP)
		strcpy(l->answer, "the route says drop (route_drop)");
	else if (used > 1)
		snprintf(l->answer, ANSWER_SIZE, "new flows go to %u targets, by weight", used);
	else
		snprintf(l->answer, ANSWER_SIZE, "new flows go to %s %s%s", target_kind(first),
			 name, first->target.untranslated ? ", untranslated" : "");
}

/* One look-up. True: the first used target is a link, and l->vnet its network. */
static bool look_up(struct lookup *l, bool linked)
{
	const struct network *net = l->ctx->net;
	json_t *targets = json_array();
	struct routing_target first = {0};
	struct routing_route route = {0};
	bool found = l->ctx->routing != NULL &&
		     routing_lookup(l->ctx->routing, l->vnet, &l->dst, &route);
	uint32_t best = UINT32_MAX;
	unsigned used = 0;

	for (size_t i = 0; i < route.n; i++) {
		struct routing_target t = routing_target(l->ctx->routing, &route, i);

		if (t.is_used && used++ == 0)
			first = t;
		if (t.is_used)
			best = t.priority + t.penalty;
	}
	for (size_t i = 0; i < route.n; i++) {
		struct routing_target t = routing_target(l->ctx->routing, &route, i);

		json_array_append_new(targets, describe_target(net, &t, best));
	}
	json_array_append_new(
		l->steps,
		json_pack("{s:s, s:o?, s:s?, s:o}", "network", vnet_spec(net, l->vnet)->name,
			  "prefix",
			  !found ? json_null()
			  : addr6_is_mapped(&route.prefix.addr) && route.prefix.len >= MAPPED_BITS
				  ? json_prefix(&(struct prefix4){
					    addr6_to_ipv4(&route.prefix.addr),
					    (uint8_t)(route.prefix.len - MAPPED_BITS)})
				  : json_prefix6(&route.prefix),
			  "source", found ? route_source(&route) : NULL, "targets", targets));
	if (!found) {
		answer_without(l, linked);
		return false;
	}
	answer_with(l, &first, used);
	l->vnet = first.target.kind == TARGET_LINK ? first.target.vnet : l->vnet;
	return first.target.kind == TARGET_LINK;
}

/* The alias in @vnet, or in a network to which its used targets are links; @real: its host. */
static const struct alias *find_alias(const struct api_context *ctx, uint16_t vnet,
				      const struct addr6 *dst, struct addr6 *real, unsigned links)
{
	const struct alias *alias = network_find_alias(ctx->net, vnet, dst, real);
	struct routing_route route;

	if (alias != NULL || links == SPEC_LINKS_MAX || ctx->routing == NULL ||
	    !routing_lookup(ctx->routing, vnet, dst, &route))
		return alias;
	for (size_t i = 0; alias == NULL && i < route.n; i++) {
		struct routing_target t = routing_target(ctx->routing, &route, i);

		if (t.is_used && t.target.kind == TARGET_LINK)
			alias = find_alias(ctx, t.target.vnet, dst, real, links + 1);
	}
	return alias;
}

/* True: the destination is an alias, and no route is asked. */
static bool answer_by_alias(struct lookup *l, json_t *body)
{
	struct addr6 real;
	const struct alias *alias = find_alias(l->ctx, l->vnet, &l->dst, &real, 0);
	const char *site;
	json_t *host;

	if (alias == NULL)
		return false;
	site = network_site_name(l->ctx->net, alias->site);
	host = json_end(&real);
	snprintf(l->answer, ANSWER_SIZE,
		 "this is the alias of %s of site %s: new flows go there without a route",
		 json_string_value(host), site);
	json_object_set_new(body, "alias_of", host);
	json_object_set_new(body, "alias_site", json_string(site));
	return true;
}

void lookup_answer(const struct api_request *rq, struct api_reply *reply)
{
	const struct arg *network = &rq->args[0], *address = &rq->args[1];
	const char *name = network->given ? network->text : "default";
	struct lookup l = {.ctx = rq->ctx, .dst = address->prefix.addr};
	int vnet = find_vnet(rq->ctx->net, name, reply);

	if (vnet < 0)
		return;
	if (address->given && address->prefix.len != 128) {
		reply_error(reply, 400, "address must be one address, not a prefix");
		return;
	}
	l.vnet = (uint16_t)vnet;
	l.steps = json_array();
	strcpy(l.answer, "no address was given");
	reply->body = json_pack("{s:n, s:n}", "alias_of", "alias_site");
	if (!address->given || !answer_by_alias(&l, reply->body))
		for (unsigned links = 0; address->given && links <= SPEC_LINKS_MAX; links++)
			if (!look_up(&l, links > 0))
				break;
	json_object_update_new(reply->body,
			       json_pack("{s:s, s:o?, s:s, s:o}", "network", name, "address",
					 address->given ? json_end(&l.dst) : json_null(), "answer",
					 l.answer, "steps", l.steps));
}
