/*
 * Fragmenter: see fragmenter.h.
 *
 *   IPv4   | header | slice |                                    RFC 791 section 3.2
 *   IPv6   | IPv6, per-hop headers | fragment header | slice |   RFC 8200 section 4.5
 *
 * IPv4 options without the copied flag are in the first fragment only. In front of the IPv6
 * fragment header are the headers that routers read: all up to the routing header, or up to the
 * hop-by-hop options. The other headers are in the first slice.
 */
#include "out/fragmenter.h"

#include "base/checksum.h"
#include "base/wire.h"
#include "tunnel/ipv6.h"

enum {
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_COPIED = 0x80,
};

void fragmenter_begin(struct fragmenter *c, const uint8_t *ip)
{
	c->header_len = c->body = (size_t)(ip[IPV4_VERSION_IHL] & 0xf) * 4;
	memcpy(c->header, ip, c->header_len);
}

/*
 * In later fragments, replaces options without the copied flag (RFC 791 section 3.1) by "no
 * operation".
 */
static void blank_options(uint8_t *ip, size_t header)
{
	size_t at = IPV4_LEN;

	while (at < header && ip[at] != OPTION_END) {
		size_t len = ip[at] == OPTION_NOP ? 1 : at + 1 < header ? ip[at + 1] : 0;

		if (len == 0 || len > header - at)
			return;
		if (!(ip[at] & OPTION_COPIED))
			memset(ip + at, OPTION_NOP, len);
		at += len;
	}
}

void fragmenter_write(const struct fragmenter *c, uint8_t *ip, size_t at, size_t len, bool last)
{
	memcpy(ip, c->header, c->header_len);
	if (at > 0)
		blank_options(ip, c->header_len);
	wire_put_be16(ip + IPV4_LENGTH, htons((uint16_t)(c->header_len + len)));
	wire_put_be16(ip + IPV4_FRAGMENT, htons((uint16_t)(at / 8 | (last ? 0 : IPV4_MF))));
	wire_put_be16(ip + IPV4_CHECKSUM, 0);
	wire_put_be16(ip + IPV4_CHECKSUM, checksum_make(ip, c->header_len));
}

/* Offset of the byte that names the first header of @body, where there is no fragment header. */
static size_t find_name(const uint8_t *ip, size_t body)
{
	size_t name = IPV6_NEXT, at = IPV6_LEN;

	for (; at < body; at += ((size_t)ip[at + 1] + 1) * 8)
		name = at;
	return name;
}

void fragmenter6_begin(struct fragmenter *c, const uint8_t *ip, size_t len, uint32_t id)
{
	uint8_t *fragment;
	struct ipv6_chain chain;
	size_t name;

	ipv6_walk(ip, len, true, &chain); /* parse6 has checked that all headers are there */
	name = find_name(ip, chain.per_hop);
	c->body = chain.per_hop;
	c->header_len = c->body + IPV6_FRAGMENT_LEN;
	fragment = c->header + c->body;
	memcpy(c->header, ip, c->body);
	memset(fragment, 0, IPV6_FRAGMENT_LEN);
	fragment[0] = ip[name];
	wire_put_be32(fragment + IPV6_FRAGMENT_ID, htonl(id));
	c->header[name] = NEXT_FRAGMENT;
}

void fragmenter6_write(const struct fragmenter *c, uint8_t *ip, size_t at, size_t len, bool last)
{
	memcpy(ip, c->header, c->header_len);
	wire_put_be16(ip + IPV6_LENGTH, htons((uint16_t)(c->header_len - IPV6_LEN + len)));
	wire_put_be16(ip + c->body + IPV6_FRAGMENT_OFFSET,
		      htons((uint16_t)(at | (last ? 0 : IPV6_MORE))));
}
