/* ARP: see arp.c. */
#pragma once

#include "path/context.h"

/*
 * Is this Ethernet frame an ARP request (RFC 826) for an address that we answer for on this port?
 * Then the reply is made in place and true returned. @p->data is at the Ethernet header.
 */
bool arp_answer(const struct context *ctx, struct packet *p);
