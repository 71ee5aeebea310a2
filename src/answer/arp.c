/*
 * ARP (RFC 826): answer requests for our egress addresses.
 *
 * Egress addresses in the uplink's own network are on no kernel interface, so that the kernel does
 * not receive their packets. So the kernel cannot answer for them, and we do. On ports without a
 * kernel interface (tap, pcap, memory) the same holds for the local ends of tunnels. The kernel
 * does all other ARP, including requests.
 *
 * An interconnect is a link of its own: there we answer for our address on it and nothing else.
 *
 * The reply is written into the buffer of the request.
 */
#include "answer/arp.h"

#include "base/wire_neighbour.h"

/* Ethernet and IPv4, lengths 6 and 4. The operation follows. */
static const uint8_t for_ipv4[6] = {0, 1, 8, 0, 6, 4};

static bool is_for_ipv4(const struct packet *p)
{
	return p->len >= ARP_LEN && memcmp(p->data + ARP_HARDWARE, for_ipv4, sizeof(for_ipv4)) == 0;
}

static bool answer_for(const struct context *ctx, uint8_t port, be32_t addr)
{
	int address = network_find_address(ctx->net, addr);

	if (address >= 0)
		return ctx->net->addresses[address].port == port;
	return ctx->ports[port].answer_arp_for_tunnels && network_is_local_end(ctx->net, addr);
}

/* On a promiscuous port we also receive our own kernel's probes for duplicate addresses. */
static bool is_own_probe(const uint8_t *d, const uint8_t *mac)
{
	return memcmp(d + ARP_SENDER_MAC, mac, ETHER_ADDR_LEN) == 0;
}

/* The address that the request asks for; 0: it is no request that may be answered. */
static be32_t target_of(const struct context *ctx, const struct packet *p)
{
	const uint8_t *d = p->data;
	be32_t target;

	if (!is_for_ipv4(p) || wire_16(d + ARP_OPERATION) != ARP_REQUEST)
		return 0;
	target = wire_be32(d + ARP_TARGET_IP);
	/* A sender that claims the address itself announces a conflict; it is not a request. */
	if (wire_be32(d + ARP_SENDER_IP) == target ||
	    is_own_probe(d, ctx->nexthops->macs[p->in_port]))
		return 0;
	return target;
}

/* What stood behind the request stays out: the port may send less than it receives. */
static void write_reply(struct packet *p, const uint8_t *mac)
{
	uint8_t *d = p->data;
	be32_t sender = wire_be32(d + ARP_SENDER_IP), target = wire_be32(d + ARP_TARGET_IP);

	memcpy(d + ETHER_DST, d + ARP_SENDER_MAC, ETHER_ADDR_LEN);
	memcpy(d + ETHER_SRC, mac, ETHER_ADDR_LEN);
	d[ARP_OPERATION + 1] = ARP_REPLY;
	memcpy(d + ARP_TARGET_MAC, d + ARP_SENDER_MAC, ETHER_ADDR_LEN);
	wire_put_be32(d + ARP_TARGET_IP, sender);
	memcpy(d + ARP_SENDER_MAC, mac, ETHER_ADDR_LEN);
	wire_put_be32(d + ARP_SENDER_IP, target);
	p->len = ARP_LEN;
}

bool arp_answer(const struct context *ctx, struct packet *p)
{
	be32_t target = target_of(ctx, p);

	if (target == 0 || !answer_for(ctx, p->in_port, target))
		return false;
	write_reply(p, ctx->nexthops->macs[p->in_port]);
	return true;
}

bool arp_answer_inside(const struct context *ctx, struct packet *p)
{
	be32_t target = target_of(ctx, p);

	if (target == 0 || target != addr6_ipv4_or_0(&ctx->net->tunnel_specs[p->onramp]->address))
		return false;
	write_reply(p, ctx->nexthops->macs[p->in_port]);
	return true;
}

bool arp_read_sender(const struct packet *p, struct addr6 *sender, uint8_t mac[ETHER_ADDR_LEN])
{
	if (!is_for_ipv4(p))
		return false;
	*sender = addr6_from_ipv4(wire_be32(p->data + ARP_SENDER_IP));
	memcpy(mac, p->data + ARP_SENDER_MAC, ETHER_ADDR_LEN);
	return true;
}
