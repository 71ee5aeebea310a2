/* The memory of mappings: none without a pool that needs it, and each worker's part of the ports. */
#include "setup/mapping_internal.h"

#include "base/wire.h"
#include "path/share.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { SIZE = 64, CAPACITY = 100, WORKERS = 3, EGRESS = 0x010071cb };

static struct network *make_net(enum pool_mapping mapping)
{
	static struct spec_address address;
	static struct spec_pool pool = {
		.slice_size = SIZE, .addresses = &address, .n_addresses = 1};
	struct network *net;

	pool.mapping = mapping;
	address.addr = addr6_from_ipv4(EGRESS);
	address.slices[0] = UINT64_C(3) << 20; /* two slices */
	net = network_create(&(struct network_spec){.pools = &pool, .n_pools = 1}, NULL);
	assert_non_null(net);
	return net;
}

static void test_nothing_for_pools_that_share_ports(void **state)
{
	struct network *net = make_net(MAPPING_ADDRESS_AND_PORT_DEPENDENT);
	struct mappings *m = mappings_create(net, CAPACITY, 0, 1);

	assert_non_null(m);
	assert_null(m->entries);
	assert_null(m->slices);
	mappings_destroy(m);
	network_destroy(net);
}

/* The parts of all workers are the whole slice. */
static void test_parts(void **state)
{
	struct network *net = make_net(MAPPING_ENDPOINT_INDEPENDENT);
	uint32_t at = 0;

	for (uint16_t i = 0; i < WORKERS; i++) {
		struct mappings *m = mappings_create(net, CAPACITY, i, WORKERS);

		assert_int_equal(m->capacity, CAPACITY);
		assert_int_equal(m->mask + 1, mappings_heads(CAPACITY));
		assert_int_equal(m->n_slices, 2);
		assert_int_equal(m->slices[0].first, at);
		at = m->slices[0].end;
		assert_int_equal(m->slices[1].end, at);
		mappings_destroy(m);
	}
	assert_int_equal(at, SIZE);
	network_destroy(net);
}

/* What will be taken over is not made a second time. */
static void test_next(void **state)
{
	static const uint32_t from[] = {1, 0, 0};
	struct network *net = make_net(MAPPING_ENDPOINT_INDEPENDENT);
	struct mappings *m = mappings_create(net, CAPACITY, 0, 1);
	struct mappings *next = mappings_create_next(m, net, from, CAPACITY, 0, 1);

	assert_null(next->entries);
	assert_null(next->slices[0].taken);
	assert_non_null(next->slices[1].taken);
	mappings_destroy(next);
	mappings_destroy(m);
	network_destroy(net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_for_pools_that_share_ports),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
