/*
 * The server on a real socket: refusals, pages, and that every path answers as /v1/openapi.json
 * says. The server runs in a thread of its own; the test is a client.
 */
#include "base/err.h"
#include "control/alarm.h"
#include "control/api/api.h"
#include "control/change/change.h"
#include "control/change/start.h"
#include "control/loop.h"
#include "fakes.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <curl/curl.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <jansson.h>

/* An IPv4 address as a constant, on a little-endian machine. */
#define MAPPED(four)                                                                               \
	{                                                                                          \
		{                                                                                  \
			0, (uint64_t)(four) << 32 | 0xffff0000                                     \
		}                                                                                  \
	}

static struct prefix4 prefixes[] = {{.len = 24}};

static struct spec_tunnel paris_tunnels[] = {{.name = "paris-1",
					      .local = MAPPED(0x0100000a),
					      .remote = MAPPED(0x0200000a),
					      .has_key = true,
					      .key = 7,
					      .mtu = 1472}};
static struct spec_tunnel oslo_tunnels[] = {
	{.name = "oslo-1", .local = MAPPED(0x0100000a), .remote = MAPPED(0x0300000a), .mtu = 1476}};
static struct spec_site sites[] = {
	{.name = "paris", .prefixes = prefixes, .n_prefixes = 1, .tunnels = paris_tunnels, 1},
	{.name = "oslo", .tunnels = oslo_tunnels, .n_tunnels = 1, .limits = {9000, 800, 70}},
};
static struct spec_address addresses[] = {{.addr = MAPPED(0x016433c6), .slices = {0x6}}};
static struct spec_pool pools[] = {
	{.name = "internet", .slice_size = 2048, .addresses = addresses, .n_addresses = 1}};
static struct config_port config_ports[] = {{.name = "wan", .driver = PORT_MEMORY}};
static struct port ports[] = {{.config = config_ports, .worker = {.mtu = 1500}}};

static struct config config = {
	.file = (char *)"/etc/homeward/homeward.yaml",
	.flows_capacity = 1000,
	.workers = FAKE_WORKERS,
	.ports = config_ports,
	.n_ports = 1,
	.network = {.sites = sites, .n_sites = 2, .pools = pools, .n_pools = 1},
};
static struct port_set port_set = {.ports = ports, .n = 1};
static struct worker *workers[] = {&fake_workers[0], &fake_workers[1]};
static struct event_base *base;
static struct network *net;
static struct alarms *alarms;
static struct change *change; /* of a configuration that does not change */
static struct api *api;
static pthread_t thread;

static size_t keep(char *data, size_t size, size_t n, void *arg)
{
	char **text = arg;
	size_t old = *text != NULL ? strlen(*text) : 0;

	*text = realloc(*text, old + n + 1);
	memcpy(*text + old, data, n);
	(*text)[old + n] = '\0';
	return n;
}

/* Requests @path and expects @status. Returns the JSON of the answer. */
static json_t *ask(const char *method, const char *path, long status)
{
	char url[512], *text = NULL;
	CURL *curl = curl_easy_init();
	long got = 0;
	json_t *json;

	snprintf(url, sizeof(url), "http://localhost%s", path);
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, config.api_socket);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &text);
	assert_int_equal(curl_easy_perform(curl), CURLE_OK);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &got);
	curl_easy_cleanup(curl);
	if (got != status)
		fail_msg("%s %s: status %ld, %s", method, path, got, text);
	json = json_loads(text, 0, NULL);
	free(text);
	assert_non_null(json);
	return json;
}

static const struct {
	const char *method, *path;
	long status;
	const char *error; /* part of the sentence */
} refusals[] = {
	{"GET", "/", 404, "/v1/openapi.json says what is"},
	{"GET", "/v1/statu", 404, "did you mean /v1/status?"},
	{"GET", "/v1/status/", 404, "did you mean /v1/status?"},
	{"POST", "/v1/status", 405, "can only be read"},
	{"DELETE", "/v1/flows", 405, "can only be read"},
	{"PATCH", "/v1/flows", 405, "can only be read"},
	{"GET", "/v1/config/apply", 405, "POST"},
	{"PUT", "/v1/config", 405, "can only be read"},
	{"GET", "/v1/status?x=1", 400, "takes none"},
	{"GET", "/v1/flows?sites=paris", 400, "did you mean site?"},
	{"GET", "/v1/flows?site=pari", 404, "did you mean paris?"},
	{"GET", "/v1/flows?site=tokyo", 404, "no site is called \"tokyo\""},
	{"GET", "/v1/flows?tunnel=paris1", 404,
	 "no tunnel is called \"paris1\"; did you mean paris-1?"},
	{"GET", "/v1/tunnels?site=os1o", 404, "did you mean oslo?"},
	{"GET", "/v1/flows?limit=1001", 400, "from 1 to 1000"},
	{"GET", "/v1/flows?cursor=7", 400, "next_cursor"},
	{"GET", "/v1/flows?cursor=2.0", 400, "next_cursor"},
	{"GET", "/v1/flows?cursor=0.99999999999", 400, "next_cursor"},
	{"GET", "/v1/flows?cursor=..", 400, "next_cursor"},
	{"GET", "/v1/flows?site=%ff", 404, "UTF-8"},
};

static void test_refusals(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		json_t *got = ask(refusals[i].method, refusals[i].path, refusals[i].status);
		const char *error = json_string_value(json_object_get(got, "error"));

		assert_non_null(error);
		if (strstr(error, refusals[i].error) == NULL)
			fail_msg("%s: \"%s\" lacks \"%s\"", refusals[i].path, error,
				 refusals[i].error);
		json_decref(got);
	}
}

static bool is_type(const json_t *value, const char *type)
{
	static const struct {
		const char *name;
		json_type type, or ;
	} types[] = {
		{"string", JSON_STRING, JSON_STRING}, {"integer", JSON_INTEGER, JSON_INTEGER},
		{"number", JSON_REAL, JSON_INTEGER},  {"boolean", JSON_TRUE, JSON_FALSE},
		{"object", JSON_OBJECT, JSON_OBJECT}, {"array", JSON_ARRAY, JSON_ARRAY},
		{"null", JSON_NULL, JSON_NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(types[i].name, type) == 0)
			return json_typeof(value) == types[i].type ||
			       json_typeof(value) == types[i].or
				;
	return false;
}

static void check_type(const json_t *schema, const json_t *value, const char *where)
{
	const json_t *type = json_object_get(schema, "type");
	bool fits = json_is_string(type) && is_type(value, json_string_value(type));

	for (size_t i = 0; i < json_array_size(type); i++)
		fits = fits || is_type(value, json_string_value(json_array_get(type, i)));
	if (!fits)
		fail_msg("%s has another type than promised", where);
}

/* @value must have the type of @schema, all required fields, and no field that is not described. */
static void check_schema(const json_t *schema, json_t *value, const char *where)
{
	json_t *properties = json_object_get(schema, "properties"), *item;
	const char *name;
	size_t i;

	check_type(schema, value, where);
	json_array_foreach(json_object_get(schema, "required"), i,
			   item) if (json_object_get(value, json_string_value(item)) == NULL)
		fail_msg("%s lacks %s", where, json_string_value(item));
	if (properties != NULL) {
		json_object_foreach(value, name, item)
		{
			if (json_object_get(properties, name) == NULL)
				fail_msg("%s has %s, which is not described", where, name);
			check_schema(json_object_get(properties, name), item, name);
		}
	}
	json_array_foreach(value, i, item)
		check_schema(json_object_get(schema, "items"), item, where);
}

static json_t *promised(json_t *openapi, const char *path)
{
	json_t *route = json_object_get(json_object_get(openapi, "paths"), path);
	json_t *schema = NULL;

	if (json_unpack(route, "{s:{s:{s:{s:{s:{s:o}}}}}}", "get", "responses", "200", "content",
			"application/json", "schema", &schema) < 0)
		return NULL; /* it is not a GET */
	return schema;
}

static void test_openapi_is_true(void **state)
{
	json_t *openapi = ask("GET", "/v1/openapi.json", 200), *route;
	const char *path;

	assert_int_equal(json_object_size(json_object_get(openapi, "paths")), 20);
	json_object_foreach(json_object_get(openapi, "paths"), path, route)
	{
		json_t *schema = promised(openapi, path), *got;

		if (schema == NULL)
			continue; /* tested in config_test.c */
		got = ask("GET", path, 200);
		check_schema(schema, got, path);
		json_decref(got);
	}
	route = ask("GET", "/v1/drops?per_worker=true", 200);
	check_schema(promised(openapi, "/v1/drops"), route, "drops");
	json_decref(route);
	json_decref(openapi);
}

/* Reads all pages of @query. Returns the number of flows; no port may be there twice. */
static size_t count_flows(const char *query)
{
	static bool seen[65536];
	char path[256];
	json_t *page, *flow;
	size_t n = 0, i;

	memset(seen, 0, sizeof(seen));
	snprintf(path, sizeof(path), "/v1/flows?%s", query);
	for (;;) {
		const char *next;

		page = ask("GET", path, 200);
		json_array_foreach(json_object_get(page, "flows"), i, flow)
		{
			json_int_t port = json_integer_value(json_object_get(flow, "source_port"));

			assert_false(seen[port]);
			seen[port] = true;
			n++;
		}
		next = json_string_value(json_object_get(page, "next_cursor"));
		if (next == NULL)
			break;
		snprintf(path, sizeof(path), "/v1/flows?%s&cursor=%s", query, next);
		json_decref(page);
	}
	json_decref(page);
	return n;
}

static void test_pages(void **state)
{
	static const struct {
		const char *query;
		size_t flows;
		const char *why;
	} rows[] = {
		{"limit=1000", 2 * FAKE_FLOWS, "all in one page, both workers"},
		{"limit=250", 2 * FAKE_FLOWS, "pages end where workers do"},
		{"limit=7", 2 * FAKE_FLOWS, "a page holds flows of both workers"},
		{"limit=1000&site=paris", FAKE_FLOWS, "every other flow is from paris"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (count_flows(rows[i].query) != rows[i].flows)
			fail_msg("?%s: %s", rows[i].query, rows[i].why);
}

static void test_numbers(void **state)
{
	json_t *got = ask("GET", "/v1/status", 200);
	json_int_t rx, drops, now;
	int accounted;

	assert_int_equal(json_unpack(got, "{s:{s:I, s:I}, s:{s:I}, s:b}", "packets", "rx", &rx,
				     "drops", &drops, "flows", "now", &now, "accounted",
				     &accounted),
			 0);
	assert_int_equal(rx, 200);
	assert_int_equal(drops, 20);
	assert_int_equal(now, 2 * FAKE_FLOWS);
	assert_true(accounted);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(got, "control"),
							    "longest_turn_us")),
			 1500);
	json_decref(got);

	fake_workers[1].counters.rx++; /* a packet disappeared without a drop reason */
	got = ask("GET", "/v1/status", 200);
	assert_true(json_is_false(json_object_get(got, "accounted")));
	json_decref(got);
	fake_workers[1].counters.rx--;
}

/* Each worker's own, in fields of their own. */
static void test_workers(void **state)
{
	json_t *got, *list;

	for (unsigned i = 0; i < FAKE_WORKERS; i++) {
		fake_workers[i].counters.asked = 50 + i;
		fake_workers[i].counters.spilled = 70 + i;
	}
	got = ask("GET", "/v1/status", 200);
	list = json_object_get(got, "workers");
	assert_int_equal(json_array_size(list), FAKE_WORKERS);
	for (unsigned i = 0; i < FAKE_WORKERS; i++) {
		const json_t *w = json_array_get(list, i);

		assert_int_equal(json_integer_value(json_object_get(w, "index")), i);
		assert_int_equal(json_integer_value(json_object_get(w, "asked")), 50 + i);
		assert_int_equal(json_integer_value(json_object_get(w, "spilled")), 70 + i);
	}
	json_decref(got);
}

/* The server's thread is idle between two requests. */
static void test_alarms(void **state)
{
	json_t *got, *list;

	alarm_raise(alarms, ALARM_PATH_MTU_DEAF, "tunnels", "seen %d", 7);
	got = ask("GET", "/v1/status", 200);
	list = json_object_get(got, "alarms");
	assert_int_equal(json_array_size(list), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "alarm")),
			    "path_mtu_deaf");
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "text")),
			    "seen 7");
	json_decref(got);

	alarm_clear(alarms, ALARM_PATH_MTU_DEAF, "tunnels");
	got = ask("GET", "/v1/status", 200);
	assert_int_equal(json_array_size(json_object_get(got, "alarms")), 0);
	json_decref(got);
}

/* The counters of a site are summed over the workers; its limits are as configured. */
static void test_sites(void **state)
{
	json_t *got = ask("GET", "/v1/sites", 200);
	json_t *oslo = json_array_get(json_object_get(got, "sites"), 1);
	json_int_t flows, half_open, refused, most, rate, most_half_open;
	const char *name;

	assert_int_equal(json_unpack(oslo, "{s:s, s:I, s:I, s:I, s:{s:I, s:I, s:I}}", "name", &name,
				     "flows", &flows, "half_open", &half_open, "refused", &refused,
				     "limits", "flows", &most, "new_flows_per_second", &rate,
				     "half_open", &most_half_open),
			 0);
	assert_string_equal(name, "oslo");
	assert_int_equal(flows, 11);
	assert_int_equal(half_open, 3);
	assert_int_equal(refused, 20);
	assert_int_equal(most, 9000);
	assert_int_equal(rate, 800);
	assert_int_equal(most_half_open, 70);
	json_decref(got);
}

/* Senders that several workers saw are summed; the one with most packets comes first. */
static void test_unknown(void **state)
{
	json_t *got = ask("GET", "/v1/tunnels/unknown", 200);
	json_t *list = json_object_get(got, "tunnels"), *first = json_array_get(list, 0);
	json_int_t packets, last, key;
	const char *reason, *remote, *known;

	assert_int_equal(json_array_size(list), 2);
	assert_int_equal(json_unpack(first, "{s:s, s:s, s:I, s:I, s:I, s:s}", "reason", &reason,
				     "remote", &remote, "key", &key, "packets", &packets, "last_s",
				     &last, "known_as", &known),
			 0);
	assert_string_equal(reason, "gre_unknown");
	assert_string_equal(remote, "10.0.0.2");
	assert_string_equal(known, "paris-1");
	assert_int_equal(key, 9);
	assert_int_equal(packets, 12);
	assert_int_equal(last, 3);
	assert_true(json_is_null(json_object_get(json_array_get(list, 1), "key")));
	assert_true(json_is_null(json_object_get(json_array_get(list, 1), "known_as")));
	json_decref(got);
}

static void *serve(void *arg)
{
	event_base_dispatch(base);
	return NULL;
}

static int start(void **state)
{
	struct err_list errs = ERR_LIST_EMPTY;
	static const struct loop loop = {.longest_ns = 1500000};
	struct api_context ctx = {
		.loop = &loop,
		.config = &config,
		.ports = &port_set,
		.workers = workers,
		.n_workers = FAKE_WORKERS,
	};

	static const struct change_target target = {0};
	struct change_start running = {
		.config = &config,
		.file = strdup(config.file),
		.text = strdup("sites: []\n"),
		.revision = 1, /* not saved */
		.len = strlen("sites: []\n"),
	};

	for (size_t i = 0; i < FAKE_WORKERS; i++)
		fake_workers[i] = (struct worker){
			.counters = {.rx = 100, .tx = 85, .held = 5, .flows = FAKE_FLOWS},
			.n_flows = FAKE_FLOWS,
			.site = {.flows = 5 + i, .half_open = 1 + i, .refused = 10},
		};
	for (size_t i = 0; i < FAKE_WORKERS; i++)
		fake_workers[i].unknown[fake_workers[i].n_unknown++] = (struct unknown_tunnel){
			.local = addr6_from_ipv4(inet_addr("10.0.0.1")),
			.remote = addr6_from_ipv4(inet_addr("10.0.0.2")),
			.has_key = 1,
			.key = 9,
			.packets = 5 + 2 * i,
			.seen_s = 3 + i,
			.reason = DROP_GRE_UNKNOWN,
		};
	fake_workers[1].unknown[fake_workers[1].n_unknown++] = (struct unknown_tunnel){
		.local = addr6_from_ipv4(inet_addr("10.0.0.1")),
		.remote = addr6_from_ipv4(inet_addr("10.0.0.9")),
		.packets = 1,
		.reason = DROP_GRE_EOIP,
	};
	fake_workers[0].counters.drops[DROP_NO_FLOW] = 10;
	fake_workers[1].counters.drops[DROP_NO_FLOW] = 4;
	fake_workers[1].counters.drops[DROP_MARTIAN] = 6;
	snprintf(config.api_socket, sizeof(config.api_socket), "/tmp/api_server_test.%d", getpid());
	net = network_create(&config.network, NULL);
	ctx.net = net;
	ctx.alarms = alarms = alarms_create();
	evthread_use_pthreads();
	base = event_base_new();
	ctx.change = change = change_create(base, alarms, &running, &target, NULL);
	api = api_create(base, &ctx, &errs);
	err_print(&errs, stderr);
	return api == NULL || net == NULL || pthread_create(&thread, NULL, serve, NULL) != 0;
}

static int stop(void **state)
{
	event_base_loopbreak(base);
	pthread_join(thread, NULL);
	api_destroy(api);
	change_destroy(change);
	event_base_free(base);
	network_destroy(net);
	alarms_destroy(alarms);
	libevent_global_shutdown();
	return access(config.api_socket, F_OK) == 0; /* the socket is gone */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals), cmocka_unit_test(test_openapi_is_true),
		cmocka_unit_test(test_pages),	 cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_workers),	 cmocka_unit_test(test_alarms),
		cmocka_unit_test(test_sites),	 cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
