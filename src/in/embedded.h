/* Packets embedded in ICMP errors: see embedded.c, and embedded6.c for ICMPv6. */
#pragma once

#include "path/context.h"

/* Is it an ICMP error that is about a packet? @p's IPv4 header was checked and @p->l4 set. */
bool embedded_is_error(const struct packet *p);

/*
 * The key of the packets that answer the one embedded in @len bytes at @embedded, in @realm.
 * DROP_NONE, or why it can't be told.
 */
enum drop embedded_key(const uint8_t *embedded, size_t len, uint16_t realm, struct flow_key *key);

/* The same of an ICMPv6 error; @embedded has @len bytes. */
enum drop embedded6_key(const uint8_t *embedded, size_t len, uint16_t realm, struct flow6_key *key);
