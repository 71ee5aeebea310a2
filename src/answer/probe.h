/* Answers to our health probes: see probe.c. */
#pragma once

#include "path/context.h"

#include <stdbool.h>

/*
 * Is the packet, an ICMP or ICMPv6 echo reply of no flow that came out of a tunnel, the answer to
 * a health probe? If so, it is written down for control. Parse has made the key; @dst6: the
 * packet's destination; NULL: IPv4.
 */
bool probe_heard(struct context *ctx, const struct packet *p, const struct addr6 *dst6);
