/*
 * One tunnel and its far end, in ticks of 25 ms: how fast each rate finds that it is down and that
 * it works again, what a held up control thread and a full ring do, and that other numbers are no
 * answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fakes.h"

enum { T = 3, TICK = 25, START_MS = 50000 };

static struct spec_tunnel spec_tunnel;
static const struct spec_tunnel *specs[FAKE_TUNNELS];
static struct tunnel net_tunnels[FAKE_TUNNELS];
static struct network net = {.tunnels = net_tunnels, .tunnel_specs = specs, .max_tunnel = 7};
static struct health_tunnel tunnels[FAKE_TUNNELS];
static uint16_t dirty[4];
static bool is_dirty[4];
static struct health h;
static uint64_t due;

static void begin(enum health_rate_name rate)
{
	memset(&fake, 0, sizeof(fake));
	memset(tunnels, 0, sizeof(tunnels));
	memset(is_dirty, 0, sizeof(is_dirty));
	fake.now_ns = START_MS * (uint64_t)NS_PER_MS;
	fake.delay_ms = 20;
	spec_tunnel = (struct spec_tunnel){.name = "t",
					   .address = addr6_from_ipv4(1),
					   .peer = addr6_from_ipv4(2),
					   .health = {.has_rate = true, .rate = rate}};
	specs[T] = &spec_tunnel;
	net_tunnels[T].site = 1;
	net.spec.health.hold = 30;
	h = (struct health){.net = &net,
			    .workers = fake_pointers,
			    .n_workers = FAKE_WORKERS,
			    .tunnels = tunnels,
			    .dirty = dirty,
			    .is_dirty = is_dirty};
	tunnels[T].plan = health_plan_of(&net.spec, &(struct spec_site){0}, &spec_tunnel);
	tunnels[T].in_a_row = HEALTH_IN_A_ROW;
	assert_non_null(tunnels[T].plan.rate);
	due = 0;
}

static void tick(void)
{
	fake.now_ns += TICK * (uint64_t)NS_PER_MS;
	fake_arrive();
	if (due <= fake.now_ns)
		due = prober_step(&h, T, fake.now_ns);
}

static void pass(uint64_t ms)
{
	for (uint64_t i = 0; i < ms / TICK; i++)
		tick();
}

/* How long until the tunnel has the state; fails after @limit_ms. */
static uint64_t await(enum health_state state, uint64_t limit_ms)
{
	for (uint64_t ms = 0; ms <= limit_ms; ms += TICK, tick())
		if (tunnels[T].life.state == state)
			return ms;
	fail_msg("not %s within %lu ms", health_state_names[state], (unsigned long)limit_ms);
	return 0;
}

static void each_rate_finds_it(void **state)
{
	const struct {
		enum health_rate_name rate;
		uint64_t down_ms, back_ms; /* at most */
		unsigned a_minute; /* probes */
	} rows[] = {
		{HEALTH_RATE_HIGH, 1000, 1000, 240},
		{HEALTH_RATE_MID, 3200, 2000, 60},
		{HEALTH_RATE_LOW, 12500, 11000, 6},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unsigned long before;
		uint64_t down, worst = 0;

		begin(rows[i].rate);
		pass(400000);
		before = fake.sent[T];
		pass(60000);
		assert_in_range(fake.sent[T] - before, rows[i].a_minute - 1, rows[i].a_minute + 1);
		assert_int_equal(tunnels[T].life.state, HEALTH_HEALTHY);
		for (unsigned phase = 0; phase < 8; phase++) {
			pass(400000 + phase * 125); /* it fails at different moments */
			fake.dead[T] = true;
			down = await(HEALTH_DOWN, rows[i].down_ms);
			worst = down > worst ? down : worst;
			pass(7000);
			fake.dead[T] = false;
			await(HEALTH_DEGRADED, rows[i].back_ms);
		}
		assert_true(worst > 0);
		assert_int_equal(tunnels[T].downs, 8);
	}
}

/* Down is found within a second of the last answer that came. */
static void high_is_within_a_second(void **state)
{
	for (unsigned phase = 0; phase < 12; phase++) {
		uint64_t answered, last = 0;

		begin(HEALTH_RATE_HIGH);
		fake.delay_ms = 0;
		pass(10000 + phase * TICK);
		answered = tunnels[T].answered;
		fake.dead[T] = true;
		while (tunnels[T].life.state != HEALTH_DOWN) {
			if (tunnels[T].answered != answered || last == 0)
				last = fake.now_ns;
			answered = tunnels[T].answered;
			tick();
		}
		assert_in_range((fake.now_ns - last) / NS_PER_MS, 500, 1000);
	}
}

static void answers_have_a_time(void **state)
{
	begin(HEALTH_RATE_MID);
	fake.delay_ms = 120;
	pass(5000);
	assert_in_range(tunnels[T].rtt_ns, 120 * NS_PER_MS, 121 * NS_PER_MS);
	assert_true(tunnels[T].answered >= 4);
	assert_int_equal(tunnels[T].lost, 0);
	fake.delay_ms = 1100; /* too late */
	pass(10000);
	assert_int_equal(tunnels[T].life.state, HEALTH_DOWN);
}

/* The control thread did something else for seconds. What was answered meanwhile is not lost. */
static void held_up(void **state)
{
	begin(HEALTH_RATE_HIGH);
	pass(10000);
	for (unsigned i = 0; i < 5; i++) {
		unsigned sent = fake.sent[T];

		fake.now_ns += 3000 * (uint64_t)NS_PER_MS;
		tick();
		pass(500);
		assert_in_range(fake.sent[T] - sent, 2, 4); /* and no burst follows */
	}
	assert_int_equal(tunnels[T].lost, 0);
}

static void full_ring(void **state)
{
	begin(HEALTH_RATE_HIGH);
	pass(10000);
	fake.full = true;
	pass(5000);
	fake.full = false;
	pass(1000);
	assert_int_equal(tunnels[T].lost, 0);
	assert_int_equal(tunnels[T].life.state, HEALTH_HEALTHY);
}

static void other_numbers(void **state)
{
	begin(HEALTH_RATE_HIGH);
	pass(10000);
	fake.dead[T] = true;
	for (unsigned i = 0; i < 100; i++) {
		for (unsigned slot = 0; slot < PROBE_SLOTS; slot++)
			fake.rows[0][T].answers[slot].number++;
		tick();
	}
	assert_int_equal(tunnels[T].life.state, HEALTH_DOWN);
}

/* Beside the tunnel: the kernel receives the answer. */
static void heard_outside(void **state)
{
	begin(HEALTH_RATE_HIGH);
	fake.dead[T] = true;
	tunnels[T].plan.outside = true;
	for (unsigned i = 0; i < 400; i++) {
		for (uint8_t slot = 0; slot < PROBE_SLOTS; slot++)
			health_heard_outside(
				&h,
				&(struct health_mark){tunnels[T].probes[slot].number, T, slot, 0},
				fake.now_ns + 1);
		tick();
	}
	assert_int_equal(tunnels[T].lost, 0);
	assert_true(tunnels[T].answered > 30);
}

static void traffic_is_a_sign_of_life(void **state)
{
	begin(HEALTH_RATE_HIGH);
	pass(10000);
	fake.dead[T] = true;
	for (unsigned i = 0; i < 8000 / TICK; i++) {
		fake.rx[T]++;
		tick();
	}
	assert_int_equal(tunnels[T].life.state, HEALTH_DEGRADED);
	await(HEALTH_DOWN, 1000); /* no packet comes out of it any more */
}

/* Flows return after the hold; until then the reason says when. */
static void held_after_it_works_again(void **state)
{
	char reason[HEALTH_REASON_SIZE];
	uint64_t since;

	begin(HEALTH_RATE_HIGH);
	fake.dead[T] = true;
	pass(3000);
	prober_reason(&h, T, fake.now_ns / NS_PER_MS, reason);
	assert_non_null(strstr(reason, "none ever was"));
	fake.dead[T] = false;
	await(HEALTH_DEGRADED, 1000);
	assert_true(tunnels[T].held);
	since = fake.now_ns;
	prober_reason(&h, T, fake.now_ns / NS_PER_MS, reason);
	assert_string_equal(reason, "it works again; flows return in 30 s");
	is_dirty[1] = false;
	h.n_dirty = 0;
	while (tunnels[T].held)
		tick();
	assert_in_range((fake.now_ns - since) / NS_PER_MS, 30000, 30000 + 2 * TICK);
	assert_true(is_dirty[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rate_finds_it),
		cmocka_unit_test(high_is_within_a_second),
		cmocka_unit_test(answers_have_a_time),
		cmocka_unit_test(held_up),
		cmocka_unit_test(full_ring),
		cmocka_unit_test(other_numbers),
		cmocka_unit_test(heard_outside),
		cmocka_unit_test(traffic_is_a_sign_of_life),
		cmocka_unit_test(held_after_it_works_again),
	};

	return cmocka_run_group_tests_name("health/prober", tests, NULL, NULL);
}
