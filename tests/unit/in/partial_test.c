/* Partial checksums are completed; others do not change. */
#include "in/partial.h"

#include "frame.h"
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { TCP = 6, UDP = 17, ICMP = 1, SYN = 2, SIZE = 2048 };

#define FOUR .src = HOST, .dst = SERVER, .sport = 5000, .dport = 53
#define SIX .six = true, .src6 = INSIDE6, .dst6 = EGRESS6, .sport = 5000, .dport = 53

static const uint8_t options[8] = {UDP, 0, 1, 4}; /* an options header with padding */

/* clang-format off */
static const struct {
	const char *why;
	struct frame frame;
	size_t pad; /* padding behind the packet */
} undone[] = {
	{ "UDP",                 { FOUR, .proto = UDP, .token = 7 } },
	{ "an odd length",       { FOUR, .proto = UDP, .payload = 33 } },
	{ "TCP",                 { FOUR, .proto = TCP, .tcp_flags = SYN } },
	{ "TCP with an option",  { FOUR, .proto = TCP, .tcp_flags = SYN, .mss = 1460 } },
	{ "a full packet",       { FOUR, .proto = TCP, .payload = 1448 } },
	{ "padding behind",      { FOUR, .proto = UDP, .payload = 8 }, 10 },
	{ "UDP over IPv6",       { SIX, .proto = UDP, .payload = 9 } },
	{ "TCP over IPv6",       { SIX, .proto = TCP, .payload = 1000 } },
	{ "behind a header of IPv6", { SIX, .proto = UDP, .extensions = options,
				       .n_extensions = 8, .next = 60 } },
};
/* clang-format on */

static void test_undone_are_finished(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(undone); i++) {
		struct frame f = undone[i].frame;
		uint8_t right[SIZE] = {0}, packet[SIZE] = {0};
		size_t len = frame_build_inner(&f, right);

		f.partial = true;
		frame_build_inner(&f, packet);
		if (memcmp(packet, right, len) == 0)
			fail_msg("row %zu: %s: nothing was left undone", i, undone[i].why);
		if (!partial_finish(packet, len + undone[i].pad) ||
		    memcmp(packet, right, sizeof(right)) != 0)
			fail_msg("row %zu: %s", i, undone[i].why);
		if (partial_finish(packet, len + undone[i].pad) ||
		    memcmp(packet, right, sizeof(right)) != 0)
			fail_msg("row %zu: %s: finished twice", i, undone[i].why);
	}
}

/* clang-format off */
static const struct {
	const char *why;
	struct frame frame;
	struct { uint8_t at, to; } poke; /* 0: none */
	size_t len; /* 0: all of it */
} others[] = {
	{ "finished",            { FOUR, .proto = TCP } },
	{ "UDP without one",     { FOUR, .proto = UDP, .udp_no_checksum = true } },
	{ "a ping",              { FOUR, .proto = ICMP, .icmp_type = 8 } },
	{ "a first fragment",    { FOUR, .proto = UDP, .partial = true }, {6, 0x20} },
	{ "a later fragment",    { FOUR, .proto = UDP, .partial = true }, {7, 1} },
	{ "cut short",           { FOUR, .proto = UDP, .partial = true }, .len = 30 },
	{ "a header of 16 bytes", { FOUR, .proto = UDP, .partial = true }, {0, 0x44} },
	{ "a header longer than all", { FOUR, .proto = UDP, .partial = true }, {0, 0x4f} },
	{ "UDP longer than IP",  { FOUR, .proto = UDP, .partial = true }, {25, 200} },
	{ "UDP shorter than its header", { FOUR, .proto = UDP, .partial = true }, {25, 7} },
	{ "IPv6 cut in its header", { SIX, .proto = UDP, .partial = true }, .len = 39 },
	{ "IPv6 longer than it is", { SIX, .proto = UDP, .partial = true }, {5, 200} },
	{ "nothing",             { FOUR, .proto = UDP, .partial = true }, .len = 1 },
};
/* clang-format on */

static void test_others_are_not_touched(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		uint8_t packet[SIZE] = {0}, before[SIZE];
		size_t len = frame_build_inner(&others[i].frame, packet);

		if (others[i].poke.to != 0)
			packet[others[i].poke.at] = others[i].poke.to;
		memcpy(before, packet, sizeof(before));
		if (partial_finish(packet, others[i].len != 0 ? others[i].len : len) ||
		    memcmp(packet, before, sizeof(before)) != 0)
			fail_msg("row %zu: %s", i, others[i].why);
	}
}

/*
 * One in 65,536 complete checksums looks like a partial one. Completing it again changes nothing.
 */
static void test_equal_by_chance(void **state)
{
	struct frame f = {FOUR, .proto = UDP};
	unsigned equal = 0;

	for (unsigned i = 0; i < 65536; i++) {
		uint8_t packet[SIZE], undone_one[SIZE], before[SIZE];
		size_t len;

		f.token = i;
		f.partial = false;
		len = frame_build_inner(&f, packet);
		f.partial = true;
		frame_build_inner(&f, undone_one);
		equal += memcmp(packet, undone_one, len) == 0;
		memcpy(before, packet, len);
		assert_false(partial_finish(packet, len));
		assert_memory_equal(packet, before, len);
	}
	assert_in_range(equal, 1, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_undone_are_finished),
		cmocka_unit_test(test_others_are_not_touched),
		cmocka_unit_test(test_equal_by_chance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
