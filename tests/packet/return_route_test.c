/*
 * Tunnels with automatic return routing off: returns take the route to the flow's source.
 *
 *     s0  10.0.1.0/24, fd00::/64 --- s0-a (off), s0-b ---+
 *     s1  the same               --- s1-a, s1-b       ---+--- [ gateway ] --- dc
 *
 * The route of s0's prefix leads to s0-b, or nowhere, or to another site: a row each.
 */
#include "private_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { UDP = 17 };

enum back { BACK_NOWHERE, BACK_B, BACK_OTHER, BACK_BOTH, BACK_LINK };

static struct bed *bed;
static enum back back;

static void add_back(struct network_spec *spec, const char *prefix)
{
	unsigned own = bed_vnets_site(spec, "s0"), other = bed_vnets_site(spec, "s1");

	if (back == BACK_B || back == BACK_BOTH)
		bed_vnets_route(spec, 0, prefix, TARGET_TUNNEL, own)->tunnel = 1;
	if (back == BACK_OTHER || back == BACK_BOTH)
		bed_vnets_route(spec, 0, prefix, TARGET_SITE, other);
	if (back == BACK_LINK)
		bed_vnets_route(spec, 0, prefix, TARGET_LINK, 1);
}

static void edit(struct network_spec *spec)
{
	static const char *const names[] = {"default", "far"};
	unsigned dc = bed_vnets_site(spec, "dc");

	bed_vnets_make(spec, names, 2);
	bed_vnets_route(spec, 0, "10.8.0.0/16", TARGET_SITE, dc);
	bed_vnets_route(spec, 0, "fd08::/16", TARGET_SITE, dc);
	add_back(spec, "10.0.1.0/24");
	add_back(spec, "fd00::/64");
	spec->sites[bed_vnets_site(spec, "s0")].tunnels[0].no_arr = true;
}

static void begin(unsigned workers, enum back to)
{
	char *yaml = private_yaml(workers, 2);

	back = to;
	bed_edit = edit;
	bed = bed_create(yaml, 7);
	free(yaml);
}

static void end(void)
{
	bed_check(bed);
	bed_destroy(bed);
	bed_edit = NULL;
}

static struct frame catch_at(unsigned site, unsigned tunnel)
{
	unsigned at, by;
	struct frame out;

	assert_true(private_catch(bed, &out, &at, &by));
	assert_int_equal(at, site);
	assert_int_equal(by, tunnel);
	return out;
}

/* Asks from @site by @tunnel; the answer must come home by @home. */
static void ask(unsigned site, unsigned tunnel, unsigned home, bool six)
{
	struct frame asked;

	private_send(bed, site, tunnel, private_ask(UDP, six));
	bed_run(bed);
	asked = catch_at(PRIVATE_DC, 0);
	private_send(bed, PRIVATE_DC, 0, private_answer(&asked));
	bed_run(bed);
	catch_at(site, home);
}

static void test_by_route(void **state)
{
	static const unsigned workers[] = {1, 2, 4};

	for (unsigned w = 0; w < ARRAY_SIZE(workers); w++) {
		for (unsigned six = 0; six < 2; six++) {
			begin(workers[w], BACK_B);
			ask(0, 0, 1, six);
			ask(0, 0, 1, six); /* its packets do not move it to their own tunnel */
			ask(1, 0, 0, six); /* the same five-tuple, by the flow */
			ask(1, 1, 1, six); /* and moved by its packets */
			ask(0, 0, 1, six);
			end();
		}
	}
}

/* A flow of a tunnel that does route automatically is not moved by packets of one that does not. */
static void test_mixed(void **state)
{
	begin(2, BACK_B);
	ask(0, 1, 1, false);
	ask(0, 0, 1, false);
	end();
}

static void test_refused(void **state)
{
	static const enum back wrong[] = {BACK_NOWHERE, BACK_OTHER, BACK_BOTH, BACK_LINK};

	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		for (unsigned six = 0; six < 2; six++) {
			struct frame told;
			unsigned at, by;

			begin(1, wrong[i]);
			private_send(bed, 0, 0, private_ask(UDP, six));
			bed_run(bed);
			assert_true(private_catch(bed, &told, &at, &by)); /* an ICMP error */
			assert_int_equal(at, 0);
			assert_int_equal(told.proto, six ? 58 : 1);
			ask(1, 0, 0, six); /* nobody else is disturbed */
			end();
		}
	}
}

/* Errors are limited; what is over the limit is counted by name. */
static void test_named(void **state)
{
	struct frame told;
	unsigned at, by, n = 0;

	begin(1, BACK_NOWHERE);
	for (unsigned i = 0; i < 2000; i++) {
		private_send(bed, 0, 0, private_ask(UDP, false));
		bed_run(bed);
		n += private_catch(bed, &told, &at, &by);
	}
	assert_true(n > 0 && n < 2000);
	bed_expect_drops(bed, "over the limit", DROP_RETURN_ROUTE, 2000 - n);
	end();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_route),
		cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
