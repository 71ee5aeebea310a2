/*
 * Partial checksums: TCP and UDP checksums that a neighbour left to its card.
 *
 * A neighbour on a virtual link (a veth, a virtual machine's interface) leaves the TCP or UDP
 * checksum to an offload that does not exist there. The field then holds the folded sum of the
 * pseudo-header (RFC 9293 section 3.1), not inverted and without the data. Linux marks such a
 * packet in its metadata, but DPDK does not pass the mark on. So the value itself is the sign: a
 * complete checksum has that value once in 65,536 packets, and completing it again changes nothing.
 *
 * Ports without such packets must not pay for this: one packet of each burst is checked. Once one
 * is found on a port, all packets of that port are checked until none was found for PARTIAL_REST_S.
 */
#pragma once

#include "path/context.h"

enum { PARTIAL_REST_S = 60 };

/*
 * Completes the checksum of the IP packet of @len bytes at @ip if it is partial; returns whether it
 * was. The bytes are unchecked. A truncated packet, a fragment, and a protocol other than TCP or
 * UDP is not changed.
 */
bool partial_finish(uint8_t *ip, size_t len);

/*
 * Checks the packets in the list of @stage, with @p->data at the IP header. First step of parse and
 * parse6.
 */
void partial_look(struct context *ctx, struct burst *b, enum stage stage);
