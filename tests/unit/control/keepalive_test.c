/*
 * A keepalive of ours, byte by byte: outer to the far end, inner back to us and empty. How it lives is in
 * tests/e2e/test_keepalive.py.
 */
#include "control/keepalive.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define L "\xc0\x00\x02\x01" /* 192.0.2.1 */
#define R "\xc0\x00\x02\x0a" /* 192.0.2.10 */
#define L6 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
#define R6 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x0a"
#define BYTES(text) text, sizeof(text) - 1

/* clang-format off */
static const struct {
	const char *why;
	bool six, has_key;
	const char *bytes;
	size_t len;
} rows[] = {
	{"IPv4", false, false, BYTES(
		"\x45\0\0\x30\0\0\x00\0\xff\x2f\x37\x93" L R "\0\0\x08\0"
		"\x45\0\0\x18\0\0\x00\0\xff\x2f\x37\xab" R L "\0\0\0\0")},
	{"with a key", false, true, BYTES(
		"\x45\0\0\x38\0\0\x00\0\xff\x2f\x37\x8b" L R "\x20\0\x08\0\0\0\0\x07"
		"\x45\0\0\x1c\0\0\x00\0\xff\x2f\x37\xa7" R L "\x20\0\0\0\0\0\0\x07")},
	{"IPv6", true, false, BYTES(
		"\x60\0\0\0\0\x30\x2f\xff" L6 R6 "\0\0\x86\xdd"
		"\x60\0\0\0\0\x04\x2f\xff" R6 L6 "\0\0\0\0")},
};
/* clang-format on */

static void every_row(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct spec_tunnel tunnel = {.mtu = 1400, .has_key = rows[i].has_key, .key = 7};
		struct spec_site site = {.tunnels = &tunnel, .n_tunnels = 1};
		const struct network_spec spec = {.sites = &site, .n_sites = 1};
		uint8_t out[KEEPALIVE_SIZE];
		struct network *net;

		if (rows[i].six) {
			memcpy(&tunnel.local6, L6, 16);
			memcpy(&tunnel.remote6, R6, 16);
		} else {
			memcpy(&tunnel.local, L, 4);
			memcpy(&tunnel.remote, R, 4);
		}
		net = network_create(&spec, NULL);
		assert_non_null(net);
		assert_int_equal(keepalive_make(net, 1, out), rows[i].len);
		for (size_t k = 0; k < rows[i].len; k++)
			if (out[k] != (uint8_t)rows[i].bytes[k])
				fail_msg("%s: byte %zu is %02x", rows[i].why, k, out[k]);
		network_destroy(net);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_row)};

	return cmocka_run_group_tests_name("keepalive", tests, NULL, NULL);
}
