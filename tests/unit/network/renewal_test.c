/* Renewal: which addresses must be removed first, and that all others stay. */
#include "network/renewal.h"

#include "spec_bed.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { ADDRESSES = 2 };

struct layout {
	uint32_t size; /* of slices, */
	enum pool_mapping mapping; /* of the pool */
	const char *addresses[ADDRESSES];
	uint64_t slices[ADDRESSES];
};

#define SHARED MAPPING_ADDRESS_AND_PORT_DEPENDENT
#define OWN MAPPING_ENDPOINT_INDEPENDENT
#define A "203.0.113.1"
#define B "203.0.113.2"

static const struct layout before = {2048, SHARED, {A, B}, {6, 2}};

static const struct {
	struct layout after;
	unsigned left; /* addresses of the intermediate network; ADDRESSES: none is needed */
	const char *why;
} rows[] = {
	{{2048, SHARED, {A, B}, {6, 2}}, 2, "the same"},
	{{2048, SHARED, {B, A}, {2, 6}}, 2, "another order"},
	{{2048, SHARED, {A, B}, {8, 6}}, 2, "other slices"},
	{{2048, OWN, {A, B}, {8, 2}}, 1, "another mapping, but none of the first one's slices"},
	{{2048, OWN, {A, B}, {6, 2}}, 0, "another mapping"},
	{{4096, SHARED, {A, B}, {2, 2}}, 0, "another size"},
	{{4096, SHARED, {A, "203.0.113.9"}, {2, 2}}, 1, "the second one is new"},
};

static struct network *make(const struct layout *l, struct spec_pool *pool,
			    struct spec_address *addresses, struct network_spec *spec)
{
	struct network *net;

	for (unsigned i = 0; i < ADDRESSES; i++) {
		addresses[i] =
			(struct spec_address){.addr = addr6_from_ipv4(bed_ip(l->addresses[i]))};
		addresses[i].slices[0] = l->slices[i];
	}
	*pool = (struct spec_pool){.slice_size = l->size,
				   .mapping = l->mapping,
				   .addresses = addresses,
				   .n_addresses = ADDRESSES};
	*spec = (struct network_spec){.pools = pool, .n_pools = 1};
	net = network_create(spec, NULL);
	assert_non_null(net);
	return net;
}

static void test_rows(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct spec_address addresses[2][ADDRESSES];
		struct network_spec specs[2];
		struct spec_pool pools[2];
		struct network *a = make(&before, &pools[0], addresses[0], &specs[0]);
		struct network *b = make(&rows[i].after, &pools[1], addresses[1], &specs[1]);
		struct renewal r;

		if (renewal_is_needed(a, &specs[1]) != (rows[i].left < ADDRESSES))
			fail_msg("row %zu: %s", i, rows[i].why);
		assert_int_equal(renewal_create(&r, a, &specs[1]), 0);
		if (r.spec.pools[0].n_addresses != rows[i].left)
			fail_msg("row %zu: %s: %zu are left", i, rows[i].why,
				 r.spec.pools[0].n_addresses);
		renewal_destroy(&r);
		network_destroy(a);
		network_destroy(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
