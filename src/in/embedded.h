/* Packets embedded in ICMP errors: see embedded.c, and embedded6.c for ICMPv6. */
#pragma once

#include "path/context.h"

/* Is @p an ICMP error that embeds a packet? Its IPv4 header was checked and @p->l4 is set. */
bool embedded_is_error(const struct packet *p);

/*
 * Makes the key, in @realm, of packets in the opposite direction of the embedded packet. @len:
 * bytes at @embedded. DROP_NONE, or why there is no key.
 */
enum drop embedded_key(const struct network *net, const uint8_t *embedded, size_t len,
		       uint16_t realm, struct flow_key *key);

/*
 * Checks the ICMPv6 error @p, and writes the key of packets in the opposite direction of the packet
 * that it embeds. DROP_NONE, or why it is dropped.
 */
enum drop embedded6_read(const struct context *ctx, struct packet *p, struct flow6_key *key);

/* As embedded_key(), for an ICMPv6 error. */
enum drop embedded6_key(const uint8_t *embedded, size_t len, uint16_t realm, struct flow6_key *key);
