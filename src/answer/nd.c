/*
 * Neighbour discovery (RFC 4861): answer solicitations for our IPv6 egress addresses.
 *
 * As ARP (arp.c): egress addresses in the uplink's own network are on no kernel interface, so only
 * we can answer for them. On ports without a kernel interface the same holds for the local ends of
 * tunnels. The kernel does all other ND, including solicitations and router discovery.
 *
 * A site's global prefix may be part of the uplink's own network, if the provider routes no prefix
 * to us. Then we answer for every address in it, as a proxy (section 7.2.8) that yields to a
 * neighbour with the same address. We do not know which of the addresses the site uses.
 *
 * An interconnect is a link of its own: there we answer for our address on it and nothing else.
 *
 * The advertisement is written into the buffer of the solicitation. It contains our Ethernet
 * address, so the sender need not ask again.
 */
#include "answer/nd.h"

#include "base/icmp6.h"
#include "base/wire_neighbour.h"

/* Checks a message by sections 7.1.1 and 7.1.2. Of options only the lengths are checked. */
static bool is_sound(const struct packet *p)
{
	const uint8_t *d = p->data;
	struct addr6 src = addr6_read(d + ND_IP + IPV6_SRC), dst = addr6_read(d + ND_IP + IPV6_DST);
	size_t len = wire_16(d + ND_IP + IPV6_LENGTH), at = ND_OPTIONS;

	if (p->len < ND_OPTIONS || len < ND_OPTIONS - ND_ICMP || ND_ICMP + len > p->len)
		return false;
	if (d[ND_IP + IPV6_HOPS] != ND_HOPS || d[ND_ICMP + ICMP_CODE] != 0 ||
	    !icmp6_checksum_ok(&src, &dst, d + ND_ICMP, len))
		return false;
	while (at + 1 < ND_ICMP + len && d[at + 1] != 0)
		at += (size_t)d[at + 1] * 8;
	return at == ND_ICMP + len;
}

static bool answer_for(const struct context *ctx, uint8_t port, const struct addr6 *target)
{
	int address = network_find_address6(ctx->net, target);

	if (address >= 0)
		return ctx->net->addresses[address].port == port;
	if (network_find_global(ctx->net, target) != SITE_INTERNET)
		return ctx->net->uplink6 == port;
	return ctx->ports[port].answer_arp_for_tunnels && network_is_local_end6(ctx->net, target);
}

/*
 * Writes the advertisement at the end of the solicitation's frame: a solicitation without options
 * is shorter, and the headroom gives the space. @to: zero for all nodes.
 */
static void make_advertisement(struct packet *p, const uint8_t *mac, const struct addr6 *target,
			       const struct addr6 *to, bool proxy)
{
	static const uint8_t all_nodes[ADDR6_LEN] = {0xff, 2, [15] = 1};
	static const uint8_t all_nodes_mac[ETHER_ADDR_LEN] = {0x33, 0x33, 0, 0, 0, 1};
	bool for_all = addr6_is_zero(to);
	struct addr6 dst = for_all ? addr6_read(all_nodes) : *to;
	uint8_t *d = p->data + p->len - ND_LEN, sender[ETHER_ADDR_LEN];
	const size_t len = ND_LEN - ND_ICMP;

	memcpy(sender, for_all ? all_nodes_mac : p->data + ETHER_SRC, ETHER_ADDR_LEN);
	memset(d, 0, ND_LEN);
	memcpy(d + ETHER_DST, sender, ETHER_ADDR_LEN);
	memcpy(d + ETHER_SRC, mac, ETHER_ADDR_LEN);
	wire_put_be16(d + ETHER_TYPE, htons(ETHER_IPV6));
	d[ND_IP + IPV6_VERSION] = 6 << 4;
	wire_put_be16(d + ND_IP + IPV6_LENGTH, htons(len));
	d[ND_IP + IPV6_NEXT] = PROTO_ICMPV6;
	d[ND_IP + IPV6_HOPS] = ND_HOPS;
	memcpy(d + ND_IP + IPV6_SRC, target, sizeof(*target));
	memcpy(d + ND_IP + IPV6_DST, &dst, sizeof(dst));
	d[ND_ICMP + ICMP_TYPE] = ICMPV6_NEIGHBOUR_ADVERTISEMENT;
	d[ND_FLAGS] = (proxy ? 0 : ND_FLAG_OVERRIDE) | (for_all ? 0 : ND_FLAG_SOLICITED);
	memcpy(d + ND_TARGET, target, sizeof(*target));
	d[ND_OPTIONS] = ND_OPTION_TARGET_ADDRESS;
	d[ND_OPTIONS + 1] = ND_OPTION_UNITS;
	memcpy(d + ND_OPTIONS + 2, mac, ETHER_ADDR_LEN);
	icmp6_put_checksum(target, &dst, d + ND_ICMP, len);
	p->data = d;
	p->len = ND_LEN;
}

/* On a promiscuous port we also receive our own kernel's probes for duplicate addresses. */
static bool is_own_probe(const uint8_t *d, const uint8_t *mac)
{
	return memcmp(d + ETHER_SRC, mac, ETHER_ADDR_LEN) == 0;
}

static bool is_message(const struct packet *p, uint8_t type)
{
	const uint8_t *d = p->data;

	return p->len >= ND_OPTIONS && d[ND_IP + IPV6_NEXT] == PROTO_ICMPV6 &&
	       d[ND_ICMP + ICMP_TYPE] == type && is_sound(p);
}

/* A solicitation that may be answered. */
static bool is_solicitation(const struct context *ctx, const struct packet *p)
{
	return is_message(p, ICMPV6_NEIGHBOUR_SOLICITATION) &&
	       !is_own_probe(p->data, ctx->nexthops->macs[p->in_port]);
}

/* An unspecified source probes for a duplicate address: the answer goes to all nodes. */
static void answer_solicitation(const struct context *ctx, struct packet *p,
				const struct addr6 *target, bool proxy)
{
	const struct addr6 src = addr6_read(p->data + ND_IP + IPV6_SRC);

	make_advertisement(p, ctx->nexthops->macs[p->in_port], target, &src, proxy);
}

bool nd_answer(const struct context *ctx, struct packet *p)
{
	struct addr6 target;

	if (!is_solicitation(ctx, p))
		return false;
	target = addr6_read(p->data + ND_TARGET);
	if (!answer_for(ctx, p->in_port, &target))
		return false;
	answer_solicitation(ctx, p, &target,
			    network_find_global(ctx->net, &target) != SITE_INTERNET);
	return true;
}

bool nd_answer_inside(const struct context *ctx, struct packet *p)
{
	struct addr6 target;

	if (!is_solicitation(ctx, p))
		return false;
	target = addr6_read(p->data + ND_TARGET);
	if (addr6_is_zero(&target) ||
	    !addr6_equal(&target, &ctx->net->tunnel_specs[p->onramp]->address6))
		return false;
	answer_solicitation(ctx, p, &target, false);
	return true;
}

/* The Ethernet address in the option of this type; NULL: there is none. */
static const uint8_t *find_option(const struct packet *p, uint8_t type)
{
	const uint8_t *d = p->data;
	size_t end = ND_ICMP + (size_t)wire_16(d + ND_IP + IPV6_LENGTH);

	for (size_t at = ND_OPTIONS; at + 1 < end; at += (size_t)d[at + 1] * 8)
		if (d[at] == type && d[at + 1] == ND_OPTION_UNITS)
			return d + at + 2;
	return NULL;
}

bool nd_read_sender(const struct packet *p, struct addr6 *sender, uint8_t mac[ETHER_ADDR_LEN])
{
	const uint8_t *found = NULL;

	if (is_message(p, ICMPV6_NEIGHBOUR_ADVERTISEMENT)) {
		*sender = addr6_read(p->data + ND_TARGET);
		found = find_option(p, ND_OPTION_TARGET_ADDRESS);
	} else if (is_message(p, ICMPV6_NEIGHBOUR_SOLICITATION)) {
		*sender = addr6_read(p->data + ND_IP + IPV6_SRC);
		found = find_option(p, ND_OPTION_SOURCE_ADDRESS);
	}
	if (found == NULL)
		return false;
	memcpy(mac, found, ETHER_ADDR_LEN);
	return true;
}
