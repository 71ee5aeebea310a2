/* Extension lines: a flow has one only if it was given one, and only while it lives. */
#include "flow/extension.h"

#include "flow/flow6.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "dice.h"

enum { CAPACITY = 64, ROUNDS = 20000 };

static const uint8_t secret[16] = "extension lines";

static struct flow flow_of(uint32_t n)
{
	return (struct flow){.src = n,
			     .dst = 7,
			     .nat_src = 9,
			     .nat_port = (uint16_t)n,
			     .site = 1,
			     .proto = 17,
			     .state = FLOW_UDP};
}

static uint32_t insert(struct flow_table *t, uint32_t n, bool is_six)
{
	const struct flow f = flow_of(n);
	const struct flow6 six = {.src.half = {n}};
	struct flow6_key forward, back;

	if (!is_six)
		return flow_table_insert(t, &f);
	flow6_forward_key(&f, &six, &forward);
	flow6_return_key(&f, &six, &back);
	return flow6_table_insert_hashed(t, &f, &six, flow6_table_prefetch(t, &forward),
					 flow6_table_prefetch(t, &back));
}

static struct flow_table *create(bool is_six)
{
	struct flow_table *t =
		is_six ? flow6_table_create(CAPACITY, secret) : flow_table_create(CAPACITY, secret);

	assert_non_null(t);
	return t;
}

/* A table without extension lines uses no more memory than before. */
static void nobody_asked(void **state)
{
	struct flow_table *t = create(false);
	uint32_t record = insert(t, 1, false);

	assert_null(flow_table_extension(t, record));
	assert_null(flow_table_extend(t, record));
	assert_null(flow_table_extension(t, record));
	assert_int_equal(flow_table_at(t, record)->state, FLOW_UDP);
	assert_int_equal(flow_table_bytes(4), 4 * 64 + 64);
	flow_table_destroy(t);
}

static void lives_with_its_record(void **state)
{
	for (int is_six = 0; is_six < 2; is_six++) {
		struct flow_table *t = create(is_six);
		struct flow_extension *e;
		uint32_t plain, record;

		assert_int_equal(flow_table_allow_extensions(t), 0);
		plain = insert(t, 1, is_six);
		record = insert(t, 2, is_six);
		assert_null(flow_table_extension(t, record));
		e = flow_table_extend(t, record);
		assert_non_null(e);
		assert_int_equal((uintptr_t)e % CACHE_LINE, 0);
		assert_ptr_equal(flow_table_extension(t, record), e);
		memset(e, 0xaa, sizeof(*e));
		assert_ptr_equal(flow_table_extend(t, record), e); /* the same line, unchanged */
		assert_int_equal(e->bytes[63], 0xaa);
		assert_null(flow_table_extension(t, plain));

		flow_table_at(t, record)->state = FLOW_OTHER; /* another state, the same line */
		assert_ptr_equal(flow_table_extension(t, record), e);
		flow_table_remove(t, record);
		assert_null(flow_table_extension(t, record));
		assert_int_equal(insert(t, 3, is_six), record);
		assert_null(flow_table_extension(t, record)); /* the next flow has no line */
		assert_int_equal(flow_table_extend(t, record)->bytes[63],
				 0); /* and a new line is empty */

		flow_table_rest(t, record, 1);
		assert_null(flow_table_extension(t, record));
		assert_int_equal(flow_table_at(t, record)->state, FLOW_RESTING);
		flow_table_destroy(t);
	}
}

/*
 * Compared with a plain list: what was written to a flow's line stays until the flow ends, and is
 * in no other line.
 */
static void against_a_list(void **state)
{
	struct flow_table *t = create(false);
	uint32_t records[CAPACITY], tokens[CAPACITY] = {0};
	uint64_t dice = 3;

	assert_int_equal(flow_table_allow_extensions(t), 0);
	memset(records, 0xff, sizeof(records));
	for (uint32_t i = 1; i < ROUNDS; i++) {
		uint32_t n = dice_roll(&dice, CAPACITY);
		struct flow_extension *e;

		if (records[n] == FLOW_NO_RECORD) {
			records[n] = insert(t, n, false);
			assert_int_not_equal(records[n], FLOW_NO_RECORD);
			assert_null(flow_table_extension(t, records[n]));
			tokens[n] = 0;
			continue;
		}
		e = flow_table_extension(t, records[n]);
		assert_int_equal(e != NULL, tokens[n] != 0);
		if (e != NULL)
			assert_memory_equal(e->bytes, &tokens[n], sizeof(tokens[n]));
		if (dice_roll(&dice, 2) == 0) {
			flow_table_remove(t, records[n]);
			records[n] = FLOW_NO_RECORD;
		} else {
			tokens[n] = i;
			memcpy(flow_table_extend(t, records[n])->bytes, &i, sizeof(i));
		}
	}
	flow_table_destroy(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_asked),
		cmocka_unit_test(lives_with_its_record),
		cmocka_unit_test(against_a_list),
	};

	return cmocka_run_group_tests_name("flow/extension", tests, NULL, NULL);
}
