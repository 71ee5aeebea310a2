/*
 * The fields of a packet, read by code that shares nothing with the data plane.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum look_l4 {
	LOOK_NONE, /* unknown: a fragment, a truncated packet, another protocol */
	LOOK_BAD,
	LOOK_GOOD,
};

/* an IPv4 address is mapped: ::ffff:a.b.c.d */
struct look_addr {
	uint8_t b[16];
};

struct look {
	const uint8_t *ip;
	size_t len; /* of the packet, as its header says */
	size_t header; /* offset of the transport header, behind IPv6 extension headers */
	bool six;
	uint8_t proto;
	struct look_addr src, dst;
	bool fragment, later; /* later: it is not the first fragment and has no ports */
	bool icmp, icmp_error, icmp_request; /* of its own family */
	uint8_t icmp_type;
	uint16_t sport, dport; /* ICMP queries: both are the identifier; without ports: 0 */
	enum look_l4 l4; /* is the transport's checksum right? */
};

/* False if @ip has no valid IPv4 or IPv6 header within @len bytes. */
bool look_at(const uint8_t *ip, size_t len, struct look *out);

/* The same for an embedded packet, which may be truncated; no checksum is checked. */
bool look_at_quote(const struct look *error, struct look *out);

/* The fields of a tunnel packet, and of its inner packet. */
struct look_gre {
	struct look outer;
	uint32_t key; /* 0: none */
	const uint8_t *ip;
	size_t room;
};

/*
 * Parses a frame, from its Ethernet header on. False: it is no GRE packet with an IP packet, or it
 * is a fragment.
 */
bool look_into_gre(const uint8_t *frame, size_t len, struct look_gre *out);

/*
 * Corrects the checksums of the packet at @ip, and of inner and embedded packets: those of headers;
 * with @all also those of transports and GRE. Accepts any bytes.
 */
void look_fix(uint8_t *ip, size_t len, bool all);

/* The IP packet of a frame; NULL: it has none. */
const uint8_t *look_ip_of(const uint8_t *frame, size_t len, size_t *room);

bool look_same(const struct look_addr *a, const struct look_addr *b);
struct look_addr look_ipv4(uint32_t host_order);

uint16_t look_16(const uint8_t *p);
uint32_t look_32(const uint8_t *p);
void look_put_16(uint8_t *p, unsigned value);
