/* The MSS of TCP: see mss.c. */
#pragma once

#include "path/context.h"

/*
 * Lowers the MSS option of a TCP SYN to @mss (RFC 9293 section 3.7.1), checksum included. @tcp is
 * the TCP header, @len its length with options, at least TCP_LEN. A missing or lower MSS is not
 * changed.
 */
void mss_clamp(uint8_t *tcp, size_t len, uint16_t mss);

/*
 * The MSS that fits both directions of @f, with @headers bytes of IP and TCP headers. @six: the
 * addresses of an IPv6 flow, else NULL. An off-ramp that has moved is resolved again
 * (path/resolve.h).
 */
uint16_t mss_of(struct context *ctx, struct flow *f, const struct flow6 *six, uint16_t headers);
