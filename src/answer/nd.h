/* Neighbour discovery: see nd.c. */
#pragma once

#include "path/context.h"

/*
 * Is this frame a neighbour solicitation (RFC 4861) for an address that we answer for on this port?
 * Then the advertisement is made in place and true returned. @p->data is at the Ethernet header,
 * and an IPv6 header behind it.
 */
bool nd_answer(const struct context *ctx, struct packet *p);
