/*
 * An interconnect: plain IP on an Ethernet link with one peer, untagged or in one VLAN (IEEE
 * 802.1Q). A kind of tunnel without an outer IP header. The contracts of its functions are in
 * tunnel/kind.h.
 *
 * Its own header is the tag without the type in front of it: TCI, then the type of the payload. Its
 * key is the VLAN. Untagged it has no header.
 */
#pragma once

#include "tunnel/kind.h"

enum {
	INTERCONNECT_TYPE_AT = 2, /* offset in the tag */
};

/* @p: a tag. DROP_DOUBLE_TAG: another one follows. DROP_NOT_IP with the type in @out. */
enum drop interconnect_open(const uint8_t *p, size_t len, struct tunnel_opened *out);

/* Never: no packet of ours has an outer IP header by which a router would report an error. */
bool interconnect_match_embedded(const uint8_t *p, size_t len, struct tunnel_opened *out);

uint8_t interconnect_overhead(bool over_ipv6, bool has_key); /* 0: an MTU is without tags */
uint8_t interconnect_make_header(uint8_t *out, const struct tunnel_outside *ends);

/* Never: a frame in a VLAN that is not configured says nothing about a far end. */
bool interconnect_is_stranger(enum drop drop);
