/*
 * Carries BGP and BFD between tunnels and this machine's routing daemon, by a TUN device.
 *
 *   worker --path/deliver.h--> relay --> homeward0 --> kernel, BIRD
 *   BIRD, kernel --> homeward0 --> relay --worker/inject.h--> the tunnel with this far end
 *
 * Sessions are slow, so workers are asked every 5 ms while there is traffic, and every 50 ms
 * otherwise. What does not fit into a ring is lost, and TCP sends it again.
 *
 * Control thread, in its event loop.
 */
#pragma once

#include "base/addr6.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct relay;
struct worker;

/* A tunnel with BGP. Both addresses are of one family; IPv4: mapped. */
struct relay_link {
	struct addr6 peer; /* the far end's address inside */
	struct addr6 ours;
	uint16_t tunnel; /* id */
};

struct relay_counts {
	uint64_t to_kernel, to_tunnels;
	uint64_t no_tunnel; /* from the kernel: between other addresses than those of a tunnel */
	uint64_t lost; /* a ring or the device was full */
};

/* The workers, and what the relay asks of them. */
struct relay_workers {
	struct worker *const *at; /* [n], at least one */
	size_t n;
	size_t (*take)(struct worker *w, void *bytes); /* see deliver_take() */
	bool (*send)(struct worker *w, uint16_t tunnel, const void *bytes, size_t len);
};

/* @fd: non-blocking, borrowed. NULL if memory ran out. */
struct relay *relay_create(struct event_base *base, int fd, const struct relay_workers *workers);
void relay_destroy(struct relay *r); /* accepts NULL */

/* Copies the links. 0 or -ENOMEM: as before. */
int relay_set_links(struct relay *r, const struct relay_link *links, size_t n);

const struct relay_counts *relay_counts(const struct relay *r);
