/* Checksums against the definition of RFC 1071: 16-bit words, added one by one, carries come round. */
#include "base/checksum.h"

#include "base/wire.h"
#include "dice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { ROUNDS = 200000 };

/* Numbers at which a carry begins or ends. */
static const uint64_t edges[] = {
	0,
	1,
	0xfffe,
	0xffff,
	0x10000,
	0x1fffe,
	0xffff0000,
	0xfffeffff,
	0xffffffff,
	0x100000000,
	0xffff00000000,
	0xffffffff00000000,
	0xffffffff00000001,
	0x7fffffffffffffff,
	0xfffffffffffffffe,
	0xffffffffffffffff,
};

static uint16_t add(uint16_t a, uint16_t b)
{
	uint32_t sum = (uint32_t)a + b;

	return (uint16_t)(sum > UINT16_MAX ? sum - UINT16_MAX : sum);
}

static uint16_t stupid_fold(uint64_t n)
{
	uint16_t sum = 0;

	for (unsigned i = 0; i < 4; i++)
		sum = add(sum, (uint16_t)(n >> 16 * i));
	return sum;
}

static uint16_t stupid_sum(const uint8_t *bytes, size_t len)
{
	uint16_t sum = 0, word;

	for (size_t i = 0; i < len; i += sizeof(word)) {
		memcpy(&word, bytes + i, sizeof(word));
		sum = add(sum, word);
	}
	return sum;
}

static uint64_t roll_number(uint64_t *dice)
{
	if (dice_roll(dice, 4) == 0)
		return edges[dice_roll(dice, ARRAY_SIZE(edges))];
	return (uint64_t)dice_roll(dice, UINT32_MAX) << 32 | dice_roll(dice, UINT32_MAX);
}

static void test_fold(void **state)
{
	uint64_t dice = 1;

	for (size_t i = 0; i < ARRAY_SIZE(edges); i++)
		assert_int_equal(checksum_fold(edges[i]), stupid_fold(edges[i]));
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t n = roll_number(&dice);

		assert_int_equal(checksum_fold(n), stupid_fold(n));
	}
}

/* Headers of any bytes, half of them with the right checksum. */
static void test_plain_header(void **state)
{
	uint64_t dice = 2;
	unsigned good = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t numbers[3] = {roll_number(&dice), roll_number(&dice), roll_number(&dice)};
		uint8_t header[IPV4_LEN];
		int ok;

		memcpy(header, numbers, sizeof(header));
		if (i % 2 == 0) {
			wire_put_be16(header + IPV4_CHECKSUM, 0);
			wire_put_be16(header + IPV4_CHECKSUM, checksum_make(header, IPV4_LEN));
		}
		ok = stupid_sum(header, IPV4_LEN) == UINT16_MAX;
		good += (unsigned)ok;
		assert_int_equal(checksum_ok_plain(header), ok);
		assert_int_equal(checksum_ok(header, IPV4_LEN), ok);
	}
	assert_in_range(good, ROUNDS / 2 - ROUNDS / 100, ROUNDS / 2 + ROUNDS / 100);
}

/* A field changes: the checksum updated by difference is that of the new header. */
static void test_difference(void **state)
{
	uint64_t dice = 3;

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t numbers[3] = {roll_number(&dice), roll_number(&dice), roll_number(&dice)};
		uint8_t header[IPV4_LEN];
		uint32_t to = dice_roll(&dice, UINT32_MAX), from;

		memcpy(header, numbers, sizeof(header));
		header[0] = IPV4_PLAIN; /* a sum of nothing but zeros has two checksums */
		wire_put_be16(header + IPV4_CHECKSUM, 0);
		wire_put_be16(header + IPV4_CHECKSUM, checksum_make(header, IPV4_LEN));
		memcpy(&from, header + IPV4_SRC, sizeof(from));
		memcpy(header + IPV4_SRC, &to, sizeof(to));
		wire_put_be16(header + IPV4_CHECKSUM,
			      checksum_apply(wire_be16(header + IPV4_CHECKSUM),
					     checksum_delta32(from, to)));
		assert_true(checksum_ok_plain(header));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fold),
		cmocka_unit_test(test_plain_header),
		cmocka_unit_test(test_difference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
