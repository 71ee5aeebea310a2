/* The stages of this folder; their contracts are the rows of pipeline.c. */
#pragma once

#include "lane.h"

void stage_decapsulate(struct lane *lane, struct burst *b);
void stage_parse(struct lane *lane, struct burst *b);
void stage_quote(struct lane *lane, struct burst *b);

/* Is it an ICMP error that is about a packet? @p's IPv4 header was checked and @p->l4 set. */
bool quote_is_error(const struct packet *p);

/*
 * The key of the packets that answer the one quoted in @len bytes at @quote, in @realm. DROP_NONE, or
 * why it can't be told.
 */
enum drop quote_key(const uint8_t *quote, size_t len, uint16_t realm, struct flow_key *key);

/*
 * Is this Ethernet frame an ARP request (RFC 826) for an address that we answer for on this port?
 * Then the reply is made in place and true returned. @p->data is at the Ethernet header.
 */
bool arp_answer(const struct lane *lane, struct packet *p);

/* Fills an empty burst from all ports in turn. Returns the number of packets. */
unsigned receive(struct lane *lane, struct burst *b);
