/* Outbound SAs by SPI: chains, and what esp_find_sent() makes of them. */
#include "esp/sent.h"

#include "pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static bool has(const struct esp_sent *s, uint32_t spi, uint16_t row)
{
	uint16_t at = esp_sent_first(s, spi);

	while (at != row && at != 0)
		at = s->next[at];
	return at == row;
}

/* Rows come and go in any order, many of them under one SPI. */
static void test_chains(void **state)
{
	static struct esp_sent s;

	for (uint16_t row = 1; row <= 300; row++)
		esp_sent_add(&s, row <= 100 ? 7 : row, row);
	for (uint16_t row = 1; row <= 300; row += 3)
		esp_sent_remove(&s, row <= 100 ? 7 : row, row);
	for (uint16_t row = 1; row <= 300; row++)
		assert_int_equal(has(&s, row <= 100 ? 7 : row, row), row % 3 != 1);
	for (uint16_t row = 1; row <= 300; row++)
		if (row % 3 != 1)
			esp_sent_remove(&s, row <= 100 ? 7 : row, row);
	for (unsigned i = 0; i < ESP_SENT_ROWS; i++)
		assert_true(s.first[i] == 0 && s.next[i] == 0);
}

static uint32_t add(struct esp_table *t, uint16_t tunnel, const char *remote, bool udp)
{
	struct esp_spec spec = pair_spec(PAIR_GCM256, 3);
	uint32_t handle;
	const char *why;

	spec.tunnel = tunnel;
	spec.ends.remote = addr6_from_ipv4(inet_addr(remote));
	spec.ends.udp = udp;
	spec.ends.local_port = 4500;
	spec.ends.remote_port = 31000;
	assert_int_equal(esp_add(t, &spec, &handle, &why), 0);
	return handle;
}

/* Two far ends have chosen the same SPI: their addresses tell them apart, and their ports. */
static void test_find(void **state)
{
	struct esp_table *t = esp_table_create(1);
	struct esp_ends ends = pair_spec(PAIR_GCM256, 3).ends;
	uint32_t a = add(t, 5, "192.0.2.2", false), b = add(t, 6, "192.0.2.3", true);
	uint32_t spi = pair_spec(PAIR_GCM256, 3).spi;

	assert_int_equal(esp_find_sent(t, spi, &ends), 5);
	assert_int_equal(esp_find_sent(t, spi + 1, &ends), 0);
	ends.udp = true;
	ends.local_port = 4500;
	ends.remote_port = 31000;
	assert_int_equal(esp_find_sent(t, spi, &ends), 0); /* it sends the other form */
	ends.remote = addr6_from_ipv4(inet_addr("192.0.2.3"));
	assert_int_equal(esp_find_sent(t, spi, &ends), 6);
	ends.remote_port = 31001;
	assert_int_equal(esp_find_sent(t, spi, &ends), 0);
	assert_int_equal(esp_update(t, b, &ends), 0);
	assert_int_equal(esp_find_sent(t, spi, &ends), 6); /* it has moved */
	assert_int_equal(esp_remove(t, b), 0);
	assert_int_equal(esp_find_sent(t, spi, &ends), 0);
	assert_int_equal(esp_remove(t, a), 0);
	esp_reclaim(t);
	esp_table_destroy(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chains),
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
