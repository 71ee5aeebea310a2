/*
 * Ports of cards that DPDK drives: why a card cannot be used, and what is asked of one. A folder
 * stands for what the kernel says about cards, and devices of DPDK without a wire for the cards.
 */
#include "control/port/driver_pci.h"

#include "base/err.h"
#include "base/types.h"
#include "control/alarm.h"
#include "control/port/port_internal.h"
#include "network/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_ethdev.h>

#define CARD "0000:01:00.0"

/* --- why not ---------------------------------------------------------------------------------- */

static const struct {
	const char *why;
	bool there;
	const char *driver; /* NULL: none */
	bool iommu, huge;
	const char *says; /* empty: it can be used */
} cards[] = {
	{"all is well", true, "vfio-pci", true, true, ""},
	{"shared with the kernel, whatever the memory", true, "mlx5_core", false, false, ""},
	{"uio needs no IOMMU", true, "uio_pci_generic", false, true, ""},
	{"no such card", false, NULL, false, true, "there is no PCI device " CARD},
	{"the kernel has it", true, "ixgbe", true, true,
	 "the kernel's driver ixgbe has PCI device"},
	{"nobody has it", true, NULL, true, true, "no driver has PCI device"},
	{"no IOMMU", true, "vfio-pci", false, true, "is behind no IOMMU"},
	{"no huge pages", true, "vfio-pci", true, false, "needs packet buffers in huge pages"},
};

static void put_link(const char *folder, const char *name, const char *to)
{
	char path[256], target[256];

	snprintf(path, sizeof(path), "%s/" CARD "/%s", folder, name);
	snprintf(target, sizeof(target), "../../somewhere/%s", to);
	assert_int_equal(symlink(target, path), 0);
}

static void remove_all(const char *folder)
{
	static const char *const names[] = {("/" CARD "/driver"), ("/" CARD "/iommu_group"),
					    ("/" CARD), ""};
	char path[256];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s%s", folder, names[i]);
		remove(path);
	}
}

static void test_why_not(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cards); i++) {
		char folder[] = "/tmp/driver-pci-XXXXXX", path[256], says[PORT_REASON_SIZE];

		assert_non_null(mkdtemp(folder));
		snprintf(path, sizeof(path), "%s/" CARD, folder);
		if (cards[i].there)
			assert_int_equal(mkdir(path, 0700), 0);
		if (cards[i].driver != NULL)
			put_link(folder, "driver", cards[i].driver);
		if (cards[i].iommu)
			put_link(folder, "iommu_group", "7");
		pci_why_not(folder, CARD, cards[i].huge, says, sizeof(says));
		if (cards[i].says[0] == '\0' ? says[0] != '\0'
					     : strstr(says, cards[i].says) == NULL)
			fail_msg("%s: \"%s\"", cards[i].why, says);
		remove_all(folder);
	}
}

/* --- what is asked of a device ---------------------------------------------------------------- */

static void test_spread(void **state)
{
	static const struct {
		const char *why;
		uint64_t can;
		uint16_t queues;
		uint64_t asked;
	} rows[] = {
		{"what we want and it can", RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_GTPU, 2,
		 RTE_ETH_RSS_IPV4},
		{"one queue", RTE_ETH_RSS_IPV4, 1, 0},
		{"nothing that we want", RTE_ETH_RSS_GTPU, 2, 0},
		{"nothing", 0, 4, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct rte_eth_dev_info info = {.flow_type_rss_offloads = rows[i].can};
		struct rte_eth_conf conf = {0};

		pci_spread(&info, rows[i].queues, &conf);
		if (conf.rx_adv_conf.rss_conf.rss_hf != rows[i].asked ||
		    (conf.rxmode.mq_mode == RTE_ETH_MQ_RX_RSS) != (rows[i].asked != 0))
			fail_msg("%s", rows[i].why);
	}
}

/* --- devices without a wire ------------------------------------------------------------------- */

static const char yaml[] =
	"workers: 2\n"
	"flows: {capacity: 1024}\nspare-ports: 0\nports:\n"
	"- {name: a, driver: pci, device: net_null0, next-hop-mac: '02:00:00:00:00:09'}\n"
	"- {name: b, driver: pci, device: net_ring0, next-hop-mac: '02:00:00:00:00:09'}\n"
	"sites:\n- name: berlin\n  tunnels:\n"
	"  - {name: berlin-1, local: 192.0.2.1, remote: 192.0.2.18, key: 11, port: a}\n"
	"egress:\n- name: internet\n  port: b\n  addresses:\n"
	"  - {address: 203.0.113.10, slices: [1]}\n";

static struct config *config;

static void test_devices(void **state)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct network *net = network_create(&config->network, NULL);
	struct alarms *alarms = alarms_create();
	struct port_set set = {.alarms = alarms};
	char hint[PORT_HINT_SIZE];
	uint16_t ethdev;

	for (unsigned again = 0; again < 2;
	     again++) { /* a port that is closed gives up its device */
		assert_int_equal(ports_open(&set, config, net, &errs), 0);
		for (size_t i = 0; i < 2; i++) {
			assert_int_equal(set.ports[i].worker.n_queues, 2);
			assert_true(set.ports[i].worker.answer_arp_for_tunnels);
			assert_int_equal(set.ports[i].state, PORT_UP);
		}
		assert_true(set.ports[0].spreads);
		port_queue_hint(&set.ports[0], 2, hint);
		assert_string_equal(hint, "");
		assert_false(set.ports[1].spreads);
		port_queue_hint(&set.ports[1], 2, hint);
		assert_non_null(strstr(hint, "device net_ring0 cannot spread packets"));
		ports_close(&set);
		assert_int_not_equal(rte_eth_dev_get_port_by_name("net_null0", &ethdev), 0);
		set.alarms = alarms;
	}
	alarms_destroy(alarms);
	network_destroy(net);
	err_list_fini(&errs);
}

/* DPDK runs without PCI here, as in a gateway that had no such port at its start. */
static void test_no_such_device(void **state)
{
	static const struct {
		const char *device, *says;
	} rows[] = {
		{"0000:ff:1f.7", "port a: the first pci port needs a restart"},
		{"net_nosuch0", "port a: the pci driver refused net_nosuch0"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err_list errs = ERR_LIST_EMPTY;
		struct network *net = network_create(&config->network, NULL);
		struct alarms *alarms = alarms_create();
		struct port_set set = {.alarms = alarms};

		strcpy(config->ports[0].device, rows[i].device);
		assert_int_not_equal(ports_open(&set, config, net, &errs), 0);
		if (strstr(errs.errs[0].text, rows[i].says) == NULL)
			fail_msg("%s: %s", rows[i].device, errs.errs[0].text);
		alarms_destroy(alarms);
		network_destroy(net);
		err_list_fini(&errs);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_why_not),
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_no_such_device),
	};
	struct err_list errs = ERR_LIST_EMPTY;
	int ret = -1;

	config = config_parse("test", yaml, strlen(yaml), &errs);
	if (config != NULL)
		ret = port_eal_init(config, &errs);
	err_print(&errs, stderr);
	err_list_fini(&errs);
	ret = ret != 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
	config_destroy(config);
	return ret;
}
