/*
 * How many queues a port gets: one for each worker, if its driver has as many. Memory and pcap
 * ports stand for all drivers; interfaces are tested in tests/e2e/test_queues.py.
 */
#include "base/err.h"
#include "control/alarm.h"
#include "control/port/port_internal.h"
#include "network/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rte_ethdev.h>

static const char yaml[] =
	"workers: %u\n"
	"flows: {capacity: 1024}\nspare-ports: 0\nports:\n"
	"- {name: a, driver: memory, next-hop-mac: '02:00:00:00:00:09'}\n"
	"- {name: b, driver: pcap, tx-file: /dev/null, next-hop-mac: '02:00:00:00:00:09'}\n"
	"sites:\n- name: berlin\n  tunnels:\n"
	"  - {name: berlin-1, local: 192.0.2.1, remote: 192.0.2.18, key: 11, port: a}\n"
	"egress:\n- name: internet\n  port: b\n  addresses:\n"
	"  - {address: 203.0.113.10, slices: [1]}\n";

static const struct row {
	const char *why;
	unsigned workers, memory, pcap; /* queues */
	const char *hint; /* of the memory port */
} rows[] = {
	{"one worker", 1, 1, 1, ""},
	{"a queue for each", 4, 4, 1, ""},
	{"more workers than the driver has queues", 17, 16, 1, "17 workers, 16 queues: "},
};

static struct config *make_config(unsigned workers)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct config *config;
	char text[1024];

	snprintf(text, sizeof(text), yaml, workers);
	config = config_parse("test", text, strlen(text), &errs);
	err_print(&errs, stderr);
	err_list_fini(&errs);
	assert_non_null(config);
	return config;
}

static void check_port(const struct row *row, const struct port *port, unsigned n)
{
	struct rte_eth_dev_info info;

	assert_int_equal(rte_eth_dev_info_get(port->worker.ethdev, &info), 0);
	if (port->worker.n_queues != n || info.nb_rx_queues != n || info.nb_tx_queues != n)
		fail_msg("%s: port %s has %u queues, its device %u and %u, not %u", row->why,
			 port->config->name, port->worker.n_queues, info.nb_rx_queues,
			 info.nb_tx_queues, n);
}

static void test_a_queue_for_each_worker(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config *config = make_config(rows[i].workers);
		struct network *net = network_create(&config->network, NULL);
		struct port_set set = {.alarms = alarms_create()};
		struct alarms *alarms = set.alarms; /* the set forgets them */
		struct err_list errs = ERR_LIST_EMPTY;
		char hint[PORT_HINT_SIZE];

		if (ports_open(&set, config, net, &errs) != 0)
			err_print(&errs, stderr);
		check_port(&rows[i], &set.ports[0], rows[i].memory);
		check_port(&rows[i], &set.ports[1], rows[i].pcap);
		port_queue_hint(&set.ports[0], rows[i].workers, hint);
		if (strncmp(hint, rows[i].hint, strlen(rows[i].hint)) != 0 ||
		    (hint[0] == '\0') != (rows[i].hint[0] == '\0'))
			fail_msg("%s: the hint is \"%s\"", rows[i].why, hint);
		ports_close(&set);
		alarms_destroy(alarms);
		network_destroy(net);
		config_destroy(config);
		err_list_fini(&errs);
	}
}

/* The rings of a port hold what they hold, however many ports there are. */
static void test_buffers_for_every_queue(void **state)
{
	static const struct {
		const char *why;
		enum port_driver driver;
		unsigned each; /* buffers for each worker beyond the first, without its own */
	} drivers[] = {
		{"rings of the kernel", PORT_AF_XDP, 3 * CONFIG_RING},
		{"the kernel has memory of its own", PORT_AF_PACKET, 0},
		{"a file has one queue", PORT_PCAP, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
		struct config_port port = {.driver = drivers[i].driver};
		struct config one = {.ports = &port, .n_ports = 1, .workers = 1, .spare_ports = 1};
		struct config four = one;
		unsigned more;

		four.workers = 4;
		more = config_buffers(&four) - config_buffers(&one);
		if (more != 3 * (4096 + 2 * drivers[i].each))
			fail_msg("%s: %u more buffers", drivers[i].why, more);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_queue_for_each_worker),
		cmocka_unit_test(test_buffers_for_every_queue),
	};
	struct err_list errs = ERR_LIST_EMPTY;
	struct config *config = make_config(17);
	int ret = port_eal_init(config, &errs);

	err_print(&errs, stderr);
	err_list_fini(&errs);
	config_destroy(config);
	return ret != 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
