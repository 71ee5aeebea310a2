/*
 * The walk over extension headers: see ipv6.h.
 *
 * Hop-by-hop and destination options are walked over, not read: no option means anything to us, and
 * a node that forwards may pass them by (sections 4 and 4.3). The walk is bounded in headers and
 * bytes. Refused by name:
 *
 *   routing header   type 0 (RFC 5095), and others that have segments left: the destination that we
 *                    see is not the flow's
 *   fragment         but for an atomic one, which is a whole packet (RFC 6946)
 *
 * Anything that is no extension header ends the walk, ESP and AH included.
 */
#include "tunnel/ipv6.h"

#include "base/wire.h"

enum {
	EXTENSIONS_MAX = 8,
	EXTENSION_MIN = 8, /* bytes */
	ROUTING_TYPE = 2, /* RFC 8200 section 4.4 */
	ROUTING_LEFT = 3,
	FRAGMENT_OFFSET = 2, /* section 4.5 */
	FRAGMENT_OFFSET_OR_MORE = 0xfff9,
};

/* The extension header at @at: how long it is, and may the packet go on? */
static enum drop check_extension(const uint8_t *h, size_t left, uint8_t next, size_t *len)
{
	if (left < EXTENSION_MIN)
		return DROP_INNER_MALFORMED;
	*len = next == NEXT_FRAGMENT ? EXTENSION_MIN : ((size_t)h[1] + 1) * 8;
	if (*len > left)
		return DROP_INNER_MALFORMED;
	if (next == NEXT_ROUTING && (h[ROUTING_TYPE] == 0 || h[ROUTING_LEFT] != 0))
		return DROP_ROUTING_HEADER;
	if (next == NEXT_FRAGMENT && wire_16(h + FRAGMENT_OFFSET) & FRAGMENT_OFFSET_OR_MORE)
		return DROP_FRAGMENT6;
	return DROP_NONE;
}

enum drop ipv6_walk(const uint8_t *ip, size_t len, uint8_t *proto, uint8_t *l4)
{
	size_t at = IPV6_LEN, header;
	uint8_t next = ip[IPV6_NEXT];

	for (unsigned n = 0; n <= EXTENSIONS_MAX; n++) {
		enum drop drop;

		if (next != NEXT_HOP_BY_HOP && next != NEXT_ROUTING && next != NEXT_FRAGMENT &&
		    next != NEXT_OPTIONS) {
			if (at > UINT8_MAX)
				return DROP_EXTENSION;
			*proto = next;
			*l4 = (uint8_t)at;
			return DROP_NONE;
		}
		if (next == NEXT_HOP_BY_HOP && n > 0) /* only the first, section 4.1 */
			return DROP_EXTENSION;
		drop = check_extension(ip + at, len - at, next, &header);
		if (drop != DROP_NONE)
			return drop;
		next = ip[at];
		at += header;
	}
	return DROP_EXTENSION;
}
