/*
 * Hand-over: a packet that arrived at one worker and belongs to another.
 *
 * A flow lives in one worker's table. Every worker can compute its owner from the packet alone:
 *
 *   from a tunnel       a symmetric hash of the inner addresses and ports; where the pool is
 *                       endpoint-independent, a hash of the site and the source alone
 *   from the Internet   the destination port: each worker owns a part of every slice; to a global
 *                       prefix of a site, where nothing is translated, the same hash
 *
 * If the NIC does not steer by the same rule, packets change workers through rings: one for each
 * pair of workers, with one writer and one reader, so without locks. If a port has fewer queues
 * than there are workers, the workers without a queue hand finished frames to a worker that has
 * one.
 */
#pragma once

#include "path/context.h"

#include <stdbool.h>
#include <stdint.h>

enum { HANDOVER_RING_SIZE = 2048 };

struct handover;
struct remotes;

/*
 * Rings between @workers workers, and the secret of all their flow tables: random, or made of @seed
 * so that tests are reproducible. NULL on failure. Control thread.
 */
struct handover *handover_create(uint16_t workers, const uint64_t *seed);
void handover_destroy(struct handover *h); /* NULL is fine; frees packets still in the rings */

/* The worker that owns the flow of @p, parsed. Any worker. */
uint16_t handover_owner(const struct context *ctx, const struct packet *p);

/* Does @p belong to another worker? If so, writes p->owner. There must be several workers. */
bool handover_is_foreign(const struct context *ctx, struct packet *p);

/* The same for a fragment with @key: all fragments of one packet belong to one worker. */
bool handover_fragment_is_foreign(const struct context *ctx, struct packet *p,
				  const struct flow6_key *key);

/*
 * Hands a fragment from the Internet to worker p->owner at once. @site: the site of its flow, as
 * found by the flow's owner; SITE_INTERNET: p->owner is to find it.
 */
void handover_fragment(struct context *ctx, struct packet *p, uint16_t site);

/* [workers]: each worker writes its own entry when it is created; all read. */
struct remotes **handover_remotes(struct handover *h);

/* 16 bytes for the hash of every worker's tables, so that one hash serves for all of them. */
const uint8_t *handover_secret(const struct handover *h);

/* The same for IPv6, with key @key. */
bool handover_is_foreign6(const struct context *ctx, struct packet *p, const struct flow6_key *key);

void stage_handover(struct context *ctx, struct burst *b);

/* Hands @n finished frames for port @port to the worker that transmits there. */
void handover_frames(struct context *ctx, uint16_t port, struct rte_mbuf **frames, unsigned n);

/* Takes up to BURST_MAX - @have packets from the rings to this worker. */
unsigned handover_receive(struct context *ctx, struct burst *b, unsigned have);
