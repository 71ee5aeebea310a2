/* Requests for a peer, byte by byte. */
#include "control/interconnect/frame.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t ours[6] = {2, 0, 0, 0, 0, 1}, peers[6] = {2, 0, 0, 0, 0, 2};

static const uint8_t arp[] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,	 0, 0, 0, 0, 1, 0x08, 0x06, /* to all */
	0,    1,    8,	  0,	6,    4,    0,	 1, 2, 0, 0, 0, 0,    1,
	192,  0,    2,	  0, /* from us */
	0,    0,    0,	  0,	0,    0,    192, 0, 2, 1, /* who has it? */
};

static const uint8_t solicitation[] = {
	0x33, 0x33, 0xff, 0,	0, 1,  2,  0,	0, 0, 0, 1, 0x86, 0xdd, /* to its group */
	0x60, 0,    0,	  0,	0, 32, 58, 255, /* IPv6 */
	0x20, 1,    0x0d, 0xb8, 0, 9,  0,  0,	0, 0, 0, 0, 0,	  0,	0, 0, /* from us */
	0xff, 2,    0,	  0,	0, 0,  0,  0,	0, 0, 0, 1, 0xff, 0,	0, 1, /* to its group */
	135,  0,    0x1c, 0x18, 0, 0,  0,  0, /* checksum: worked out apart from the code */
	0x20, 1,    0x0d, 0xb8, 0, 9,  0,  0,	0, 0, 0, 0, 0,	  0,	0, 1, /* who has it? */
	1,    1,    2,	  0,	0, 0,  0,  1, /* our Ethernet address */
};

static struct frame_request four(void)
{
	struct frame_request r = {.address = addr6_from_ipv4(htonl(0xc0000200)),
				  .peer = addr6_from_ipv4(htonl(0xc0000201))};

	memcpy(r.mac, ours, sizeof(ours));
	return r;
}

static struct frame_request six(void)
{
	struct frame_request r = {.vlan = 0};

	inet_pton(AF_INET6, "2001:db8:9::", &r.address);
	inet_pton(AF_INET6, "2001:db8:9::1", &r.peer);
	memcpy(r.mac, ours, sizeof(ours));
	return r;
}

static void test_arp(void **state)
{
	struct frame_request r = four();
	uint8_t out[FRAME_MAX];

	assert_int_equal(frame_make_request(&r, out), sizeof(arp));
	assert_memory_equal(out, arp, sizeof(arp));
	r.to = peers;
	assert_int_equal(frame_make_request(&r, out), sizeof(arp));
	assert_memory_equal(out, peers, 6);
	assert_memory_equal(out + 6, arp + 6, sizeof(arp) - 6);
}

static void test_solicitation(void **state)
{
	struct frame_request r = six();
	uint8_t out[FRAME_MAX];

	assert_int_equal(frame_make_request(&r, out), sizeof(solicitation));
	assert_memory_equal(out, solicitation, sizeof(solicitation));
	r.to = peers;
	assert_int_equal(frame_make_request(&r, out), sizeof(solicitation));
	assert_memory_equal(out, peers, 6);
	assert_memory_equal(out + 38, &r.peer, 16); /* to itself */
}

static void test_tagged(void **state)
{
	struct frame_request all[] = {four(), six()};
	const uint8_t *plain[] = {arp, solicitation};
	const size_t lens[] = {sizeof(arp), sizeof(solicitation)};

	for (int i = 0; i < 2; i++) {
		uint8_t out[FRAME_MAX];

		all[i].vlan = 0x123;
		assert_int_equal(frame_make_request(&all[i], out), lens[i] + 4);
		assert_memory_equal(out, plain[i], 12);
		assert_memory_equal(out + 12, "\x81\x00\x01\x23", 4);
		assert_memory_equal(out + 16, plain[i] + 12, lens[i] - 12);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arp),
		cmocka_unit_test(test_solicitation),
		cmocka_unit_test(test_tagged),
	};

	return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
