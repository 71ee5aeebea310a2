/* Replies by ICMP: see icmp.c, and icmp6.c for ICMPv6. Private to answer/. */
#pragma once

#include "path/context.h"

/* May @p, of p->answer, be answered at all? Writes the nexthop back to its sender. */
bool icmp_may_answer(const struct context *ctx, struct packet *p);
bool icmp6_may_answer(const struct context *ctx, struct packet *p, const struct flow6_key *key);

/* Makes the answer p->answer in the packet's own buffer. */
void icmp_make(const struct context *ctx, struct packet *p);
void icmp6_make(const struct context *ctx, struct packet *p, const struct flow6_key *key);

/* Is the checksum of an echo request right? @l4 of @p is its ICMPv6 header. */
bool icmp6_is_sound(const struct packet *p, const struct flow6_key *key);

/* The MTU of the nexthop that @p, of a flow in @flows, was going to (RFC 1191 section 4). */
uint16_t icmp_fitting_mtu(const struct context *ctx, struct flow_table *flows,
			  const struct packet *p);

/*
 * Makes room for an error of at most @max bytes with @headers bytes in front of the packet that it
 * embeds, and lets @p begin there. Returns how many bytes of the packet are embedded.
 */
size_t icmp_embed(struct packet *p, size_t max, size_t headers);
