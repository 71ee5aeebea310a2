/* Sets of keys: a key is known from its first time on, with its first place, whatever the size. */
#include "control/config/seen.h"

#include "base/types.h"
#include "control/config/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { KEYS = 70000 }; /* more than the tunnels of a file */

static struct tree_node places[KEYS + 1];

static size_t key_of(unsigned i, char key[static SEEN_KEY_MAX])
{
	return (size_t)snprintf(key, SEEN_KEY_MAX, "%u", i);
}

static void test_every_size(void **state)
{
	static const unsigned sizes[] = {0, 1, 7, 8, 9, 16, 17, 1000, KEYS};
	char key[SEEN_KEY_MAX];

	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
		struct seen seen = {0};

		for (unsigned i = 0; i < sizes[s]; i++) {
			size_t len = key_of(i, key);

			assert_null(seen_find(&seen, key, len));
			assert_null(seen_add(&seen, key, len, &places[i]));
		}
		for (unsigned i = 0; i < sizes[s]; i++) {
			size_t len = key_of(i, key);

			assert_ptr_equal(seen_add(&seen, key, len, &places[KEYS]), &places[i]);
			assert_ptr_equal(seen_find(&seen, key, len), &places[i]);
		}
		assert_null(seen_find(&seen, key, key_of(KEYS, key)));
		seen_fini(&seen);
		assert_null(seen_find(&seen, "0", 1)); /* it may be used again */
	}
}

/* Keys of all lengths, of which each begins with the one before. */
static void test_every_length(void **state)
{
	static const unsigned char key[SEEN_KEY_MAX];
	struct seen seen = {0};

	for (size_t len = 0; len <= SEEN_KEY_MAX; len++)
		assert_null(seen_add(&seen, key, len, &places[len]));
	for (size_t len = 0; len <= SEEN_KEY_MAX; len++)
		assert_ptr_equal(seen_find(&seen, key, len), &places[len]);
	seen_fini(&seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_size),
		cmocka_unit_test(test_every_length),
	};

	return cmocka_run_group_tests_name("control/config/seen", tests, NULL, NULL);
}
