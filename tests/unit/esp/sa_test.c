/* The table of SAs: handles, reserved SPIs, what is refused, removal and wiping. */
#include "esp/sa.h"

#include "esp/row.h"
#include "pair.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct esp_table *table;

static int set_up(void **state)
{
	table = esp_table_create(2);
	return table == NULL;
}

static int tear_down(void **state)
{
	esp_table_destroy(table);
	return 0;
}

static uint32_t add(const struct esp_spec *spec)
{
	const char *why;
	uint32_t handle = 0;

	assert_int_equal(esp_add(table, spec, &handle, &why), 0);
	assert_null(why);
	return handle;
}

static struct esp_spec inbound(void)
{
	struct esp_spec spec = pair_spec(PAIR_GCM256, 1);

	spec.outbound = false;
	assert_int_equal(esp_reserve(table, &spec.spi), 0);
	assert_int_equal(spec.spi >> 28, 0xc);
	return spec;
}

static void test_inbound(void **state)
{
	struct esp_spec spec = inbound();
	uint32_t handle;

	assert_null(esp_find(table, spec.spi));
	handle = add(&spec);
	assert_int_equal(handle, spec.spi);
	assert_non_null(esp_find(table, spec.spi));
	assert_int_equal(esp_find(table, spec.spi)->tunnel, PAIR_TUNNEL);
	assert_null(esp_find(table, spec.spi ^ 1 << 20)); /* another generation */
	assert_null(esp_find(table, spec.spi + 1));
	assert_null(esp_find(table, 0));
	assert_int_equal(esp_remove(table, handle), 0);
	assert_null(esp_find(table, spec.spi));
	assert_int_equal(esp_remove(table, handle), -ENOENT);
}

/* Its SPI must be reserved, and is used once. */
static void test_spi_twice(void **state)
{
	struct esp_spec spec = inbound(), other = spec;
	const char *why;
	uint32_t handle;

	add(&spec);
	assert_int_equal(esp_add(table, &spec, &handle, &why), -ENOENT);
	other.spi = spec.spi + 1;
	assert_int_equal(esp_add(table, &other, &handle, &why), -ENOENT);
	other.spi = 0x1234;
	assert_int_equal(esp_add(table, &other, &handle, &why), -ENOENT);
}

static void test_reserved_and_given_back(void **state)
{
	uint32_t a, b;

	assert_int_equal(esp_reserve(table, &a), 0);
	assert_int_equal(esp_remove(table, a), 0);
	assert_int_equal(esp_remove(table, a), -ENOENT);
	assert_int_equal(esp_reserve(table, &b), 0);
	assert_int_not_equal(a, b);
}

/* After a restart SPIs are others, and the next one is not known. */
static void test_spis_are_random(void **state)
{
	struct esp_table *after = esp_table_create(1);
	unsigned same = 0, generations = 0;
	uint32_t spi, other, last = 0;

	assert_non_null(after);
	for (unsigned i = 0; i < 8; i++, last = spi) {
		assert_int_equal(esp_reserve(table, &spi), 0);
		assert_int_equal(esp_reserve(after, &other), 0);
		assert_int_equal(spi >> 28, 0xc);
		assert_true((spi & 0xffff) != 0);
		same += spi == other;
		generations += spi >> 16 == last >> 16;
	}
	assert_true(same < 2 && generations < 4);
	esp_table_destroy(after);
}

/* Each row is given once. */
static void test_spis_are_unique(void **state)
{
	bool *given = calloc(ESP_SAS_MAX + 1, sizeof(*given));
	struct esp_spec spec = inbound();
	uint32_t spi;

	assert_non_null(given);
	add(&spec);
	given[spec.spi & 0xffff] = true;
	while (esp_reserve(table, &spi) == 0) {
		assert_false(given[spi & 0xffff]);
		given[spi & 0xffff] = true;
	}
	for (unsigned row = 1; row <= ESP_SAS_MAX; row++)
		assert_true(given[row]);
	assert_int_equal(esp_find(table, spec.spi)->handle, spec.spi);
	free(given);
}

/* Every row once, then none; a row that comes back has another handle. */
static void test_full(void **state)
{
	uint32_t first, spi, n = 1;

	assert_int_equal(esp_reserve(table, &first), 0);
	while (esp_reserve(table, &spi) == 0)
		n++;
	assert_int_equal(n, ESP_SAS_MAX);
	assert_int_equal(esp_reserve(table, &spi), -ENOSPC);
	assert_int_equal(esp_remove(table, first), 0);
	assert_int_equal(esp_reserve(table, &spi), 0);
	assert_int_equal(spi & 0xffff, first & 0xffff);
	assert_int_not_equal(spi, first);
	esp_remove_all(table);
	assert_int_equal(esp_reserve(table, &spi), 0);
}

static void test_outbound(void **state)
{
	struct esp_spec spec = pair_spec(PAIR_GCM256, 1);
	uint32_t old = add(&spec), new;

	assert_null(esp_find_outbound(table, PAIR_TUNNEL));
	assert_int_equal(esp_use(table, old), 0);
	assert_int_equal(esp_find_outbound(table, PAIR_TUNNEL)->handle, old);
	assert_null(esp_find_outbound(table, PAIR_TUNNEL + 1));
	/* a packet cannot find it, neither by its SPI nor by its handle */
	assert_null(esp_find(table, spec.spi));
	assert_null(esp_find(table, old));
	/* rekey: both stand, the new one is used; the end of the old one does not disturb */
	spec.spi = 0x9999;
	new = add(&spec);
	assert_int_equal(esp_find_outbound(table, PAIR_TUNNEL)->handle, old);
	assert_int_equal(esp_use(table, new), 0);
	assert_int_equal(esp_remove(table, old), 0);
	assert_int_equal(esp_find_outbound(table, PAIR_TUNNEL)->handle, new);
	assert_int_equal(esp_use(table, old), -ENOENT);
	assert_int_equal(esp_remove(table, new), 0);
	assert_null(esp_find_outbound(table, PAIR_TUNNEL));
}

static bool has_bytes(const struct esp_sa *sa, const uint8_t *key, size_t n)
{
	return memmem(sa, sizeof(*sa), key, n) != NULL;
}

/* A removed row stands until it is reclaimed, and then nothing is left of it. */
static void test_wiped(void **state)
{
	static const uint8_t zero[sizeof(struct esp_sa)];
	struct esp_spec spec = inbound();
	struct esp_sa *sa;
	uint32_t spi;

	assert_false(esp_must_reclaim(table));
	spec.local.n = 1;
	spec.local.at[0].first = spec.local.at[0].last = spec.ends.local;
	spec.window = ESP_WINDOW_MAX;
	add(&spec);
	sa = esp_place(table, spec.spi);
	assert_true(has_bytes(sa, spec.key, 16));
	esp_remove(table, spec.spi);
	assert_true(esp_must_reclaim(table));
	assert_true(has_bytes(sa, spec.key, 16));
	assert_int_equal(sa->window.size, ESP_WINDOW_MAX);
	while (esp_reserve(table, &spi) == 0)
		assert_int_not_equal(spi & 0xffff, spec.spi & 0xffff);
	esp_reclaim(table);
	assert_false(esp_must_reclaim(table));
	assert_memory_equal(sa, zero, sizeof(*sa));
	assert_int_equal(esp_reserve(table, &spi), 0);
	assert_int_equal(spi & 0xffff, spec.spi & 0xffff);
}

static void test_update(void **state)
{
	struct esp_spec spec = pair_spec(PAIR_GCM256, 1);
	uint32_t handle = add(&spec);
	struct esp_ends ends = spec.ends;
	const struct esp_sa *sa;

	esp_use(table, handle);
	assert_non_null(esp_find_outbound(table, PAIR_TUNNEL));
	sa = esp_place(table, handle);
	ends.remote = addr6_from_ipv4(inet_addr("192.0.2.77"));
	ends.udp = true;
	assert_int_equal(esp_update(table, handle, &ends), -EINVAL); /* no ports */
	ends.local_port = 4500;
	ends.remote_port = 40000;
	assert_int_equal(esp_outer_of(sa)->len, 20);
	assert_int_equal(esp_update(table, handle, &ends), 0);
	assert_int_equal(esp_outer_of(sa)->len, 28);
	assert_true(addr6_equal(&esp_outer_of(sa)->ends.remote, &ends.remote));
	/* a worker may still read the first ends, so they are not overwritten yet */
	assert_int_equal(esp_update(table, handle, &spec.ends), -EAGAIN);
	assert_true(esp_must_reclaim(table));
	esp_reclaim(table);
	assert_int_equal(esp_update(table, handle, &spec.ends), 0);
	assert_int_equal(esp_remove(table, handle), 0); /* while it waits */
	esp_reclaim(table);
	assert_int_equal(esp_update(table, handle, &ends), -ENOENT);
}

enum bad {
	BAD_KEY,
	BAD_TRANSFORM,
	BAD_SMALL_WINDOW,
	BAD_LARGE_WINDOW,
	BAD_ENDS,
	BAD_FAMILIES,
	BAD_PORT,
	BAD_SELECTOR,
	BAD_COUNT,
	BAD_TUNNEL,
	BAD_SPI,
	BADS
};

static void spoil(struct esp_spec *spec, enum bad bad)
{
	switch (bad) {
	case BAD_KEY:
		spec->key_len--;
		break;
	case BAD_TRANSFORM:
		spec->encryption = 3;
		break;
	case BAD_SMALL_WINDOW:
		spec->outbound = false;
		spec->window = 63;
		break;
	case BAD_LARGE_WINDOW:
		spec->outbound = false;
		spec->window = 4097;
		break;
	case BAD_ENDS:
		spec->ends.remote = (struct addr6){{0, 0}};
		break;
	case BAD_FAMILIES:
		spec->ends.remote.half[0] = htobe64(0x20010db8ull << 32);
		break;
	case BAD_PORT:
		spec->ends.udp = true;
		break;
	case BAD_SELECTOR:
		spec->local.n = 1;
		spec->local.at[0].first = spec->ends.remote;
		spec->local.at[0].last = spec->ends.local;
		break;
	case BAD_COUNT:
		spec->remote.n = ESP_SELECTORS_MAX + 1;
		break;
	case BAD_TUNNEL:
		spec->tunnel = 0;
		break;
	default:
		spec->spi = 255;
	}
}

static void test_refused(void **state)
{
	for (enum bad bad = 0; bad < BADS; bad++) {
		struct esp_spec spec = pair_spec(PAIR_GCM256, 1);
		uint32_t handle;
		const char *why = NULL;

		spoil(&spec, bad);
		if (esp_add(table, &spec, &handle, &why) != -EINVAL || why == NULL)
			fail_msg("%d", bad);
	}
}

static void test_read(void **state)
{
	struct esp_spec spec = inbound();
	struct esp_counters c;

	add(&spec);
	esp_find(table, spec.spi)->packets = 5;
	esp_find(table, spec.spi)->window.newest = 9;
	assert_int_equal(esp_read(table, spec.spi, &c), 0);
	assert_int_equal(c.packets, 5);
	assert_int_equal(c.number, 9);
	assert_int_equal(c.used_ns, 0);
	assert_int_equal(esp_read(table, spec.spi ^ 1 << 20, &c), -ENOENT);
	assert_int_equal(esp_read(table, 0, &c), -ENOENT);
}

/* The first worker that asks has it. */
static void test_owner(void **state)
{
	struct esp_spec spec = inbound();
	struct esp_sa *sa;

	add(&spec);
	sa = esp_find(table, spec.spi);
	assert_int_equal(esp_owner(sa, 1), 1);
	assert_int_equal(esp_owner(sa, 0), 1);
	assert_int_equal(esp_owner(sa, 1), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(test_inbound), TEST(test_spi_twice),	TEST(test_reserved_and_given_back),
		TEST(test_full),    TEST(test_outbound),	TEST(test_wiped),
		TEST(test_update),  TEST(test_refused),		TEST(test_read),
		TEST(test_owner),   TEST(test_spis_are_random), TEST(test_spis_are_unique),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
