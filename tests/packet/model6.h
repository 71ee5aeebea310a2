/*
 * IPv6 packets with IPv4 addresses as names, so that a model of flows has one kind of address. Each
 * IPv6 address ends with the IPv4 address that names it:
 *
 *     10.0.1.HOST     fd00::10.0.1.HOST           a host's, the same at every site
 *     11.SITE.1.HOST  2001:db8:b::11.SITE.1.HOST  its global address
 *     192.0.2.n       2001:db8::192.0.2.n         a server
 *     203.0.113.n     2001:db8:1::203.0.113.n     ours
 *     198.51.100.n    2001:db8:f::198.51.100.n    outer, ours and the sites'
 */
#pragma once

#include "frame.h"

#define MODEL6_EGRESS "2001:db8:1::"
#define MODEL6_OUTER "2001:db8:f::"
#define MODEL6_GLOBAL "2001:db8:b::" /* contains the global prefixes of all sites */

/* Is its source a host's global address? */
bool model6_is_global(const struct frame *f);

/*
 * As frame_build(): if f->six or f->outer_six, the IPv6 packet with the addresses that these names
 * mean. ICMP echo becomes ICMPv6 echo.
 */
size_t model6_build(const struct frame *f, uint8_t *bytes);

/* As frame_parse(), with the model's names. Fails the test if an address has no name. */
bool model6_parse(const uint8_t *bytes, size_t len, struct frame *f, const char **why);
