/* Numbers of slices, flows and bytes: computed by hand, and compared with workers. */
#include "base/err.h"
#include "control/config/sizing.h"
#include "flow/flow.h"
#include "setup/ports.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TIMERS(dns, answered, rest)                                                                \
	"flows: {port-rest: " #rest ", timeouts: {dns: " #dns ", dns-answered: " #answered "}}\n"

struct expected {
	uint64_t peak_slices, dns_slices, slices, addresses, own_slices, flows;
	uint32_t ports, worker_ports;
	uint64_t dns_milli, unanswered_milli;
};

static const struct {
	const char *why;
	const char *flows; /* lines of the file */
	unsigned slice_size;
	struct sizing_demand demand;
	struct expected rested, least;
} rows[] = {
	{"one slice is enough",
	 TIMERS(30s, 5s, 2m),
	 2048,
	 {.sites = 2, .users = 10, .flows = 100, .new_milli = 500, .dns_milli = 200, 2, 10},
	 /* 200 + 1 * 120; 2 * 125; 2,000 + 4 * 5 + 14 * 120 */
	 {1, 1, 1, 1, 3, 3700, 1440, 1440, 11520, 9600},
	 {1, 1, 1, 1, 2, 2020, 1920, 1920, 384000, 64000}},
	{"one site: no reserve, and its own port needs no rest",
	 TIMERS(30s, 5s, 2m),
	 2048,
	 {.sites = 1, .users = 1000, .flows = 100, .new_milli = 1000, .dns_milli = 1000, 1, 100},
	 /* 100,000 of 1,536; 5,000; 105,000 + 2,000 * 120 */
	 {66, 4, 66, 3, 225, 345000, 1536, 1536, 307200, 51200},
	 {49, 3, 49, 2, 52, 105000, 2048, 2048, 409600, 68266}},
	{"resolvers need more than others; the timers of all UDP",
	 TIMERS(5m, 5m, 2m),
	 2048,
	 {.sites = 10, .users = 100, .flows = 10, .new_milli = 0, .dns_milli = 100, 1, 10},
	 /* 1,000; 100 * 420; 10,000 + 100 * 300 + 100 * 120 */
	 {1, 30, 30, 1, 37, 52000, 1440, 1440, 3428, 3428},
	 {1, 16, 16, 1, 21, 40000, 1920, 1920, 6400, 6400}},
	{"ports do not rest: nothing is left for the next start",
	 TIMERS(30s, 5s, 0),
	 2048,
	 {.sites = 2, .users = 10, .flows = 0, .new_milli = 500, .dns_milli = 200, 1, 10},
	 {0, 1, 1, 1, 1, 20, 1920, 1920, 384000, 64000},
	 {0, 1, 1, 1, 1, 20, 1920, 1920, 384000, 64000}},
	{"each worker has its part",
	 TIMERS(30s, 5s, 2m) "workers: 7\n",
	 64,
	 {.sites = 2, .users = 10, .flows = 100, .new_milli = 0, .dns_milli = 0, 1, 10},
	 /* 29 flows of a worker, 6 or 8 ports; 286 of 2,000 */
	 {5, 0, 5, 1, 48, 2000, 45, 6, 360, 300},
	 {4, 0, 4, 1, 36, 2000, 60, 8, 12000, 2000}},
	{"nobody does anything",
	 TIMERS(30s, 5s, 2m),
	 1024,
	 {.sites = 2, .users = 1, .flows = 0, .new_milli = 0, .dns_milli = 0, 1, 0},
	 {0, 0, 1, 1, 0, 0, 720, 720, 5760, 4800},
	 {0, 0, 1, 1, 0, 0, 960, 960, 192000, 32000}},
};

static struct config *parse(const char *flows, unsigned slice_size)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct config *config;
	char text[1024];

	snprintf(text, sizeof(text),
		 "%sports: [{name: a, interface: eth0}, {name: b, interface: eth1}]\n"
		 "sites:\n"
		 "- {name: a, tunnels: [{name: a, port: a, local: 192.0.2.1, remote: 192.0.2.2}]}\n"
		 "egress: [{name: e, port: b, slice-size: %u,\n"
		 "          addresses: [{address: 198.51.100.1}]}]\n",
		 flows, slice_size);
	config = config_parse("test", text, strlen(text), &errs);
	if (config == NULL)
		err_print(&errs, stderr);
	assert_non_null(config);
	return config;
}

static void compare(const char *why, const struct sizing_need *n, const struct expected *e,
		    uint16_t workers)
{
	const uint64_t found[] = {n->peak_slices, n->dns_slices,      n->slices, n->addresses,
				  n->own_slices,  n->flows,	      n->ports,	 n->worker_ports,
				  n->dns_milli,	  n->unanswered_milli};
	const uint64_t wanted[] = {e->peak_slices, e->dns_slices,      e->slices, e->addresses,
				   e->own_slices,  e->flows,	       e->ports,  e->worker_ports,
				   e->dns_milli,   e->unanswered_milli};

	for (size_t i = 0; i < ARRAY_SIZE(found); i++)
		if (found[i] != wanted[i])
			fail_msg("%s: figure %zu is %llu instead of %llu", why, i,
				 (unsigned long long)found[i], (unsigned long long)wanted[i]);
	assert_true(n->capacity >= n->flows + n->flows / 4);
	assert_true(n->capacity < n->flows + n->flows / 4 + 1025);
	assert_int_equal(
		n->flow_bytes,
		n->capacity == 0
			? 0
			: workers * flow_table_bytes(
					    (uint32_t)((n->capacity + workers - 1) / workers)));
}

static void test_rows(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config *config = parse(rows[i].flows, rows[i].slice_size);
		struct sizing s;

		sizing_compute(config, &rows[i].demand, &s);
		assert_int_equal(
			s.slices_of_address,
			65536 / rows[i].slice_size -
				(rows[i].slice_size > 1024 ? 1 : 1024 / rows[i].slice_size));
		assert_int_equal(s.buffers, config_buffers(config));
		compare(rows[i].why, &s.needs[SIZING_RESTED], &rows[i].rested, config->workers);
		compare(rows[i].why, &s.needs[SIZING_LEAST], &rows[i].least, config->workers);
		config_destroy(config);
	}
}

/* Workers reserve the same number of ports in every run. */
static void test_ports_of_a_worker(void **state)
{
	struct config *config = parse("", 2048);

	for (uint32_t sites = 1; sites <= 2; sites++) {
		struct sizing_demand demand = {.sites = sites, .users = 1, .resolvers = 1};
		struct sizing s;

		sizing_compute(config, &demand, &s);
		for (uint32_t epoch = 0; epoch < 2 * PORT_PARTS; epoch++) {
			struct context ctx = {.now_s = 1000};
			struct egress_state e = {0};

			for (uint32_t port = 0; port < 64 && sites > 1; port++)
				e.kept |= (uint64_t)ports_are_reserve(port) << port;
			ports_begin(&e, epoch, config->port_rest);
			ctx.egress = &e;
			ports_tick(&ctx);
			assert_int_equal(__builtin_popcountll(e.first_choice) * 2048 / 64,
					 s.needs[SIZING_RESTED].ports);
			assert_int_equal(__builtin_popcountll(~e.kept) * 2048 / 64,
					 s.needs[SIZING_LEAST].ports);
		}
	}
	config_destroy(config);
}

/* The largest demand that the command line takes. */
static void test_nothing_overflows(void **state)
{
	struct config *config = parse(TIMERS(18h, 18h, 18h), 64);
	struct sizing_demand demand = {
		.sites = 2,
		.users = SIZING_USERS_MAX / 2,
		.flows = SIZING_FLOWS_MAX,
		.new_milli = SIZING_RATE_MAX * SIZING_MILLI,
		.dns_milli = SIZING_RATE_MAX * SIZING_MILLI,
		.resolvers = 1,
		.peak_percent = 100,
	};
	const uint64_t users = SIZING_USERS_MAX, day = 18 * 3600;
	struct sizing s;

	sizing_compute(config, &demand, &s);
	assert_int_equal(s.needs[SIZING_RESTED].flows,
			 users * SIZING_FLOWS_MAX + users * SIZING_RATE_MAX * 3 * day);
	assert_int_equal(s.needs[SIZING_RESTED].dns_slices,
			 (users * SIZING_RATE_MAX * 2 * day + 44) / 45);
	assert_int_equal(s.needs[SIZING_RESTED].flow_bytes, 0);
	config_destroy(config);
}

/* A `per-port` timeout for UDP port 53 replaces those of DNS; other ports have no effect. */
static void test_port_53_of_its_own(void **state)
{
	static const struct {
		const char *per_port;
		uint16_t waiting_s, answered_s;
	} cases[] = {
		{"{protocol: udp, port: 53, idle: 60s}", 60, 60},
		{"{protocol: tcp, port: 53, idle: 60s}", 30, 5},
		{"{protocol: udp, port: 54, idle: 60s}", 30, 5},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config *config;
		struct sizing_dns dns;
		char timers[256];

		snprintf(timers, sizeof(timers),
			 "flows: {timeouts: {dns: 30s, dns-answered: 5s, per-port: [%s]}}\n",
			 cases[i].per_port);
		config = parse(timers, 64);
		dns = sizing_dns(config);
		assert_int_equal(dns.waiting_s, cases[i].waiting_s);
		assert_int_equal(dns.answered_s, cases[i].answered_s);
		config_destroy(config);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_ports_of_a_worker),
		cmocka_unit_test(test_nothing_overflows),
		cmocka_unit_test(test_port_53_of_its_own),
	};

	return cmocka_run_group_tests_name("sizing", tests, NULL, NULL);
}
