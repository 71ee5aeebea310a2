/* The table of tunnel kinds: rows are complete and unique, and within the bounds of kind.h. */
#include "tunnel/kinds.h"

#include "base/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define X(id, name, number) [TUNNEL_##id] = number,
static const uint16_t protocols[TUNNEL_TYPES] = {TUNNEL_KIND_LIST(X)};
#undef X

static void test_rows(void **state)
{
	for (unsigned i = 0; i < TUNNEL_TYPES; i++) {
		const struct tunnel_kind *kind = &tunnel_kinds[i];

		assert_non_null(tunnel_kind_names[i]);
		assert_int_equal(kind->protocol, protocols[i]);
		assert_int_not_equal(kind->unknown, DROP_NONE);
		if (kind->protocol != PROTO_NONE) {
			assert_ptr_equal(tunnel_kind_of((uint8_t)kind->protocol), kind);
			if (!kind->sealed)
				assert_ptr_equal(tunnel_kind_of_stranger(kind->unknown), kind);
		}
		assert_int_not_equal(kind->no_ip, DROP_NONE);
		assert_false(kind->is_stranger(DROP_NONE));
	}
	assert_null(tunnel_kind_names[TUNNEL_TYPES]);
	assert_null(tunnel_kind_of(PROTO_UDP));
	assert_null(tunnel_kind_of((uint8_t)PROTO_NONE));
	assert_null(tunnel_kind_of_stranger(DROP_OUTER_CHECKSUM));
}

/* A header has the length that overhead() gives, and is parsed as what was made. */
static void check_header(const struct tunnel_kind *kind, bool over_ipv6, bool has_key)
{
	const struct tunnel_outside ends = {
		.local = over_ipv6 ? (struct addr6){{1, 2}} : addr6_from_ipv4(htonl(0xc6336401)),
		.remote = over_ipv6 ? (struct addr6){{1, 3}} : addr6_from_ipv4(htonl(0xc633640a)),
		.has_key = has_key,
		.key = 7,
		.ttl = 64,
	};
	size_t ip_len = over_ipv6 ? IPV6_LEN : IPV4_LEN, len = kind->overhead(over_ipv6, has_key);
	uint8_t bytes[TUNNEL_HEADER_MAX + 1];
	struct tunnel_opened opened;

	assert_in_range(len, ip_len, over_ipv6 ? TUNNEL_HEADER_MAX : TUNNEL_HEADER_IPV4);
	memset(bytes, 0xee, sizeof(bytes));
	assert_int_equal(kind->make_header(bytes, &ends), len);
	assert_int_equal(bytes[len], 0xee);
	assert_int_equal(bytes[over_ipv6 ? IPV6_NEXT : IPV4_PROTO], kind->protocol);
	wire_put_be16(bytes + ip_len + kind->type_at, htons(ETHER_IPV6));
	assert_int_equal(kind->open(bytes + ip_len, len - ip_len, &opened), DROP_NONE);
	assert_int_equal(opened.type, ETHER_IPV6);
	assert_int_equal(opened.len, len - ip_len);
	assert_int_equal(opened.has_key, has_key);
	assert_int_equal(opened.key, has_key ? 7 : 0);
}

static void test_headers(void **state)
{
	for (unsigned i = 0; i < TUNNEL_TYPES; i++)
		for (unsigned k = 0;
		     k < 4 && tunnel_kinds[i].protocol != PROTO_NONE && !tunnel_kinds[i].sealed;
		     k++)
			check_header(&tunnel_kinds[i], k & 1, k & 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
