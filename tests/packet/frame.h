/*
 * Frames for tests: built and parsed by code that shares nothing with the data plane, not even the
 * checksum. So a mistake in one of them is found by the other.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ip6 {
	uint8_t b[16];
};

/*
 * A packet, field by field. Addresses and ports are in host order. ICMP: sport is the identifier;
 * dport of an error is the MTU that it reports.
 */
struct frame {
	/* outer; destination 0: no tunnel, or one over IPv6 */
	uint32_t outer_src, outer_dst;
	bool outer_six;
	struct ip6 outer_src6, outer_dst6;
	const uint8_t
		/* as @extensions; the last one names GRE (47) or any other protocol */
		*outer_extensions;
	uint8_t n_outer_extensions, outer_next;
	uint32_t outer_label; /* written by frame_parse() only */
	bool has_key, has_checksum, has_sequence;
	uint32_t key;
	uint8_t outer_tos;
	uint8_t outer_ttl; /* written by frame_parse() only, */
	bool outer_df; /* likewise */
	/* inner */
	uint32_t src, dst;
	uint16_t sport, dport;
	bool six; /* IPv6: src6 and dst6 instead of src and dst */
	struct ip6 src6, dst6;
	const uint8_t
		*extensions; /* headers between IPv6 and transport; the last one names @proto */
	uint8_t n_extensions; /* bytes */
	uint8_t next; /* type of the first extension header */
	uint8_t proto; /* 1, 6, 17, 58 */
	uint8_t ttl;
	uint8_t tos;
	uint8_t tcp_flags;
	uint8_t icmp_type, icmp_code;
	uint16_t mss; /* TCP SYN; 0: no option */
	uint8_t scale; /* TCP: the shift of the window scale option, plus 1; 0: no option */
	uint16_t window; /* TCP; 0: 65,535 */
	bool df;
	uint64_t token; /* first 8 bytes of payload */
	uint16_t payload; /* bytes, at least 8 */
	bool udp_no_checksum;
	bool partial; /* TCP, UDP: partial checksum, as Linux leaves it to the card */
	uint32_t seq,
		/*
		 * TCP; 0: the sequence number: as if both sides began with one number and sent no
		 * data
		 */
		ack;
	const uint8_t *data; /* instead of the token: @payload bytes, any number */
};

/* Writes the frame from its Ethernet header on. Returns its length. */
size_t frame_build(const struct frame *f, uint8_t *out);

/* The same in two steps: the inner packet, up to 65,535 bytes; and the headers around it. */
size_t frame_build_inner(const struct frame *f, uint8_t *ip);
size_t frame_wrap(const struct frame *f, const uint8_t *inner, size_t len, uint8_t *out);

/* Corrects the checksum of an IPv4 header. */
void frame_mend(uint8_t *ip);

/*
 * Parses a frame. False, with the reason in @why, if any length, checksum or header is wrong. Knows
 * what frame_build() builds, and ICMP errors, whose payload is the embedded packet.
 */
bool frame_parse(const uint8_t *in, size_t len, struct frame *f, const char **why);

/*
 * Parses the packet that an ICMP or ICMPv6 error embeds, from its IP header on, truncated to @len
 * bytes. False, with the reason, if the checksum of its header is wrong, or that of its transport
 * header if all of the packet is embedded.
 */
bool frame_parse_quote(const uint8_t *embedded, size_t len, struct frame *f, const char **why);

/* Parses the outer fields only; the inner packet may be anything. */
void frame_parse_outer(const uint8_t *in, size_t len, struct frame *f);

/* The inner IPv4 packet of frame @in; its length in @len. */
const uint8_t *frame_inner(const uint8_t *in, size_t *len);

/* An IPv6 address of eight groups, as in fd00:0:0:1:0:0:0:10. */
#define IP6_GROUP(g) (uint8_t)((g) >> 8), (uint8_t)((g)&255)
#define IP6(a, b, c, d, e, f, g, h)                                                                \
	{                                                                                          \
		{                                                                                  \
			IP6_GROUP(a), IP6_GROUP(b), IP6_GROUP(c), IP6_GROUP(d), IP6_GROUP(e),      \
				IP6_GROUP(f), IP6_GROUP(g), IP6_GROUP(h)                           \
		}                                                                                  \
	}

#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))
