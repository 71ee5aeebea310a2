/*
 * The index of the kernel's addresses: how a message is parsed, and a search gives the same as a
 * look at all of them.
 */
#include "control/port/addresses.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

enum { MESSAGE = 256, RANDOM_ROUNDS = 200 };

static uint8_t put(struct nlmsghdr *nlh, uint16_t type, const char *text, size_t cut)
{
	uint8_t bytes[16];
	uint8_t family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;

	assert_int_equal(inet_pton(family, text, bytes), 1);
	mnl_attr_put(nlh, type, (family == AF_INET ? 4 : 16) - cut, bytes);
	return family;
}

/* A message of the kernel; @cut bytes are missing from each address. */
static struct nlmsghdr *message(void *buffer, const char *local, const char *address, uint8_t len,
				int ifindex, size_t cut)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));

	nlh->nlmsg_type = RTM_NEWADDR;
	ifa->ifa_prefixlen = len;
	ifa->ifa_index = (unsigned)ifindex;
	if (address != NULL)
		ifa->ifa_family = put(nlh, IFA_ADDRESS, address, cut);
	if (local != NULL)
		ifa->ifa_family = put(nlh, IFA_LOCAL, local, cut);
	return nlh;
}

static struct addr6 addr(const char *text)
{
	struct addr6 six;
	be32_t four;

	if (inet_pton(AF_INET, text, &four) == 1)
		return addr6_from_ipv4(four);
	assert_int_equal(inet_pton(AF_INET6, text, &six), 1);
	return six;
}

/* clang-format off */
static const struct {
	const char *why, *local, *address;
	uint8_t len;
	size_t cut;
	const char *own, *on_link, *off_link; /* own NULL: the message is skipped */
} rows[] = {
	{"IPv4", "192.0.2.1", "192.0.2.1", 24, 0, "192.0.2.1", "192.0.2.255", "192.0.3.0"},
	{"IPv4 without a network", "192.0.2.1", "192.0.2.1", 32, 0, "192.0.2.1", "192.0.2.1", "192.0.2.2"},
	{"a peer: the network is his", "192.0.2.1", "198.51.100.2", 31, 0, "192.0.2.1", "198.51.100.3", "192.0.2.0"},
	{"IPv6", NULL, "2001:db8::1", 64, 0, "2001:db8::1", "2001:db8::ffff", "2001:db8:0:1::"},
	{"IPv6 with a peer", "2001:db8::1", "2001:db8:5::1", 127, 0, "2001:db8::1", "2001:db8:5::", "2001:db8::"},
	{"a network longer than an address", "192.0.2.1", "192.0.2.1", 33, 0, NULL, NULL, "192.0.2.1"},
	{"a short address", "192.0.2.1", "192.0.2.1", 24, 1, NULL, NULL, "192.0.2.1"},
	{"no address", NULL, NULL, 24, 0, NULL, NULL, "192.0.2.1"},
};
/* clang-format on */

static void test_messages(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_Alignas(struct nlmsghdr) char buffer[MESSAGE];
		struct addresses a = {.n = 0};
		struct addr6 off = addr(rows[i].off_link);

		assert_int_equal(addresses_add(&a, message(buffer, rows[i].local, rows[i].address,
							   rows[i].len, 7, rows[i].cut)),
				 0);
		assert_int_equal(addresses_index(&a), 0);
		if (a.n != (rows[i].own != NULL))
			fail_msg("%s: %zu addresses", rows[i].why, a.n);
		if (rows[i].own != NULL) {
			struct addr6 own = addr(rows[i].own), on = addr(rows[i].on_link);

			assert_true(addresses_have(&a, &own));
			if (!addresses_on_link(&a, 7, &on))
				fail_msg("%s: %s is not on link", rows[i].why, rows[i].on_link);
			assert_false(addresses_on_link(&a, 6, &on));
			assert_false(addresses_on_link(&a, 8, &on));
		}
		if (addresses_on_link(&a, 7, &off))
			fail_msg("%s: %s is on link", rows[i].why, rows[i].off_link);
		addresses_fini(&a);
	}
}

/* A truncated message is skipped, and not read beyond its end. */
static void test_short_messages(void **state)
{
	_Alignas(struct nlmsghdr) char buffer[MESSAGE];
	struct nlmsghdr *nlh = message(buffer, "192.0.2.1", "192.0.2.1", 24, 7, 0);

	for (uint32_t len = MNL_NLMSG_HDRLEN; len < MNL_NLMSG_HDRLEN + sizeof(struct ifaddrmsg);
	     len++) {
		struct nlmsghdr *copy = malloc(len);
		struct addresses a = {.n = 0};

		memcpy(copy, nlh, len);
		copy->nlmsg_len = len;
		assert_int_equal(addresses_add(&a, copy), 0);
		assert_int_equal(a.n, 0);
		addresses_fini(&a);
		free(copy);
	}
}

/* Of few addresses, so that many searches find something. */
static struct addr6 random_addr(void)
{
	return rand() % 2 ? addr6_from_ipv4(htonl(0xc0000200u | (unsigned)rand() % 64))
			  : (struct addr6){{htobe64(UINT64_C(0x20010db800000000)),
					    htobe64((unsigned)rand() % 64)}};
}

static void add_random(struct addresses *a)
{
	_Alignas(struct nlmsghdr) char buffer[MESSAGE];
	char text[INET6_ADDRSTRLEN];
	struct addr6 one = random_addr();
	bool six = !addr6_is_mapped(&one);

	addresses_print(&one, text);
	addresses_add(a, message(buffer, six ? NULL : text, text,
				 (uint8_t)((six ? 128 : 32) - rand() % 7), 1 + rand() % 3, 0));
}

static void check_random(const struct addresses *a)
{
	struct addr6 addr = random_addr();
	const struct prefix6 prefix = {addr6_masked(&addr, 125), 125};
	int ifindex = 1 + rand() % 3;
	bool on_link = false, within = false;

	for (size_t i = 0; i < a->n; i++) {
		on_link |= a->list[i].ifindex == ifindex &&
			   prefix6_contains(&a->list[i].network, &addr);
		within |= prefix6_contains(&prefix, &a->list[i].addr);
	}
	assert_int_equal(addresses_on_link(a, ifindex, &addr), on_link);
	assert_int_equal(addresses_in(a, &prefix) != NULL, within);
}

static void test_search_is_walk(void **state)
{
	srand(4711);
	for (int round = 0; round < RANDOM_ROUNDS; round++) {
		struct addresses a = {.n = 0};

		for (int n = rand() % 40; n > 0; n--)
			add_random(&a);
		assert_int_equal(addresses_index(&a), 0);
		for (int i = 0; i < RANDOM_ROUNDS; i++)
			check_random(&a);
		addresses_fini(&a);
	}
}

/* In any order of the kernel's messages. */
static void test_equal(void **state)
{
	static const char *const texts[] = {"192.0.2.1", "192.0.2.2", "198.51.100.7"};
	_Alignas(struct nlmsghdr) char buffer[MESSAGE];
	struct addresses a = {.n = 0}, b = {.n = 0}, c = {.n = 0};

	for (size_t i = 0; i < 3; i++) {
		addresses_add(&a, message(buffer, texts[i], texts[i], 24, 1, 0));
		addresses_add(&b, message(buffer, texts[2 - i], texts[2 - i], 24, 1, 0));
		addresses_add(&c, message(buffer, texts[i], texts[i], 24, i == 2 ? 2 : 1, 0));
	}
	addresses_index(&a);
	addresses_index(&b);
	addresses_index(&c);
	assert_true(addresses_equal(&a, &b));
	assert_false(addresses_equal(&a, &c)); /* one is on another interface */
	a.n--;
	assert_false(addresses_equal(&a, &b));
	addresses_fini(&a);
	addresses_fini(&b);
	addresses_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_short_messages),
		cmocka_unit_test(test_search_is_walk),
		cmocka_unit_test(test_equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
