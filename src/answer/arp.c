/*
 * ARP (RFC 826): answer requests for our egress addresses.
 *
 * Egress addresses in the uplink's own network are on no kernel interface, so that the kernel does
 * not receive their packets. So the kernel cannot answer for them, and we do. On ports without a
 * kernel interface (tap, pcap, memory) the same holds for the local ends of tunnels. The kernel
 * does all other ARP, including requests.
 *
 * The reply is written into the buffer of the request.
 */
#include "answer/arp.h"

#include "base/wire_neighbour.h"

/* Ethernet and IPv4, lengths 6 and 4, operation request. */
static const uint8_t request_for_ipv4[8] = {0, 1, 8, 0, 6, 4, 0, ARP_REQUEST};

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

bool arp_answer(const struct context *ctx, struct packet *p)
{
	uint8_t *d = p->data;
	const uint8_t *mac = ctx->nexthops->macs[p->in_port];
	be32_t sender, target;

	if (p->len < ARP_LEN ||
	    memcmp(d + ARP_HARDWARE, request_for_ipv4, sizeof(request_for_ipv4)) != 0)
		return false;
	sender = wire_be32(d + ARP_SENDER_IP);
	target = wire_be32(d + ARP_TARGET_IP);
	/* A sender that claims the address itself announces a conflict; it is not a request. */
	if (sender == target || is_own_probe(d, mac) || !answer_for(ctx, p->in_port, target))
		return false;

	memcpy(d + ETHER_DST, d + ARP_SENDER_MAC, ETHER_ADDR_LEN);
	memcpy(d + ETHER_SRC, mac, ETHER_ADDR_LEN);
	d[ARP_OPERATION + 1] = ARP_REPLY;
	memcpy(d + ARP_TARGET_MAC, d + ARP_SENDER_MAC, ETHER_ADDR_LEN);
	wire_put_be32(d + ARP_TARGET_IP, sender);
	memcpy(d + ARP_SENDER_MAC, mac, ETHER_ADDR_LEN);
	wire_put_be32(d + ARP_SENDER_IP, target);
	return true;
}
