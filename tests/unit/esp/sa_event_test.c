/* Events: order, a full ring, rates. */
#include "esp/sa_event.h"

#include "pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct pair p;

static int set_up(void **state)
{
	pair_make(&p, PAIR_GCM256, NULL);
	return 0;
}

static int tear_down(void **state)
{
	pair_end(&p);
	return 0;
}

static unsigned take_all(void)
{
	struct esp_event e;
	unsigned n = 0;

	while (esp_take_event(p.table, &e))
		n++;
	return n;
}

static void test_full_ring(void **state)
{
	struct esp_event e = {.type = ESP_EVENT_HARD};
	uint32_t put = 0;

	for (unsigned round = 0; round < 3; round++) {
		while (esp_put_event(p.table, 0, &e))
			e.spi = ++put;
		assert_int_equal(esp_events_lost(p.table), round + 1);
		for (unsigned n = 0; n < 256; n++)
			assert_true(esp_take_event(p.table, &e));
		assert_int_equal(e.spi, put - 1);
		assert_false(esp_take_event(p.table, &e));
		e.spi = put;
	}
}

/* A limit that found the ring full is told again. */
static void test_limit_is_not_lost(void **state)
{
	struct esp_event e = {.type = ESP_EVENT_HARD};

	while (esp_put_event(p.table, 0, &e))
		continue;
	esp_tell_limit(p.worker, p.in_sa, ESP_EVENT_SOFT);
	take_all();
	esp_tell_limit(p.worker, p.in_sa, ESP_EVENT_SOFT);
	assert_true(esp_take_event(p.table, &e));
	assert_int_equal(e.type, ESP_EVENT_SOFT);
	assert_int_equal(e.spi, p.in_spec.spi);
	assert_int_equal(e.tunnel, PAIR_TUNNEL);
	esp_tell_limit(p.worker, p.in_sa, ESP_EVENT_SOFT);
	assert_int_equal(take_all(), 0);
}

static void test_acquire(void **state)
{
	struct esp_event e;
	uint8_t inner[60];

	pair_inner(inner, sizeof(inner));
	esp_tell_acquire(p.worker, 7, inner, sizeof(inner));
	esp_tell_acquire(p.worker, 7, inner, sizeof(inner));
	esp_tell_acquire(p.worker, 8, inner, 22);
	assert_true(esp_take_event(p.table, &e));
	assert_int_equal(e.type, ESP_EVENT_ACQUIRE);
	assert_int_equal(e.tunnel, 7);
	assert_int_equal(e.protocol, 17);
	assert_int_equal(e.src_port, 0x5a5a);
	assert_int_equal(addr6_to_ipv4(&e.src), inet_addr("10.0.1.10"));
	assert_int_equal(addr6_to_ipv4(&e.dst), inet_addr("10.9.0.1"));
	assert_true(esp_take_event(p.table, &e));
	assert_int_equal(e.tunnel, 8);
	assert_int_equal(e.src_port, 0); /* cut off */
	assert_false(esp_take_event(p.table, &e));
	p.worker->now_ns += 1000000000;
	esp_tell_acquire(p.worker, 7, inner, sizeof(inner));
	assert_int_equal(take_all(), 1);
}

/* Told once for each pair of ends, and after a second again; of whatever ends once in 100 ms. */
static void test_mapping_rate(void **state)
{
	struct esp_ends ends = p.in_spec.ends;

	ends.remote = addr6_from_ipv4(inet_addr("203.0.113.1"));
	esp_tell_mapping(p.worker, p.in_sa, &ends);
	esp_tell_mapping(p.worker, p.in_sa, &ends);
	assert_int_equal(take_all(), 1);
	ends.remote = addr6_from_ipv4(inet_addr("203.0.113.2"));
	p.worker->now_ns += 99999999;
	esp_tell_mapping(p.worker, p.in_sa, &ends);
	assert_int_equal(take_all(), 0);
	p.worker->now_ns += 1;
	esp_tell_mapping(p.worker, p.in_sa, &ends);
	assert_int_equal(take_all(), 1);
	p.worker->now_ns += 1000000000;
	esp_tell_mapping(p.worker, p.in_sa, &ends);
	assert_int_equal(take_all(), 1);
}

static void test_unknown_rate(void **state)
{
	struct esp_event e;

	esp_tell_unknown(p.worker, 5, &p.in_spec.ends);
	esp_tell_unknown(p.worker, 6, &p.in_spec.ends);
	assert_true(esp_take_event(p.table, &e));
	assert_int_equal(e.spi, 5);
	assert_int_equal(take_all(), 0);
	p.worker->now_ns += 1000000000;
	esp_tell_unknown(p.worker, 6, &p.in_spec.ends);
	assert_int_equal(take_all(), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(test_full_ring),	 TEST(test_limit_is_not_lost), TEST(test_acquire),
		TEST(test_mapping_rate), TEST(test_unknown_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
