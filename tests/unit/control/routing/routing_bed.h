/* A network from text, for the tests of control/routing. */
#pragma once

#include "network/network.h"

#include <stdbool.h>

struct bed_network {
	struct config *config;
	struct network *net;
};

/*
 * @networks: the value of `networks`. There are the sites one and two with the tunnels one-1,
 * one-2, two-1, and the site far of the network `other` with far-1; and the pools internet and
 * special.
 */
struct bed_network bed_network(const char *networks);
void bed_network_fini(struct bed_network *b);

/* Index in the spec. */
struct spec_target bed_tunnel(const struct network *net, const char *tunnel, uint32_t priority);

struct prefix6 bed_prefix(const char *text);
struct addr6 bed_address(const char *text);
