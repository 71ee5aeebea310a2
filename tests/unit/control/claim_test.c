/* Frames that claim an address: ours byte by byte, and which frames of others are accepted. */
#include "control/claim.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t ours[6] = {2, 0, 0, 0, 0, 0x11};

static struct addr6 addr(const char *text)
{
	struct addr6 six;
	be32_t four;

	if (inet_pton(AF_INET, text, &four) == 1)
		return addr6_from_ipv4(four);
	assert_int_equal(inet_pton(AF_INET6, text, &six), 1);
	return six;
}

static size_t read_hex(const char *hex, uint8_t *out)
{
	size_t n = 0;

	for (; *hex != '\0'; hex += hex[0] == ' ' ? 1 : 2) {
		const char pair[] = {hex[0], hex[1], '\0'};

		if (hex[0] != ' ')
			out[n++] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return n;
}

/* clang-format off */
/* The checksums were made by another program (scapy). */
static const struct {
	const char *why;
	size_t (*make)(const struct addr6 *addr, const uint8_t *mac, uint8_t *out);
	const char *addr, *frame;
} made[] = {
	{"an ARP announcement", claim_announce, "192.0.2.100",
	 "ffffffffffff 020000000011 0806 0001 0800 06 04 0001 020000000011 c0000264 000000000000 c0000264"},
	{"an ARP probe", claim_probe, "192.0.2.100",
	 "ffffffffffff 020000000011 0806 0001 0800 06 04 0001 020000000011 00000000 000000000000 c0000264"},
	{"an unsolicited advertisement", claim_announce, "2001:db8:1::100",
	 "333300000001 020000000011 86dd 60000000 0020 3a ff 20010db8000100000000000000000100"
	 "ff020000000000000000000000000001 88 00 f71a 20000000 20010db8000100000000000000000100"
	 "02 01 020000000011"},
	{"duplicate address detection", claim_probe, "2001:db8:1::100",
	 "3333ff000100 020000000011 86dd 60000000 0018 3a ff 00000000000000000000000000000000"
	 "ff0200000000000000000001ff000100 87 00 4aee 00000000 20010db8000100000000000000000100"},
};
/* clang-format on */

static void test_made(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
		uint8_t frame[CLAIM_FRAME_MAX], expected[CLAIM_FRAME_MAX];
		struct addr6 one = addr(made[i].addr);
		size_t len = made[i].make(&one, ours, frame);

		assert_int_equal(len, read_hex(made[i].frame, expected));
		if (memcmp(frame, expected, len) != 0)
			fail_msg("%s", made[i].why);
	}
}

/* Our announcements are parsed as claims; a probe is no claim. */
static void test_read_back(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
		struct addr6 one = addr(made[i].addr), said;
		uint8_t frame[CLAIM_FRAME_MAX], mac[6];
		size_t len = made[i].make(&one, ours, frame);
		bool claims = claim_read(frame, len, &said, mac);

		assert_int_equal(claims, made[i].make == claim_announce);
		if (claims) {
			assert_true(addr6_equal(&said, &one));
			assert_memory_equal(mac, ours, sizeof(mac));
		}
	}
}

/* clang-format off */
static const struct {
	const char *why;
	size_t row; /* of made[] */
	struct { uint8_t at, to; } poke; /* at 0: none */
	size_t len; /* 0: all of it */
	bool claims;
} others[] = {
	{"an ARP reply",                  0, {21, 2},    0, true},
	{"padded",                        0, {0, 0},     60, true},
	{"an ARP operation of its own",   0, {21, 3},    0, false},
	{"not Ethernet",                  0, {15, 6},    0, false},
	{"not IPv4",                      0, {17, 1},    0, false},
	{"addresses of another length",   0, {19, 16},   0, false},
	{"ARP that is cut short",         0, {0, 0},     41, false},
	{"nothing but Ethernet",          0, {0, 0},     14, false},
	{"less than Ethernet",            0, {0, 0},     13, false},
	{"another protocol",              0, {13, 1},    0, false},
	{"an advertisement over a router", 2, {21, 254}, 0, false},
	{"with code 1",                   2, {55, 1},    0, false},
	{"with a wrong checksum",         2, {57, 0},    0, false},
	{"a solicitation",                2, {54, 135},  0, false},
	{"longer than the frame",         2, {19, 33},   0, false},
	{"shorter than its target",       2, {19, 23},   0, false},
	{"cut before its option",         2, {0, 0},     78, false},
	{"cut in its target",             2, {0, 0},     77, false},
	{"IPv4 by its version",           2, {14, 0x45}, 0, false},
	{"not ICMPv6",                    2, {20, 17},   0, false},
};
/* clang-format on */

/* Copies it to memory of exactly its size, so that AddressSanitizer finds any read beyond it. */
static void test_others(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		struct addr6 one = addr(made[others[i].row].addr), said;
		uint8_t frame[CLAIM_FRAME_MAX] = {0}, mac[6], *exact;
		size_t len = made[others[i].row].make(&one, ours, frame);
		bool claims;

		len = others[i].len != 0 ? others[i].len : len;
		if (others[i].poke.at != 0)
			frame[others[i].poke.at] = others[i].poke.to;
		exact = malloc(len);
		memcpy(exact, frame, len);
		claims = claim_read(exact, len, &said, mac);
		free(exact);
		if (claims != others[i].claims)
			fail_msg("%s", others[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_made),
		cmocka_unit_test(test_read_back),
		cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
