/*
 * Home, as a property, with hairpin: any of 64 endpoints, some of them equal in two sites, sends to
 * any other by its egress port. Each packet arrives only at the endpoint that has this port, and
 * its source is the egress port of its sender, which is in our slices (laws 1 to 3).
 *
 * HAIRPIN_SEED=n repeats the run of that seed.
 */
#include "hairpin_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ENDS = 64, ROUNDS = 20000 };

static struct {
	uint64_t random;
	struct end ends[ENDS];
	struct outside seen[ENDS];
} run;

static uint32_t random_below(uint32_t n)
{
	/* splitmix64 (Steele, Lea, Flood 2014) */
	uint64_t z = run.random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ z >> 31) % n);
}

static bool is_ours(uint32_t addr, uint16_t port)
{
	return addr >= IP(203, 0, 113, 1) && addr <= IP(203, 0, 113, 2) && port / 2048 == 1;
}

/*
 * The token names sender and receiver; each endpoint gets only packets for itself, from its
 * sender's egress port.
 */
static void check_delivered(const struct frame *out)
{
	const struct end *to = &run.ends[out->token % ENDS];
	const struct outside *from = &run.seen[out->token / ENDS % ENDS];

	assert_int_equal(out->outer_dst, to->site);
	assert_int_equal(out->dst, to->addr);
	assert_int_equal(out->dport, to->port);
	assert_int_equal(out->src, from->addr);
	assert_int_equal(out->sport, from->port);
	assert_true(is_ours(out->src, out->sport));
}

static void at_random(unsigned workers)
{
	uint8_t bytes[BED_FRAME_MAX];
	unsigned sent = 0, arrived = 0;
	struct frame f, out;

	start(INDEPENDENT, workers);
	for (unsigned i = 0; i < ENDS; i++) {
		run.ends[i] = (struct end){i % 2 == 0 ? BERLIN : MADRID, HOST + i / 2 % 4,
					   (uint16_t)(5000 + i / 8)};
		run.seen[i] = map(&run.ends[i], UDP);
		assert_true(is_ours(run.seen[i].addr, run.seen[i].port));
	}
	while (sent < ROUNDS) {
		for (unsigned n = 1 + random_below(48); n > 0; n--, sent++) {
			unsigned from = random_below(ENDS), to = random_below(ENDS);

			f = packet(&run.ends[from], UDP, &run.seen[to]);
			f.token = from * ENDS + to;
			bed_send(bed, UNDERLAY, bytes, frame_build(&f, bytes));
		}
		bed_run(bed);
		assert_false(take(UPLINK, &out));
		for (; take(UNDERLAY, &out); arrived++)
			check_delivered(&out);
	}
	assert_int_equal(arrived, sent);
	assert_int_equal(bed_counters(bed).hairpinned, sent);
	stop();
}

static void at_random_with_one_worker(void **state)
{
	at_random(1);
}

static void at_random_with_two_workers(void **state)
{
	at_random(2);
}

static void at_random_with_four_workers(void **state)
{
	at_random(4);
}

int main(void)
{
	const char *seed = getenv("HAIRPIN_SEED");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_random_with_one_worker),
		cmocka_unit_test(at_random_with_two_workers),
		cmocka_unit_test(at_random_with_four_workers),
	};

	run.random = seed != NULL ? strtoull(seed, NULL, 0) : 1;
	printf("HAIRPIN_SEED=%llu\n", (unsigned long long)run.random);
	return cmocka_run_group_tests_name("hairpin_home", tests, NULL, NULL);
}
