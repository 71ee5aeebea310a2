/*
 * Networks and routes as the API lists them, a page at a time, and look-ups that explain
 * themselves. No socket: the handlers are called.
 */
#include "../routing/routing_bed.h"
#include "base/types.h"
#include "control/api/handlers.h"
#include "control/api/list.h"
#include "control/api/server.h"
#include "control/routing/routing.h"
#include "fakes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/buffer.h>

static struct api api;

static uint32_t penalty(void *arg, uint16_t tunnel)
{
	const struct network *net = arg;

	return strcmp(network_tunnel_name(net, tunnel), "two-1") == 0 ? 1000000 : 0;
}

static json_t *ask(const char *path, const char *query)
{
	struct api_request rq = {.api = &api, .ctx = &api.ctx};
	const struct route *route = route_find(path);
	struct evbuffer *out = evbuffer_new();
	struct api_reply reply = {.status = 200};
	static struct writer w;
	char error[ARGS_ERROR_SIZE];
	json_t *json;

	assert_int_equal(args_parse(query, route->args, route_n_args(route), rq.args, error), 0);
	route->answer(&rq, &reply);
	args_fini(rq.args, route_n_args(route));
	if (reply.stream == NULL) {
		evbuffer_free(out);
		return reply.body;
	}
	writer_init(&w, out);
	while (reply.stream->step(reply.stream, &w) == STEP_MORE)
		writer_flush(&w);
	writer_flush(&w);
	reply.stream->end(reply.stream);
	json = json_loadb((char *)evbuffer_pullup(out, -1), evbuffer_get_length(out), 0, NULL);
	evbuffer_free(out);
	assert_non_null(json);
	return json;
}

/* Asks, and expects the value at @path, "."-separated with numbers for lists, as JSON. */
static void expect(const char *url, const char *query, const char *path, const char *wanted)
{
	json_t *answer = ask(url, query), *at = answer;
	char copy[128], *rest = copy, *word, *got;

	snprintf(copy, sizeof(copy), "%s", path);
	while ((word = strsep(&rest, ".")) != NULL)
		at = json_is_array(at) ? json_array_get(at, (size_t)atoi(word))
				       : json_object_get(at, word);
	if (at == NULL)
		fail_msg("%s?%s has no %s", url, query, path);
	got = json_dumps(at, JSON_COMPACT | JSON_ENCODE_ANY);
	if (strcmp(got, wanted) != 0)
		fail_msg("%s?%s: %s is %s", url, query, path, got);
	free(got);
	json_decref(answer);
}

static void test_answers(void **state)
{
	/* clang-format off */
	static const struct {
		const char *url, *query, *path, *wanted, *why;
	} rows[] = {
		{"/v1/networks", "", "networks.0", "{\"name\":\"default\",\"egress\":\"special\",\"sites\":2,\"routes\":6,\"learned\":1}", "the default one"},
		{"/v1/networks", "", "networks.1.egress", "null", "without egress"},
		{"/v1/networks", "limit=1", "next_cursor", "\"2\"", "a page"},
		{"/v1/routes", "network=other", "routes.0.targets.0.name", "\"far\"", "only one network"},
		{"/v1/routes", "network=othre", "error", "\"no network is called \\\"othre\\\"; did you mean other?\"", "no such network"},
		{"/v1/routes", "cursor=x", "error", "\"cursor must be the next_cursor of the page before\"", "no cursor"},
		{"/v1/routes", "cursor=default/::ffff:10.9.0.0/112", "routes.0.prefix", "\"10.9.0.0/16\"", "the route of the cursor is there"},
		{"/v1/routes", "cursor=default/::ffff:10.8.9.0/120", "routes.0.prefix", "\"10.9.0.0/16\"", "or is gone"},
		{"/v1/routes", "cursor=default/ff00::/8", "routes.0.network", "\"other\"", "the next network"},

		{"/v1/routes/lookup", "address=10.8.1.1", "answer", "\"new flows go to site one\"", "two is down"},
		{"/v1/routes/lookup", "address=10.8.1.1", "steps.0.prefix", "\"10.8.0.0/16\"", "the prefix"},
		{"/v1/routes/lookup", "address=10.8.1.1", "steps.0.targets.0.why_not", "\"its tunnel is down, and another target is better\"", "why not"},
		{"/v1/routes/lookup", "address=10.8.1.1", "steps.0.targets.0.effective_priority", "1000050", "the sum"},
		{"/v1/routes/lookup", "address=10.8.1.1", "steps.0.targets.1.used", "true", "this one is used"},
		{"/v1/routes/lookup", "address=10.99.1.1", "answer", "\"new flows go to site far\"", "by a link"},
		{"/v1/routes/lookup", "address=10.99.1.1", "steps.1.network", "\"other\"", "two steps"},
		{"/v1/routes/lookup", "address=10.66.1.1", "answer", "\"the route says drop (route_drop)\"", "drop"},
		{"/v1/routes/lookup", "address=192.168.1.1", "answer", "\"there is no route to this private address: refused (no_route)\"", "private"},
		{"/v1/routes/lookup", "address=fd00::1", "answer", "\"there is no route to this private address: refused (no_route)\"", "private IPv6"},
		{"/v1/routes/lookup", "address=8.8.8.8", "answer", "\"there is no route, so new flows leave by the egress pool of the network, special\"", "public"},
		{"/v1/routes/lookup", "network=other&address=8.8.8.8", "answer", "\"the network has no egress: refused (no_route)\"", "public, without egress"},
		{"/v1/routes/lookup", "address=10.9.1.1", "steps.0.source", "\"both\"", "learned, too"},
		{"/v1/routes/lookup", "address=10.9.1.1", "steps.0.targets.1.why_not", "\"a route of the file comes first\"", "of equal priority"},
		{"/v1/routes/lookup", "address=10.0.0.0/8", "error", "\"address must be one address, not a prefix\"", "a prefix"},
		{"/v1/routes/lookup", "address=2001:db9::1", "answer", "\"the egress pool of the network has no IPv6 address: refused (no_route)\"", "public IPv6, and the pool is of IPv4"},
		{"/v1/routes/lookup", "address=100.64.2.7", "answer", "\"this is the alias of 10.0.1.7 of site two: new flows go there without a route\"", "an alias"},
		{"/v1/routes/lookup", "address=100.64.2.7", "alias_site", "\"two\"", "and its site"},
		{"/v1/routes/lookup", "address=100.64.3.7", "alias_of", "\"10.0.1.7\"", "an alias behind a link"},
		{"/v1/routes/lookup", "network=other&address=100.64.2.7", "alias_of", "null", "no link leads to it"},
		{"/v1/routes/lookup", "address=10.8.1.1", "alias_site", "null", "no alias"},
		{"/v1/routes/lookup", "network=default", "steps", "[]", "nothing to look up"},
	};
	/* clang-format on */

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		expect(rows[i].url, rows[i].query, rows[i].path, rows[i].wanted);
}

/* All pages together have every route once, in order. */
static void test_pages(void **state)
{
	static const char *const order[] = {"10.8.0.0/16",  "10.9.0.0/16",   "10.66.0.0/16",
					    "10.99.0.0/16", "100.64.3.0/24", "2001:db8::/32",
					    "10.99.0.0/16"};

	for (unsigned limit = 1; limit <= 8; limit++) {
		char query[256];
		size_t n = 0;

		snprintf(query, sizeof(query), "limit=%u", limit);
		for (;;) {
			json_t *page = ask("/v1/routes", query), *route;
			const char *cursor =
				json_string_value(json_object_get(page, "next_cursor"));
			size_t i;

			json_array_foreach(json_object_get(page, "routes"), i, route)
			{
				assert_in_range(n, 0, ARRAY_SIZE(order) - 1);
				assert_string_equal(
					json_string_value(json_object_get(route, "prefix")),
					order[n++]);
			}
			if (cursor != NULL)
				snprintf(query, sizeof(query), "limit=%u&cursor=%s", limit, cursor);
			json_decref(page);
			if (cursor == NULL)
				break;
		}
		assert_int_equal(n, ARRAY_SIZE(order));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_pages),
	};
	struct bed_network b = bed_network(
		"[{name: default, egress: special, routes: ["
		"{prefix: 10.8.0.0/16, to: [{tunnel: two-1, priority: 50}, {site: one}]}, "
		"{prefix: 10.9.0.0/16, to: [{site: two}]}, "
		"{prefix: 10.99.0.0/16, to: [{network: other}]}, "
		"{prefix: '2001:db8::/32', to: [{site: one}]}, "
		"{prefix: 10.66.0.0/16, to: [{drop: true}]}, "
		"{prefix: 100.64.3.0/24, to: [{network: other}]}]}, "
		"{name: other, egress: none, routes: [{prefix: 10.99.0.0/16, to: [{site: "
		"far}]}]}]");
	struct prefix6 prefix = bed_prefix("10.9.0.0/16");
	struct spec_target learned = bed_tunnel(b.net, "one-1", 100);
	struct routing *r = routing_create();
	int failed;

	if (r == NULL || routing_prepare(r, b.net) != 0)
		return 1;
	learned.priority += 1000000; /* as much as site two, which is down */
	routing_set_learned(r, 0, &prefix, &learned, 1);
	routing_use_penalties(r, penalty, b.net);
	api.ctx.net = b.net;
	api.ctx.routing = r;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	routing_destroy(r);
	bed_network_fini(&b);
	return failed;
}
