/*
 * In one pass of the event loop the pump makes a bounded number of steps, however many clients
 * there are and however long their answers; clients have equal shares, and others are not delayed
 * by those that wait.
 */
#include "control/api/pump.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

enum { MANY = 300, PASSES_MAX = 100000 };

/* It has so many steps to make; or it waits for ever. */
struct client {
	struct pump_client pumped;
	unsigned steps, left;
	bool waits;
};

static struct event_base *base;
static struct pump *pump;
static struct client clients[MANY];

static enum pump_result step(struct pump_client *pumped, struct writer *w)
{
	struct client *c = (struct client *)((char *)pumped - offsetof(struct client, pumped));

	assert_false(pumped->joined);
	c->steps++;
	if (c->waits)
		return PUMP_WAIT;
	return --c->left > 0 ? PUMP_MORE : PUMP_LEFT;
}

static void join(size_t n, unsigned steps)
{
	memset(clients, 0, sizeof(clients));
	for (size_t i = 0; i < n; i++) {
		clients[i].pumped.step = step;
		clients[i].left = steps;
		pump_join(pump, &clients[i].pumped);
		pump_join(pump, &clients[i].pumped); /* once is enough */
	}
}

static unsigned count_steps(size_t n)
{
	unsigned sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += clients[i].steps;
	return sum;
}

static void test_bounded(void **state)
{
	static const size_t rows[] = {1, 2, PUMP_STEPS, PUMP_STEPS + 1, MANY};

	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		unsigned before = 0, passes = 0, least = UINT32_MAX, most = 0, half = 0;

		join(rows[r], 1000);
		while (before < rows[r] * 1000 && passes++ < PASSES_MAX) {
			unsigned now;

			event_base_loop(base, EVLOOP_ONCE);
			now = count_steps(rows[r]);
			assert_in_range(now - before, 1, PUMP_STEPS);
			before = now;
			half += before < rows[r] * 500;
			if (half != passes)
				continue;
			least = UINT32_MAX;
			most = 0;
			for (size_t i = 0; i < rows[r]; i++) {
				least = clients[i].steps < least ? clients[i].steps : least;
				most = clients[i].steps > most ? clients[i].steps : most;
			}
			assert_in_range(most - least, 0, rows[r] == 1 ? 0 : 1);
		}
		assert_int_equal(before, rows[r] * 1000);
	}
}

/* Those that wait take no time from one that does not: it has at least its share of the steps. */
static void test_waiting(void **state)
{
	enum { WAITING = 10 };
	unsigned passes = 0;

	join(WAITING + 1, 1000);
	for (size_t i = 1; i <= WAITING; i++)
		clients[i].waits = true;
	while (clients[0].left > 0 && passes++ < PASSES_MAX)
		event_base_loop(base, EVLOOP_ONCE);
	assert_in_range(passes, 1, 1000 / (PUMP_STEPS / (WAITING + 1)) + 1);
	for (size_t i = 0; i <= WAITING; i++)
		pump_leave(pump, &clients[i].pumped); /* the first one has left already */
}

/* If all wait, each is asked once a pass, and the pump soon sleeps in between. */
static void test_all_wait(void **state)
{
	enum { N = 3, PASSES = PUMP_PATIENCE + 5 };

	join(N, 1000);
	for (size_t i = 0; i < N; i++)
		clients[i].waits = true;
	for (unsigned i = 1; i <= PUMP_PATIENCE; i++) {
		event_base_loop(base, EVLOOP_ONCE);
		assert_int_equal(count_steps(N), i * N);
	}
	event_base_loop(base, EVLOOP_NONBLOCK); /* the timer is not due */
	assert_int_equal(count_steps(N), PUMP_PATIENCE * N);
	event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(count_steps(N), (PUMP_PATIENCE + 1) * N);
	for (size_t i = 0; i < N; i++)
		pump_leave(pump, &clients[i].pumped);
}

static int start(void **state)
{
	base = event_base_new();
	pump = pump_create(base);
	return pump == NULL;
}

static int stop(void **state)
{
	pump_destroy(pump);
	pump_destroy(NULL);
	event_base_free(base);
	libevent_global_shutdown();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_waiting),
		cmocka_unit_test(test_all_wait),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
