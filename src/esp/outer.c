/*
 * The outer headers.
 *
 * They are made when an SA is added or moves, and copied in front of each packet. A packet says its
 * own ends by the same struct, in our direction: remote is its source.
 */
#include "esp/outer.h"

#include "base/checksum.h"
#include "base/wire.h"

#include <string.h>

static void make_ipv4(uint8_t *ip, const struct esp_ends *ends)
{
	ip[IPV4_VERSION_IHL] = IPV4_PLAIN;
	ip[IPV4_TTL] = IP_HOPS_DEFAULT;
	ip[IPV4_PROTO] = ends->udp ? PROTO_UDP : PROTO_ESP;
	wire_put_be32(ip + IPV4_SRC, addr6_to_ipv4(&ends->local));
	wire_put_be32(ip + IPV4_DST, addr6_to_ipv4(&ends->remote));
	wire_put_be16(ip + IPV4_CHECKSUM, checksum_make(ip, IPV4_LEN));
}

static void make_ipv6(uint8_t *ip, const struct esp_ends *ends)
{
	ip[IPV6_VERSION] = 6 << 4;
	ip[IPV6_NEXT] = ends->udp ? PROTO_UDP : PROTO_ESP;
	ip[IPV6_HOPS] = IP_HOPS_DEFAULT;
	memcpy(ip + IPV6_SRC, &ends->local, ADDR6_LEN);
	memcpy(ip + IPV6_DST, &ends->remote, ADDR6_LEN);
}

void esp_outer_make(struct esp_outer *outer, const struct esp_ends *ends)
{
	uint8_t *udp = outer->bytes + ESP_OUTER_MAX - UDP_LEN;

	memset(outer, 0, sizeof(*outer));
	outer->ends = *ends;
	outer->six = !addr6_is_mapped(&ends->local);
	outer->len = (outer->six ? IPV6_LEN : IPV4_LEN) + (ends->udp ? UDP_LEN : 0);
	if (outer->six)
		make_ipv6(outer->bytes + ESP_OUTER_MAX - outer->len, ends);
	else
		make_ipv4(outer->bytes + ESP_OUTER_MAX - outer->len, ends);
	if (!ends->udp)
		return;
	wire_put_be16(udp + UDP_SPORT, htons(ends->local_port));
	wire_put_be16(udp + UDP_DPORT, htons(ends->remote_port));
}

bool esp_ends_are_sound(const struct esp_ends *ends)
{
	bool six = addr6_is_ipv6(&ends->local);

	if (six != addr6_is_ipv6(&ends->remote))
		return false;
	if (six ? !addr6_is_host(&ends->local) || !addr6_is_host(&ends->remote)
		: addr6_ipv4_or_0(&ends->local) == 0 || addr6_ipv4_or_0(&ends->remote) == 0)
		return false;
	return !ends->udp || (ends->local_port != 0 && ends->remote_port != 0);
}

void esp_outer_read(const uint8_t *ip, unsigned header, struct esp_ends *ends)
{
	const uint8_t *udp = ip + header - UDP_LEN;
	bool six = ip[IPV6_VERSION] >> 4 == 6;

	*ends = (struct esp_ends){
		.remote =
			six ? addr6_read(ip + IPV6_SRC) : addr6_from_ipv4(wire_be32(ip + IPV4_SRC)),
		.local =
			six ? addr6_read(ip + IPV6_DST) : addr6_from_ipv4(wire_be32(ip + IPV4_DST)),
		.udp = six ? ip[IPV6_NEXT] == PROTO_UDP : ip[IPV4_PROTO] == PROTO_UDP,
	};
	if (!ends->udp)
		return;
	ends->remote_port = wire_16(udp + UDP_SPORT);
	ends->local_port = wire_16(udp + UDP_DPORT);
}

bool esp_outer_is_from(const struct esp_ends *packet, const struct esp_ends *ends)
{
	return addr6_equal(&packet->remote, &ends->remote) &&
	       (!packet->udp || !ends->udp || packet->remote_port == ends->remote_port);
}

bool esp_outer_is_answer(const struct esp_outer *outer, const uint8_t *ip, const uint8_t *esp)
{
	const uint8_t *to = outer->bytes + ESP_OUTER_MAX - outer->len;
	bool six = ip[IPV6_VERSION] >> 4 == 6;
	bool udp = six ? ip[IPV6_NEXT] == PROTO_UDP : ip[IPV4_PROTO] == PROTO_UDP;

	if (six != outer->six || (six ? memcmp(ip + IPV6_SRC, to + IPV6_DST, ADDR6_LEN) != 0
				      : wire_be32(ip + IPV4_SRC) != wire_be32(to + IPV4_DST)))
		return false;
	return !udp || !outer->ends.udp ||
	       wire_16(esp - UDP_LEN + UDP_SPORT) == outer->ends.remote_port;
}
