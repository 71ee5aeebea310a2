/* ARP: see arp.c. */
#pragma once

#include "path/context.h"

/*
 * Answers an ARP request (RFC 826) for an address that we answer for on this port: writes the reply
 * in place and returns true. False: any other frame. @p->data is at the Ethernet header.
 */
bool arp_answer(const struct context *ctx, struct packet *p);

/* The same on an interconnect, p->onramp: only for our address there. */
bool arp_answer_inside(const struct context *ctx, struct packet *p);

/*
 * Reads who sent a request or a reply: its addresses as the packet says. False: it is neither. Any
 * frame.
 */
bool arp_read_sender(const struct packet *p, struct addr6 *sender, uint8_t mac[ETHER_ADDR_LEN]);
