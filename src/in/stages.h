/* The stages of this folder; their contracts are the rows of worker/pipeline.c. */
#pragma once

#include "path/context.h"

void stage_decapsulate(struct context *ctx, struct burst *b);
void stage_parse(struct context *ctx, struct burst *b);
void stage_reassemble(struct context *ctx, struct burst *b);
void stage_parse6(struct context *ctx, struct burst *b);
void stage_embedded(struct context *ctx, struct burst *b);
void stage_embedded6(struct context *ctx, struct burst *b);
void stage_lookup(struct context *ctx, struct burst *b);
void stage_lookup6(struct context *ctx, struct burst *b);

/* What the stages do with one packet, for stage_reassemble(). */
enum drop parse_header(struct packet *p); /* DROP_FRAGMENT: sound, but a fragment */
void parse_packet(struct context *ctx, struct burst *b, struct packet *p);
enum drop parse6_header(struct packet *p); /* the same of IPv6 */
void parse6_packet(struct context *ctx, struct burst *b, struct packet *p);

/* The same, @p->data at the outer IPv4 header. @next: STAGE_PARSE, or STAGE_PARSE6. */
enum drop decapsulate_reassembled(struct context *ctx, struct packet *p, enum stage *next);
/* Where a worker context's fragments wait. NULL if memory ran out. */
struct reassembly *reassembly_create(void);
void reassembly_destroy(struct reassembly *r); /* NULL is fine */

/*
 * Gives up what has waited too long. What is left of packets whose site is to be told is in the
 * lists of the answer stages of @b, which was empty. How many packets were given up.
 */
unsigned reassembly_expire(struct context *ctx, struct burst *b);

/* Is it an ICMP error that is about a packet? @p's IPv4 header was checked and @p->l4 set. */
bool embedded_is_error(const struct packet *p);

/*
 * The key of the packets that answer the one embedded in @len bytes at @embedded, in @realm.
 * DROP_NONE, or why it can't be told.
 */
enum drop embedded_key(const uint8_t *embedded, size_t len, uint16_t realm, struct flow_key *key);

/* The same of an ICMPv6 error; @embedded has @len bytes. */
enum drop embedded6_key(const uint8_t *embedded, size_t len, uint16_t realm, struct flow6_key *key);

/* Fills an empty burst from all ports in turn. Returns the number of packets. */
unsigned receive(struct context *ctx, struct burst *b);
