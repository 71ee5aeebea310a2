/* Rows by id: there is one for every id, and they keep their content when a network becomes large. */
#include "stage.h"

#include "setup/setup.h"
#include "worker/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

enum { FEW = 100, MANY = 20000, PAGE = 4096 };

/* Is the page of the row in memory? */
static bool is_ready(const void *row)
{
	uintptr_t at = (uintptr_t)row & ~(uintptr_t)(PAGE - 1);
	unsigned char in = 0;

	assert_int_equal(mincore((void *)at, PAGE, &in), 0);
	return in & 1;
}

static void test_rows(void **state)
{
	const struct network small = {.max_tunnel = FEW},
			     large = {.max_tunnel = MANY, .max_site = MANY, .is_large = true};
	struct context ctx = {.sites = limits_create()};

	assert_non_null(ctx.sites);
	assert_true(rows_create(&ctx, &small));
	assert_int_equal((uintptr_t)ctx.tunnels % CACHE_LINE, 0);
	assert_false(is_ready(&ctx.tunnels[FEW]));
	assert_int_equal(ctx.tunnels[SPEC_TUNNELS_MAX].drops, 0);
	ctx.tunnels[FEW].rx_packets = 7;
	ctx.keepalives_until_ns[SPEC_TUNNELS_MAX] = 1;
	rows_settle(&ctx, &large);
	assert_int_equal(ctx.tunnels[FEW].rx_packets, 7);
	assert_true(is_ready(&ctx.tunnels[MANY]));
	assert_true(is_ready(&ctx.sites[MANY]));
	assert_int_equal(ctx.tunnels[MANY].rx_packets, 0);
	rows_destroy(&ctx);
	limits_destroy(ctx.sites);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
