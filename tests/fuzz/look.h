/*
 * What a packet says about itself, read by code that shares nothing with the data plane.
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

struct look {
	const uint8_t *ip;
	size_t len; /* of the packet, as its header says */
	size_t header;
	uint8_t proto;
	uint32_t src, dst; /* host order */
	bool fragment;
	bool icmp_error;
	uint16_t sport, dport; /* ICMP echo: both are the identifier; without ports: 0 */
	enum look_l4 l4; /* is the transport's checksum right? */
};

/* False if @ip has no sound IPv4 header within @len bytes. */
bool look_at(const uint8_t *ip, size_t len, struct look *out);

/*
 * The inner packet of a GRE frame, from Ethernet on; NULL: it is none, or a fragment. Writes its room, and the key
 * (0: none) if @key is not NULL.
 */
const uint8_t *look_into_gre(const uint8_t *frame, size_t len, size_t *room, uint32_t *key);

/* Makes the header checksum right, if there is a header. */
void look_fix_header(uint8_t *ip, size_t len);

uint16_t look_16(const uint8_t *p);
uint32_t look_32(const uint8_t *p);
