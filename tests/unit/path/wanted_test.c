/* The list of wanted neighbours is short, and every site has a fair share of it. */
#include "path/wanted.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { PORT = 1, SCANNER = 1, OTHER = 9 };

static struct context ctx;

static void want(uint16_t site, uint32_t n)
{
	struct addr6 addr = addr6_from_ipv4(htonl(0x0a000000 + n));

	wanted_add(&ctx, site, PORT, &addr);
}

static unsigned count(uint16_t site)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ctx.n_wanted; i++)
		n += ctx.wanted[i].site == site;
	return n;
}

static void test_each_once(void **state)
{
	ctx.n_wanted = 0;
	want(SCANNER, 1);
	want(SCANNER, 1);
	want(OTHER, 1); /* this host is in the list already */
	want(SCANNER, 2);
	assert_int_equal(ctx.n_wanted, 2);
}

static void test_a_scan_leaves_room(void **state)
{
	ctx.n_wanted = 0;
	for (uint32_t i = 0; i < 5000; i++)
		want(SCANNER, i);
	assert_int_equal(count(SCANNER), CONTEXT_WANTED_MAX);
	for (uint32_t i = 0; i < 10; i++)
		want(OTHER, 10000 + i);
	assert_int_equal(count(OTHER), 10);
	for (uint32_t i = 0; i < 5000; i++)
		want(SCANNER, 20000 + i);
	assert_int_equal(count(OTHER), 10);
	for (uint32_t i = 0; i < 5000; i++)
		want(OTHER, 30000 + i);
	assert_in_range(count(OTHER), CONTEXT_WANTED_MAX / 2 - 1, CONTEXT_WANTED_MAX / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_once),
		cmocka_unit_test(test_a_scan_leaves_room),
	};

	return cmocka_run_group_tests_name("wanted", tests, NULL, NULL);
}
