/* What is offered stands in a table of the real kernel, in a namespace of our own. */
#include "control/bgp/offer.h"

#include "base/types.h"
#include "control/bgp/device.h"
#include "control/kernel/netlink.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>

enum { TABLE = 1900, OTHER = 1901, MANY = 64, ALL = 7 };

#define FOUR(a) addr6_from_ipv4(htonl(a))

static struct egress_address addresses[] = {
	{.addr = 0}, /* 203.0.113.10: see make_network() */
	{.addr6 = {{0x0120, 1}}},
	{.addr = 0}, /* the first one again, of another pool */
};
static struct prefix6 untranslated[1]; /* 10.0.1.0/24: see make_network() */
static struct global_prefix globals[] = {{{{{0x0220, 0}}, 48}, 1}};
static struct spec_alias aliases[2];
static struct spec_site site = {.name = "berlin", .aliases = aliases, .n_aliases = 2};

static struct network make_network(void)
{
	addresses[0].addr = addresses[2].addr = htonl(0xcb00710a);
	aliases[0].alias = (struct prefix6){FOUR(0x64401100), 96 + 24};
	aliases[1].alias = (struct prefix6){{{0xfd, 0}}, 64};
	untranslated[0] = (struct prefix6){FOUR(0x0a000100), 96 + 24};
	return (struct network){
		.addresses = addresses,
		.n_addresses = ARRAY_SIZE(addresses),
		.globals = globals,
		.n_globals = ARRAY_SIZE(globals),
		.untranslated = untranslated,
		.n_untranslated = 1,
		.spec = {.sites = &site, .n_sites = 1},
	};
}

static struct kernel_route *seen; /* [MANY] */
static size_t n_seen;

static void on_route(const struct kernel_route *route, void *arg)
{
	assert_true(n_seen < MANY);
	seen[n_seen++] = *route;
}

static size_t read_table(uint32_t table)
{
	struct mnl_socket *nl = netlink_open(0);
	static const uint8_t families[] = {AF_INET, AF_INET6};

	n_seen = 0;
	for (size_t i = 0; i < 2; i++) {
		int ret = netlink_ask_table(nl, table, families[i]);

		assert_int_equal(ret, 0);
		do
			ret = netlink_read_table(nl, on_route, NULL);
		while (ret > 0);
		assert_int_equal(ret, 0);
	}
	mnl_socket_close(nl);
	return n_seen;
}

static bool is_offered(const struct device *d, struct addr6 addr, uint8_t len, uint32_t metric)
{
	for (size_t i = 0; i < n_seen; i++)
		if (addr6_equal(&seen[i].prefix.addr, &addr) && seen[i].prefix.len == len &&
		    seen[i].metric == metric && seen[i].gateways[0].ifindex == d->ifindex)
			return true;
	return false;
}

struct bed {
	struct device device;
	struct offer offer;
};

static struct bed make_bed(void)
{
	struct bed b;

	assert_int_equal(device_open(&b.device, "hw-offer", false, 1280), 0);
	offer_init(&b.offer, b.device.ifindex);
	return b;
}

static void end_bed(struct bed *b)
{
	offer_fini(&b->offer);
	device_close(&b->device);
}

/* Each kind has its metric, and an address of two pools is offered once. */
static void test_all(void **state)
{
	struct network net = make_network();
	struct bed b = make_bed();

	assert_int_equal(offer_set(&b.offer, TABLE, &net), 0);
	assert_int_equal(read_table(TABLE), ALL);
	assert_true(is_offered(&b.device, FOUR(0xcb00710a), 128, OFFER_EGRESS));
	assert_true(is_offered(&b.device, addresses[1].addr6, 128, OFFER_EGRESS));
	assert_true(is_offered(&b.device, globals[0].prefix.addr, 48, OFFER_GLOBAL));
	assert_true(is_offered(&b.device, FOUR(0x64401100), 96 + 24, OFFER_ALIAS));
	assert_true(is_offered(&b.device, aliases[1].alias.addr, 64, OFFER_ALIAS));
	assert_true(is_offered(&b.device, FOUR(0xc0000008), 128, OFFER_READY));
	assert_true(is_offered(&b.device, FOUR(0x0a000100), 96 + 24, OFFER_UNTRANSLATED));
	end_bed(&b);
	assert_int_equal(read_table(TABLE), 0); /* the device is gone, and they with it */
}

/* A change touches only what differs; another table, or none, takes all along. */
static void test_changes(void **state)
{
	struct network net = make_network();
	struct bed b = make_bed();

	assert_int_equal(offer_set(&b.offer, TABLE, &net), 0);
	net.n_addresses = 1;
	site.n_aliases = 1;
	assert_int_equal(offer_set(&b.offer, TABLE, &net), 0);
	assert_int_equal(read_table(TABLE), 5);
	assert_false(is_offered(&b.device, addresses[1].addr6, 128, OFFER_EGRESS));
	site.n_aliases = 2;
	assert_int_equal(offer_set(&b.offer, TABLE, &net), 0);
	assert_int_equal(read_table(TABLE), 6);

	assert_int_equal(offer_set(&b.offer, OTHER, &net), 0);
	assert_int_equal(read_table(TABLE), 0);
	assert_int_equal(read_table(OTHER), 6);
	assert_int_equal(offer_set(&b.offer, 0, &net), 0);
	assert_int_equal(read_table(OTHER), 0);
	end_bed(&b);
}

/* What an administrator has removed does not stand in the way of the rest. */
static void test_removed(void **state)
{
	struct network net = make_network();
	struct bed b = make_bed();

	assert_int_equal(offer_set(&b.offer, TABLE, &net), 0);
	assert_int_equal(system("ip route del 203.0.113.10 table 1900 metric 1"), 0);
	assert_int_equal(offer_set(&b.offer, 0, &net), 0);
	assert_int_equal(read_table(TABLE), 0);
	end_bed(&b);
}

/* The kernel refuses one; the others are offered, and the next call sets the rest. */
static void test_refused(void **state)
{
	struct network net = make_network();
	struct bed b = make_bed();

	aliases[0].alias.addr = FOUR(0x64401101); /* host bits: EINVAL */
	assert_int_equal(offer_set(&b.offer, TABLE, &net), -EINVAL);
	assert_int_equal(read_table(TABLE), ALL - 1);
	aliases[0].alias.addr = FOUR(0x64401100);
	assert_int_equal(offer_set(&b.offer, TABLE, &net), 0);
	assert_int_equal(read_table(TABLE), ALL);
	end_bed(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_removed),
		cmocka_unit_test(test_refused),
	};

	if (unshare(CLONE_NEWNET) != 0 || access("/dev/net/tun", R_OK | W_OK) != 0) {
		printf("skipped: no network namespace, or no TUN device\n");
		return 77;
	}
	seen = calloc(MANY, sizeof(*seen));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
