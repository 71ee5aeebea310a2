/*
 * Hand-over: a packet that arrived at one worker and belongs to another (owner.h).
 *
 * Packets change workers through rings: one for each pair of workers, with one writer and one
 * reader, so without locks. If a port has fewer queues than there are workers, the workers without
 * a queue hand finished frames to a worker that has one.
 */
#pragma once

#include "path/context.h"

#include <stdint.h>

enum { HANDOVER_RING_SIZE = 2048 };

struct handover;

/*
 * Rings between @workers workers, and the secret of all their flow tables: 16 bytes, copied;
 * NULL: random. NULL on failure. Control thread.
 */
struct handover *handover_create(uint16_t workers, const uint8_t *secret);
void handover_destroy(struct handover *h); /* NULL is fine; frees packets still in the rings */

/*
 * Hands a fragment from the Internet to worker p->owner at once. @site: the site of its flow, as
 * found by the flow's owner; SITE_INTERNET: p->owner is to find it.
 */
void handover_fragment(struct context *ctx, struct packet *p, uint16_t site);

/*
 * Hands @p to worker @to at once, for its SA. With p->nexthop it is to be sealed: p->seal_how is
 * kept. With NEXTHOP_NONE it is to be opened, and begins at its outer IP header.
 */
void handover_sealed(struct context *ctx, struct packet *p, uint16_t to);

/* [workers]: each worker writes its own entry when it is created; all read. */
const struct context **handover_workers(struct handover *h);

/* 16 bytes for the hash of every worker's tables, so that one hash serves for all of them. */
const uint8_t *handover_secret(const struct handover *h);

void stage_handover(struct context *ctx, struct burst *b);

/* Hands @n finished frames for port @port to the worker that transmits there. */
void handover_frames(struct context *ctx, uint16_t port, struct rte_mbuf **frames, unsigned n);

/* Takes up to BURST_MAX - @have packets from the rings to this worker. */
unsigned handover_receive(struct context *ctx, struct burst *b, unsigned have);
