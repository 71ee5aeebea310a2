/*
 * Our TUN devices, by which the kernel and its routing daemon reach tunnels.
 *
 *   homeward0    carries BGP sessions of tunnels. It stays when the process ends, so that a restart
 *                of ours ends no session and removes no learned route
 *   homeward-up  carries no packet. Routes that we offer are bound to it, and the kernel removes
 *                them with it: when the process ends, however it ends
 *
 * A TUN device has no Ethernet: nothing needs ARP. Control thread.
 */
#pragma once

#include "base/addr6.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEVICE_SESSIONS "homeward0"
#define DEVICE_LIFE "homeward-up"

struct device {
	int fd; /* non-blocking; -1: closed */
	int ifindex;
};

/* An address of ours with the far end's: both of one family, IPv4: mapped. */
struct device_link {
	struct addr6 ours, peer;
};

/*
 * Opens the device, makes it if it is missing, and sets it up. @stays: it outlives the process.
 * 0 or -errno; -EBUSY: another process has it.
 */
int device_open(struct device *d, const char *name, bool stays, uint32_t mtu);
void device_close(struct device *d); /* accepts a closed one */

/* Is the open device still there and up? An administrator may have deleted it or set it down. */
bool device_holds(const struct device *d, const char *name);

/* 0 or -errno. */
int device_set_mtu(const char *name, uint32_t mtu);

/*
 * Gives the interface exactly these addresses; the kernel adds a route to each peer. 0 or -errno of
 * the first failure; the others are set all the same.
 */
int device_set_links(const struct device *d, const struct device_link *links, size_t n);
