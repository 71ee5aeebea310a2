/*
 * Checksums that a neighbour left undone.
 *
 * A neighbour whose cable is memory (a veth, a virtual machine's interface) leaves the checksum of
 * TCP and UDP to a card that is not there: in the field stands the folded sum of the pseudo-header
 * (RFC 9293 section 3.1), not inverted and without the data. Linux knows such a packet by a mark
 * beside it, which DPDK does not pass on. But the sum is easily known: a finished checksum is equal
 * to it once in 65,536 packets, and to finish that one again changes nothing.
 *
 * Clean ports must not pay for that: of each burst one packet is looked at. Once one was found on a
 * port all of its packets are looked at, until none was found for PARTIAL_REST_S.
 */
#pragma once

#include "path/context.h"

enum { PARTIAL_REST_S = 60 };

/*
 * Finishes the checksum of the IP packet of @len bytes at @ip if it was left undone. True: it was.
 * Anything may be there; what is cut short, a fragment or neither TCP nor UDP stays as it is.
 */
bool partial_finish(uint8_t *ip, size_t len);

/* Looks at the packets of @stage's list, @p->data at IP: parse and parse6 begin with it. */
void partial_look(struct context *ctx, struct burst *b, enum stage stage);
