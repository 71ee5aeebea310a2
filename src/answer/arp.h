/* ARP: see arp.c. */
#pragma once

#include "path/context.h"

/*
 * Answers an ARP request (RFC 826) for an address that we answer for on this port: writes the reply
 * in place and returns true. False: any other frame. @p->data is at the Ethernet header.
 */
bool arp_answer(const struct context *ctx, struct packet *p);
