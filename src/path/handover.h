/*
 * Hand-over: a packet that arrived at one worker and belongs to another.
 *
 * A flow lives in one worker's table. Which one, every worker can tell from the packet alone:
 *
 *   from a tunnel       a symmetric hash of the inner addresses and ports; where the pool is
 *                       endpoint-independent, of the site and the source alone
 *   from the Internet   the destination port: each worker owns a part of every slice; to a global
 *                       prefix of a site, where nothing is translated, the same hash
 *
 * Where the NIC does not steer by the same rule, packets change workers by rings, one for each pair
 * of workers and written by one, read by one: no locks. A port with fewer queues than workers is
 * transmitted on by the workers that have one; the others hand them finished frames.
 */
#pragma once

#include "path/context.h"

#include <stdbool.h>
#include <stdint.h>

enum { HANDOVER_RING_SIZE = 2048 };

struct handover;
struct remotes;

/*
 * Rings between @workers workers, and the secret of their common hash: from the system, or from
 * @seed so that a test repeats. NULL on failure. Control.
 */
struct handover *handover_create(uint16_t workers, const uint64_t *seed);
void handover_destroy(struct handover *h); /* NULL is fine; frees what is still on its way */

/* The worker that owns the flow of @p, parsed. Any worker. */
uint16_t handover_owner(const struct context *ctx, const struct packet *p);

/* Does @p belong to another worker? Then p->owner says to which. There are several. */
bool handover_is_foreign(const struct context *ctx, struct packet *p);

/* The same for a fragment, known by @key: all of one packet belong to one worker. */
bool handover_fragment_is_foreign(const struct context *ctx, struct packet *p,
				  const struct flow6_key *key);

/*
 * Gives a fragment from the Internet to worker p->owner at once. @site: whose flow it belongs to,
 * as the flow's owner found, or SITE_INTERNET: p->owner is to find out.
 */
void handover_fragment(struct context *ctx, struct packet *p, uint16_t site);

/* [workers]: each worker writes its own when it is created; all read. */
struct remotes **handover_remotes(struct handover *h);

/* The same of IPv6, whose key is @key. */
bool handover_is_foreign6(const struct context *ctx, struct packet *p, const struct flow6_key *key);

void stage_handover(struct context *ctx, struct burst *b);

/* Gives @n finished frames for port @port to the worker that transmits there. */
void handover_frames(struct context *ctx, uint16_t port, struct rte_mbuf **frames, unsigned n);

/* Takes up to BURST_MAX - @have packets that others handed over to this worker. */
unsigned handover_receive(struct context *ctx, struct burst *b, unsigned have);
