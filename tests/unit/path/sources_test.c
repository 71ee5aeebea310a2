/* Sources: the counts of many hosts compared with their real numbers. */
#include "path/sources.h"
#include "setup/setup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { HOSTS = 20000, FLOOD = 1000 };

static struct source find(struct sources *s, uint16_t site, uint32_t host, bool is_six)
{
	const struct flow flow = {.site = site, .src = is_six ? 0 : htonl(host)};
	struct flow6 six = {0};

	six.src.half[0] = 0xfd;
	six.src.half[1] = (uint64_t)host << 32;
	return source_find(s, &flow, is_six ? &six : NULL);
}

/* Every host has one flow, some also have a half-open one; one host has very many. */
static void none_is_taken_for_the_flooder(void **state)
{
	for (unsigned is_six = 0; is_six < 2; is_six++) {
		struct sources *s = limits_create_sources(1234567 + is_six);
		unsigned wrong = 0;
		struct source source;

		assert_non_null(s);
		source = find(s, 1, 77, is_six);
		source_add(&source, FLOOD, FLOOD);
		for (uint32_t host = 100; host < HOSTS; host++) {
			source = find(s, 1, host, is_six);
			source_add(&source, 1, host % 2);
		}
		for (uint32_t host = 100; host < HOSTS; host++) {
			source = find(s, 1, host, is_six);
			assert_in_range(source_flows(&source), 1, UINT32_MAX); /* never too low */
			assert_true(source_half_open(&source) >= host % 2);
			wrong += source_flows(&source) >= 16;
		}
		assert_int_equal(wrong, 0);
		source = find(s, 1, 77, is_six);
		assert_in_range(source_flows(&source), FLOOD, FLOOD + 16);
		source = find(s, 2, 77, is_six); /* the same address at another site */
		assert_in_range(source_flows(&source), 0, 16);
		free(s);
	}
}

/* With other flows in between. */
static void all_is_given_back(void **state)
{
	static const struct source_count zero;
	struct sources *s = limits_create_sources(99);

	for (int change = 1; change >= -1; change -= 2) {
		for (uint32_t host = 0; host < HOSTS; host++) {
			struct source source = find(s, (uint16_t)(host % 7), host, host % 3 == 0);

			source_add(&source, change, host % 2 ? change : 0);
		}
	}
	for (unsigned row = 0; row < SOURCE_ROWS; row++)
		for (unsigned i = 0; i < 1 << SOURCE_BITS; i++)
			assert_memory_equal(&s->rows[row][i], &zero, sizeof(zero));
	free(s);
}

/*
 * Without the secret nobody can choose addresses that share a place: consecutive addresses are
 * spread evenly.
 */
static void neighbours_are_spread(void **state)
{
	static unsigned used[SOURCE_ROWS][1 << SOURCE_BITS];
	struct sources *s = limits_create_sources(4711);

	memset(used, 0, sizeof(used));
	for (uint32_t host = 0; host < 1 << SOURCE_BITS; host++) {
		struct source source = find(s, 1, UINT32_C(0x0a000000) + host, false);

		for (unsigned row = 0; row < SOURCE_ROWS; row++)
			used[row][source.count[row] - s->rows[row]]++;
	}
	for (unsigned row = 0; row < SOURCE_ROWS; row++)
		for (unsigned i = 0; i < 1 << SOURCE_BITS; i++)
			assert_in_range(used[row][i], 0, 16);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none_is_taken_for_the_flooder),
		cmocka_unit_test(all_is_given_back),
		cmocka_unit_test(neighbours_are_spread),
	};

	return cmocka_run_group_tests_name("sources", tests, NULL, NULL);
}
