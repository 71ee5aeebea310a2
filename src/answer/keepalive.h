/* GRE keepalives: see keepalive.c. */
#pragma once

#include "path/context.h"

#include <stdbool.h>

struct tunnel_kind;
struct tunnel_opened;

/*
 * Is the inner packet, which parse cannot forward, a keepalive of the tunnel's far end? If so, it
 * is sent back, or dropped when the rate limit is exceeded. Parse has checked its IPv4 header and
 * made the key.
 */
bool keepalive_answer(struct context *ctx, struct burst *b, struct packet *p);

/* The same for IPv6. The packet is unchecked. */
bool keepalive_answer6(struct context *ctx, struct burst *b, struct packet *p);

/*
 * Handles a packet of p->onramp whose payload is not IP: it may be the answer to a keepalive of
 * ours. Returns the drop reason.
 */
enum drop keepalive_heard(struct context *ctx, struct packet *p, const struct tunnel_kind *kind,
			  const struct tunnel_opened *opened);
