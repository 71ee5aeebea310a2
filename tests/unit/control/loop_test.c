/* The loop measures its longest pass by CPU time: work counts, waiting does not. */
#include "control/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>
#include <event2/event.h>

enum { MS = 1000 * 1000, WORK_MS = 30, WAIT_MS = 200 };

static struct event_base *base;

static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000 * MS + (uint64_t)now.tv_nsec;
}

static void work(evutil_socket_t fd, short what, void *arg)
{
	uint64_t until = cpu_ns() + (uint64_t)WORK_MS * MS;

	while (cpu_ns() < until)
		;
}

static void wait(evutil_socket_t fd, short what, void *arg)
{
	const struct timespec pause = {.tv_nsec = (long)WAIT_MS * MS};

	nanosleep(&pause, NULL);
}

static void stop(evutil_socket_t fd, short what, void *arg)
{
	event_base_loopbreak(base);
}

/* Runs @first, and then some passes of other kinds. */
static void resume(struct loop *l, event_callback_fn first)
{
	const struct timeval now = {0}, soon = {.tv_usec = 20000}, later = {.tv_usec = 50000};

	event_base_once(base, -1, EV_TIMEOUT, first, NULL, &now);
	event_base_once(base, -1, EV_TIMEOUT, work, NULL, &soon);
	event_base_once(base, -1, EV_TIMEOUT, wait, NULL, &soon);
	event_base_once(base, -1, EV_TIMEOUT, stop, NULL, &later);
	loop_run(l, base);
}

static void test_longest(void **state)
{
	struct loop l = {0};

	resume(&l, work);
	assert_true(l.longest_ns >= (uint64_t)WORK_MS * MS);
	assert_true(l.longest_ns < (uint64_t)WAIT_MS * MS); /* two times of work, and no waiting */
	assert_int_equal(loop_recent_ns(&l), l.longest_ns);
}

/* What was long before two minutes is no longer recent. */
static void test_recent(void **state)
{
	const uint64_t long_ns = UINT64_C(1000) * MS;
	struct loop l = {.longest_ns = long_ns, .longest_now_ns = long_ns};

	/* the minute in which it was is over for long */
	assert_int_equal(loop_recent_ns(&l), long_ns);
	resume(&l, wait);
	assert_int_equal(l.longest_ns, long_ns);
	assert_true(l.minute_ms > 0);
	assert_true(loop_recent_ns(&l) < long_ns);

	/* it was in the minute before this one */
	l.longest_now_ns = long_ns;
	l.minute_ms -= 61 * 1000;
	resume(&l, wait);
	assert_int_equal(loop_recent_ns(&l), long_ns);
	assert_true(l.longest_now_ns < long_ns);
}

static void test_ends_without_events(void **state)
{
	struct event_base *empty = event_base_new();
	struct loop l = {0};

	loop_run(&l, empty);
	event_base_free(empty);
}

static int setup(void **state)
{
	base = event_base_new();
	return base == NULL;
}

static int teardown(void **state)
{
	event_base_free(base);
	libevent_global_shutdown();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_recent),
		cmocka_unit_test(test_ends_without_events),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
