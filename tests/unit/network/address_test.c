/* Which IPv4 addresses are ours, and for what they are used. */
#include "spec_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* clang-format off */
static const struct {
	const char *addr;
	int address;
	bool local_end;
	const char *why;
} address_rows[] = {
	{ "203.0.113.1",   0,  false, "first of the first pool" },
	{ "203.0.113.2",   1,  false, "second" },
	{ "203.0.113.3",   2,  false, "of the second pool" },
	{ "203.0.113.4",   -1, false, "nobody's" },
	{ "198.51.100.1",  -1, true,  "a local end" },
	{ "198.51.100.2",  -1, true,  "the other one" },
	{ "198.51.100.10", -1, false, "a remote end" },
	{ "10.255.0.1",    -1, false, "an inner address" },
	{ "0.0.0.0",       -1, false, "no address" },
};
/* clang-format on */

static void test_addresses(void **state)
{
	struct network *net = network_create(&bed_spec, NULL);

	for (size_t i = 0; i < ARRAY_SIZE(address_rows); i++) {
		be32_t addr = bed_ip(address_rows[i].addr);
		struct addr6 mapped = addr6_from_ipv4(addr);

		if (network_find_address(net, addr) != address_rows[i].address ||
		    network_is_local_end(net, addr) != address_rows[i].local_end ||
		    network_find_egress(net, &mapped) != address_rows[i].address ||
		    network_is_end(net, &mapped) != address_rows[i].local_end)
			fail_msg("row %zu, %s: %s", i, address_rows[i].addr, address_rows[i].why);
	}
	network_destroy(net);
}

/*
 * An address in several pools: one pool with endpoint-independent filtering is enough, in any
 * order.
 */
static void test_lets_in(void **state)
{
	static struct spec_address shut[2] = {
		{.addr = MAPPED(ADDR(203, 0, 113, 1)), .slices = {1}},
		{.addr = MAPPED(ADDR(203, 0, 113, 2)), .slices = {1}}};
	static struct spec_address open[2] = {
		{.addr = MAPPED(ADDR(203, 0, 113, 3)), .slices = {1}},
		{.addr = MAPPED(ADDR(203, 0, 113, 1)), .slices = {2}}};
	static struct spec_address late[1] = {
		{.addr = MAPPED(ADDR(203, 0, 113, 3)), .slices = {4}}};
	static struct spec_pool several[3] = {
		{.addresses = shut, .n_addresses = 2, .slice_size = 2048},
		{.addresses = open,
		 .n_addresses = 2,
		 .slice_size = 2048,
		 .mapping = MAPPING_ENDPOINT_INDEPENDENT,
		 .filtering = FILTERING_ENDPOINT_INDEPENDENT},
		{.addresses = late, .n_addresses = 1, .slice_size = 2048},
	};
	struct network *net =
		network_create(&(struct network_spec){.pools = several, .n_pools = 3}, NULL);

	assert_non_null(net);
	assert_true(network_address_lets_in(net, ADDR(203, 0, 113, 1)));
	assert_false(network_address_lets_in(net, ADDR(203, 0, 113, 2)));
	assert_true(network_address_lets_in(net, ADDR(203, 0, 113, 3)));
	assert_false(network_address_lets_in(net, ADDR(203, 0, 113, 4)));
	network_destroy(net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_lets_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
