/*
 * Publications one after the other: new parts are in the snapshot, other parts are the same
 * objects, and replaced parts are destroyed once (AddressSanitizer watches).
 * tests/unit/worker/threads_test.c tests what threads see.
 */
#include "control/publish.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { N_PORTS = 3 };

static struct network *make_network(void)
{
	struct network *net = network_create(&(struct network_spec){0}, NULL);

	assert_non_null(net);
	return net;
}

static struct nexthops *make_nexthops(void)
{
	struct nexthops *nexthops = nexthops_create(&(struct nexthops_spec){0});

	assert_non_null(nexthops);
	return nexthops;
}

enum part { NET = 1, NEXTHOPS = 2, SETTINGS = 4, PORTS = 8 };

/* The parts of a publication; all others stay. */
static const unsigned rows[] = {
	NEXTHOPS | PORTS, NEXTHOPS,	  NET, NET | NEXTHOPS,
	SETTINGS,	  PORTS,	  0,   NET | NEXTHOPS | SETTINGS | PORTS,
	NEXTHOPS,	  NET | SETTINGS,
};

static void expect(const char *what, size_t row, bool changed, bool named)
{
	if (changed != named)
		fail_msg("row %zu: the %s %s", row, what, changed ? "changed" : "did not change");
}

static void test_parts(void **state)
{
	const struct settings first = {.rest_s = 1000};
	struct publisher p;

	publisher_init(&p, make_network(), &first, N_PORTS);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct snapshot before = *publisher_current(&p), *now;
		struct worker_port ports[N_PORTS] = {[N_PORTS - 1].mtu = (uint16_t)(100 + i)};
		struct settings settings = {.rest_s = (uint16_t)i};
		const struct publication new = {
			.net = rows[i] & NET ? make_network() : NULL,
			.nexthops = rows[i] & NEXTHOPS ? make_nexthops() : NULL,
			.settings = rows[i] & SETTINGS ? &settings : NULL,
			.ports = rows[i] & PORTS ? ports : NULL,
		};

		publisher_publish(&p, &new, NULL);
		now = publisher_current(&p);
		assert_int_equal(now->generation, before.generation + 1);
		assert_int_equal(now->n_ports, N_PORTS);
		expect("network", i, now->net != before.net, rows[i] & NET);
		expect("nexthops", i, now->nexthops != before.nexthops, rows[i] & NEXTHOPS);
		expect("settings", i, now->settings.rest_s != before.settings.rest_s,
		       rows[i] & SETTINGS);
		expect("ports", i, now->ports[N_PORTS - 1].mtu != before.ports[N_PORTS - 1].mtu,
		       rows[i] & PORTS);
		settings.rest_s = 9999; /* they were copied */
		ports[N_PORTS - 1].mtu = 9999;
		assert_int_not_equal(now->settings.rest_s, 9999);
		assert_int_not_equal(now->ports[N_PORTS - 1].mtu, 9999);
	}
	publisher_fini(&p);
	publisher_fini(&p); /* a second call does nothing */
}

/* A caller that still reads the replaced parts asks for them, and gets no others. */
static void test_replaced(void **state)
{
	const struct settings settings = {.rest_s = 1};
	struct network *first = make_network(), *second = make_network();
	struct nexthops *nexthops = make_nexthops();
	struct publication replaced;
	struct publisher p;

	publisher_init(&p, first, &settings, 0);
	publisher_publish(&p, &(struct publication){.nexthops = nexthops}, &replaced);
	assert_null(replaced.net);
	assert_null(replaced.nexthops); /* there was none */
	publisher_publish(&p, &(struct publication){.net = second}, &replaced);
	assert_ptr_equal(replaced.net, first);
	assert_null(replaced.nexthops);
	assert_ptr_equal(publisher_current(&p)->nexthops, nexthops);
	network_destroy(replaced.net);
	publisher_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
