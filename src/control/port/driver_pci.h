/* Private to control/port/: cards that DPDK drives. See driver_pci.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rte_eth_conf;
struct rte_eth_dev_info;

/*
 * Why DPDK cannot use the PCI device of this address, and what to do about it: one sentence, or an
 * empty one. @folder: where the kernel describes all devices. @huge: packet buffers are in huge
 * pages.
 */
void pci_why_not(const char *folder, const char *device, bool huge, char *why, size_t size);

/*
 * Asks for packets to be spread over @n_queues by what the device can of addresses and ports;
 * nothing is asked for if that is nothing, or if there is one queue.
 */
void pci_spread(const struct rte_eth_dev_info *info, uint16_t n_queues, struct rte_eth_conf *conf);
