/*
 * GET /v1/routes: the routes of virtual networks, of the file and learned, with all their targets.
 *
 * The order is by name of the network and by prefix, so a cursor is the place of the next route in
 * it: "default/10.8.0.0/16". It holds whatever comes or goes meanwhile.
 */
#include "control/api/routes.h"

#include "control/api/handlers.h"
#include "control/api/list.h"
#include "control/api/networks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUTES_A_STEP = 16, ROUTES_CURSOR_SIZE = SPEC_NAME_SIZE + INET6_ADDRSTRLEN + 8 };

const struct route_arg routes_args[] = {
	{"network", ARG_NAME, 0, 0, "only the routes of this network"},
	PAGE_ARGS("all"),
	{NULL},
};

const struct route_field routes_fields[] = {
	{"routes[].network", FIELD_STRING, "virtual network whose sites use it"},
	{"routes[].prefix", FIELD_STRING, "destinations"},
	{"routes[].source", FIELD_STRING, "where it is from: file, learned or both"},
	{"routes[].on_collision", FIELD_STRING,
	 "what happens to a flow whose five-tuple another site has: translate or refuse"},
	{"routes[].targets[].kind", FIELD_STRING, "site, tunnel, egress, network or drop"},
	{"routes[].targets[].name", FIELD_STRING_OR_NULL, "of what it leads to; null: drop"},
	{"routes[].targets[].learned", FIELD_BOOLEAN, "by a routing protocol"},
	{"routes[].targets[].priority", FIELD_INTEGER, "the lowest is used, with its penalty"},
	{"routes[].targets[].penalty", FIELD_INTEGER, "added while its tunnel is not healthy"},
	{"routes[].targets[].weight", FIELD_INTEGER, "its share among those that are used"},
	{"routes[].targets[].untranslated", FIELD_BOOLEAN,
	 "egress: the source keeps its address and port"},
	{"routes[].targets[].used", FIELD_BOOLEAN, "new flows take it"},
	PAGE_FIELDS,
	{NULL},
};

struct routes_list {
	struct stream stream;
	const struct api_context *ctx;
	char network[SPEC_NAME_SIZE]; /* the one at work; "": before the first */
	bool one; /* only this network */
	bool has_prefix; /* the last one that was written, or the one of the cursor */
	bool from_cursor; /* the prefix itself comes next, if it is there */
	struct prefix6 prefix;
	uint32_t n, limit;
	bool begun;
};

const char *target_kind(const struct routing_target *t)
{
	static const char *const kinds[] = {
		[TARGET_SITE] = "site",	   [TARGET_TUNNEL] = "tunnel", [TARGET_EGRESS] = "egress",
		[TARGET_LINK] = "network", [TARGET_DROP] = "drop",
	};

	return kinds[t->target.kind];
}

const char *target_name(const struct network *net, const struct routing_target *t)
{
	switch ((enum spec_target_kind)t->target.kind) {
	case TARGET_SITE:
		return network_site_name(net, t->target.far);
	case TARGET_TUNNEL:
		return network_tunnel_name(net, t->target.nexthop);
	case TARGET_EGRESS:
		return net->spec.pools[t->target.pool].name;
	case TARGET_LINK:
		return vnet_spec(net, t->target.vnet)->name;
	case TARGET_DROP:
		break;
	}
	return NULL;
}

const char *route_source(const struct routing_route *route)
{
	return !route->is_learned ? "file" : route->is_fixed ? "both" : "learned";
}

/* --- the order -------------------------------------------------------------------------------- */

/* The network of this name; -1: there is none. */
static int vnet_called(const struct network *net, const char *name)
{
	for (uint32_t id = 0; id <= net->max_vnet; id++) {
		const struct spec_vnet *vnet = vnet_spec(net, (uint16_t)id);

		if (vnet != NULL && strcmp(vnet->name, name) == 0)
			return (int)id;
	}
	return -1;
}

/* Advances to the next network by name. False: there is none. */
static bool next_network(struct routes_list *l)
{
	const struct network *net = l->ctx->net;
	const char *best = NULL;

	if (l->one)
		return false;
	for (uint32_t id = 0; id <= net->max_vnet; id++) {
		const struct spec_vnet *vnet = vnet_spec(net, (uint16_t)id);

		if (vnet != NULL && strcmp(vnet->name, l->network) > 0 &&
		    (best == NULL || strcmp(vnet->name, best) < 0))
			best = vnet->name;
	}
	if (best == NULL)
		return false;
	snprintf(l->network, sizeof(l->network), "%s", best);
	l->has_prefix = false;
	return true;
}

/* The next route of the network at work. */
static bool next_route(const struct routes_list *l, struct routing_route *route)
{
	const struct routing *routing = l->ctx->routing;
	int vnet = vnet_called(l->ctx->net, l->network);

	if (routing == NULL || vnet < 0)
		return false;
	if (l->from_cursor && routing_find(routing, (uint16_t)vnet, &l->prefix, route))
		return true;
	return routing_next(routing, (uint16_t)vnet, l->has_prefix ? &l->prefix : NULL, route);
}

/* Finds the next route, in this network or in one behind it. False: there is none. */
static bool find_route(struct routes_list *l, struct routing_route *route)
{
	if (l->network[0] == '\0' && !next_network(l))
		return false;
	while (!next_route(l, route)) {
		l->from_cursor = false;
		if (!next_network(l))
			return false;
	}
	return true;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void write_target(const struct routes_list *l, const struct routing_target *t,
			 struct writer *w)
{
	writer_open(w, NULL, '{');
	writer_text(w, "kind", target_kind(t));
	writer_text(w, "name", target_name(l->ctx->net, t));
	writer_bool(w, "learned", t->is_learned);
	writer_number(w, "priority", t->priority);
	writer_number(w, "penalty", t->penalty);
	writer_number(w, "weight", t->target.weight);
	writer_bool(w, "untranslated", t->target.untranslated);
	writer_bool(w, "used", t->is_used);
	writer_close(w, '}');
}

static void write_route(struct routes_list *l, const struct routing_route *route, struct writer *w)
{
	writer_open(w, NULL, '{');
	writer_text(w, "network", l->network);
	writer_prefix(w, "prefix", &route->prefix);
	writer_text(w, "source", route_source(route));
	writer_text(w, "on_collision", route->refuses_collision ? "refuse" : "translate");
	writer_open(w, "targets", '[');
	for (size_t i = 0; i < route->n; i++) {
		struct routing_target t = routing_target(l->ctx->routing, route, i);

		write_target(l, &t, w);
	}
	writer_close(w, ']');
	writer_close(w, '}');
	l->prefix = route->prefix;
	l->has_prefix = true;
	l->from_cursor = false;
	l->n++;
}

static enum step finish(const struct routes_list *l, const struct routing_route *next,
			struct writer *w)
{
	char cursor[ROUTES_CURSOR_SIZE], addr[INET6_ADDRSTRLEN];

	if (next != NULL) {
		inet_ntop(AF_INET6, &next->prefix.addr, addr, sizeof(addr));
		snprintf(cursor, sizeof(cursor), "%s/%s/%u", l->network, addr, next->prefix.len);
	}
	writer_close(w, ']');
	writer_text(w, "next_cursor", next != NULL ? cursor : NULL);
	writer_close(w, '}');
	writer_line(w);
	return STEP_DONE;
}

static enum step routes_step(struct stream *s, struct writer *w)
{
	struct routes_list *l = (struct routes_list *)s;
	struct routing_route route;

	if (!l->begun) {
		writer_open(w, NULL, '{');
		writer_open(w, "routes", '[');
		l->begun = true;
	}
	for (unsigned i = 0; i < ROUTES_A_STEP; i++) {
		if (!find_route(l, &route))
			return finish(l, NULL, w);
		if (l->n == l->limit)
			return finish(l, &route, w);
		write_route(l, &route, w);
	}
	return STEP_MORE;
}

static void routes_end(struct stream *s)
{
	free(s);
}

/* "network/address/length", as finish() prints it. */
static int read_cursor(const char *text, struct routes_list *l)
{
	char copy[ROUTES_CURSOR_SIZE], *address, *len;
	uint32_t bits;

	if ((size_t)snprintf(copy, sizeof(copy), "%s", text) >= sizeof(copy))
		return -EINVAL;
	len = strrchr(copy, '/');
	if (len == NULL)
		return -EINVAL;
	*len++ = '\0';
	address = strrchr(copy, '/');
	if (address == NULL)
		return -EINVAL;
	*address++ = '\0';
	if (copy[0] == '\0' || strlen(copy) >= sizeof(l->network) ||
	    inet_pton(AF_INET6, address, &l->prefix.addr) != 1 ||
	    !args_read_number(len, 0, 128, &bits))
		return -EINVAL;
	l->prefix.len = (uint8_t)bits;
	memcpy(l->network, copy, strlen(copy) + 1);
	l->has_prefix = l->from_cursor = true;
	return 0;
}

void routes_answer(const struct api_request *rq, struct api_reply *reply)
{
	const struct arg *network = &rq->args[0];
	struct page page = page_of(&rq->args[1]);
	struct routes_list *l;

	if (network->given && find_vnet(rq->ctx->net, network->text, reply) < 0)
		return;
	l = calloc(1, sizeof(*l));
	if (l == NULL) {
		reply_error(reply, 500, "out of memory");
		return;
	}
	l->stream = (struct stream){.step = routes_step, .end = routes_end};
	l->ctx = rq->ctx;
	l->limit = page.limit > 0 ? page.limit : UINT32_MAX;
	l->one = network->given;
	if (network->given)
		snprintf(l->network, sizeof(l->network), "%s", network->text);
	if (page.cursor != NULL && read_cursor(page.cursor, l) < 0) {
		page_refuse(reply);
		free(l);
		return;
	}
	reply->stream = &l->stream;
}
