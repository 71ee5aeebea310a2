/*
 * Lists, without a socket: each step of an answer is bounded, and what exists while all pages are
 * read is listed exactly once, even if the configuration changes between two pages, or between two
 * steps of one.
 */
#include "control/api/list.h"
#include "control/api/server.h"
#include "fakes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/buffer.h>

enum {
	SITES = 1000,
	PREFIXES = 3000, /* of the first site */
	ADDRESSES = 300,
	POOLS = 3, /* the last one has no address */
	STEP_MAX = 64 * 1024, /* bytes */
	REMOVED = 7, /* each seventh, in the other network */
};

static struct prefix4 prefixes[PREFIXES];
static struct spec_tunnel tunnels[SITES];
static struct spec_site sites[SITES], others[SITES];
static uint16_t all_ids[SITES], other_ids[SITES];
static struct spec_address addresses[2][ADDRESSES], reversed[2][ADDRESSES];
static struct spec_pool pools[POOLS] = {
	{.name = "internet", .slice_size = 64, .addresses = addresses[0], .n_addresses = ADDRESSES},
	{.name = "backup", .slice_size = 2048, .addresses = addresses[1], .n_addresses = ADDRESSES},
	{.name = "empty", .slice_size = 2048},
};
static struct spec_pool other_pools[POOLS] = {
	{.name = "empty", .slice_size = 2048},
	{.name = "backup", .slice_size = 2048, .addresses = reversed[1], .n_addresses = ADDRESSES},
	{.name = "internet", .slice_size = 64, .addresses = reversed[0], .n_addresses = ADDRESSES},
};
static struct config_port config_ports[] = {{.name = "wan", .driver = PORT_MEMORY}};
static struct port ports[] = {{.config = config_ports}};
static struct port_set port_set = {.ports = ports, .n = 1};
static struct worker *workers[] = {&fake_workers[0], &fake_workers[1]};
static struct network *nets[4]; /* pairs; the second pair has no site and no long pool */
static struct api api = {
	.ctx = {.ports = &port_set, .workers = workers, .n_workers = FAKE_WORKERS}};

/* To the other one of the pair. */
static void change_network(void)
{
	size_t i = 0;

	while (nets[i] != api.ctx.net)
		i++;
	api.ctx.net = nets[i ^ 1];
	api.ctx.generation++;
}

/*
 * Asks for @path with @query. @changing: the network is another one after each step. NULL: the
 * answer could not be completed.
 */
static json_t *ask(const char *path, const char *query, bool changing)
{
	struct api_request rq = {.api = &api, .ctx = &api.ctx};
	const struct route *route = route_find(path);
	struct evbuffer *out = evbuffer_new();
	struct api_reply reply = {.status = 200};
	static struct writer w;
	char error[ARGS_ERROR_SIZE];
	enum step step = STEP_MORE;
	json_t *json;

	assert_int_equal(args_parse(query, route->args, route_n_args(route), rq.args, error), 0);
	route->answer(&rq, &reply);
	args_fini(rq.args, route_n_args(route));
	if (reply.stream == NULL) {
		evbuffer_free(out);
		return reply.body;
	}
	writer_init(&w, out);
	while (step == STEP_MORE || step == STEP_WAIT) {
		size_t before = evbuffer_get_length(out);

		step = reply.stream->step(reply.stream, &w);
		writer_flush(&w);
		assert_in_range(evbuffer_get_length(out) - before, 0, STEP_MAX);
		if (changing)
			change_network();
	}
	reply.stream->end(reply.stream);
	if (step == STEP_FAILED) {
		evbuffer_free(out);
		return NULL;
	}
	json = json_loadb((char *)evbuffer_pullup(out, -1), evbuffer_get_length(out), 0, NULL);
	evbuffer_free(out);
	assert_non_null(json);
	return json;
}

/* Follows the pages; @note is called for each. Returns the number of pages. */
static unsigned follow(const char *path, const char *query, bool changing,
		       void (*note)(const json_t *page))
{
	char next[512];
	unsigned pages = 0;

	snprintf(next, sizeof(next), "%s", query);
	for (;;) {
		json_t *page = ask(path, next, changing);
		const char *cursor = json_string_value(json_object_get(page, "next_cursor"));

		assert_null(json_object_get(page, "error"));
		pages++;
		note(page);
		if (cursor != NULL)
			snprintf(next, sizeof(next), "%s%scursor=%s", query,
				 query[0] != '\0' ? "&" : "", cursor);
		json_decref(page);
		if (cursor == NULL)
			return pages;
		change_network();
	}
}

static unsigned seen[65536];
static size_t n_seen;

static void note(size_t number)
{
	assert_in_range(number, 0, 65535);
	seen[number]++;
	n_seen++;
}

static void forget(void)
{
	memset(seen, 0, sizeof(seen));
	n_seen = 0;
}

static void note_names(const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		note((size_t)atoi(
			json_string_value(json_object_get(json_array_get(list, i), "name")) + 1));
}

static void note_sites(const json_t *page)
{
	note_names(json_object_get(page, "sites"));
}

static void note_tunnels(const json_t *page)
{
	note_names(json_object_get(page, "tunnels"));
}

static void note_addresses(const json_t *page)
{
	const json_t *list = json_object_get(page, "pools"), *pool, *entry;
	size_t i, k;

	for (i = 0; i < json_array_size(list); i++) {
		pool = json_array_get(list, i);
		for (k = 0; k < json_array_size(json_object_get(pool, "addresses")); k++) {
			entry = json_array_get(json_object_get(pool, "addresses"), k);
			note(ntohl(inet_addr(
				     json_string_value(json_object_get(entry, "address")))) &
			     0xffff);
			assert_int_equal(json_array_size(json_object_get(entry, "slices")),
					 strcmp(json_string_value(json_object_get(pool, "name")),
						"internet") == 0
						 ? 200
						 : 2);
		}
	}
}

/* Each site, or tunnel, that both networks have, once; the others at most once. */
static void check_sites(void)
{
	for (size_t i = 0; i < SITES; i++) {
		if (i % REMOVED != 0)
			assert_int_equal(seen[i], 1);
		assert_in_range(seen[i], 0, 1);
	}
}

static const struct {
	const char *query;
	bool changing;
	unsigned least_pages, most_pages;
	const char *why;
} rows[] = {
	{"", false, 1, 1, "all at once"},
	{"", true, 1, 1, "all at once, from networks that change"},
	{"limit=1000", false, 1, 1, "all in one page"},
	{"limit=999", false, 1, 2, "nearly"},
	{"limit=100", false, 8, 10, "pages, and another network for each"},
	{"limit=7", true, 122, 143, "and after each step"},
	{"limit=1", true, 857, 1000, "one by one"},
};

static void test_by_id(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unsigned pages;

		api.ctx.net = nets[0];
		forget();
		pages = follow("/v1/tunnels", rows[i].query, rows[i].changing, note_tunnels);
		check_sites();
		if (pages < rows[i].least_pages || pages > rows[i].most_pages)
			fail_msg("%s: %u pages", rows[i].why, pages);
		if (rows[i].changing)
			continue; /* the first site is written in several steps */
		api.ctx.net = nets[0];
		forget();
		pages = follow("/v1/sites", rows[i].query, rows[i].changing, note_sites);
		check_sites();
		if (pages < rows[i].least_pages || pages > rows[i].most_pages)
			fail_msg("%s: %u pages of sites", rows[i].why, pages);
	}
}

/* A site's prefixes may take several steps; all of them are there. */
static void test_long_item(void **state)
{
	json_t *page, *site;

	api.ctx.net = nets[0];
	page = ask("/v1/sites", "limit=1", false);
	site = json_array_get(json_object_get(page, "sites"), 0);
	assert_int_equal(json_array_size(json_object_get(page, "sites")), 1);
	assert_int_equal(json_array_size(json_object_get(site, "prefixes")), PREFIXES);
	for (size_t i = 0; i < PREFIXES; i++) {
		char text[32];

		snprintf(text, sizeof(text), "10.%zu.%zu.0/24", i >> 8, i & 255);
		assert_string_equal(
			json_string_value(json_array_get(json_object_get(site, "prefixes"), i)),
			text);
	}
	assert_int_equal(json_array_size(json_object_get(site, "global_prefixes")), 0);
	assert_int_equal(json_array_size(json_object_get(site, "tunnels")), 1);
	assert_string_equal(json_string_value(json_object_get(page, "next_cursor")), "3");
	json_decref(page);
}

/* All tunnels are of their own site. */
static void test_of_site(void **state)
{
	json_t *page;

	api.ctx.net = nets[0];
	page = ask("/v1/tunnels", "site=s700&limit=1", false);
	assert_int_equal(json_array_size(json_object_get(page, "tunnels")), 1);
	assert_true(json_is_null(json_object_get(page, "next_cursor")));
	json_decref(page);
}

/* Pools by name and addresses by value, whatever their order in the configuration. */
static void test_egress(void **state)
{
	static const char *const queries[] = {"",	   "limit=1000", "limit=64",
					      "limit=100", "limit=299",	 "limit=7"};
	json_t *page, *list;

	for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
		api.ctx.net = nets[0];
		forget();
		follow("/v1/egress", queries[i], false, note_addresses);
		assert_int_equal(n_seen, 2 * ADDRESSES);
		for (size_t k = 0; k < ADDRESSES; k++) {
			assert_int_equal(seen[k], 1);
			assert_int_equal(seen[0x8000 + k], 1);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
		api.ctx.net = nets[2];
		forget();
		follow("/v1/egress", queries[i], true, note_addresses);
		assert_int_equal(n_seen, ADDRESSES);
		for (size_t k = 0; k < ADDRESSES; k++)
			assert_int_equal(seen[0x8000 + k], 1);
	}
	api.ctx.net = nets[1];
	page = ask("/v1/egress", "", false);
	list = json_object_get(page, "pools");
	assert_int_equal(json_array_size(list), POOLS);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "name")),
			    "backup");
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 1), "name")),
			    "empty");
	assert_int_equal(json_array_size(json_object_get(json_array_get(list, 1), "addresses")), 0);
	json_decref(page);
}

/* An item that takes several steps is of one network, or the connection is closed. */
static void test_changed_item(void **state)
{
	api.ctx.net = nets[0];
	assert_null(ask("/v1/sites", "", true));
	api.ctx.net = nets[0];
	assert_null(ask("/v1/egress", "", true));
}

static void test_cursors(void **state)
{
	static const struct {
		const char *path, *query;
	} wrong[] = {
		{"/v1/sites", "cursor=0"},
		{"/v1/sites", "cursor=65536"},
		{"/v1/tunnels", "cursor=x"},
		{"/v1/tunnels", "cursor=-1"},
		{"/v1/egress", "cursor=internet"},
		{"/v1/egress", "cursor=internet/1"},
		{"/v1/egress", "cursor=/::1/1"},
		{"/v1/egress", "cursor=internet/x/1"},
		{"/v1/egress", "cursor=internet/::1/65536"},
		{"/v1/egress", "cursor=internet/::1/"},
		{"/v1/egress",
		 "cursor=0123456789012345678901234567890123456789012345678901234567890"
		 "12345/::1/1"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		json_t *answer = ask(wrong[i].path, wrong[i].query, false);
		const char *error = json_string_value(json_object_get(answer, "error"));

		if (error == NULL || strstr(error, "next_cursor") == NULL)
			fail_msg("%s?%s is taken", wrong[i].path, wrong[i].query);
		json_decref(answer);
	}
	/* one that was right once leads to nothing worse than an empty page */
	json_decref(ask("/v1/sites", "cursor=65535", false));
	json_decref(ask("/v1/egress", "cursor=gone/::1/1", false));
	json_decref(ask("/v1/egress", "cursor=zzz/::1/1&limit=3", false));
}

static void make_pools(void)
{
	for (size_t i = 0; i < ADDRESSES; i++)
		for (size_t p = 0; p < 2; p++) {
			uint32_t addr = 0xcb000000 + 0x8000 * (uint32_t)p + (uint32_t)i;
			struct spec_address *a = &addresses[p][i];

			a->addr = addr6_from_ipv4(htonl(addr));
			a->slices[0] = p == 1 ? 0x6 : ~UINT64_C(0);
			for (size_t k = 1; k < 4 && p == 0; k++)
				a->slices[k] = k == 3 ? 0xff : ~UINT64_C(0);
			reversed[p][ADDRESSES - 1 - i] = *a;
		}
}

static int start(void **state)
{
	static struct network_spec specs[4] = {
		{.sites = sites, .n_sites = SITES, .pools = pools, .n_pools = POOLS},
		{.sites = others, .pools = other_pools, .n_pools = POOLS},
		{.pools = pools + 1, .n_pools = POOLS - 1},
		{.pools = other_pools, .n_pools = POOLS - 1},
	};
	struct network_ids ids[4] = {{.sites = all_ids, .tunnels = all_ids},
				     {.sites = other_ids, .tunnels = other_ids}};
	size_t n = 0;

	for (uint32_t i = 0; i < PREFIXES; i++)
		prefixes[i] = (struct prefix4){.addr = htonl(10u << 24 | i << 8), .len = 24};
	for (uint32_t i = 0; i < SITES; i++) {
		all_ids[i] = (uint16_t)(2 * i + 1);
		snprintf(sites[i].name, sizeof(sites[i].name), "s%u", i);
		snprintf(tunnels[i].name, sizeof(tunnels[i].name), "t%u", i);
		tunnels[i].local = addr6_from_ipv4(inet_addr("192.0.2.1"));
		tunnels[i].remote = addr6_from_ipv4(htonl(0xc6120000 + i));
		tunnels[i].mtu = 1400;
		sites[i].tunnels = &tunnels[i];
		sites[i].n_tunnels = 1;
	}
	sites[0].prefixes = prefixes;
	sites[0].n_prefixes = PREFIXES;
	for (size_t i = SITES; i-- > 0;) { /* the other way round, and not all of them */
		if (i % REMOVED == 0)
			continue;
		other_ids[n] = all_ids[i];
		others[n++] = sites[i];
	}
	specs[1].n_sites = n;
	make_pools();
	for (size_t i = 0; i < ARRAY_SIZE(nets); i++) {
		nets[i] = network_create(&specs[i], &ids[i]);
		if (nets[i] == NULL)
			return -1;
	}
	return 0;
}

static int stop(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(nets); i++)
		network_destroy(nets[i]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_id),	     cmocka_unit_test(test_long_item),
		cmocka_unit_test(test_of_site),	     cmocka_unit_test(test_egress),
		cmocka_unit_test(test_changed_item), cmocka_unit_test(test_cursors),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
