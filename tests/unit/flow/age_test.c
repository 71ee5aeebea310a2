/* Ageing: never early, at most one round of the sweep late, and a bounded step. */
#include "flow/flow.h"

#include "flows.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct flow_timers timers = {.state_s = {
						  [FLOW_UDP] = 300,
						  [FLOW_ICMP] = 60,
						  [FLOW_TCP_SYN_SENT] = 240,
						  [FLOW_TCP_SYN_ACK_RECEIVED] = 240,
						  [FLOW_TCP_ESTABLISHED] = 7440,
						  [FLOW_TCP_FIN_SENT] = 240,
						  [FLOW_TCP_FIN_RECEIVED] = 240,
						  [FLOW_TCP_CLOSED] = 240,
					  }};

/* clang-format off */
static const struct {
	uint8_t state;
	uint32_t seen_s, now_s;
	bool ends;
	const char *why;
} rows[] = {
	{ FLOW_UDP,             1000, 1000,  false, "just seen" },
	{ FLOW_UDP,             1000, 1300,  false, "300 s by the clock can be 299.1 s" },
	{ FLOW_UDP,             1000, 1301,  true,  "more than 300 s for sure" },
	{ FLOW_UDP,             1000, 99999, true,  "long ago" },
	{ FLOW_ICMP,            1000, 1060,  false, "ICMP: not yet" },
	{ FLOW_ICMP,            1000, 1061,  true,  "ICMP: its own timeout" },
	{ FLOW_TCP_SYN_SENT,     1000, 1240,  false, "opening: not yet" },
	{ FLOW_TCP_SYN_SENT,     1000, 1241,  true,  "opening" },
	{ FLOW_TCP_SYN_ACK_RECEIVED,    1000, 1241,  true,  "answered" },
	{ FLOW_TCP_ESTABLISHED, 1000, 8440,  false, "established: 2 h 4 min" },
	{ FLOW_TCP_ESTABLISHED, 1000, 8441,  true,  "established, more than that" },
	{ FLOW_TCP_FIN_SENT, 1000, 1241,  true,  "half closed" },
	{ FLOW_TCP_FIN_RECEIVED,  1000, 1241,  true,  "half closed by the other side" },
	{ FLOW_TCP_CLOSED,      1000, 1241,  true,  "closed" },
	{ FLOW_UDP, UINT32_MAX - 9,   290,   false, "the clock goes round: 300 s" },
	{ FLOW_UDP, UINT32_MAX - 9,   291,   true,  "the clock goes round: 301 s" },
};
/* clang-format on */

struct ended {
	unsigned n;
	struct flow last;
};

static enum flow_end note_end(void *arg, struct flow *flow, uint32_t record)
{
	struct ended *ended = arg;

	assert_int_not_equal(flow->state, FLOW_FREE); /* still complete: setup frees its port */
	ended->n++;
	ended->last = *flow;
	return FLOW_END_REMOVE;
}

static void test_timeouts(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct flow_table *t = flow_table_create(4, flows_secret);
		struct flow flow = flows_make((uint32_t)i);
		struct ended ended = {0};
		unsigned removed;

		flow.state = rows[i].state;
		flow.seen_s = rows[i].seen_s;
		flow_table_insert(t, &flow);
		removed = flow_table_sweep(t, rows[i].now_s, 1, &timers, note_end, &ended);
		if (removed != rows[i].ends || ended.n != removed ||
		    flow_table_count(t) != !rows[i].ends)
			fail_msg("row %zu: removed %u: %s", i, removed, rows[i].why);
		if (rows[i].ends)
			assert_memory_equal(&ended.last, &flow, sizeof(flow));
		flow_table_destroy(t);
	}
}

/*
 * The sweep visits 7 of 100 records a step: each flow ends within 15 steps after its timeout, none
 * before.
 */
static void test_one_turn_late(void **state)
{
	enum { FLOWS = 100, STEP = 7, TURN = (FLOWS + STEP - 1) / STEP };
	struct flow_table *t = flow_table_create(FLOWS, flows_secret);
	struct ended ended = {0};

	for (uint32_t k = 0; k < FLOWS; k++) {
		struct flow flow = flows_make(k);

		flow.seen_s = 1000 + k % 10;
		flow_table_insert(t, &flow);
	}
	for (uint32_t now = 1010; now <= 1010 + 300; now++) {
		unsigned due = now <= 1300 ? 0 : (now - 1300) * FLOWS / 10;

		for (unsigned i = 0; i < TURN; i++)
			flow_table_sweep(t, now, STEP, &timers, note_end, &ended);
		assert_int_equal(ended.n, due);
	}
	assert_int_equal(flow_table_count(t), 0);
	flow_table_destroy(t);
}

static void test_bounded_step(void **state)
{
	enum { FLOWS = 50 };
	struct flow_table *t = flow_table_create(FLOWS, flows_secret);
	struct ended ended = {0};

	assert_int_equal(flow_table_sweep(t, 5000, 64, &timers, note_end, &ended), 0); /* empty */
	for (uint32_t k = 0; k < FLOWS; k++) {
		struct flow flow = flows_make(k);

		flow_table_insert(t, &flow);
	}
	assert_int_equal(flow_table_sweep(t, 5000, 0, &timers, note_end, &ended), 0);
	for (unsigned i = 1; i <= FLOWS / 5; i++) {
		assert_int_equal(flow_table_sweep(t, 5000, 5, &timers, note_end, &ended), 5);
		assert_int_equal(ended.n, 5 * i);
	}
	assert_int_equal(flow_table_sweep(t, 5000, 500, &timers, note_end, &ended), 0);
	flow_table_destroy(t);
}

/*
 * UDP to port 53: a short timeout while an answer is missing, a shorter one when each query has its
 * answer.
 */
static void test_dns(void **state)
{
	static const struct flow_timers dns = {
		.state_s = {[FLOW_UDP] = 300, [FLOW_TCP_SYN_SENT] = 240},
		.dns_s = 30,
		.dns_answered_s = 5,
	};
	static const struct flow_timers none = {.state_s = {[FLOW_UDP] = 300}};
	static const struct {
		uint8_t state;
		uint16_t dport;
		uint32_t questions, answers;
		uint16_t timeout_s;
	} cases[] = {
		{FLOW_UDP, 53, 1, 0, 30},	{FLOW_UDP, 53, 1, 1, 5},
		{FLOW_UDP, 53, 2, 1, 30},	{FLOW_UDP, 53, 2, 2, 5},
		{FLOW_UDP, 53, 2, 3, 5},	{FLOW_UDP, 54, 1, 1, 300},
		{FLOW_UDP, 53 << 8, 1, 1, 300}, {FLOW_TCP_SYN_SENT, 53, 1, 1, 240},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct flow f = flows_make(1);

		f.state = cases[i].state;
		f.dport = htons(cases[i].dport);
		f.packets[FLOW_FORWARD] = cases[i].questions;
		f.packets[FLOW_RETURN] = cases[i].answers;
		f.seen_s = 1000;
		assert_int_equal(flow_timeout(&dns, &f), cases[i].timeout_s);
		assert_false(flow_is_over(&dns, &f, 1000 + cases[i].timeout_s));
		assert_true(flow_is_over(&dns, &f, 1001 + cases[i].timeout_s));
		if (f.state == FLOW_UDP)
			assert_int_equal(flow_timeout(&none, &f), 300);
	}
}

/* A `per-port` timeout replaces all others, for UDP and for established TCP connections only. */
static void test_ports_with_timers(void **state)
{
	const struct flow_timers own = {
		.state_s =
			{[FLOW_UDP] = 300, [FLOW_TCP_ESTABLISHED] = 7440, [FLOW_TCP_CLOSED] = 240},
		.dns_s = 30,
		.dns_answered_s = 5,
		.ports = {{htons(53), 17, 10}, {htons(123), 17, 8}, {htons(22), 6, 60000}},
		.n_ports = 3,
	};
	static const struct {
		uint8_t state, proto;
		uint16_t dport, timeout_s;
		const char *why;
	} cases[] = {
		{FLOW_UDP, 17, 53, 10, "before the timers of DNS"},
		{FLOW_UDP, 17, 123, 8, "the second row"},
		{FLOW_UDP, 17, 22, 300, "the port of another protocol"},
		{FLOW_TCP_ESTABLISHED, 6, 22, 60000, "the last row"},
		{FLOW_TCP_ESTABLISHED, 6, 123, 7440, "no row of TCP"},
		{FLOW_TCP_CLOSED, 6, 22, 240, "closed connections are all alike"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct flow f = flows_make(1);

		f.state = cases[i].state;
		f.proto = cases[i].proto;
		f.dport = htons(cases[i].dport);
		if (flow_timeout(&own, &f) != cases[i].timeout_s)
			fail_msg("%s: %u s", cases[i].why, flow_timeout(&own, &f));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timeouts),	  cmocka_unit_test(test_dns),
		cmocka_unit_test(test_ports_with_timers), cmocka_unit_test(test_one_turn_late),
		cmocka_unit_test(test_bounded_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
