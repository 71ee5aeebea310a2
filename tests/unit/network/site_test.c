/* Which sources a site may use. */
#include "spec_bed.h"

#include "dice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* clang-format off */
static const struct {
	uint16_t site;
	const char *src;
	bool allowed;
	const char *why;
} source_rows[] = {
	{ 1, "10.0.1.0",       true,  "first of the prefix" },
	{ 1, "10.0.1.255",     true,  "last of it" },
	{ 1, "10.0.0.255",     false, "just below" },
	{ 1, "10.0.2.0",       false, "just above" },
	{ 1, "172.31.255.255", true,  "the other prefix" },
	{ 1, "172.32.0.0",     false, "just above that" },
	{ 2, "10.0.2.0",       true,  "no list: any" },
	{ 3, "1.2.3.4",        true,  "no list: any" },
};
/* clang-format on */

static void test_sources(void **state)
{
	struct network *net = network_create(&bed_spec, NULL);

	for (size_t i = 0; i < ARRAY_SIZE(source_rows); i++) {
		if (network_source_allowed(net, source_rows[i].site, bed_ip(source_rows[i].src)) !=
		    source_rows[i].allowed)
			fail_msg("row %zu, %s: %s", i, source_rows[i].src, source_rows[i].why);
	}
	network_destroy(net);
}

/*
 * Two sites with many prefixes of any length, some within others and some twice: an address is
 * allowed if one of the listed prefixes contains it. Addresses are those at the edges of prefixes.
 */
static void test_many_prefixes(void **state)
{
	enum { MANY = 1000, ROUNDS = 20, QUESTIONS = 2000 };
	static struct prefix4 four[MANY];
	static struct prefix6 six[MANY];
	uint64_t dice = 21;

	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned n = round < 5 ? round : 1 + (unsigned)dice_next(&dice) % MANY, allowed = 0;
		struct spec_site sites[] = {
			{.name = "a", .prefixes = four, .prefixes6 = six},
			{.name = "b",
			 .prefixes = four,
			 .n_prefixes = n,
			 .prefixes6 = six,
			 .n_prefixes6 = n},
		};
		struct network *net;

		for (unsigned i = 0; i < n; i++) {
			uint8_t len = (uint8_t)(8 + dice_next(&dice) % 25);
			uint32_t addr = 0x0a000000 | ((uint32_t)dice_next(&dice) & 0xffffff);

			four[i] = (struct prefix4){htonl(addr & prefix4_mask(len)), len};
			six[i].len = (uint8_t)(96 + len);
			six[i].addr = addr6_from_ipv4(four[i].addr);
			six[i].addr.half[0] = htobe64(UINT64_C(0xfd) << 56);
			if (i > 0 && dice_next(&dice) % 8 == 0) {
				four[i] = four[i - 1];
				six[i] = six[i - 1];
			}
		}
		net = network_create(&(struct network_spec){.sites = sites, .n_sites = 2}, NULL);
		assert_non_null(net);
		for (unsigned k = 0; n > 0 && k < QUESTIONS; k++) {
			const struct prefix4 *p = &four[dice_next(&dice) % n];
			uint32_t edge = ntohl(p->addr) | (k & 1 ? ~prefix4_mask(p->len) : 0);
			be32_t src = htonl(edge + (k & 2 ? (k & 1 ? 1 : -1) : 0));
			struct addr6 src6 = addr6_from_ipv4(src);
			bool want = false;

			src6.half[0] = htobe64(UINT64_C(0xfd) << 56);
			for (unsigned i = 0; i < n && !want; i++)
				want = prefix4_contains(&four[i], src);
			assert_int_equal(network_source_allowed(net, 2, src), want);
			assert_int_equal(network_source6_allowed(net, 2, &src6), want);
			allowed += want;
		}
		assert_true(n == 0 || (allowed > 0 && (n > 500 || allowed < QUESTIONS)));
		assert_true(network_source_allowed(net, 1, htonl(1)));
		network_destroy(net);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_many_prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
