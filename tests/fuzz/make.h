/*
 * The network of packet_fuzz.c, and whole packets in it from a few bytes of input.
 *
 *   berlin  10.0.1.0/24 fd00::/64  GRE 198.51.100.10          mtu 1280, sends errors
 *   madrid  the same               GRE 198.51.100.20, key 7
 *   lisbon  any source             GRE 198.51.100.20, key 8   sends IPv6 errors; global 2001:db8:7::/48
 *   porto   10.0.1.0/24            GRE 198.51.100.20, key 9   mtu 600
 *           and a second tunnel    GRE 198.51.100.30
 *   oslo    as berlin              GRE 2001:db8:a::10, key 10
 */
#pragma once

#include "look.h"

enum { UNDERLAY, UPLINK };

enum {
	FRAME_MAX = 1514,
	MAKE_BYTES = 8, /* what make_packet() reads */
	MAKE_TUNNELS = 6,
	FIRST_PORT = 2048,
	BERLIN = 0,
	INTERNET = UINT8_MAX,
};

struct frame_bytes {
	size_t len;
	uint8_t bytes[FRAME_MAX];
};

extern const char make_yaml[]; /* %u: workers, %s: mapping, %s: filtering */

/*
 * Is it an egress address of ours, a global address of lisbon, our end of a tunnel, a port of our
 * slices?
 */
bool make_is_egress(const struct look_addr *a);
bool make_is_global(const struct look_addr *a);
bool make_is_local(const struct look_addr *a);
bool make_is_port(uint16_t port);

/* The site whose tunnel ends there; INTERNET: none. */
uint8_t make_site_of(const struct look_addr *remote, uint32_t key);

/*
 * Makes a valid packet, as @op says: from a tunnel, or from the Internet to our port @port. Each
 * @nth has another source port and identification. Returns the port by which it comes in.
 */
unsigned make_packet(const uint8_t op[MAKE_BYTES], uint16_t port, unsigned nth,
		     struct frame_bytes *out);

/*
 * Makes an ICMP error about @about, a frame that left; the error comes from the receiver's side.
 * @op: type, code, bytes embedded (0: all), MTU / 8. No frame if nothing can be embedded.
 */
void make_error(const uint8_t op[4], const struct frame_bytes *about, struct frame_bytes *out);

/* Writes an Ethernet header to the MAC of @port. */
void make_ethernet(unsigned port, struct frame_bytes *f);
