/* The stages of this folder; their contracts are the rows of pipeline.c. */
#pragma once

#include "lane.h"

void stage_decapsulate(struct lane *lane, struct burst *b);
void stage_parse(struct lane *lane, struct burst *b);

/*
 * Is this Ethernet frame an ARP request (RFC 826) for an address that we answer for on this port?
 * Then the reply is made in place and true returned. @p->data is at the Ethernet header.
 */
bool arp_answer(const struct lane *lane, struct packet *p);

/* Fills an empty burst from all ports in turn. Returns the number of packets. */
unsigned receive(struct lane *lane, struct burst *b);
