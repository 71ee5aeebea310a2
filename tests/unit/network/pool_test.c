/* The owner of a port: every port of every address. */
#include "spec_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* clang-format off */
static const struct {
	uint32_t address;
	uint16_t port;
	int slice;
	const char *why;
} slice_rows[] = {
	{ 0, 0,     -1, "the lowest ports are nobody's" },
	{ 0, 2047,  -1, "just below slice 1" },
	{ 0, 2048,   0, "first port of slice 1" },
	{ 0, 4095,   0, "its last" },
	{ 0, 4096,  -1, "just above" },
	{ 0, 63487, -1, "just below slice 31" },
	{ 0, 63488,  1, "first of slice 31" },
	{ 0, 65535,  1, "the last port" },
	{ 1, 2048,  -1, "slice 1 of another address" },
	{ 1, 10240,  2, "slice 5" },
	{ 1, 12287,  2, "its last" },
	{ 1, 12288, -1, "just above" },
	{ 2, 65471, -1, "just below slice 1023" },
	{ 2, 65472,  3, "small slices" },
	{ 2, 65535,  3, "the last port" },
};
/* clang-format on */

/* Finds the slice of @port of address number @a, by a look at all slices. */
static int stupid_find_slice(const struct network *net, uint32_t a, uint32_t port)
{
	for (uint32_t k = 0; k < net->n_slices; k++) {
		const struct slice *s = &net->slices[k];

		if (s->addr == net->addresses[a].addr && port >= s->first_port &&
		    port < s->first_port + s->size)
			return (int)k;
	}
	return -1;
}

static void test_slices(void **state)
{
	struct network *net = network_create(&bed_spec, NULL);

	assert_int_equal(net->n_slices, 4);
	for (size_t i = 0; i < ARRAY_SIZE(slice_rows); i++) {
		int slice = network_find_slice(net, slice_rows[i].address, slice_rows[i].port);

		if (slice != slice_rows[i].slice)
			fail_msg("row %zu: slice %d: %s", i, slice, slice_rows[i].why);
	}
	for (uint32_t a = 0; a < net->n_addresses; a++) {
		for (uint32_t port = 0; port < 65536; port++)
			assert_int_equal(network_find_slice(net, a, (uint16_t)port),
					 stupid_find_slice(net, a, port));
	}
	network_destroy(net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
