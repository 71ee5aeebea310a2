/* Sealing: outer headers, numbers, limits. */
#include "esp/seal.h"

#include "base/checksum.h"
#include "base/wire.h"
#include "pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct pair p;
static struct pair_packet at;

static void seal_with_class(uint8_t class)
{
	uint8_t *inner = at.room + ESP_HEAD_MAX;

	pair_inner(inner, 100);
	inner[IPV4_TOS] = class;
	at.out = (struct esp_out){.sa = p.out_sa, .inner = inner, .inner_len = 100};
	esp_seal(p.worker, &at.out, 1);
	assert_int_equal(at.out.drop, DROP_NONE);
}

static void test_ipv4(void **state)
{
	const uint8_t *ip;

	pair_make(&p, PAIR_GCM256, NULL);
	seal_with_class(0xb9); /* expedited forwarding, ECT(1) */
	ip = at.out.outer;
	assert_int_equal(at.out.outer_len, 20 + 8 + 8 + 104 + 16);
	assert_int_equal(wire_16(ip + IPV4_LENGTH), at.out.outer_len);
	assert_true(checksum_ok(ip, IPV4_LEN));
	assert_int_equal(ip[IPV4_TOS], 0xb9);
	assert_int_equal(ip[IPV4_PROTO], PROTO_ESP);
	assert_int_equal(wire_16(ip + IPV4_FRAGMENT), IPV4_DF);
	assert_int_equal(wire_be32(ip + IPV4_SRC), inet_addr("192.0.2.1"));
	assert_int_equal(wire_be32(ip + IPV4_DST), inet_addr("192.0.2.2"));
	assert_int_equal(wire_be32(ip + IPV4_LEN), p.out_sa->spi);
	assert_int_equal(wire_be32(ip + IPV4_LEN + 4), htonl(1));
	assert_false(at.out.six);
	assert_false(at.out.needs_id);
	pair_end(&p);
}

static void quiet(struct esp_spec *spec)
{
	spec->no_dscp = spec->clear_df = true;
}

static void test_no_dscp_and_no_df(void **state)
{
	pair_make(&p, PAIR_GCM256, quiet);
	seal_with_class(0xb9);
	assert_int_equal(at.out.outer[IPV4_TOS], 1); /* ECN stays */
	assert_int_equal(wire_16(at.out.outer + IPV4_FRAGMENT), 0);
	assert_true(at.out.needs_id);
	assert_true(checksum_ok(at.out.outer, IPV4_LEN));
	pair_end(&p);
}

static void in_udp(struct esp_spec *spec)
{
	spec->ends.udp = true;
	spec->ends.local_port = 4500;
	spec->ends.remote_port = 40000;
}

static void test_udp(void **state)
{
	const uint8_t *udp;

	pair_make(&p, PAIR_CBC128_256, in_udp);
	seal_with_class(0);
	udp = at.out.outer + IPV4_LEN;
	assert_int_equal(at.out.outer[IPV4_PROTO], PROTO_UDP);
	assert_int_equal(wire_16(udp + UDP_SPORT), 4500);
	assert_int_equal(wire_16(udp + UDP_DPORT), 40000);
	assert_int_equal(wire_16(udp + UDP_LENGTH), at.out.outer_len - IPV4_LEN);
	assert_int_equal(wire_16(udp + UDP_CHECKSUM), 0);
	assert_int_equal(wire_be32(udp + UDP_LEN), p.out_sa->spi);
	pair_end(&p);
}

static void over_ipv6(struct esp_spec *spec)
{
	in_udp(spec);
	spec->ends.local = spec->ends.remote =
		(struct addr6){{htobe64(UINT64_C(0x20010db8) << 32), htobe64(1)}};
	spec->ends.remote.half[1] = htobe64(2);
}

static void test_ipv6(void **state)
{
	const uint8_t *ip;

	pair_make(&p, PAIR_GCM128, over_ipv6);
	seal_with_class(0xb8);
	ip = at.out.outer;
	assert_true(at.out.six);
	assert_int_equal(wire_be32(ip), htonl(0x6b800000));
	assert_int_equal(wire_16(ip + IPV6_LENGTH), at.out.outer_len - IPV6_LEN);
	assert_int_equal(ip[IPV6_NEXT], PROTO_UDP);
	assert_int_equal(wire_be32(ip + IPV6_LEN + UDP_LEN), p.out_sa->spi);
	pair_end(&p);
}

static void set_limits(struct esp_spec *spec)
{
	spec->limits = (struct esp_limits){.soft_bytes = 150, .hard_bytes = 250};
}

static unsigned event_types(void)
{
	struct esp_event e;
	unsigned bits = 0;

	while (esp_take_event(p.table, &e)) {
		assert_int_equal(e.handle, p.out);
		assert_int_equal(bits >> e.type & 1, 0); /* once each */
		bits |= 1u << e.type;
	}
	return bits;
}

static void test_byte_limits(void **state)
{
	pair_make(&p, PAIR_GCM256, set_limits);
	pair_seal(&p, &at, 100);
	pair_seal(&p, &at, 100);
	assert_int_equal(event_types(), 0);
	pair_seal(&p, &at, 100); /* 200 are sent: over the soft one */
	assert_int_equal(at.out.drop, DROP_NONE);
	assert_int_equal(event_types(), 1 << ESP_EVENT_SOFT);
	pair_seal(&p, &at, 100);
	assert_int_equal(at.out.drop, DROP_ESP_LIMIT);
	pair_seal(&p, &at, 100);
	assert_int_equal(event_types(), 1 << ESP_EVENT_HARD);
	assert_int_equal(p.out_sa->packets, 3);
	assert_int_equal(p.out_sa->window.newest, 3);
	assert_int_equal(p.out_sa->refused, 2);
	pair_end(&p);
}

/* Without ESN number 2^32 - 1 is the last, and 90 % of that is the time to rekey. */
static void test_last_number(void **state)
{
	pair_make(&p, PAIR_GCM256, NULL);
	p.out_sa->window.newest = p.out_sa->packets = UINT32_MAX / 10 * 9 - 1;
	pair_seal(&p, &at, 100);
	assert_int_equal(event_types(), 0);
	pair_seal(&p, &at, 100);
	assert_int_equal(event_types(), 1 << ESP_EVENT_SOFT);
	p.out_sa->window.newest = p.out_sa->packets = UINT32_MAX - 1;
	pair_seal(&p, &at, 100);
	assert_int_equal(at.out.drop, DROP_NONE);
	assert_int_equal(wire_be32(at.out.outer + IPV4_LEN + 4), UINT32_MAX);
	pair_seal(&p, &at, 100);
	assert_int_equal(at.out.drop, DROP_ESP_LIMIT);
	assert_int_equal(p.out_sa->window.newest, UINT32_MAX);
	pair_end(&p);
}

/* Several SAs and suites in one burst: each packet by its own. */
static void test_mixed_burst(void **state)
{
	static struct pair pairs[PAIR_SUITES];
	static struct pair_packet packets[2 * PAIR_SUITES];
	struct esp_out out[2 * PAIR_SUITES];

	for (unsigned i = 0; i < PAIR_SUITES; i++)
		pair_make(&pairs[i], i, NULL);
	for (unsigned i = 0; i < ARRAY_SIZE(out); i++) {
		out[i].sa = pairs[i % PAIR_SUITES].out_sa;
		out[i].inner = packets[i].room + ESP_HEAD_MAX;
		out[i].inner_len = (uint16_t)(50 + i);
		pair_inner(out[i].inner, 50 + i);
	}
	esp_seal(pairs[0].worker, out, ARRAY_SIZE(out));
	for (unsigned i = 0; i < ARRAY_SIZE(out); i++) {
		struct pair *of = &pairs[i % PAIR_SUITES];
		struct esp_in in;

		packets[i].out = out[i];
		in = pair_in(of, &packets[i]);
		assert_int_equal(pair_open(of, &in), DROP_NONE);
		assert_int_equal(in.inner_len, 50 + i);
		assert_int_equal(in.number, 1 + i / PAIR_SUITES);
	}
	for (unsigned i = 0; i < PAIR_SUITES; i++)
		pair_end(&pairs[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4),	    cmocka_unit_test(test_no_dscp_and_no_df),
		cmocka_unit_test(test_udp),	    cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_byte_limits), cmocka_unit_test(test_last_number),
		cmocka_unit_test(test_mixed_burst),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
