/* GRE keepalives: see keepalive.c. */
#pragma once

#include "path/context.h"

#include <stdbool.h>

struct tunnel_kind;
struct tunnel_opened;

/*
 * Is the inner packet, which parse can not forward, a keepalive of the tunnel's far end? Then it is
 * on its way back, or dropped because there are too many. Parse has checked its IPv4 header and
 * made the key.
 */
bool keepalive_answer(struct context *ctx, struct burst *b, struct packet *p);

/* The same of IPv6, of which nothing was checked. */
bool keepalive_answer6(struct context *ctx, struct burst *b, struct packet *p);

/*
 * A packet of p->onramp whose payload is not IP: the answer to a keepalive of ours? The reason
 * under which it ends.
 */
enum drop keepalive_heard(struct context *ctx, struct packet *p, const struct tunnel_kind *kind,
			  const struct tunnel_opened *opened);
