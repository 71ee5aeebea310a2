/* Traffic selectors: which inner packets may come out of an SA, by each field. */
#include "esp/select.h"

#include "base/wire.h"
#include "pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct esp_selector range(const char *first, const char *last)
{
	return (struct esp_selector){
		.first = addr6_from_ipv4(inet_addr(first)),
		.last = addr6_from_ipv4(inet_addr(last)),
		.last_port = UINT16_MAX,
	};
}

/* The packet is UDP from 10.0.1.10 to 10.9.0.1. */
static enum drop look(const struct esp_spec *spec)
{
	uint8_t ip[60];

	pair_inner(ip, sizeof(ip));
	return esp_select(spec, ip, sizeof(ip));
}

static void test_addresses(void **state)
{
	struct esp_spec spec = {0};

	assert_int_equal(look(&spec), DROP_NONE);
	spec.remote.n = 1;
	spec.remote.at[0] = range("10.0.1.10", "10.0.1.10");
	assert_int_equal(look(&spec), DROP_NONE);
	spec.remote.at[0] = range("10.0.1.11", "10.0.1.255");
	assert_int_equal(look(&spec), DROP_ESP_SELECTOR);
	spec.remote.at[0] = range("10.0.1.0", "10.0.1.9");
	assert_int_equal(look(&spec), DROP_ESP_SELECTOR);
	spec.remote.at[spec.remote.n++] = range("10.0.1.10", "10.0.1.99");
	assert_int_equal(look(&spec), DROP_NONE);
	/* the local side is the destination's */
	spec.local.n = 1;
	spec.local.at[0] = range("10.0.1.0", "10.0.1.255");
	assert_int_equal(look(&spec), DROP_ESP_SELECTOR);
	spec.local.at[0] = range("0.0.0.0", "255.255.255.255");
	assert_int_equal(look(&spec), DROP_NONE);
}

static void test_protocol_and_ports(void **state)
{
	struct esp_spec spec = {.remote.n = 1};
	uint8_t ip[60];

	spec.remote.at[0] = range("10.0.0.0", "10.255.255.255");
	spec.remote.at[0].protocol = PROTO_TCP;
	assert_int_equal(look(&spec), DROP_ESP_SELECTOR);
	spec.remote.at[0].protocol = PROTO_UDP;
	assert_int_equal(look(&spec), DROP_NONE);
	spec.remote.at[0].first_port = spec.remote.at[0].last_port = 0x5a5a;
	assert_int_equal(look(&spec), DROP_NONE);
	spec.remote.at[0].first_port = spec.remote.at[0].last_port = 0x5a5b;
	assert_int_equal(look(&spec), DROP_ESP_SELECTOR);
	/* a later fragment has no ports */
	spec.remote.at[0].first_port = spec.remote.at[0].last_port = 0x5a5a;
	pair_inner(ip, sizeof(ip));
	wire_put_be16(ip + IPV4_FRAGMENT, htons(100));
	assert_int_equal(esp_select(&spec, ip, sizeof(ip)), DROP_ESP_SELECTOR);
	spec.remote.at[0].first_port = 0;
	spec.remote.at[0].last_port = UINT16_MAX;
	assert_int_equal(esp_select(&spec, ip, sizeof(ip)), DROP_NONE);
}

/* Mapped addresses are within ::/0, and yet IPv4 is another family. */
static void test_versions(void **state)
{
	struct esp_spec spec = {.remote.n = 1};
	uint8_t ip[IPV6_LEN] = {[0] = 0x60};
	struct addr6 mapped = addr6_from_ipv4(inet_addr("10.0.1.10"));

	spec.remote.at[0] =
		(struct esp_selector){.last = {{UINT64_MAX, UINT64_MAX}}, .last_port = UINT16_MAX};
	assert_int_equal(look(&spec), DROP_ESP_SELECTOR);
	spec.remote.at[spec.remote.n++] = range("0.0.0.0", "255.255.255.255");
	assert_int_equal(look(&spec), DROP_NONE);
	/* IPv6 from a mapped address is no IPv4 */
	memcpy(ip + IPV6_SRC, &mapped, sizeof(mapped));
	spec.remote.at[0] = spec.remote.at[1];
	assert_int_equal(esp_select(&spec, ip, sizeof(ip)), DROP_ESP_SELECTOR);
}

/* A range of IPv4 does not let IPv6 through, and a header that is cut off fits nothing. */
static void test_ipv6_and_cuts(void **state)
{
	struct esp_spec spec = {.remote.n = 1, .local.n = 1};
	uint8_t ip[IPV6_LEN] = {[0] = 0x60, [IPV6_SRC] = 0x20, [IPV6_DST] = 0x20};

	spec.remote.at[0] = spec.local.at[0] = range("0.0.0.0", "255.255.255.255");
	assert_int_equal(esp_select(&spec, ip, sizeof(ip)), DROP_ESP_SELECTOR);
	spec.remote.at[0].first = spec.local.at[0].first = (struct addr6){{0, 0}};
	spec.remote.at[0].last = spec.local.at[0].last = (struct addr6){{UINT64_MAX, UINT64_MAX}};
	assert_int_equal(esp_select(&spec, ip, sizeof(ip)), DROP_NONE);
	assert_int_equal(esp_select(&spec, ip, sizeof(ip) - 1), DROP_ESP_SELECTOR);
	ip[0] = 0x45;
	assert_int_equal(esp_select(&spec, ip, IPV4_LEN - 1), DROP_ESP_SELECTOR);
	assert_int_equal(esp_select(&spec, ip, 1), DROP_ESP_SELECTOR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_protocol_and_ports),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_ipv6_and_cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
