/* The MSS of TCP: see mss.c. */
#pragma once

#include "path/context.h"

/*
 * Lowers the MSS option of a TCP SYN to @mss (RFC 9293 section 3.7.1), checksum included. @tcp is
 * the TCP header, @len its length with options, at least TCP_LEN. An MSS that is lower already, or
 * not there, stays as it is.
 */
void mss_clamp(uint8_t *tcp, size_t len, uint16_t mss);

/*
 * The MSS that fits @f in both directions, behind @headers bytes of IP and TCP. @six: its addresses
 * if it is IPv6, else NULL. An off-ramp that has moved is looked up again (path/resolve.h).
 */
uint16_t mss_of(struct context *ctx, struct flow *f, const struct flow6 *six, uint16_t headers);
