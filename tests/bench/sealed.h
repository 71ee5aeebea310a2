/*
 * Traffic through IPsec tunnels, in lock step with one worker: a burst in, a turn, the burst out.
 *
 *   far ends === ESP ===> [ underlay ]  worker  [ uplink ] ---> servers
 *
 * All tunnels have the same key, AES-256-GCM, and SAs of their own: the far ends seal with one
 * schedule, so that they leave the cache to the gateway, which does not know that the keys are equal.
 */
#pragma once

#include "bare.h"
#include "shots.h"

enum { SEALED_BUFFERS = 128 }; /* of each direction */

struct esp_worker;

struct sealed {
	struct rig *rig;
	struct bare *bare;
	struct esp_table *far;
	struct esp_worker *far_worker;
	struct esp_sa *far_sa; /* of all far ends: SPI and number are set for each packet */
	uint32_t *spis; /* [tunnels], of the gateway's inbound SAs */
	uint32_t *numbers; /* [tunnels], last one sent */
	uint32_t n_flows;
	unsigned inner_len;
	struct mapping *mappings; /* [n_flows] */
	struct shot *shots[2]; /* [n_flows], by direction, in random order */
	uint32_t next[2];
	struct rte_mbuf *free[2][SEALED_BUFFERS];
	uint32_t next_free[2];
};

/* @shape must be sealed. Opens all flows, and checks packets of both directions. */
struct sealed *sealed_create(const struct shape *shape, uint32_t n_flows, struct bare *bare);
void sealed_destroy(struct sealed *s); /* ends the program if a packet was dropped */

/* Packets have so many bytes inside from now on, 64 to 1,400. */
void sealed_resize(struct sealed *s, unsigned inner_len);

/*
 * TSC cycles of a packet in worker_turn(), measured as loop_run() does: bursts of @opened packets
 * out of tunnels and RIG_BURST - @opened into them.
 */
double sealed_run(struct sealed *s, unsigned opened, uint64_t packets);
