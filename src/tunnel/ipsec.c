/*
 * IPsec as a kind of tunnel: what can be said of it without an SA. Its outer headers are made with
 * the SA (esp/outer.c), since the far end's address and port may change.
 */
#include "tunnel/ipsec.h"

#include "base/wire.h"

enum {
	UDP_PORT = 4500,
	HEADER = 8, /* SPI and number */
	IV = 16,
	ICV = 16,
	BLOCK = 16,
	TRAILER = 2,
};

static unsigned around(bool over_ipv6)
{
	return (over_ipv6 ? IPV6_LEN : IPV4_LEN) + UDP_LEN + HEADER + IV + ICV;
}

enum drop ipsec_open(const uint8_t *p, size_t len, struct tunnel_opened *out)
{
	return DROP_ESP_UNKNOWN_SPI;
}

bool ipsec_match_embedded(const uint8_t *p, size_t len, struct tunnel_opened *out)
{
	return false;
}

uint8_t ipsec_overhead(bool over_ipv6, bool has_key)
{
	return (uint8_t)(around(over_ipv6) + BLOCK - 1 + TRAILER);
}

uint16_t ipsec_inner_mtu(uint16_t outer, bool over_ipv6)
{
	unsigned taken = around(over_ipv6);
	unsigned room = outer > taken ? (outer - taken) & ~(BLOCK - 1u) : 0;

	return room > TRAILER ? (uint16_t)(room - TRAILER) : 0;
}

uint8_t ipsec_make_header(uint8_t *out, const struct tunnel_outside *ends)
{
	bool six = !addr6_is_mapped(&ends->local);
	uint8_t len = six ? IPV6_LEN : IPV4_LEN;

	memset(out, 0, len);
	if (six) {
		out[IPV6_VERSION] = 6 << 4;
		out[IPV6_NEXT] = PROTO_ESP;
		memcpy(out + IPV6_SRC, &ends->local, ADDR6_LEN);
		memcpy(out + IPV6_DST, &ends->remote, ADDR6_LEN);
		return len;
	}
	out[IPV4_VERSION_IHL] = IPV4_PLAIN;
	out[IPV4_PROTO] = PROTO_ESP;
	wire_put_be32(out + IPV4_SRC, addr6_to_ipv4(&ends->local));
	wire_put_be32(out + IPV4_DST, addr6_ipv4_or_0(&ends->remote));
	return len;
}

bool ipsec_is_stranger(enum drop drop)
{
	return false;
}

bool ipsec_is_in_udp(const uint8_t *udp, size_t len)
{
	return len >= UDP_LEN && wire_16(udp + UDP_DPORT) == UDP_PORT;
}

enum drop ipsec_check_udp(const uint8_t *udp, size_t len)
{
	const uint8_t *payload = udp + UDP_LEN;
	size_t n = wire_16(udp + UDP_LENGTH);

	if (n < UDP_LEN || n > len)
		return DROP_OUTER_MALFORMED;
	n -= UDP_LEN;
	if (n == 1 && payload[0] == 0xff)
		return DROP_ESP_KEEPALIVE;
	return n < 4 || wire_be32(payload) == 0 ? DROP_NOT_OURS : DROP_NONE;
}
