/*
 * The walk over extension headers: see ipv6.h.
 *
 * Hop-by-hop and destination options are skipped: no option concerns us, and a node that forwards
 * may ignore them (sections 4 and 4.3). Only the destination of a packet, which is the gateway for
 * tunnel packets, must check whether an option demands a discard. The walk is bounded in headers
 * and bytes. It refuses:
 *
 *   routing header   type 0 (RFC 5095), and others that have segments left: the destination that we
 *                    see is not the flow's
 *   fragment         for those who put fragments together; an atomic one is a whole packet (RFC
 *                    6946). A second fragment header has no meaning, and would hide what is behind
 *                    it
 *
 * Anything that is no extension header ends the walk, ESP and AH included.
 */
#include "tunnel/ipv6.h"

#include "base/wire.h"

enum {
	EXTENSION_MIN = 8, /* bytes */
	ROUTING_TYPE = 2, /* RFC 8200 section 4.4 */
	ROUTING_LEFT = 3,
	OPTIONS_AT = 2,
	OPTION_PAD_1 = 0,
	OPTION_IF_UNKNOWN = 0xc0, /* of the type; 0: skip an unknown one, else drop (section 4.2) */
};

/* How long is the extension header at @h, of kind @next? 0: it exceeds the packet. */
static size_t header_len(const uint8_t *h, size_t left, uint8_t next)
{
	size_t len;

	if (left < EXTENSION_MIN)
		return 0;
	len = next == NEXT_FRAGMENT ? IPV6_FRAGMENT_LEN : ((size_t)h[1] + 1) * 8;
	return len <= left ? len : 0;
}

/* Reads the fragment header at @at. The byte at @named names it. */
static enum drop note_fragment(const uint8_t *ip, size_t at, size_t named, bool first,
			       struct ipv6_chain *c)
{
	uint16_t word = wire_16(ip + at + IPV6_FRAGMENT_OFFSET);

	if (c->fragment != 0 || at > UINT8_MAX)
		return DROP_EXTENSION;
	c->fragment = (uint8_t)at;
	c->names_fragment = (uint8_t)named;
	return word & (first ? IPV6_OFFSET : IPV6_OFFSET_OR_MORE) ? DROP_FRAGMENT : DROP_NONE;
}

static enum drop end_at(size_t at, uint8_t proto, struct ipv6_chain *c)
{
	if (at > UINT8_MAX)
		return DROP_EXTENSION;
	c->proto = proto;
	c->l4 = (uint8_t)at;
	return DROP_NONE;
}

enum drop ipv6_walk(const uint8_t *ip, size_t len, bool first, struct ipv6_chain *c)
{
	size_t at = IPV6_LEN, named = IPV6_NEXT, header;
	uint8_t next = ip[IPV6_NEXT];

	*c = (struct ipv6_chain){.per_hop = IPV6_LEN};
	for (unsigned n = 0; n <= NEXT_EXTENSIONS_MAX; n++) {
		const uint8_t *h = ip + at;
		enum drop drop = DROP_NONE;

		if (next != NEXT_HOP_BY_HOP && next != NEXT_ROUTING && next != NEXT_FRAGMENT &&
		    next != NEXT_OPTIONS)
			return end_at(at, next, c);
		if (next == NEXT_HOP_BY_HOP && n > 0) /* as the first header only, section 4.1 */
			return DROP_EXTENSION;
		header = header_len(h, len - at, next);
		if (header == 0)
			return DROP_INNER_MALFORMED;
		if (next == NEXT_ROUTING && (h[ROUTING_TYPE] == 0 || h[ROUTING_LEFT] != 0))
			return DROP_ROUTING_HEADER;
		if (next == NEXT_FRAGMENT)
			drop = note_fragment(ip, at, named, first, c);
		if (drop != DROP_NONE)
			return drop;
		if ((next == NEXT_ROUTING || next == NEXT_HOP_BY_HOP) && at + header <= UINT8_MAX)
			c->per_hop = (uint8_t)(at + header);
		next = h[0];
		named = at;
		at += header;
	}
	return DROP_EXTENSION;
}

/* Checks the options between @at and @end: does each fit, and may it be skipped? */
static bool may_skip_options(const uint8_t *at, const uint8_t *end)
{
	while (at < end) {
		size_t len;

		if (*at == OPTION_PAD_1) {
			at++;
			continue;
		}
		if (end - at < 2)
			return false;
		len = 2 + (size_t)at[1];
		if (len > (size_t)(end - at) || *at & OPTION_IF_UNKNOWN)
			return false;
		at += len;
	}
	return true;
}

enum drop ipv6_check_options(const uint8_t *ip, size_t len)
{
	uint8_t next = ip[IPV6_NEXT];
	size_t at = IPV6_LEN;

	while (at < len) {
		const uint8_t *h = ip + at;
		size_t header = header_len(h, len - at, next);

		if (header == 0) /* contradicts ipv6_walk() */
			return DROP_EXTENSION;
		if ((next == NEXT_HOP_BY_HOP || next == NEXT_OPTIONS) &&
		    !may_skip_options(h + OPTIONS_AT, h + header))
			return DROP_EXTENSION;
		next = h[0];
		at += header;
	}
	return DROP_NONE;
}
