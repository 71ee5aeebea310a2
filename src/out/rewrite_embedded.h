/* Packets embedded in ICMP errors: see rewrite_embedded.c, and rewrite_embedded6.c. */
#pragma once

#include "path/context.h"

/*
 * Translates a packet of @f embedded by an ICMP error that travels in direction @dir: addresses,
 * ports and checksums. @embedded has @len bytes: an IPv4 header and at least eight more.
 */
void rewrite_embedded(uint8_t *embedded, size_t len, const struct flow *f, enum flow_dir dir);

/* The same for IPv6. embedded6_key() has accepted @embedded. */
void rewrite_embedded6(uint8_t *embedded, size_t len, const struct flow *f, const struct flow6 *six,
		       enum flow_dir dir);

/* Translates the ICMPv6 error @p and its embedded packet, in the direction of @p. */
void rewrite_embedded6_error(const struct network *net, struct packet *p, const struct flow *f,
			     const struct flow6 *six);

/* Sets @p->nexthop to that of @f's packets in the direction of @p. Returns its MTU. */
uint16_t embedded_nexthop(struct context *ctx, struct packet *p, struct flow *f,
			  const struct flow6 *six);
