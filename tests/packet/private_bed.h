/*
 * A bed of sites with the same addresses in front of a data centre, for tests of private
 * destinations.
 *
 *     s0    10.0.1.0/24, fd00::/64 --- GRE 198.19.0.1 (s0-a), 198.20.0.1 (s0-b) ---+
 *     s1    10.0.1.0/24, fd00::/64 --- GRE 198.19.0.2 (s1-a), 198.20.0.2 (s1-b) ---+
 *     ...                                                                          [ gateway ]--- uplink
 *     dc    10.8.0.0/16, fd08::/16 --- GRE 198.21.0.1 (dc-a), 198.21.0.2 (dc-b) ---+  203.0.113.1
 *
 * All tunnels are on one port with a queue for each worker, and frames go to the queues in turn: a
 * flow's packets come by all of them.
 */
#pragma once

#include "bed.h"
#include "bed_vnets.h"
#include "frame.h"

#define PRIVATE_GATEWAY IP(198, 18, 0, 1)
#define PRIVATE_HOST IP(10, 0, 1, 10)
#define PRIVATE_SERVER IP(10, 8, 0, 80)
#define PRIVATE_HOST6 IP6(0xfd00, 0, 0, 0, 0, 0, 0, 0x10)
#define PRIVATE_SERVER6 IP6(0xfd08, 0, 0, 0, 0, 0, 0, 0x80)

enum { PRIVATE_UNDERLAY, PRIVATE_UPLINK, PRIVATE_DC = 1000 /* number of the data centre */ };

/* YAML of @sites sites, and the data centre as the last one. The caller frees it. */
char *private_yaml(unsigned workers, unsigned sites);

/* The ids of site number @site and of its tunnel @tunnel, 0 or 1. */
uint16_t private_site(struct bed *bed, unsigned site);
uint16_t private_tunnel(struct bed *bed, unsigned site, unsigned tunnel);

/* Sends @f from site number @site by its tunnel @tunnel. bed_run() follows. */
void private_send(struct bed *bed, unsigned site, unsigned tunnel, struct frame f);

/* Sends raw bytes of an inner packet the same way. @f: says the family. */
void private_send_inner(struct bed *bed, unsigned site, unsigned tunnel, const struct frame *f,
			const uint8_t *inner, size_t len);

/*
 * Takes the next frame towards a site. False: there is none. Writes the number of the site and of
 * the tunnel. The frame must be right in every byte.
 */
bool private_catch(struct bed *bed, struct frame *f, unsigned *site, unsigned *tunnel);

/* The inner packet of the frame caught last. */
const uint8_t *private_last(size_t *len);

/* The packet of @proto by which host PRIVATE_HOST asks PRIVATE_SERVER, in either family. */
struct frame private_ask(uint8_t proto, bool six);

/* What a host answers to @f. */
struct frame private_answer(const struct frame *f);
