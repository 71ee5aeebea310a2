/*
 * Routes of the file, learned ones and penalties, as workers see them: rows of a network, what is
 * learned, what is down, and where a destination leads.
 */
#include "control/routing/routing.h"

#include "base/types.h"
#include "network/trie.h"
#include "routing_bed.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DEFAULT(routes) "[{name: default, routes: [" routes "]}, {name: other}]"

/* A route that is learned: "prefix tunnel priority"; and tunnels that are down or degraded. */
struct row {
	const char *networks;
	const char *learned[3];
	const char *down, *degraded;
	const char *dst;
	const char *leads; /* the used targets, sorted by name; "none": no route */
	const char *why;
};

/* clang-format off */
static const struct row rows[] = {
	{DEFAULT("{prefix: 10.0.0.0/8, to: [{site: one}]}, {prefix: 10.8.0.0/16, to: [{site: two}]}"),
	 {0}, 0, 0, "10.8.1.1", "site two", "the longest prefix"},
	{DEFAULT("{prefix: 10.0.0.0/8, to: [{site: one}]}, {prefix: 10.8.0.0/16, to: [{site: two}]}"),
	 {0}, 0, 0, "10.9.1.1", "site one", "the shorter one beside it"},
	{DEFAULT("{prefix: 10.0.0.0/8, to: [{site: one}]}"), {0}, 0, 0, "11.0.0.0", "none", "outside"},
	{DEFAULT("{prefix: '::/0', to: [{site: one}]}"), {0}, 0, 0, "10.0.0.1", "none", "IPv6 is not IPv4"},
	{DEFAULT("{prefix: 'fd00::/8', to: [{site: one}]}"), {0}, 0, 0, "fd01::1", "site one", "IPv6"},
	{DEFAULT("{prefix: 10.0.0.0/8, to: [{site: one, priority: 5}, {site: two, priority: 6}]}"),
	 {0}, 0, 0, "10.0.0.1", "site one", "the lowest priority"},
	{DEFAULT("{prefix: 10.0.0.0/8, to: [{site: one}, {tunnel: two-1}, {egress: special}]}"),
	 {0}, 0, 0, "10.0.0.1", "pool 1, site one, tunnel two-1", "all of one priority"},
	{DEFAULT("{prefix: 10.0.0.0/8, to: [{network: other}]}, {prefix: 10.1.0.0/16, to: [{drop: true}]}"),
	 {0}, 0, 0, "10.0.0.1", "network 1", "a link"},
	{DEFAULT("{prefix: 10.0.0.0/8, to: [{network: other}]}, {prefix: 10.1.0.0/16, to: [{drop: true}]}"),
	 {0}, 0, 0, "10.1.0.1", "drop", "drop"},

	{DEFAULT("{prefix: 10.0.0.0/8, to: [{tunnel: one-1, priority: 50}, {tunnel: two-1}]}"),
	 {0}, "one-1", 0, "10.0.0.1", "tunnel two-1", "one that is down comes behind"},
	{DEFAULT("{prefix: 10.0.0.0/8, to: [{tunnel: one-1, priority: 50}, {tunnel: two-1}]}"),
	 {0}, "one-1", "two-1", "10.0.0.1", "tunnel two-1", "degraded is better than down"},
	{DEFAULT("{prefix: 10.0.0.0/8, to: [{tunnel: one-1, priority: 50}, {tunnel: two-1}]}"),
	 {0}, "one-1 two-1", 0, "10.0.0.1", "tunnel one-1", "all down: the lowest is still used"},
	{DEFAULT("{prefix: 10.0.0.0/8, to: [{tunnel: one-1, priority: 50}, {tunnel: two-1, priority: 600000}]}"),
	 {0}, 0, "one-1", "10.0.0.1", "tunnel one-1", "a penalty is no more than a number"},
	{DEFAULT("{prefix: 10.0.0.0/8, to: [{site: one, priority: 50}, {site: two}]}"),
	 {0}, "one-1", 0, "10.0.0.1", "site one", "a site is as good as its best tunnel"},
	{DEFAULT("{prefix: 10.0.0.0/8, to: [{site: one, priority: 50}, {site: two}]}"),
	 {0}, "one-2", 0, "10.0.0.1", "site one", "whichever that is"},
	{DEFAULT("{prefix: 10.0.0.0/8, to: [{site: one, priority: 50}, {site: two}]}"),
	 {0}, "one-1 one-2", 0, "10.0.0.1", "site two", "all tunnels of the site are down"},

	{DEFAULT(""), {"10.0.0.0/8 one-2 100"}, 0, 0, "10.0.0.1", "learned tunnel one-2", "a learned route"},
	{DEFAULT("{prefix: 10.0.0.0/8, to: [{site: two}]}"), {"10.0.0.0/8 one-2 100"}, 0, 0, "10.0.0.1", "site two",
	 "of equal priority the file comes first"},
	{DEFAULT("{prefix: 10.0.0.0/8, to: [{site: two}]}"), {"10.0.0.0/8 one-2 99"}, 0, 0, "10.0.0.1",
	 "learned tunnel one-2", "the priority comes before that"},
	{DEFAULT("{prefix: 10.0.0.0/8, to: [{tunnel: two-1}]}"), {"10.0.0.0/8 one-2 100"}, "two-1", 0, "10.0.0.1",
	 "learned tunnel one-2", "penalties count between both"},
	{DEFAULT("{prefix: 10.0.0.0/8, to: [{tunnel: two-1}]}"), {"10.0.0.0/8 one-2 100"}, "two-1 one-2", 0,
	 "10.0.0.1", "tunnel two-1", "and on both"},
	{DEFAULT("{prefix: 10.0.0.0/8, to: [{site: two}]}"), {"10.0.0.0/9 one-2 100"}, 0, 0, "10.0.0.1",
	 "learned tunnel one-2", "a longer prefix comes before the file"},
	{DEFAULT(""), {"10.0.0.0/8 one-2 100", "10.0.0.0/8 - 0"}, 0, 0, "10.0.0.1", "none", "and forgotten"},
	{DEFAULT("{prefix: 10.0.0.0/8, to: [{site: two}]}"), {"10.0.0.0/8 one-2 9", "10.0.0.0/8 - 0"}, 0, 0,
	 "10.0.0.1", "site two", "what the file has stays"},
	{DEFAULT(""), {"10.0.0.0/8 one-2 9", "10.0.0.0/8 two-1 9"}, 0, 0, "10.0.0.1", "learned tunnel two-1",
	 "all that is learned about a prefix is said at once"},
	{DEFAULT(""), {"fd00::/8 one-1 9", "10.0.0.0/8 - 0"}, 0, 0, "fd00::1", "learned tunnel one-1",
	 "nothing to forget"},
};
/* clang-format on */

static const struct row *row; /* that is played */
static const struct network *net;

static bool is_named(const char *names, const char *name)
{
	const char *at = names != NULL ? strstr(names, name) : NULL;

	return at != NULL && (at[strlen(name)] == ' ' || at[strlen(name)] == '\0');
}

static uint32_t penalty(void *arg, uint16_t tunnel)
{
	const char *name = network_tunnel_name(net, tunnel);

	return is_named(row->down, name) ? 1000000 : is_named(row->degraded, name) ? 500000 : 0;
}

static void learn(struct routing *r, const char *text)
{
	char prefix_text[64], tunnel[64];
	unsigned priority;
	struct prefix6 prefix;
	struct spec_target t;

	assert_int_equal(sscanf(text, "%63s %63s %u", prefix_text, tunnel, &priority), 3);
	prefix = bed_prefix(prefix_text);
	if (tunnel[0] != '-')
		t = bed_tunnel(net, tunnel, priority);
	assert_int_equal(routing_set_learned(r, 0, &prefix, &t, tunnel[0] != '-'), 0);
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void target_text(const struct route_target *t, char text[64])
{
	switch ((enum spec_target_kind)t->kind) {
	case TARGET_SITE:
		assert_int_equal(t->nexthop, net->sites[t->far].tunnels[0]);
		snprintf(text, 64, "site %s", network_site_name(net, t->far));
		return;
	case TARGET_TUNNEL:
		assert_int_equal(t->far, net->tunnels[t->nexthop].site);
		snprintf(text, 64, "tunnel %s", network_tunnel_name(net, t->nexthop));
		return;
	case TARGET_EGRESS:
		snprintf(text, 64, "pool %u", t->pool);
		return;
	case TARGET_LINK:
		snprintf(text, 64, "network %u", t->vnet);
		return;
	case TARGET_DROP:
		strcpy(text, "drop");
	}
}

/* What a worker finds in the tables. */
static void leads(const struct routes_spec *spec, const char *dst, char text[256])
{
	struct addr6 addr = bed_address(dst);
	char names[SPEC_TARGETS_MAX][64];
	const struct route_choice *c;
	uint32_t value;

	strcpy(text, "none");
	if (spec->n_vnets == 0)
		return;
	value = trie_lookup(addr6_is_mapped(&addr) ? spec->vnets[0].four : spec->vnets[0].six,
			    &addr);
	if (value == TRIE_NONE)
		return;
	assert_true(value < spec->n_choices);
	c = &spec->choices[value];
	assert_true(c->n >= 1);
	for (unsigned i = 0; i < c->n; i++)
		target_text(&c->targets[i], names[i]);
	qsort(names, c->n, sizeof(names[0]), compare_texts);
	strcpy(text, c->is_learned ? "learned " : "");
	for (unsigned i = 0; i < c->n; i++) {
		size_t len = strlen(text);

		snprintf(text + len, 256 - len, "%s%s", i > 0 ? ", " : "", names[i]);
	}
}

static void test_rows(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bed_network b = bed_network(rows[i].networks);
		struct routing *r = routing_create();
		struct routes_spec spec = {0};
		char text[256];

		row = &rows[i];
		net = b.net;
		assert_int_equal(routing_prepare(r, net), 0);
		routing_commit(r);
		routing_compile(r, &spec);
		routing_published(r);
		for (size_t k = 0; k < ARRAY_SIZE(row->learned) && row->learned[k] != NULL; k++) {
			learn(r, row->learned[k]);
			spec = (struct routes_spec){0};
			routing_compile(r, &spec);
			routing_published(r);
		}
		routing_use_penalties(r, penalty, NULL);
		spec = (struct routes_spec){0};
		routing_compile(r, &spec);
		leads(&spec, row->dst, text);
		if (strcmp(text, row->leads) != 0)
			fail_msg("row %zu, %s: %s", i, row->why, text);
		routing_destroy(r);
		bed_network_fini(&b);
	}
}

/* Nothing is published without need, and everything with it. */
static void test_differs(void **state)
{
	static const struct row none = {.down = NULL}, down = {.down = "two-1"};
	struct bed_network b = bed_network(DEFAULT("{prefix: 10.0.0.0/8, to: [{tunnel: two-1}, "
						   "{tunnel: one-1, priority: 200}]}"));
	struct routing *r = routing_create();
	struct routes_spec spec = {0};
	const struct trie_node *root;

	net = b.net;
	row = &none;
	routing_use_penalties(r, penalty, NULL);
	assert_int_equal(routing_prepare(r, net), 0);
	assert_true(routing_compile(r, &spec));
	assert_false(routing_compile(r, &spec));
	root = spec.vnets[0].four;
	routing_penalties_changed(r);
	assert_false(routing_compile(r, &spec));
	row = &down;
	assert_false(routing_compile(r, &spec)); /* nobody has said so */
	routing_penalties_changed(r);
	assert_true(routing_compile(r, &spec));
	assert_ptr_equal(spec.vnets[0].four, root); /* health changes no tree */
	learn(r, "10.9.0.0/16 one-1 1");
	assert_true(routing_compile(r, &spec));
	assert_ptr_not_equal(spec.vnets[0].four, root);
	routing_published(r);
	routing_destroy(r);
	bed_network_fini(&b);
}

static int learn_again(void *arg, const struct network *new)
{
	net = new;
	learn(arg, "10.1.0.0/16 one-1 1");
	return 0;
}

static void expect(struct routing *r, const char *dst, const char *wanted)
{
	struct routes_spec spec = {0};
	char text[256];

	routing_compile(r, &spec);
	leads(&spec, dst, text);
	assert_string_equal(text, wanted);
}

/* Another network has other routes; what is learned is given again; and back. */
static void test_another_network(void **state)
{
	struct bed_network a = bed_network(DEFAULT("{prefix: 10.0.0.0/8, to: [{site: one}]}"));
	struct bed_network b = bed_network(DEFAULT("{prefix: 10.0.0.0/8, to: [{site: two}]}"));
	struct routing *r = routing_create();

	row = &rows[0];
	net = a.net;
	assert_int_equal(routing_prepare(r, net), 0);
	routing_commit(r);
	learn(r, "10.2.0.0/16 one-1 1");
	expect(r, "10.2.0.1", "learned tunnel one-1");
	routing_on_network(r, learn_again, r);

	assert_int_equal(routing_prepare(r, b.net), 0);
	expect(r, "10.0.0.1", "site two");
	expect(r, "10.1.0.1", "learned tunnel one-1");
	expect(r, "10.2.0.1", "site two"); /* it was not learned again */
	routing_abort(r);
	expect(r, "10.0.0.1", "site one");
	expect(r, "10.2.0.1", "learned tunnel one-1");
	routing_abort(r); /* there is nothing to go back to */

	assert_int_equal(routing_prepare(r, b.net), 0);
	routing_commit(r);
	bed_network_fini(&a);
	expect(r, "10.0.0.1", "site two");
	routing_destroy(r);
	bed_network_fini(&b);
}

/* Many prefixes come, change and go at random: the tables say what a plain list says. */
static void test_many(void **state)
{
	enum { PREFIXES = 300, ROUNDS = 20000 };
	static const char *const tunnels[] = {"one-1", "one-2", "two-1"};
	struct bed_network b = bed_network(DEFAULT("{prefix: 10.0.0.0/8, to: [{site: one}]}"));
	struct routing *r = routing_create();
	int has[PREFIXES];
	uint32_t x = 1;
	char text[64];

	net = b.net;
	row = &rows[0];
	memset(has, 0xff, sizeof(has));
	assert_int_equal(routing_prepare(r, net), 0);
	routing_commit(r);
	for (int i = 0; i < ROUNDS; i++) {
		int k, t;

		x = x * 1664525 + 1013904223;
		k = (int)((x >> 8) % PREFIXES);
		t = (int)((x >> 24) % 4) - 1;
		snprintf(text, sizeof(text), "10.%d.%d.0/24 %s 7", k / 256, k % 256,
			 t < 0 ? "-" : tunnels[t]);
		learn(r, text);
		has[k] = t;
		snprintf(text, sizeof(text), "10.%d.%d.9", k / 256, k % 256);
		if (i % 7 != 0)
			continue;
		expect(r, text,
		       t < 0	? "site one"
		       : t == 0 ? "learned tunnel one-1"
		       : t == 1 ? "learned tunnel one-2"
				: "learned tunnel two-1");
		if (i % 3 == 0)
			routing_published(r);
	}
	for (int k = 0, n = 1; k < PREFIXES; k++) {
		size_t learned;

		n += has[k] >= 0;
		if (k == PREFIXES - 1)
			assert_int_equal(routing_n(r, 0, &learned), n);
	}
	routing_destroy(r);
	bed_network_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_differs),
		cmocka_unit_test(test_another_network),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
