/* TUN devices and their addresses: with the real kernel, in a namespace of our own. */
#include "control/bgp/device.h"

#include "control/kernel/netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>
#include <linux/if_tun.h>
#include <net/if.h>

enum { MANY = 2048, MTU = 1400 };
#define NAME "hw-test"

static struct device_link link4(uint32_t n)
{
	return (struct device_link){addr6_from_ipv4(htonl(0xa9fef000 + 2 * n)),
				    addr6_from_ipv4(htonl(0xa9fef001 + 2 * n))};
}

struct present {
	struct netlink_address at[MANY + 16];
	size_t n;
};

static void on_address(const struct netlink_address *address, void *arg)
{
	struct present *p = arg;

	if (!addr6_is_link_local(&address->ours))
		p->at[p->n++] = *address;
}

static struct present *present(const struct device *d)
{
	static struct present p;
	struct mnl_socket *nl = netlink_open(0);

	p.n = 0;
	assert_int_equal(netlink_dump_addresses(nl, d->ifindex, on_address, &p), 0);
	mnl_socket_close(nl);
	return &p;
}

/* Exactly these links, in any order. */
static void assert_links(const struct device *d, const struct device_link *links, size_t n)
{
	const struct present *p = present(d);

	assert_int_equal(p->n, n);
	for (size_t i = 0; i < n; i++) {
		bool found = false;

		for (size_t k = 0; k < p->n && !found; k++)
			found = addr6_equal(&p->at[k].ours, &links[i].ours) &&
				addr6_equal(&p->at[k].peer, &links[i].peer) && p->at[k].len == 128;
		assert_true(found);
	}
}

static struct device open_device(bool stays)
{
	struct device d;

	assert_int_equal(device_open(&d, NAME, stays, MTU), 0);
	return d;
}

static int run(const char *command)
{
	return system(command);
}

/* One that stays is the same after the process has closed it; the other one is gone. */
static void test_life(void **state)
{
	struct device d = open_device(false), second;
	int before;

	assert_true(device_holds(&d, NAME));
	assert_int_equal(device_open(&second, NAME, false, MTU), -EBUSY);
	assert_int_equal(second.fd, -1);
	device_close(&d);
	assert_int_equal(d.fd, -1);
	device_close(&d);
	assert_int_equal(if_nametoindex(NAME), 0);

	d = open_device(true);
	before = d.ifindex;
	device_close(&d);
	assert_int_equal(if_nametoindex(NAME), before);
	d = open_device(true);
	assert_int_equal(d.ifindex, before);
	assert_int_equal(ioctl(d.fd, TUNSETPERSIST, 0UL), 0);
	device_close(&d);
}

/* Set down, deleted, or made again by somebody else: it does not hold. */
static void test_holds(void **state)
{
	struct device d = open_device(false);

	assert_int_equal(run("ip link set " NAME " down"), 0);
	assert_false(device_holds(&d, NAME));
	assert_int_equal(run("ip link set " NAME " up"), 0);
	assert_true(device_holds(&d, NAME));
	assert_int_equal(run("ip link del " NAME), 0);
	assert_false(device_holds(&d, NAME));
	assert_int_equal(run("ip tuntap add " NAME " mode tun && ip link set " NAME " up"), 0);
	assert_false(device_holds(&d, NAME));
	assert_int_equal(run("ip link del " NAME), 0);
	device_close(&d);
}

static void test_mtu(void **state)
{
	struct device d = open_device(false);

	assert_int_equal(run("ip link show " NAME " | grep -q 'mtu 1400 '"), 0);
	assert_int_equal(device_set_mtu(NAME, 1300), 0);
	assert_int_equal(run("ip link show " NAME " | grep -q 'mtu 1300 '"), 0);
	assert_int_equal(device_set_mtu("nothing", 1300), -ENODEV);
	device_close(&d);
}

static void test_links(void **state)
{
	struct device d = open_device(false);
	struct device_link links[3] = {link4(1), link4(2), {{{0xfd, 2}}, {{0xfd, 3}}}};

	assert_int_equal(device_set_links(&d, links, 3), 0);
	assert_links(&d, links, 3);
	assert_int_equal(device_set_links(&d, links, 3), 0); /* the same */
	links[0] = link4(7);
	assert_int_equal(device_set_links(&d, links, 2), 0); /* one changes, one goes */
	assert_links(&d, links, 2);
	assert_int_equal(device_set_links(&d, links, 0), 0);
	assert_links(&d, links, 0);
	device_close(&d);
}

/* What somebody else has added goes with the length that it has. */
static void test_strange(void **state)
{
	struct device d = open_device(false);
	const struct device_link link = link4(1);

	assert_int_equal(device_set_links(&d, &link, 1), 0);
	assert_int_equal(run("ip addr add 10.77.0.1/24 dev " NAME), 0);
	assert_int_equal(run("ip addr add 10.78.0.1 peer 10.78.0.2/30 dev " NAME), 0);
	assert_int_equal(run("ip -6 addr add fd00:77::1/64 nodad dev " NAME), 0);
	assert_int_equal(present(&d)->n, 4);
	assert_int_equal(device_set_links(&d, &link, 1), 0);
	assert_links(&d, &link, 1);

	/* ours, with another length */
	assert_int_equal(run("ip addr flush dev " NAME), 0);
	assert_int_equal(run("ip addr add 169.254.240.2 peer 169.254.240.3/31 dev " NAME), 0);
	assert_int_equal(device_set_links(&d, &link, 1), 0);
	assert_links(&d, &link, 1);
	device_close(&d);
}

/* All that the documented /20 has room for; those that are refused do not hold up the others. */
static void test_many(void **state)
{
	static struct device_link links[MANY];
	struct device d = open_device(false);

	for (uint32_t i = 0; i < MANY; i++)
		links[i] = link4(i);
	assert_int_equal(device_set_links(&d, links, MANY), 0);
	assert_int_equal(present(&d)->n, MANY);
	links[3] = (struct device_link){{{0xff, 2}}, {{0xff, 3}}}; /* multicast */
	assert_int_not_equal(device_set_links(&d, links, MANY), 0);
	assert_int_equal(present(&d)->n, MANY - 1);
	device_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life), cmocka_unit_test(test_holds),
		cmocka_unit_test(test_mtu),  cmocka_unit_test(test_links),
		cmocka_unit_test(test_many), cmocka_unit_test(test_strange),
	};

	if (unshare(CLONE_NEWNET) != 0 || access("/dev/net/tun", R_OK | W_OK) != 0) {
		printf("skipped: no network namespace, or no TUN device\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
