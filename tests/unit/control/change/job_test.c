/* A change whose text differs and whose configuration does not, and the changes after it. */
#include "change_bed.h"

#include "control/config/config.h"
#include "network/spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* @turned: the first two change places. Site 6 has @key. */
static void write_turned(char *text, size_t size, bool turned, unsigned key)
{
	enum { SITES = 12 };
	size_t n = (size_t)snprintf(text, size, "%s", bed_text(0, ""));

	for (unsigned i = 0; i < SITES; i++) {
		unsigned site = turned && i < 2 ? 1 - i : i;

		n += (size_t)snprintf(text + n, size - n,
				      "  - {name: s%u, tunnels: [{name: t%u, local: 192.0.2.1, "
				      "remote: 192.0.2.2, key: %u}]}\n",
				      site, site, site == 6 ? key : site);
	}
}

/* Another order changes nothing but the text. The next change is read by the new order all the same. */
static void test_other_order(void **state)
{
	struct bed *b = *state;
	char text[4096], name[16];

	write_turned(text, sizeof(text), false, 6);
	bed_write_file(b, text);
	bed_start(b);
	write_turned(text, sizeof(text), true, 6);
	assert_int_equal(bed_apply(b, text, 0), CHANGE_BEGUN);
	assert_int_equal(b->applied, 0);
	for (unsigned key = 100; key < 103; key++) {
		write_turned(text, sizeof(text), true, key);
		assert_int_equal(bed_apply(b, text, 0), CHANGE_BEGUN);
		assert_int_equal(change_difference(b->change)->n, 1);
		assert_int_equal(b->runs->network.n_sites, 12);
		for (unsigned i = 0; i < 12; i++) {
			snprintf(name, sizeof(name), "s%u", i < 2 ? 1 - i : i);
			assert_string_equal(b->runs->network.sites[i].name, name);
		}
		assert_int_equal(b->runs->network.sites[6].tunnels[0].key, key);
	}
	bed_end(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_other_order, bed_set_up, bed_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
