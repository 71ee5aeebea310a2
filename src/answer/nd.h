/* Neighbour discovery: see nd.c. */
#pragma once

#include "path/context.h"

/*
 * Answers a neighbour solicitation (RFC 4861) for an address that we answer for on this port:
 * writes the advertisement in place and returns true. False: any other frame. @p->data is at the
 * Ethernet header, with an IPv6 header behind it.
 */
bool nd_answer(const struct context *ctx, struct packet *p);

/* The same on an interconnect, p->onramp: only for our address there. */
bool nd_answer_inside(const struct context *ctx, struct packet *p);

/*
 * Reads whose Ethernet address an advertisement or a solicitation tells. False: none. @p: as above.
 */
bool nd_read_sender(const struct packet *p, struct addr6 *sender, uint8_t mac[ETHER_ADDR_LEN]);
