/* What peers tell: the latest of each, and no peer takes the place of another. */
#include "path/heard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct context ctx;
static struct heard_box box;

static void hear(uint16_t tunnel, uint8_t last)
{
	const uint8_t mac[6] = {2, 0, 0, 0, 0, last};

	heard_add(&ctx, tunnel, mac);
}

static void test_the_latest_of_each(void **state)
{
	struct peer_heard out[CONTEXT_HEARD_MAX];

	ctx.n_heard = 0;
	hear(7, 1);
	for (unsigned i = 0; i < 1000; i++)
		hear(8, (uint8_t)i); /* a flood */
	hear(7, 2);
	assert_int_equal(ctx.n_heard, 2);
	heard_hand_over(&box, &ctx);
	assert_int_equal(ctx.n_heard, 0);
	assert_int_equal(heard_take(&box, out, CONTEXT_HEARD_MAX), 2);
	assert_int_equal(out[0].tunnel, 7);
	assert_int_equal(out[0].mac[5], 2);
	assert_int_equal(out[1].tunnel, 8);
	assert_int_equal(out[1].mac[5], 999 % 256);
	assert_int_equal(heard_take(&box, out, CONTEXT_HEARD_MAX), 0);
}

static void test_full(void **state)
{
	struct peer_heard out[CONTEXT_HEARD_MAX];

	ctx.n_heard = 0;
	for (uint16_t i = 1; i <= CONTEXT_HEARD_MAX + 10; i++)
		hear(i, 1);
	hear(3, 9); /* it is in the list */
	assert_int_equal(ctx.n_heard, CONTEXT_HEARD_MAX);
	assert_int_equal(ctx.heard[2].mac[5], 9);

	heard_hand_over(&box, &ctx);
	hear(5, 5);
	heard_hand_over(&box, &ctx); /* not taken yet: the list waits */
	assert_int_equal(ctx.n_heard, 1);
	assert_int_equal(heard_take(&box, out, 4), 4);
	heard_hand_over(&box, &ctx);
	assert_int_equal(heard_take(&box, out, 4), 1);
	assert_int_equal(out[0].mac[5], 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_latest_of_each),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests_name("heard", tests, NULL, NULL);
}
