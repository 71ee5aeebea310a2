/* Shortages: each is found by its own fields only, as long as it is kept. */
#include "setup/shortage.h"

#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { UDP = 17, TCP = 6, SIZE = 64, CAPACITY = 1024 };

static struct setup towards(struct stage_bench *b, uint32_t dst, uint16_t dport, uint8_t proto)
{
	return (struct setup){
		.ctx = &b->ctx,
		.pool = &b->net->pools[0],
		.flow = {.dst = htonl(dst), .dport = htons(dport), .proto = proto},
	};
}

static void every_field_counts(void **state)
{
	static const struct {
		uint32_t dst;
		uint16_t dport;
		uint8_t proto;
		uint32_t address;
		bool with_reserve;
	} rows[] = {
		{SERVER, 53, UDP, 0, false}, {SERVER + 1, 53, UDP, 0, false},
		{SERVER, 54, UDP, 0, false}, {SERVER, 53, TCP, 0, false},
		{SERVER, 53, UDP, 1, false}, {SERVER, 53, UDP, 0, true},
	};
	struct stage_bench *b = bench_create(SIZE, CAPACITY, 0, 1);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct setup s = towards(b, rows[i].dst, rows[i].dport, rows[i].proto);

		assert_null(shortage_find(&s, rows[i].address, rows[i].with_reserve));
		shortage_open(&s, rows[i].address, rows[i].with_reserve)->left = (uint32_t)i + 1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct setup s = towards(b, rows[i].dst, rows[i].dport, rows[i].proto);
		struct shortage *known = shortage_find(&s, rows[i].address, rows[i].with_reserve);

		assert_non_null(known);
		assert_int_equal(known->left, i + 1);
	}
	bench_destroy(b);
}

static void kept_as_long_as_it_is_met(void **state)
{
	struct stage_bench *b = bench_create(SIZE, CAPACITY, 0, 1);
	struct setup s = towards(b, SERVER, 53, UDP);

	assert_false(shortages_are_known(b->ctx.egress->shortages, b->ctx.now_s));
	shortage_open(&s, 0, false);
	for (unsigned i = 0; i < 5; i++) {
		b->ctx.now_s += SHORTAGE_KEPT_S - 1;
		assert_non_null(shortage_find(&s, 0, false));
	}
	b->ctx.now_s += SHORTAGE_KEPT_S;
	assert_false(shortages_are_known(b->ctx.egress->shortages, b->ctx.now_s));
	assert_null(shortage_find(&s, 0, false));
	bench_destroy(b);
}

/*
 * There are many more shortages than slots. Nearly all of the last ones are still known, although
 * their destinations are consecutive addresses, and none is mistaken for another.
 */
static void more_than_slots(void **state)
{
	enum { MANY = 4 * SHORTAGE_SLOTS, LAST = SHORTAGE_SLOTS / 4 };
	struct stage_bench *b = bench_create(SIZE, CAPACITY, 0, 1);
	unsigned known = 0;

	for (uint32_t i = 0; i < MANY; i++) {
		struct setup s = towards(b, SERVER + i, 53, UDP);

		b->ctx.now_s = STAGE_NOW + i / 1024;
		shortage_open(&s, 0, false)->left = i;
	}
	for (uint32_t i = MANY - LAST; i < MANY; i++) {
		struct setup s = towards(b, SERVER + i, 53, UDP);
		struct shortage *found = shortage_find(&s, 0, false);

		if (found != NULL)
			assert_int_equal(found->left, i);
		known += found != NULL;
	}
	assert_true(known > LAST * 9 / 10);
	bench_destroy(b);
}

/* A few ports that became free are stored. If there are more, all ports are searched again. */
static void what_is_freed_is_heard_of(void **state)
{
	struct stage_bench *b = bench_create(SIZE, CAPACITY, 0, 1);
	struct setup s = towards(b, SERVER, 53, UDP);
	struct shortage *plain = shortage_open(&s, 0, false), *all = shortage_open(&s, 0, true);

	plain->none_s = all->none_s = b->ctx.now_s;
	s.flow.nat_src = htonl(EGRESS);
	s.slice = 0;
	s.flow.nat_port = htons(SIZE + 15); /* of the reserve */
	shortage_port_freed(&s);
	assert_int_equal(plain->n_freed, 0);
	assert_int_equal(all->n_freed, 1);
	assert_int_equal(all->freed[0].at, 15);
	for (uint16_t i = 0; i < SHORTAGE_FREED; i++) {
		s.flow.nat_port = htons((uint16_t)(SIZE + i));
		shortage_port_freed(&s);
		assert_int_equal(plain->freed[i].at, i);
		assert_int_equal(plain->freed[i].slice, 0);
	}
	assert_int_equal(plain->n_freed, SHORTAGE_FREED);
	assert_int_equal(plain->none_s, b->ctx.now_s);
	assert_int_equal(all->none_s, 0);
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_counts),
		cmocka_unit_test(kept_as_long_as_it_is_met),
		cmocka_unit_test(more_than_slots),
		cmocka_unit_test(what_is_freed_is_heard_of),
	};

	shortages_destroy(NULL);
	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
