/* Frames that claim an address: see claim.h. */
#include "control/claim.h"

#include "base/icmp6.h"
#include "base/wire_neighbour.h"

#include <assert.h>
#include <string.h>

static_assert((int)ND_LEN == (int)CLAIM_FRAME_MAX, "the longest: an advertisement with one option");

/* hardware type Ethernet, protocol IPv4, and their address lengths */
static const uint8_t arp_ipv4[] = {0, 1, 8, 0, 6, 4};

static void put_ethernet(uint8_t *out, const uint8_t *dst, const uint8_t *mac, uint16_t type)
{
	memset(out, 0, CLAIM_FRAME_MAX);
	memcpy(out + ETHER_DST, dst, ETHER_ADDR_LEN);
	memcpy(out + ETHER_SRC, mac, ETHER_ADDR_LEN);
	wire_put_be16(out + ETHER_TYPE, htons(type));
}

/* An ARP request by @sender for @target. */
static size_t put_arp(uint8_t *out, const uint8_t *mac, be32_t sender, be32_t target)
{
	static const uint8_t all[ETHER_ADDR_LEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	put_ethernet(out, all, mac, ETHER_ARP);
	memcpy(out + ARP_HARDWARE, arp_ipv4, sizeof(arp_ipv4));
	out[ARP_OPERATION + 1] = ARP_REQUEST;
	memcpy(out + ARP_SENDER_MAC, mac, ETHER_ADDR_LEN);
	wire_put_be32(out + ARP_SENDER_IP, sender);
	wire_put_be32(out + ARP_TARGET_IP, target);
	return ARP_LEN;
}

/* An ICMPv6 message of @type about @target, with the option if there is room for one. */
static size_t put_nd(uint8_t *out, const uint8_t *mac, const struct addr6 *src,
		     const struct addr6 *dst, uint8_t type, const struct addr6 *target)
{
	const bool advertises = type == ICMPV6_NEIGHBOUR_ADVERTISEMENT;
	const size_t len = (advertises ? ND_OPTIONS + 8 : ND_OPTIONS) - ND_ICMP;
	uint8_t group[ETHER_ADDR_LEN] = {0x33, 0x33};

	memcpy(group + 2, (const uint8_t *)dst + ADDR6_LEN - 4, 4);
	put_ethernet(out, group, mac, ETHER_IPV6);
	out[ND_IP + IPV6_VERSION] = 6 << 4;
	wire_put_be16(out + ND_IP + IPV6_LENGTH, htons((uint16_t)len));
	out[ND_IP + IPV6_NEXT] = PROTO_ICMPV6;
	out[ND_IP + IPV6_HOPS] = ND_HOPS;
	memcpy(out + ND_IP + IPV6_SRC, src, sizeof(*src));
	memcpy(out + ND_IP + IPV6_DST, dst, sizeof(*dst));
	out[ND_ICMP + ICMP_TYPE] = type;
	memcpy(out + ND_TARGET, target, sizeof(*target));
	if (advertises) {
		out[ND_FLAGS] = ND_FLAG_OVERRIDE;
		out[ND_OPTIONS] = ND_OPTION_TARGET_ADDRESS;
		out[ND_OPTIONS + 1] = ND_OPTION_UNITS;
		memcpy(out + ND_OPTIONS + 2, mac, ETHER_ADDR_LEN);
	}
	icmp6_put_checksum(src, dst, out + ND_ICMP, len);
	return ND_ICMP + len;
}

size_t claim_announce(const struct addr6 *addr, const uint8_t *mac, uint8_t *out)
{
	static const uint8_t all_nodes[ADDR6_LEN] = {0xff, 2, [15] = 1};
	const struct addr6 all = addr6_read(all_nodes);
	be32_t four = addr6_to_ipv4(addr);

	if (addr6_is_mapped(addr))
		return put_arp(out, mac, four, four);
	return put_nd(out, mac, addr, &all, ICMPV6_NEIGHBOUR_ADVERTISEMENT, addr);
}

size_t claim_probe(const struct addr6 *addr, const uint8_t *mac, uint8_t *out)
{
	static const struct addr6 unspecified;
	uint8_t group[ADDR6_LEN] = {0xff, 2, [11] = 1, [12] = 0xff};
	struct addr6 solicited;

	if (addr6_is_mapped(addr))
		return put_arp(out, mac, 0, addr6_to_ipv4(addr));
	memcpy(group + 13, (const uint8_t *)addr + 13, 3);
	solicited = addr6_read(group);
	return put_nd(out, mac, &unspecified, &solicited, ICMPV6_NEIGHBOUR_SOLICITATION, addr);
}

static bool read_arp(const uint8_t *frame, size_t len, struct addr6 *addr, uint8_t *mac)
{
	be32_t sender;

	if (len < ARP_LEN || memcmp(frame + ARP_HARDWARE, arp_ipv4, sizeof(arp_ipv4)) != 0 ||
	    frame[ARP_OPERATION] != 0 ||
	    (frame[ARP_OPERATION + 1] != ARP_REQUEST && frame[ARP_OPERATION + 1] != ARP_REPLY))
		return false;
	sender = wire_be32(frame + ARP_SENDER_IP);
	*addr = addr6_from_ipv4(sender);
	memcpy(mac, frame + ARP_SENDER_MAC, ETHER_ADDR_LEN);
	return sender != 0;
}

/*
 * Hop limit by RFC 4861 section 7.1.2. Options are not read: the sender of the frame claims the
 * address.
 */
static bool read_nd(const uint8_t *frame, size_t len, struct addr6 *addr, uint8_t *mac)
{
	struct addr6 src, dst;
	size_t icmp;

	if (len < ND_OPTIONS || frame[ND_IP + IPV6_VERSION] >> 4 != 6 ||
	    frame[ND_IP + IPV6_NEXT] != PROTO_ICMPV6 || frame[ND_IP + IPV6_HOPS] != ND_HOPS ||
	    frame[ND_ICMP + ICMP_TYPE] != ICMPV6_NEIGHBOUR_ADVERTISEMENT ||
	    frame[ND_ICMP + ICMP_CODE] != 0)
		return false;
	icmp = wire_16(frame + ND_IP + IPV6_LENGTH);
	if (icmp < ND_OPTIONS - ND_ICMP || icmp > len - ND_ICMP)
		return false;
	src = addr6_read(frame + ND_IP + IPV6_SRC);
	dst = addr6_read(frame + ND_IP + IPV6_DST);
	*addr = addr6_read(frame + ND_TARGET);
	memcpy(mac, frame + ETHER_SRC, ETHER_ADDR_LEN);
	return !addr6_is_mapped(addr) && icmp6_checksum_ok(&src, &dst, frame + ND_ICMP, icmp);
}

bool claim_read(const uint8_t *frame, size_t len, struct addr6 *addr, uint8_t *mac)
{
	if (len < ETHER_LEN)
		return false;
	if (wire_16(frame + ETHER_TYPE) == ETHER_ARP)
		return read_arp(frame, len, addr, mac);
	return wire_16(frame + ETHER_TYPE) == ETHER_IPV6 && read_nd(frame, len, addr, mac);
}
