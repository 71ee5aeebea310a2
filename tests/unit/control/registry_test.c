/* Which id a site, tunnel or virtual network keeps through a change: registry_bed.h. */
#include "registry_bed.h"

#include "base/types.h"
#include "network/nexthop.h"
#include "network/spec.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Runs a census at @now_s: flows have the ids in @sites and @nexthops. */
static void census(struct registry_bed *b, uint32_t now_s, uint16_t site, uint16_t nexthop)
{
	uint64_t sites[IDS_WORDS] = {0}, nexthops[IDS_WORDS] = {0};

	ids_mark(sites, site);
	ids_mark(nexthops, nexthop);
	ids_census_begin(b->nexthops, now_s);
	ids_census_begin(registry_sites(b->r), now_s);
	ids_census_end(b->nexthops, nexthops);
	ids_census_end(registry_sites(b->r), sites);
}

/* clang-format off */
static const struct {
	const char *why, *before, *first, *after, *then, *retired;
} rows[] = {
	{"nothing changes",
	 "a:a1@1,a2@2 b:b1@3", "a=1:1,2 b=2:3", "a:a1@1,a2@2 b:b1@3", "a=1:1,2 b=2:3", ""},
	{"an interconnect is renamed",
	 "a:a1@%1#100,a2@%1", "a=1:1,2", "a:b2@%1,b1@%1#100", "a=1:2,1", ""},
	{"another VLAN is another tunnel under a new name",
	 "a:a1@%1#100,a2@2", "a=1:1,2", "a:b1@%1#101,a2@2", "a=1:3,2", "1@1>3"},
	{"sites in another order",
	 "a:a1@1,a2@2 b:b1@3", "a=1:1,2 b=2:3", "b:b1@3 a:a1@1,a2@2", "b=2:3 a=1:1,2", ""},
	{"tunnels in another order",
	 "a:a1@1,a2@2", "a=1:1,2", "a:a2@2,a1@1", "a=1:2,1", ""},
	{"a site comes, in front of all",
	 "b:b1@3", "b=1:1", "a:a1@1 b:b1@3", "a=2:2 b=1:1", ""},
	{"a site goes: its tunnel has no successor",
	 "a:a1@1 b:b1@3", "a=1:1 b=2:2", "b:b1@3", "b=2:2", "1@0>0"},
	{"a tunnel goes: the site's first one takes its flows",
	 "a:a1@1,a2@2,a3@3", "a=1:1,2,3", "a:a3@3,a1@1", "a=1:3,1", "2@1>3"},
	{"the first tunnel goes",
	 "a:a1@1,a2@2", "a=1:1,2", "a:a2@2", "a=1:2", "1@1>2"},
	{"a site loses all its tunnels",
	 "a:a1@1", "a=1:1", "a:", "a=1", "1@1>0"},
	{"a tunnel is renamed",
	 "a:a1@1,a2@2", "a=1:1,2", "a:x@1,a2@2", "a=1:1,2", ""},
	{"a site is renamed",
	 "a:a1@1,a2@2 b:b1@3", "a=1:1,2 b=2:3", "c:a1@1,a2@2 b:b1@3", "c=1:1,2 b=2:3", ""},
	{"both are",
	 "a:a1@1", "a=1:1", "c:c1@1", "c=1:1", ""},
	{"another key is another tunnel under a new name",
	 "a:a1@1#7", "a=1:1", "a:x@1#8", "a=1:2", "1@1>2"},
	{"a key of 0 is not none",
	 "a:a1@1#0", "a=1:1", "a:x@1", "a=1:2", "1@1>2"},
	{"so over IPv6",
	 "a:a1@~1", "a=1:1", "a:x@~1", "a=1:1", ""},
	{"another far end, the same name",
	 "a:a1@1", "a=1:1", "a:a1@9", "a=1:1", ""},
	{"two swap their names: each keeps its own, as they are asked for by name",
	 "a:a1@1,a2@2", "a=1:1,2", "a:a2@1,a1@2", "a=1:2,1", ""},
	{"a tunnel moves to another site: flows of the first must not come to the second",
	 "a:a1@1,a2@2 b:b1@3", "a=1:1,2 b=2:3", "a:a1@1 b:b1@3,a2@2", "a=1:1 b=2:3,4", "2@1>1"},
	{"so under a new name",
	 "a:a1@1,a2@2 b:b1@3", "a=1:1,2 b=2:3", "a:a1@1 b:b1@3,x@2", "a=1:1 b=2:3,4", "2@1>1"},
	{"two sites swap their names",
	 "a:a1@1 b:b1@3", "a=1:1 b=2:2", "b:a1@1 a:b1@3", "b=2:3 a=1:4", "1@1>4 2@2>3"},
	{"networks in another order, and one in front",
	 "/g /h a/g:a1@1", "a=1:1 /g=1 /h=2", "/x /h /g a/g:a1@1", "a=1:1 /x=3 /h=2 /g=1", ""},
	{"a network is renamed: its sites are the same",
	 "/g a/g:a1@1 b/g:b1@2 c:c1@3", "a=1:1 b=2:2 c=3:3 /g=1", "/h a/h:a1@1 b/h:b1@2 c:c1@3",
	 "a=1:1 b=2:2 c=3:3 /h=1", ""},
	{"it is renamed, and so is its site",
	 "/f /g a/g:a1@1", "a=1:1 /f=1 /g=2", "/h x/h:x1@1", "x=1:1 /h=2", ""},
	{"one without sites: nothing says that it is the same",
	 "/f /g", " /f=1 /g=2", "/f /h", " /f=1 /h=3", ""},
	{"a site moves into a new network",
	 "/g a/g:a1@1 b/g:b1@2", "a=1:1 b=2:2 /g=1", "/g /h a/g:a1@1 b/h:b1@2", "a=1:1 b=2:2 /g=1 /h=2", ""},
	{"a network is divided: one part is the same",
	 "/g a/g:a1@1 b/g:b1@2", "a=1:1 b=2:2 /g=1", "/x /y a/x:a1@1 b/y:b1@2", "a=1:1 b=2:2 /x=1 /y=2", ""},
	{"two networks become one",
	 "/g /h a/g:a1@1 b/h:b1@2", "a=1:1 b=2:2 /g=1 /h=2", "/x a/x:a1@1 b/x:b1@2", "a=1:1 b=2:2 /x=3", ""},
	{"the sites of the default network get one of their own",
	 "a:a1@1", "a=1:1", "/g a/g:a1@1", "a=1:1 /g=1", ""},
	{"everything goes",
	 "a:a1@1 b:b1@3", "a=1:1 b=2:2", "", "", "1@0>0 2@0>0"},
};
/* clang-format on */

static void test_changes(void **state)
{
	char first[TEXT_MAX], then[TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct registry_bed b;

		registry_bed_begin(&b);
		registry_bed_apply(&b, rows[i].before, NOW, first);
		if (strcmp(first, rows[i].first) != 0)
			fail_msg("%s: first %s", rows[i].why, first);
		registry_bed_apply(&b, rows[i].after, NOW, then);
		if (strcmp(then, rows[i].then) != 0)
			fail_msg("%s: then %s", rows[i].why, then);
		if (strcmp(b.retired, rows[i].retired) != 0)
			fail_msg("%s: retired %s", rows[i].why, b.retired);
		registry_bed_end(&b);
	}
}

/*
 * A site that is removed and comes back gets another id, as long as a flow may have the first one.
 */
static void test_comes_back(void **state)
{
	const uint32_t rested = NOW + REGISTRY_REST_S;
	char text[TEXT_MAX];
	struct registry_bed b;

	registry_bed_begin(&b);
	registry_bed_apply(&b, "a:a1@1 b:b1@3", NOW, text);
	registry_bed_apply(&b, "b:b1@3", NOW, text);
	registry_bed_apply(&b, "a:a1@1 b:b1@3", NOW, text);
	assert_string_equal(text, "a=3:3 b=2:2");
	assert_string_equal(b.retired, "1@0>0"); /* it is not related to the new a */

	census(&b, rested - 1, 0, 0); /* too early */
	registry_bed_apply(&b, "a:a1@1 b:b1@3 c:c1@4", NOW, text);
	assert_string_equal(text, "a=3:3 b=2:2 c=4:4");
	census(&b, rested, 1, 0); /* a flow has the site's id, none has the tunnel's */
	assert_int_equal(ids_state(registry_sites(b.r), 1), IDS_RETIRED);
	assert_int_equal(ids_state(b.nexthops, 1), IDS_FREE);
	registry_bed_apply(&b, "a:a1@1 b:b1@3 d:d1@5", rested, text);
	assert_string_equal(text, "a=3:3 b=2:2 d=5:1");
	assert_string_equal(b.retired, "4@0>0"); /* id 1 has an owner again */
	census(&b, rested, 0, 0);
	registry_bed_apply(&b, "e:e1@6", rested, text);
	assert_string_equal(text, "e=1:5");
	registry_bed_end(&b);
}

/*
 * A tunnel is removed, then its site. Another site gets the site's id before the tunnel's id is
 * free.
 */
static void test_site_follows(void **state)
{
	const uint32_t rested = NOW + REGISTRY_REST_S;
	char text[TEXT_MAX];
	struct registry_bed b;

	registry_bed_begin(&b);
	registry_bed_apply(&b, "a:a1@1,a2@2", NOW, text);
	registry_bed_apply(&b, "a:a1@1", NOW, text);
	assert_string_equal(b.retired, "2@1>1");
	registry_bed_apply(&b, "b:b1@3", NOW, text);
	assert_string_equal(b.retired, "1@0>0 2@0>0");
	census(&b, rested, 0, 2);
	registry_bed_apply(&b, "b:b1@3 c:c1@4", rested, text);
	assert_string_equal(text, "b=2:3 c=1:1");
	assert_string_equal(b.retired, "2@0>0"); /* not of c, which has the id of its site now */
	registry_bed_end(&b);
}

/* A plan that is given up leaves no trace. */
static void test_abort(void **state)
{
	struct network_spec two = registry_bed_parse("a:a1@1 c:c1@4,c2@5"),
			    many = registry_bed_parse("z:z1@8");
	char text[TEXT_MAX];
	struct registry_plan plan;
	struct registry_bed b;
	size_t n_free;

	registry_bed_begin(&b);
	registry_bed_apply(&b, "a:a1@1 b:b1@3", NOW, text);
	n_free = ids_n_free(b.nexthops);
	assert_int_equal(registry_plan(b.r, &two, &plan), 0);
	assert_int_equal(plan.n_new_sites, 1);
	assert_int_equal(plan.new_sites[0], 3);
	assert_int_equal(plan.n_new_tunnels, 2);
	assert_int_equal(plan.new_tunnels[0], 3);
	assert_int_equal(plan.new_tunnels[1], 4);
	registry_abort(b.r);
	assert_int_equal(ids_n_free(b.nexthops), n_free);
	registry_bed_apply(&b, "a:a1@1 b:b1@3 c:c1@4", NOW, text);
	assert_string_equal(text, "a=1:1 b=2:2 c=3:3");
	assert_string_equal(b.retired, "");

	while (ids_take(b.nexthops) != IDS_NONE) /* neighbours have all other ids */
		;
	assert_int_equal(registry_plan(b.r, &many, &plan), -ENOSPC);
	assert_int_equal(ids_state(registry_sites(b.r), 4), IDS_FREE);
	registry_bed_apply(&b, "b:b1@3 a:a1@1 c:c1@4", NOW, text);
	assert_string_equal(text, "b=2:2 a=1:1 c=3:3");
	registry_bed_end(&b);
	network_spec_fini(&two);
	network_spec_fini(&many);
}

/* A network has no tunnel with an id above SPEC_TUNNELS_MAX, a neighbour may have one. */
static void test_last_ids_are_neighbours(void **state)
{
	struct network_spec one = registry_bed_parse("a:a1@1");
	struct registry_plan plan;
	struct registry_bed b = {.nexthops =
					 ids_create(SPEC_TUNNELS_MAX + 1, SPEC_TUNNELS_MAX + 3)};

	b.r = registry_create(b.nexthops);
	assert_non_null(b.r);
	assert_int_equal(registry_plan(b.r, &one, &plan), -ENOSPC);
	assert_int_equal(ids_n_free(b.nexthops), 3);
	assert_int_equal(ids_take(b.nexthops), SPEC_TUNNELS_MAX + 1);
	registry_bed_end(&b);
	network_spec_fini(&one);
}

/* A plan that is given up leaves the ids of its networks free. */
static void test_networks_abort(void **state)
{
	struct network_spec spec = registry_bed_parse("/g /h");
	struct registry_plan plan;
	char text[TEXT_MAX];
	struct registry_bed b;

	registry_bed_begin(&b);
	registry_bed_apply(&b, "/g", NOW, text);
	assert_int_equal(registry_plan(b.r, &spec, &plan), 0);
	assert_int_equal(plan.ids.vnets[2], 2);
	registry_abort(b.r);
	registry_bed_apply(&b, "/g /i", NOW, text);
	assert_string_equal(text, " /g=1 /i=2");
	network_spec_fini(&spec);
	registry_bed_end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_comes_back),
		cmocka_unit_test(test_site_follows),
		cmocka_unit_test(test_abort),
		cmocka_unit_test(test_last_ids_are_neighbours),
		cmocka_unit_test(test_networks_abort),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
