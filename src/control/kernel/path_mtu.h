/*
 * Computes the largest packet that fits into a tunnel: the smallest of
 *
 *   tunnel   its `mtu`, which the operator has set
 *   port     what the port carries, without the outer headers
 *   route    the MTU of the kernel's route to the far end, if it has one, without the outer headers
 *   path     what routers on the path report (RFC 1191, RFC 8201), without the outer headers
 *
 * Each may change at any time. A host that sends larger packets through the tunnel gets an ICMP
 * too-big error (RFC 2003 section 5.1, RFC 4459 section 3.2).
 *
 * Control thread. Workers see the result in the next table of nexthops.
 */
#pragma once

#include "network/network.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct path_mtus;

/* Which of them is the smallest; among equal ones the first. */
enum mtu_bound { MTU_BY_TUNNEL, MTU_BY_PORT, MTU_BY_ROUTE, MTU_BY_PATH };

extern const char *const mtu_bound_names[];

struct tunnel_mtu {
	uint16_t mtu; /* of inner packets, bytes */
	uint8_t bound; /* enum mtu_bound */
};

enum { PATH_MTU_KEPT_S = 600 }; /* RFC 1191 section 6.3 */

/* Nothing is learned yet. NULL if memory ran out. @net must outlive the result, or be replaced. */
struct path_mtus *path_mtus_create(const struct network *net);
void path_mtus_destroy(struct path_mtus *p); /* accepts NULL */

/*
 * All workers have @net. A tunnel whose ends and port are unchanged keeps what was learned; for
 * others it is forgotten. The previous network is no longer used.
 */
void path_mtus_follow(struct path_mtus *p, const struct network *net);

/*
 * Packets of IPsec tunnels are known by their SAs; NULL: none are. An error is believed only if it
 * embeds the SPI of one and its ends, and reports 576 bytes or more. @sas must outlive @p.
 */
struct esp_table;
void path_mtus_know_sas(struct path_mtus *p, const struct esp_table *sas);

/*
 * A router reports that only @mtu bytes fit. @quote is the embedded packet (@len bytes, from its IP
 * header on). Returns the tunnel whose MTU became smaller; TUNNEL_NONE: nothing has changed, for
 * example because we cannot have sent the embedded packet. @now_s: any monotonic clock.
 */
uint16_t path_mtu_learn(struct path_mtus *p, const uint8_t *quote, size_t len, uint32_t mtu,
			uint64_t now_s);

/*
 * Forgets what is older than PATH_MTU_KEPT_S, because the path may have changed. True: something
 * changed.
 */
bool path_mtus_age(struct path_mtus *p, uint64_t now_s);

/*
 * What carries the outer packets of @tunnel has room for this many bytes. The port gives one bound,
 * the route to the far end the other (0: the route has no MTU).
 */
void path_mtus_set_lower(struct path_mtus *p, uint16_t tunnel, uint16_t port, uint16_t route);

/*
 * The largest inner packet that fits into @tunnel of @net, which may be a network that is not
 * published yet; with @p NULL the tunnel's own `mtu`.
 */
struct tunnel_mtu path_mtu_of(const struct path_mtus *p, const struct network *net,
			      uint16_t tunnel);

/*
 * The least that every packet to the site behind @tunnel must find: 576 bytes, or 1,280 if it has
 * IPv6.
 */
uint16_t path_mtu_floor(const struct network *net, uint16_t tunnel);
