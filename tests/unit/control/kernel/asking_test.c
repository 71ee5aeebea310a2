/*
 * Sites that scan, and sites that need one host: which hosts are resolved, and which are not tried
 * again.
 */
#include "control/kernel/asking.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { PORT = 1, SCANNER = 1, OTHER = 1000 };

static struct asking a;
static uint64_t now;
static struct asking_row gone;

static int setup(void **state)
{
	asking_init(&a);
	now = 100000;
	return 0;
}

static struct addr6 host(uint32_t n)
{
	return addr6_from_ipv4(htonl(0x0a000000 + n));
}

static bool want(uint16_t site, uint32_t n)
{
	struct addr6 addr = host(n);

	return asking_want(&a, PORT, site, &addr, now, &gone);
}

static unsigned scan(uint16_t site, uint32_t first, uint32_t n)
{
	unsigned asked = 0;

	for (uint32_t i = 0; i < n; i++)
		asked += want(site, first + i);
	return asked;
}

static void test_a_site_has_its_part(void **state)
{
	assert_int_equal(scan(SCANNER, 0, 5000), ASKING_SITE_MAX);
	assert_int_equal(a.n, ASKING_SITE_MAX);
	assert_true(want(OTHER, 1 << 20));
	assert_false(want(OTHER, 1 << 20)); /* only once */
	assert_int_equal(gone.until_ms, 0);
}

/* All places are taken, by few or many sites. A site with fewer places gets one. */
static void test_room_is_made(void **state)
{
	for (uint16_t site = SCANNER; site < SCANNER + 10; site++)
		scan(site, site * 1000u, 1000);
	assert_int_equal(a.n, ASKING_MAX);
	assert_true(want(OTHER, 1 << 20));
	assert_int_equal(a.n, ASKING_MAX);
	assert_in_range(gone.site, SCANNER, SCANNER + 9);
	assert_true(gone.until_ms != 0);

	asking_init(&a);
	for (uint16_t site = 1; site <= ASKING_MAX; site++)
		assert_true(want(site, site)); /* one for each site */
	assert_false(want(OTHER, 1 << 20)); /* no site has more than it would have */
}

static void test_what_is_missed_is_not_asked_for_again(void **state)
{
	struct addr6 addr = host(7);

	assert_true(want(SCANNER, 7));
	assert_false(asking_give_up(&a, now, &gone));
	now += ASKING_MS;
	assert_true(asking_give_up(&a, now, &gone));
	assert_true(addr6_equal(&gone.addr, &addr));
	assert_int_equal(a.n, 0);
	assert_false(want(OTHER, 7));
	now += ASKING_MISSED_MS - 1;
	assert_false(want(OTHER, 7));
	now++;
	assert_true(want(OTHER, 7));

	now += ASKING_MS;
	assert_true(asking_give_up(&a, now, &gone));
	assert_false(want(OTHER, 7));
	asking_heard(&a, PORT, &addr); /* the host answers after all */
	assert_true(want(OTHER, 7));
	asking_found(&a, 0);
	assert_int_equal(a.n, 0);
	assert_true(want(OTHER, 7)); /* a found host is not counted as unanswered */
}

/*
 * One site scans 5,000 hosts a second for a minute. The kernel is asked for few of them, and other
 * sites always find room.
 */
static void test_a_long_scan(void **state)
{
	unsigned asked = 0;

	for (uint32_t i = 0; i < 60 * 50; i++, now += 20) {
		asked += scan(SCANNER, i * 100, 100);
		while (asking_give_up(&a, now, &gone))
			;
		assert_true(want(OTHER, (1 << 20) + i));
		asking_found(&a, a.n - 1);
	}
	assert_in_range(asked, 1, 60000 / ASKING_MS * ASKING_SITE_MAX + ASKING_SITE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_a_site_has_its_part, setup),
		cmocka_unit_test_setup(test_room_is_made, setup),
		cmocka_unit_test_setup(test_what_is_missed_is_not_asked_for_again, setup),
		cmocka_unit_test_setup(test_a_long_scan, setup),
	};

	return cmocka_run_group_tests_name("control/kernel/asking", tests, NULL, NULL);
}
