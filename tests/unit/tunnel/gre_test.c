/*
 * GRE headers: every value of the first 16 bits, every truncation, and the headers that we make.
 *
 * Headers are built here from RFC 2784 and 2890 by hand, the checksum too.
 */
#include "tunnel/gre.h"

#include "dice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { C = 0x8000, K = 0x2000, S = 0x1000, VERSION = 7, KEY = 0x01020304, PAYLOAD = 21 };

static const uint16_t kinds[8] = {0, C, K, S, C | K, C | S, K | S, C | K | S};

static uint16_t ones_sum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static size_t header_len(uint16_t flags)
{
	return 4u + (flags & C ? 4 : 0) + (flags & K ? 4 : 0) + (flags & S ? 4 : 0);
}

/* Writes a header and an odd number of payload bytes; returns the length of both. */
static size_t build(uint8_t *out, uint16_t flags, uint16_t protocol)
{
	size_t len = header_len(flags) + PAYLOAD, at = 4;

	memset(out, 0x3c, len);
	out[0] = (uint8_t)(flags >> 8);
	out[1] = (uint8_t)flags;
	out[2] = (uint8_t)(protocol >> 8);
	out[3] = (uint8_t)protocol;
	if (flags & C) {
		memset(out + 4, 0, 4);
		at += 4;
	}
	if (flags & K)
		memcpy(out + at, "\1\2\3\4", 4);
	if (flags & C) {
		uint16_t checksum = (uint16_t)~ones_sum(out, len);

		out[4] = (uint8_t)(checksum >> 8);
		out[5] = (uint8_t)checksum;
	}
	return len;
}

/* Memory of exactly @len bytes, so that AddressSanitizer finds a read beyond it. */
static enum drop parse_exactly(const uint8_t *bytes, size_t len, struct tunnel_opened *gre)
{
	uint8_t *copy = malloc(len == 0 ? 1 : len);
	enum drop drop;

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	drop = gre_open(copy, len, gre);
	free(copy);
	return drop;
}

/*
 * RFC 2784 section 2.1: reserved bits 1, 4 and 5 (without those that RFC 2890 uses), and the
 * version.
 */
static void test_every_flag_word(void **state)
{
	for (uint32_t flags = 0; flags < 65536; flags++) {
		uint8_t bytes[64];
		size_t len = build(bytes, (uint16_t)flags, 0x0800);
		bool refused = (flags & 0x4c00) != 0 || (flags & VERSION) != 0;
		struct tunnel_opened gre = {.key = 99};
		enum drop drop = gre_open(bytes, len, &gre);

		if (drop != (refused ? DROP_GRE_MALFORMED : DROP_NONE))
			fail_msg("flags %04x: %s", flags, drop_infos[drop].name);
		if (refused)
			continue;
		assert_int_equal(gre.len, header_len((uint16_t)flags));
		assert_int_equal(gre.has_key, (flags & K) != 0);
		assert_int_equal(gre.key, flags & K ? KEY : 0);
	}
}

static void test_every_truncation(void **state)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		uint8_t bytes[64];
		size_t all = build(bytes, kinds[i], 0x0800), header = header_len(kinds[i]);

		for (size_t len = 0; len <= all; len++) {
			enum drop expected = len < header		 ? DROP_GRE_MALFORMED
					     : kinds[i] & C && len < all ? DROP_GRE_CHECKSUM
									 : DROP_NONE;
			struct tunnel_opened gre = {0};
			enum drop drop = parse_exactly(bytes, len, &gre);

			if (drop != expected)
				fail_msg("flags %04x cut to %zu of %zu: %s", kinds[i], len, all,
					 drop_infos[drop].name);
		}
	}
}

/* With a checksum, a change of any bit of header or payload is found. */
static void test_every_bit_is_summed(void **state)
{
	uint8_t bytes[64];
	size_t len = build(bytes, C | K | S, 0x0800);

	for (size_t bit = 32; bit < 8 * len; bit++) {
		struct tunnel_opened gre = {0};

		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (gre_open(bytes, len, &gre) != DROP_GRE_CHECKSUM)
			fail_msg("bit %zu may change unseen", bit);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void test_protocols(void **state)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		static const uint16_t others[] = {0, 0x0806, 0x0008, 0xffff};

		for (size_t k = 0; k < sizeof(others) / sizeof(others[0]); k++) {
			uint8_t bytes[64];
			size_t len = build(bytes, kinds[i], others[k]);
			struct tunnel_opened gre = {0};

			assert_int_equal(gre_open(bytes, len, &gre), DROP_GRE_PROTOCOL);
		}
	}
}

/* Other protocols that use GRE get drop reasons of their own. */
static void test_strangers(void **state)
{
	static const struct {
		uint16_t flags, protocol;
		enum drop drop;
	} rows[] = {
		{0, 0x6558, DROP_GRE_ETHERNET},	      {K, 0x6558, DROP_GRE_ETHERNET},
		{S, 0x88be, DROP_GRE_ERSPAN},	      {0, 0x88be, DROP_GRE_ERSPAN},
		{S, 0x22eb, DROP_GRE_ERSPAN},	      {K | 1, 0x6400, DROP_GRE_EOIP},
		{K | S | 1, 0x880b, DROP_GRE_PPTP},   {K | 0x81, 0x880b, DROP_GRE_PPTP},
		{0, 0x880b, DROP_GRE_PROTOCOL},	      {0, 0x6400, DROP_GRE_PROTOCOL},
		{K | 1, 0x0800, DROP_GRE_MALFORMED},  {K | 2, 0x880b, DROP_GRE_MALFORMED},
		{0x4000, 0x6558, DROP_GRE_MALFORMED},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t bytes[64];
		size_t len = build(bytes, rows[i].flags, rows[i].protocol);
		struct tunnel_opened gre = {0};

		if (parse_exactly(bytes, len, &gre) != rows[i].drop)
			fail_msg("flags %04x, protocol %04x", rows[i].flags, rows[i].protocol);
	}
}

/* clang-format off */
static const struct {
	bool has_key;
	uint32_t key;
	uint8_t bytes[28];
	const char *why;
} made[] = {
	{ false, 0,
	  {0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 47, 0, 0, 198, 51, 100, 1, 198, 51, 100, 10,
	   0, 0, 0x08, 0}, "no key: 24 bytes" },
	{ false, 7,
	  {0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 47, 0, 0, 198, 51, 100, 1, 198, 51, 100, 10,
	   0, 0, 0x08, 0}, "a key that is not used is not written" },
	{ true, 0,
	  {0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 47, 0, 0, 198, 51, 100, 1, 198, 51, 100, 10,
	   0x20, 0, 0x08, 0, 0, 0, 0, 0}, "key 0 is a key" },
	{ true, 0xa1b2c3d4,
	  {0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 47, 0, 0, 198, 51, 100, 1, 198, 51, 100, 10,
	   0x20, 0, 0x08, 0, 0xa1, 0xb2, 0xc3, 0xd4}, "in network order" },
};
/* clang-format on */

static void test_headers_we_make(void **state)
{
	const struct addr6 local = addr6_from_ipv4(htonl(0xc6336401));
	const struct addr6 remote = addr6_from_ipv4(htonl(0xc633640a));

	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		uint8_t out[28];
		uint8_t len = gre_make_header(out, &(struct tunnel_outside){
							   .local = local,
							   .remote = remote,
							   .key = made[i].key,
							   .has_key = made[i].has_key,
							   .df = true,
							   .ttl = 64,
						   });
		struct tunnel_opened gre = {0};

		assert_int_equal(len, made[i].has_key ? 28 : 24);
		assert_int_equal(ones_sum(out, 20), 0xffff);
		assert_int_equal(gre_open(out + 20, len - 20u, &gre), DROP_NONE);
		assert_int_equal(gre.has_key, made[i].has_key);
		assert_int_equal(gre.key, made[i].has_key ? made[i].key : 0);
		out[10] = out[11] = 0; /* without the checksum, which was right */
		if (memcmp(out, made[i].bytes, len) != 0)
			fail_msg("row %zu: %s", i, made[i].why);
	}
}

/* An IPv6 header as in RFC 8200 section 3, then GRE; fields of the packet are zero. */
static void test_headers_over_ipv6(void **state)
{
	struct tunnel_outside ends = {.key = 0xa1b2c3d4, .df = true, .ttl = 9};
	/* clang-format off */
	static const uint8_t bytes[48] = {
		0x60, 0, 0, 0, 0, 0, 47, 9,
		0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
		0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
		0x20, 0, 0x08, 0, 0xa1, 0xb2, 0xc3, 0xd4,
	};
	/* clang-format on */
	uint8_t out[48];

	ends.local = addr6_read(bytes + 8);
	ends.remote = addr6_read(bytes + 24);
	ends.has_key = true;
	memset(out, 0xee, sizeof(out));
	assert_int_equal(gre_make_header(out, &ends), 48);
	assert_memory_equal(out, bytes, 48);

	ends.has_key = false;
	memset(out, 0xee, sizeof(out));
	assert_int_equal(gre_make_header(out, &ends), 44);
	assert_memory_equal(out, bytes, 40);
	assert_memory_equal(out + 40, "\0\0\x08\0\xee", 5);
}

/* Eight bytes of an embedded packet are enough. Only headers as we make them match. */
static void test_embedded(void **state)
{
	static const struct {
		uint8_t bytes[8];
		size_t len;
		bool is_ours, has_key;
		uint16_t type;
		const char *why;
	} rows[] = {
		{{0x20, 0, 0x08, 0, 1, 2, 3, 4}, 8, true, true, 0x0800, "with a key"},
		{{0, 0, 0x86, 0xdd, 0x60}, 8, true, false, 0x86dd, "IPv6, without a key"},
		{{0x20, 0, 0x08, 0, 1, 2, 3}, 7, false, false, 0, "a key cut short"},
		{{0x30, 0, 0x08, 0, 1, 2, 3, 4}, 8, false, false, 0, "a sequence number"},
		{{0xa0, 0, 0x08, 0, 1, 2, 3, 4}, 8, false, false, 0, "a checksum"},
		{{0x20, 1, 0x08, 0, 1, 2, 3, 4}, 8, false, false, 0, "another version"},
		{{0x20, 0, 0x65, 0x58, 1, 2, 3, 4}, 8, false, false, 0, "Ethernet inside"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tunnel_opened gre = {0};

		if (gre_match_embedded(rows[i].bytes, rows[i].len, &gre) != rows[i].is_ours)
			fail_msg("row %zu: %s", i, rows[i].why);
		if (!rows[i].is_ours)
			continue;
		assert_int_equal(gre.has_key, rows[i].has_key);
		assert_int_equal(gre.key, rows[i].has_key ? KEY : 0);
		assert_int_equal(gre.type, rows[i].type);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_flag_word),	    cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_every_bit_is_summed), cmocka_unit_test(test_protocols),
		cmocka_unit_test(test_strangers),	    cmocka_unit_test(test_headers_we_make),
		cmocka_unit_test(test_headers_over_ipv6),   cmocka_unit_test(test_embedded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
