/*
 * How large a packet may be that goes into a tunnel: the smallest of
 *
 *   tunnel   its `mtu`: what the operator believes to fit
 *   port     what the port carries, without the outer headers
 *   route    the same of the kernel's route to the far end, where it names an MTU
 *   path     the same of what routers on the way say (RFC 1191, RFC 8201)
 *
 * Each may change at any time. Whoever sends larger packets through the tunnel is told (RFC 2003
 * section 5.1, RFC 4459 section 3.2).
 *
 * Control thread. Workers see the result in the next table of nexthops.
 */
#pragma once

#include "network/network.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct path_mtus;

/* Which of them is the smallest; of equal ones the first. */
enum mtu_bound { MTU_BY_TUNNEL, MTU_BY_PORT, MTU_BY_ROUTE, MTU_BY_PATH };

extern const char *const mtu_bound_names[];

struct tunnel_mtu {
	uint16_t mtu; /* of inner packets, bytes */
	uint8_t bound; /* enum mtu_bound */
};

enum { PATH_MTU_KEPT_S = 600 }; /* RFC 1191 section 6.3 */

/* Nothing is known as yet. NULL if memory ran out. @net must outlive it, or be replaced. */
struct path_mtus *path_mtus_create(const struct network *net);
void path_mtus_destroy(struct path_mtus *p); /* NULL is fine */

/*
 * From now on the network is @net. What was learned stays with the tunnels whose ends and port are
 * as they were; nothing refers to the network before.
 */
void path_mtus_follow(struct path_mtus *p, const struct network *net);

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
 * What carries the outer packets of @tunnel has room for this many bytes: its port, and the route
 * to its far end (0: it names no MTU).
 */
void path_mtus_set_lower(struct path_mtus *p, uint16_t tunnel, uint16_t port, uint16_t route);

/* The largest inner packet that fits; of @p NULL the tunnel's own `mtu`. */
struct tunnel_mtu path_mtu_of(const struct path_mtus *p, const struct network *net,
			      uint16_t tunnel);

/* What every packet of the site behind @tunnel must find: 576 bytes, or 1,280 if it has IPv6. */
uint16_t path_mtu_floor(const struct network *net, uint16_t tunnel);
