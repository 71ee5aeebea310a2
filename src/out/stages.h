/* The stages of this folder; their contracts are the rows of worker/pipeline.c. */
#pragma once

#include "path/context.h"

void stage_forward(struct context *ctx, struct burst *b);
void stage_forward6(struct context *ctx, struct burst *b);
void stage_rewrite(struct context *ctx, struct burst *b);
void stage_rewrite6(struct context *ctx, struct burst *b);
void stage_rewrite_embedded(struct context *ctx, struct burst *b);
void stage_rewrite_embedded6(struct context *ctx, struct burst *b);
void stage_fragment(struct context *ctx, struct burst *b);
void stage_encapsulate(struct context *ctx, struct burst *b);
void stage_encapsulate6(struct context *ctx, struct burst *b);
void stage_hairpin(struct context *ctx, struct burst *b);

/*
 * An identification for a packet of ours to @dst that is a fragment or may become some. No worker
 * gives one that another has, nor the same again before 65,536 / workers others (of IPv6 2^30 /
 * workers); see identification.c.
 */
void identification_init(struct context *ctx); /* ctx->flows, index and count are set */
be16_t identification_next(struct context *ctx, be32_t dst);
uint32_t identification6_next(struct context *ctx);

/* What the stages do with one packet, for stage_fragment(). @nexthop is resolved. */
void rewrite(struct context *ctx, struct packet *p);
void encapsulate(struct context *ctx, struct packet *p, const struct nexthop *nexthop);
void rewrite6(struct context *ctx, struct packet *p);
void encapsulate6(struct context *ctx, struct packet *p, const struct nexthop *nexthop);

/*
 * Translates a packet of @f embedded by an ICMP error that travels in direction @dir: addresses,
 * ports and checksums. @embedded has @len bytes: an IPv4 header and at least eight more.
 */
void rewrite_embedded(uint8_t *embedded, size_t len, const struct flow *f, enum flow_dir dir);

/* The same of IPv6. @embedded is one that embedded6_key() could read. */
void rewrite_embedded6(uint8_t *embedded, size_t len, const struct flow *f, const struct flow6 *six,
		       enum flow_dir dir);

/* Gives @p the nexthop of @f's packets in its direction. Returns how much fits. */
uint16_t embedded_nexthop(struct context *ctx, struct packet *p, struct flow *f,
			  const struct flow6 *six);

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

void stage_transmit(struct context *ctx, struct burst *b);

/* Sends any number of finished frames by @port at once; what the port refuses is dropped. */
void transmit_frames(struct context *ctx, uint16_t port, struct rte_mbuf **frames, unsigned n);

/* Why no packet can go on by @nexthop, which is not resolved: it is gone, or nobody is there. */
enum drop transmit_not_resolved(const struct context *ctx, const struct nexthop *nexthop);

void stage_drop(struct context *ctx, struct burst *b);
