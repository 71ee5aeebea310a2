/* The list of the last unknown tunnels: which are kept, replaced and forgotten. */
#include "in/unknown.h"

#include "path/context.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct unknown_tunnels box;
static struct context ctx;

static int begin(void **state)
{
	box = (struct unknown_tunnels){0};
	ctx = (struct context){.unknown = &box, .now_s = 1000};
	return 0;
}

static struct unknown_tunnel from(uint32_t remote, uint32_t key)
{
	return (struct unknown_tunnel){
		.local = addr6_from_ipv4(1),
		.remote = addr6_from_ipv4(remote),
		.has_key = key != 0,
		.key = key,
		.reason = DROP_GRE_UNKNOWN,
	};
}

static void note(uint32_t remote, uint32_t key)
{
	struct unknown_tunnel t = from(remote, key);

	unknown_note(&ctx, &t);
}

/* Number of packets listed for that tunnel; 0: it is not listed. */
static uint64_t packets_of(uint32_t remote, uint32_t key)
{
	struct unknown_tunnel found[UNKNOWN_TUNNELS], t = from(remote, key);
	size_t n = unknown_read(&ctx, found);

	for (size_t i = 0; i < n; i++)
		if (addr6_equal(&found[i].remote, &t.remote) && found[i].key == t.key &&
		    found[i].has_key == t.has_key)
			return found[i].packets;
	return 0;
}

static void test_counts(void **state)
{
	struct unknown_tunnel found[UNKNOWN_TUNNELS];

	assert_int_equal(unknown_read(&ctx, found), 0);
	note(7, 0);
	note(7, 5);
	note(7, 5);
	ctx.now_s += 3;
	note(8, 5);
	assert_int_equal(unknown_read(&ctx, found), 3);
	assert_int_equal(packets_of(7, 0), 1);
	assert_int_equal(packets_of(7, 5), 2);
	assert_int_equal(packets_of(8, 5), 1);
	assert_int_equal(found[0].seen_s, 3);
}

/*
 * 100,000 addresses send one packet each, and one site sends one packet in a thousand. The site
 * stays listed.
 */
static void test_flood(void **state)
{
	struct unknown_tunnel found[UNKNOWN_TUNNELS];

	note(1, 7);
	note(1, 7);
	for (uint32_t i = 0; i < 100000; i++) {
		note(1000 + i, 0);
		if (i % 1000 == 0)
			note(1, 7);
	}
	assert_int_equal(packets_of(1, 7), 102);
	assert_int_equal(unknown_read(&ctx, found), UNKNOWN_TUNNELS);
}

static void test_forgotten(void **state)
{
	struct unknown_tunnel found[UNKNOWN_TUNNELS];

	for (uint32_t i = 1; i <= UNKNOWN_TUNNELS; i++)
		for (int k = 0; k < 100; k++)
			note(i, 0);
	ctx.now_s += UNKNOWN_FORGET_S;
	assert_int_equal(unknown_read(&ctx, found), UNKNOWN_TUNNELS);
	note(3, 0);
	ctx.now_s++;
	assert_int_equal(unknown_read(&ctx, found), 1);
	note(99, 0);
	note(4, 0);
	assert_int_equal(packets_of(3, 0), 101);
	assert_int_equal(packets_of(99, 0), 1);
	assert_int_equal(packets_of(4, 0), 1); /* its count starts again */
}

/* A reader that meets a write tries again, and gives up if it meets too many. */
static void test_being_written(void **state)
{
	struct unknown_tunnel found[UNKNOWN_TUNNELS];

	note(1, 0);
	box.sequence++;
	assert_int_equal(unknown_read(&ctx, found), 0);
	box.sequence++;
	assert_int_equal(unknown_read(&ctx, found), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_counts, begin),
		cmocka_unit_test_setup(test_flood, begin),
		cmocka_unit_test_setup(test_forgotten, begin),
		cmocka_unit_test_setup(test_being_written, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
