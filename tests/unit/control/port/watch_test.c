/*
 * The alarms about counters of ports, second by second, with fake counters and a fake clock.
 */
#include "base/types.h"
#include "control/alarm.h"
#include "control/port/port.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

#include <cmocka.h>
#include <event2/event.h>

enum { QUIET_S = 60, WORKERS = 2 };

static struct port_stats stats; /* of the port in slot 0 */
static struct port_counters counters; /* of each worker */
static event_callback_fn tick;
static void *tick_arg;

void __wrap_port_read_stats(const struct port *port, struct port_stats *out);
void __wrap_worker_read_port(const struct worker *w, uint16_t port, struct port_counters *out);
struct event *__real_event_new(struct event_base *base, evutil_socket_t fd, short what,
			       event_callback_fn fn, void *arg);
struct event *__wrap_event_new(struct event_base *base, evutil_socket_t fd, short what,
			       event_callback_fn fn, void *arg);

void __wrap_port_read_stats(const struct port *port, struct port_stats *out)
{
	*out = stats;
}

void __wrap_worker_read_port(const struct worker *w, uint16_t port, struct port_counters *out)
{
	*out = counters;
}

struct event *__wrap_event_new(struct event_base *base, evutil_socket_t fd, short what,
			       event_callback_fn fn, void *arg)
{
	tick = fn;
	tick_arg = arg;
	return __real_event_new(base, fd, what, fn, arg);
}

static struct config_port config = {.name = "wan"};
static struct port ports[PORTS_MAX];
static struct port_set set;
static struct event_base *base;
static struct port_watch *watch;
static struct worker *workers[WORKERS];

static int set_up(void **state)
{
	stats = (struct port_stats){0};
	counters = (struct port_counters){0};
	base = event_base_new();
	set = (struct port_set){.ports = ports, .n = 1, .alarms = alarms_create()};
	ports[0].config = &config;
	watch = port_watch_create(base, &set, workers, WORKERS);
	return watch != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	port_watch_destroy(watch);
	port_watch_destroy(NULL);
	alarms_destroy(set.alarms);
	event_base_free(base);
	return 0;
}

static void pass_seconds(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		tick(-1, EV_TIMEOUT, tick_arg);
}

/* A counter that rises raises its alarm, which ends after a minute without a rise. */
static void comes_and_goes(void **state)
{
	static const struct {
		enum alarm_kind kind;
		uint64_t *counter;
	} rows[] = {
		{ALARM_PORT_LOSSES, &stats.lost[PORT_LOSS_RX_MISSED]},
		{ALARM_PARTIAL_CHECKSUMS, &counters.partial},
		{ALARM_FRAMES_TRUNCATED, &counters.cut},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		pass_seconds(100);
		assert_int_equal(alarms_count(set.alarms), 0);
		for (unsigned k = 0; k < 2; k++) {
			*rows[i].counter += 3;
			pass_seconds(QUIET_S);
			assert_true(alarm_stands(set.alarms, rows[i].kind, "wan"));
			assert_int_equal(alarms_count(set.alarms), 1);
		}
		pass_seconds(1);
		assert_int_equal(alarms_count(set.alarms), 0);
	}
}

/* Buffers that the kernel refuses are lost until a restart: that alarm does not end. */
static void refused_buffers_stay(void **state)
{
	stats.rx_invalid = 1;
	pass_seconds(5 * QUIET_S);
	assert_true(alarm_stands(set.alarms, ALARM_PORT_BUFFERS, "wan"));
}

/* Two changes within one second: the slot has another port, whose counters begin at 0. */
static void another_port_in_the_slot(void **state)
{
	stats.lost[PORT_LOSS_TX_FAILED] = 1000;
	pass_seconds(1);
	assert_true(alarm_stands(set.alarms, ALARM_PORT_LOSSES, "wan"));
	alarm_clear(set.alarms, ALARM_PORT_LOSSES, "wan"); /* the port was removed */
	stats.lost[PORT_LOSS_TX_FAILED] = 0;
	pass_seconds(1);
	assert_int_equal(alarms_count(set.alarms), 0);

	stats.lost[PORT_LOSS_TX_FAILED] = 1000;
	pass_seconds(1);
	alarm_clear(set.alarms, ALARM_PORT_LOSSES, "wan");
	stats.lost[PORT_LOSS_TX_FAILED] = 2; /* the new port has lost some already */
	pass_seconds(1);
	assert_true(alarm_stands(set.alarms, ALARM_PORT_LOSSES, "wan"));
}

/*
 * A slot is empty for a while. The losses of the next port raise the alarm, even if their number is
 * the same.
 */
static void empty_for_a_while(void **state)
{
	stats.lost[PORT_LOSS_TX_FAILED] = 10;
	pass_seconds(2 * QUIET_S);
	assert_int_equal(alarms_count(set.alarms), 0);
	ports[0].config = NULL;
	pass_seconds(1);
	ports[0].config = &config;
	pass_seconds(1);
	assert_true(alarm_stands(set.alarms, ALARM_PORT_LOSSES, "wan"));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(comes_and_goes),
		CASE(refused_buffers_stay),
		CASE(another_port_in_the_slot),
		CASE(empty_for_a_while),
	};

	return cmocka_run_group_tests_name("control/port/watch", tests, NULL, NULL);
}
