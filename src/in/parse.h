/* Inner headers: see parse.c, and parse6.c for IPv6. */
#pragma once

#include "path/context.h"

/* Parse one packet, for stage_reassemble(). */
enum drop parse_header(struct packet *p); /* DROP_FRAGMENT: a valid fragment */
void parse_packet(struct context *ctx, struct burst *b, struct packet *p);
enum drop parse6_header(struct packet *p); /* the same for IPv6 */
void parse6_packet(struct context *ctx, struct burst *b, struct packet *p);
