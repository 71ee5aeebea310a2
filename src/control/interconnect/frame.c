/*
 * Makes requests for a peer's Ethernet address: see frame.h.
 *
 * They carry our own address, so that the peer learns ours from them.
 */
#include "control/interconnect/frame.h"

#include "base/icmp6.h"
#include "base/wire_neighbour.h"

#include <assert.h>

static_assert(FRAME_MAX >= ND_LEN + ETHER_TAG_LEN, "a request does not fit");

static void put_ethernet(uint8_t *d, const uint8_t *to, const uint8_t *from, uint16_t type)
{
	memcpy(d + ETHER_DST, to, ETHER_ADDR_LEN);
	memcpy(d + ETHER_SRC, from, ETHER_ADDR_LEN);
	wire_put_be16(d + ETHER_TYPE, htons(type));
}

static size_t make_arp(const struct frame_request *r, uint8_t *d)
{
	static const uint8_t request[8] = {0, 1, 8, 0, 6, 4, 0, ARP_REQUEST};
	static const uint8_t all[ETHER_ADDR_LEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	memset(d, 0, ARP_LEN);
	put_ethernet(d, r->to != NULL ? r->to : all, r->mac, ETHER_ARP);
	memcpy(d + ARP_HARDWARE, request, sizeof(request));
	memcpy(d + ARP_SENDER_MAC, r->mac, ETHER_ADDR_LEN);
	wire_put_be32(d + ARP_SENDER_IP, addr6_to_ipv4(&r->address));
	wire_put_be32(d + ARP_TARGET_IP, addr6_to_ipv4(&r->peer));
	return ARP_LEN;
}

/* To the group of the peer's address (RFC 4291 section 2.7.1), or to the address itself. */
static size_t make_solicitation(const struct frame_request *r, uint8_t *d)
{
	uint8_t group[ADDR6_LEN] = {0xff, 2, [11] = 1, 0xff};
	uint8_t group_mac[ETHER_ADDR_LEN] = {0x33, 0x33, 0xff};
	const size_t len = ND_LEN - ND_ICMP;
	struct addr6 to;

	memcpy(group + ADDR6_LEN - 3, (const uint8_t *)&r->peer + ADDR6_LEN - 3, 3);
	memcpy(group_mac + 3, group + ADDR6_LEN - 3, 3);
	to = r->to != NULL ? r->peer : addr6_read(group);
	memset(d, 0, ND_LEN);
	put_ethernet(d, r->to != NULL ? r->to : group_mac, r->mac, ETHER_IPV6);
	d[ND_IP + IPV6_VERSION] = 6 << 4;
	wire_put_be16(d + ND_IP + IPV6_LENGTH, htons(len));
	d[ND_IP + IPV6_NEXT] = PROTO_ICMPV6;
	d[ND_IP + IPV6_HOPS] = ND_HOPS;
	memcpy(d + ND_IP + IPV6_SRC, &r->address, sizeof(r->address));
	memcpy(d + ND_IP + IPV6_DST, &to, sizeof(to));
	d[ND_ICMP + ICMP_TYPE] = ICMPV6_NEIGHBOUR_SOLICITATION;
	memcpy(d + ND_TARGET, &r->peer, sizeof(r->peer));
	d[ND_OPTIONS] = ND_OPTION_SOURCE_ADDRESS;
	d[ND_OPTIONS + 1] = ND_OPTION_UNITS;
	memcpy(d + ND_OPTIONS + 2, r->mac, ETHER_ADDR_LEN);
	icmp6_put_checksum(&r->address, &to, d + ND_ICMP, len);
	return ND_LEN;
}

size_t frame_make_request(const struct frame_request *r, uint8_t out[FRAME_MAX])
{
	uint8_t *d = out + (r->vlan != 0 ? ETHER_TAG_LEN : 0);
	size_t len = addr6_is_mapped(&r->peer) ? make_arp(r, d) : make_solicitation(r, d);

	if (r->vlan == 0)
		return len;
	memmove(out, d, ETHER_TYPE); /* what stands behind becomes the tag */
	wire_put_be16(out + ETHER_TYPE, htons(ETHER_TAG));
	wire_put_be16(out + ETHER_LEN, htons(r->vlan));
	return len + ETHER_TAG_LEN;
}
