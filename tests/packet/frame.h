/*
 * Frames for tests: built and parsed by code that shares nothing with the data plane, not even the
 * checksum, so a mistake in one is seen by the other.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ip6 {
	uint8_t b[16];
};

/* An inner packet in words. Addresses and ports in host order; ICMP: sport is the identifier, and
 * dport of an error the MTU that it names. */
struct frame {
	/* outer; destination 0: no tunnel, or one over IPv6 */
	uint32_t outer_src, outer_dst;
	bool outer_six;
	struct ip6 outer_src6, outer_dst6;
	const uint8_t
		*outer_extensions; /* as @extensions; the last one names 47, or what it likes */
	uint8_t n_outer_extensions, outer_next;
	uint32_t outer_label; /* frame_parse() only */
	bool has_key, has_checksum, has_sequence;
	uint32_t key;
	uint8_t outer_tos;
	uint8_t outer_ttl; /* frame_parse() only, */
	bool outer_df; /* as this */
	/* inner */
	uint32_t src, dst;
	uint16_t sport, dport;
	bool six; /* IPv6: src6 and dst6 instead of src and dst */
	struct ip6 src6, dst6;
	const uint8_t
		*extensions; /* headers between IPv6 and transport; the last one names @proto */
	uint8_t n_extensions; /* bytes */
	uint8_t next; /* kind of the first of them */
	uint8_t proto; /* 1, 6, 17, 58 */
	uint8_t ttl;
	uint8_t tos;
	uint8_t tcp_flags;
	uint8_t icmp_type, icmp_code;
	uint16_t mss; /* TCP SYN: 0 is no option */
	uint8_t scale; /* TCP: a window scale option of so much less one; 0 is no option */
	uint16_t window; /* TCP; 0: 65,535 */
	bool df;
	uint64_t token; /* first 8 bytes of payload */
	uint16_t payload; /* bytes, at least 8 */
	bool udp_no_checksum;
	bool partial; /* TCP, UDP: the checksum is left undone, as Linux leaves it to a card */
	uint32_t seq,
		ack; /* TCP; 0: as if both sides began with the same number and sent no data */
	const uint8_t *data; /* instead of the token: @payload bytes, as few as you like */
};

/* Writes the frame from Ethernet on; returns its length. */
size_t frame_build(const struct frame *f, uint8_t *out);

/* The same in two steps: the inner packet, up to 65,535 bytes; and what stands around it. */
size_t frame_build_inner(const struct frame *f, uint8_t *ip);
size_t frame_wrap(const struct frame *f, const uint8_t *inner, size_t len, uint8_t *out);

/* Makes an IPv4 header's checksum right. */
void frame_mend(uint8_t *ip);

/*
 * Reads a frame back. False, with the reason in @why, if any length, checksum or header in it is
 * wrong. Understands what frame_build() builds, and ICMP errors (payload is then the embedded packet).
 */
bool frame_parse(const uint8_t *in, size_t len, struct frame *f, const char **why);

/*
 * The packet that an ICMP or ICMPv6 error embeds, from its IP header on, cut at @len bytes. False, with the
 * reason, if its header's checksum is wrong, or the transport's where the embedded packet is whole.
 */
bool frame_parse_quote(const uint8_t *embedded, size_t len, struct frame *f, const char **why);

/* The outer fields only; the inner packet may be anything. */
void frame_parse_outer(const uint8_t *in, size_t len, struct frame *f);

/* Where the IPv4 header of the packet that @in carries begins; its length in @len. */
const uint8_t *frame_inner(const uint8_t *in, size_t *len);

/* Eight groups, as in fd00:0:0:1:0:0:0:10. */
#define IP6_GROUP(g) (uint8_t)((g) >> 8), (uint8_t)((g)&255)
#define IP6(a, b, c, d, e, f, g, h)                                                                \
	{                                                                                          \
		{                                                                                  \
			IP6_GROUP(a), IP6_GROUP(b), IP6_GROUP(c), IP6_GROUP(d), IP6_GROUP(e),      \
				IP6_GROUP(f), IP6_GROUP(g), IP6_GROUP(h)                           \
		}                                                                                  \
	}

#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))
