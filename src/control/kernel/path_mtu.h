/*
 * The path MTU of tunnels: what routers on the way to a site say about the size of our packets.
 *
 * A tunnel's `mtu` is what the operator believes to fit. Where a router on the way knows better it
 * drops the tunnel's packet and says so by ICMP (RFC 1191, RFC 8201); from then on the tunnel takes
 * smaller packets only, and whoever sends larger ones through it is told (RFC 2003 section 5.1,
 * RFC 4459 section 3.2).
 *
 * Control thread. Workers see the result in the next adjacency table.
 */
#pragma once

#include "network/network.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct path_mtus;

enum { PATH_MTU_KEPT_S = 600 }; /* RFC 1191 section 6.3 */

/* Nothing is known as yet. NULL if memory ran out. @net must outlive it. */
struct path_mtus *path_mtus_create(const struct network *net);
void path_mtus_destroy(struct path_mtus *p); /* NULL is fine */

/*
 * A router says that of the packet which @quote begins with (@len bytes, from its IP header on)
 * only
 * @mtu bytes fit. Returns the tunnel whose MTU is smaller now; TUNNEL_NONE: nothing has changed, as
 * when the quote can't be of a packet that we sent. @now_s: any clock that only goes forward.
 */
uint16_t path_mtu_learn(struct path_mtus *p, const uint8_t *quote, size_t len, uint32_t mtu,
			uint64_t now_s);

/* Forgets what is older than PATH_MTU_KEPT_S: the way may have changed. Did anything change? */
bool path_mtus_age(struct path_mtus *p, uint64_t now_s);

/*
 * The largest inner packet that fits; of @p NULL, or where nobody said anything: the tunnel's own.
 */
uint16_t path_mtu_of(const struct path_mtus *p, const struct network *net, uint16_t tunnel);
