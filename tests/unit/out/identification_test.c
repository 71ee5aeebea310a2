/*
 * Identifications: no worker repeats one before its share is used up, and no two workers use the
 * same one.
 */
#include "out/identification.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NUMBERS = 65536, WORKERS = 32, MANY_6 = 1 << 20 };

static const be32_t server = 0x500200c0, other = 0x510200c0;

static struct context *workers_create(uint16_t count)
{
	struct context *contexts = calloc(count, sizeof(contexts[0]));

	assert_non_null(contexts);
	for (uint16_t i = 0; i < count; i++) {
		uint8_t secret[16] = {(uint8_t)i, 77};

		contexts[i].index = i;
		contexts[i].count = count;
		contexts[i].flows = flow_table_create(16, secret);
		assert_non_null(contexts[i].flows);
		identification_init(&contexts[i]);
	}
	return contexts;
}

static void workers_destroy(struct context *contexts, uint16_t count)
{
	for (uint16_t i = 0; i < count; i++)
		flow_table_destroy(contexts[i].flows);
	free(contexts);
}

/* Each worker uses all numbers of its share, in a random order; then the first one again. */
static void test_workers_never_meet(void **state)
{
	static uint8_t seen[NUMBERS];

	for (uint16_t count = 1; count <= WORKERS; count++) {
		struct context *contexts = workers_create(count);
		const unsigned part = NUMBERS / count;

		memset(seen, 0, sizeof(seen));
		for (uint16_t w = 0; w < count; w++) {
			be16_t first = identification_next(&contexts[w], server);

			seen[first]++;
			for (unsigned i = 1; i < part; i++)
				seen[identification_next(&contexts[w], server)]++;
			assert_int_equal(identification_next(&contexts[w], server), first);
		}
		for (unsigned i = 0; i < NUMBERS; i++)
			if (seen[i] > 1)
				fail_msg("%u workers: number %u came %u times", count, i, seen[i]);
		workers_destroy(contexts, count);
	}
}

/* Packets to other destinations use none of the numbers of one destination. */
static void test_destinations_count_apart(void **state)
{
	static uint8_t seen[NUMBERS];
	struct context *contexts = workers_create(3);
	be16_t first = identification_next(&contexts[1], server);

	for (unsigned i = 0; i < NUMBERS; i++)
		identification_next(&contexts[1], other);
	for (unsigned i = 1; i < NUMBERS / 3; i++) {
		be16_t id = identification_next(&contexts[1], server);

		assert_int_not_equal(id, first);
		assert_int_equal(seen[id]++, 0);
	}
	workers_destroy(contexts, 3);
}

static int by_value(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* The same for IPv6, whose next identification cannot be predicted. */
static void test_ipv6(void **state)
{
	static const uint16_t counts[] = {1, 2, 3, 4, 5, 16, 17, 32};
	static uint32_t ids[MANY_6];

	for (size_t c = 0; c < ARRAY_SIZE(counts); c++) {
		struct context *contexts = workers_create(counts[c]);
		unsigned steps[4] = {0};

		for (size_t i = 0; i < MANY_6; i++)
			ids[i] = identification6_next(&contexts[i % counts[c]]);
		for (size_t i = counts[c]; i < MANY_6; i++)
			if (ids[i] - ids[i - counts[c]] < ARRAY_SIZE(steps))
				steps[ids[i] - ids[i - counts[c]]]++;
		assert_int_equal(steps[0], 0);
		for (size_t i = 1; i < ARRAY_SIZE(steps); i++)
			assert_in_range(steps[i], 0, MANY_6 / 1000);
		qsort(ids, MANY_6, sizeof(ids[0]), by_value);
		for (size_t i = 1; i < MANY_6; i++)
			if (ids[i] == ids[i - 1])
				fail_msg("%u workers: %#x came twice", counts[c], ids[i]);
		workers_destroy(contexts, counts[c]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_workers_never_meet),
		cmocka_unit_test(test_destinations_count_apart),
		cmocka_unit_test(test_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
