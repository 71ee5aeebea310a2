/*
 * The fields of a packet, read by code that shares nothing with the data plane.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum look_l4 {
	LOOK_NONE, /* not to be told: a fragment, cut short, another protocol */
	LOOK_BAD,
	LOOK_GOOD,
};

/* An IPv4 address is mapped: ::ffff:a.b.c.d */
struct look_addr {
	uint8_t b[16];
};

struct look {
	const uint8_t *ip;
	size_t len; /* of the packet, as its header says */
	size_t header; /* to where the transport begins: IPv6 extension headers are in it */
	bool six;
	uint8_t proto;
	struct look_addr src, dst;
	bool fragment, later; /* later: not the first, its ports are elsewhere */
	bool icmp, icmp_error, icmp_request; /* of its own family */
	uint8_t icmp_type;
	uint16_t sport, dport; /* ICMP queries: both are the identifier; without ports: 0 */
	enum look_l4 l4; /* is the transport's checksum right? */
};

/* False if @ip has no sound IPv4 or IPv6 header within @len bytes. */
bool look_at(const uint8_t *ip, size_t len, struct look *out);

/* The same for what an ICMP error embeds: it may be cut, and no checksum is looked at. */
bool look_at_quote(const struct look *error, struct look *out);

/* A tunnel packet taken apart, and what it carries. */
struct look_gre {
	struct look outer;
	uint32_t key; /* 0: none */
	const uint8_t *ip;
	size_t room;
};

/* Of a frame, from Ethernet on. False: it is no GRE packet with IP in it, or a fragment of one. */
bool look_into_gre(const uint8_t *frame, size_t len, struct look_gre *out);

/*
 * Makes checksums right in what stands at @ip, as deep as it goes: tunnel packets and embedded packets, too. Those of
 * headers; with @all those of transports and GRE as well. Anything goes for input.
 */
void look_fix(uint8_t *ip, size_t len, bool all);

/* The MACs apart, the frame's packet. NULL, 0: neither IPv4 nor IPv6. */
const uint8_t *look_ip_of(const uint8_t *frame, size_t len, size_t *room);

bool look_same(const struct look_addr *a, const struct look_addr *b);
struct look_addr look_ipv4(uint32_t host_order);

uint16_t look_16(const uint8_t *p);
uint32_t look_32(const uint8_t *p);
void look_put_16(uint8_t *p, unsigned value);
