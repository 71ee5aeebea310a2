/*
 * Interconnects: find the interconnect of a frame by its port and VLAN, and strip Ethernet and the
 * tag.
 *
 *   IPv4, IPv6                 inner packets, as those of any tunnel
 *   ARP request or neighbour   answered in place, with the tag of the request, if it asks for our
 *   solicitation               address on this interconnect
 *   ARP and ND of the peer     its Ethernet address goes to the control thread (path/heard.h)
 *   a second tag               dropped as double_tag
 *
 * Nothing in the frame but port and VLAN says which interconnect it is. So on an untagged one every
 * frame of the port belongs to it, also GRE and packets to egress addresses.
 *
 * Only the peer's own address is believed: other stations on the link cannot draw our packets to
 * themselves by telling other addresses.
 */
#include "in/interconnect.h"

#include "answer/arp.h"
#include "answer/nd.h"
#include "base/wire.h"
#include "base/wire_neighbour.h"
#include "in/tag.h"
#include "path/heard.h"
#include "tunnel/interconnect.h"

/* The address that is resolved: that of IPv4, if there is one. Zero: none. */
static const struct addr6 *peer_of(const struct context *ctx, uint16_t tunnel)
{
	const struct spec_tunnel *spec = ctx->net->tunnel_specs[tunnel];

	return addr6_is_zero(&spec->peer) ? &spec->peer6 : &spec->peer;
}

/* Listens to an untagged ARP or ND frame of any sender. True: the peer tells its address. */
static bool hear_peer(struct context *ctx, const struct packet *p)
{
	static const uint8_t nobody[ETHER_ADDR_LEN];
	bool arp = wire_16(p->data + ETHER_TYPE) == ETHER_ARP;
	const struct addr6 *peer = peer_of(ctx, p->onramp);
	uint8_t mac[ETHER_ADDR_LEN];
	struct addr6 sender;

	if (!(arp ? arp_read_sender(p, &sender, mac) : nd_read_sender(p, &sender, mac)))
		return false;
	if (addr6_is_zero(peer) || !addr6_equal(&sender, peer) || mac[0] & ETHER_GROUP ||
	    memcmp(mac, nobody, sizeof(mac)) == 0 ||
	    memcmp(mac, ctx->nexthops->macs[p->in_port], sizeof(mac)) == 0)
		return false;
	heard_add(ctx, p->onramp, mac);
	return true;
}

/* Puts back the tag that was @tci. */
static void tag_again(struct packet *p, be16_t tci)
{
	uint16_t type = wire_16(p->data + ETHER_TYPE);
	uint8_t *d = p->data - ETHER_TAG_LEN;

	memmove(d, p->data, ETHER_TYPE);
	wire_put_be16(d + ETHER_TYPE, htons(ETHER_TAG));
	wire_put_be16(d + ETHER_LEN, tci);
	wire_put_be16(d + ETHER_LEN + INTERCONNECT_TYPE_AT, htons(type));
	p->data = d;
	p->len += ETHER_TAG_LEN;
}

static bool is_neighbour_discovery(const struct packet *p)
{
	const uint8_t *d = p->data;

	return p->len >= ND_OPTIONS && d[ND_IP + IPV6_NEXT] == PROTO_ICMPV6 &&
	       (d[ND_ICMP + ICMP_TYPE] == ICMPV6_NEIGHBOUR_SOLICITATION ||
		d[ND_ICMP + ICMP_TYPE] == ICMPV6_NEIGHBOUR_ADVERTISEMENT);
}

/* ARP or ND, untagged now; @tci was in its tag, 0: it had none. */
static void meet_neighbour(struct context *ctx, struct burst *b, struct packet *p, be16_t tci)
{
	bool arp = wire_16(p->data + ETHER_TYPE) == ETHER_ARP;
	bool heard = hear_peer(ctx, p);

	if (!(arp ? arp_answer_inside(ctx, p) : nd_answer_inside(ctx, p))) {
		p->onramp = TUNNEL_NONE; /* the drop is not counted for the interconnect */
		burst_drop(b, p, heard ? DROP_PEER : arp ? DROP_NOT_IP : DROP_PROTOCOL);
		return;
	}
	ctx->counters.answers[arp ? ANSWER_ARP : ANSWER_NEIGHBOUR]++;
	if (tci != 0)
		tag_again(p, tci);
	burst_transmit(b, p, p->in_port);
}

/* Without padding; the whole frame if its header is unsound, which parse finds. */
static uint16_t inner_len(const struct packet *p, uint16_t type)
{
	size_t len = p->len;

	if (type == ETHER_IPV4 && p->len >= IPV4_LEN)
		len = wire_16(p->data + IPV4_LENGTH);
	else if (type == ETHER_IPV6 && p->len >= IPV6_LEN)
		len = IPV6_LEN + (size_t)wire_16(p->data + IPV6_LENGTH);
	return len < p->len ? (uint16_t)len : p->len;
}

static void open_packet(struct context *ctx, struct burst *b, struct packet *p, uint16_t type)
{
	struct tunnel_counters *c = &ctx->tunnels[p->onramp];

	p->data += ETHER_LEN;
	p->len -= ETHER_LEN;
	c->rx_packets++;
	c->rx_bytes += inner_len(p, type);
	burst_pass(b, type == ETHER_IPV6 ? STAGE_PARSE6 : STAGE_PARSE, p);
}

/* @p is untagged now. */
static void open_frame(struct context *ctx, struct burst *b, struct packet *p, be16_t tci)
{
	uint16_t type = wire_16(p->data + ETHER_TYPE);

	if (type == ETHER_ARP || (type == ETHER_IPV6 && is_neighbour_discovery(p)))
		meet_neighbour(ctx, b, p, tci);
	else if (type == ETHER_IPV4 || type == ETHER_IPV6)
		open_packet(ctx, b, p, type);
	else
		burst_drop(b, p, DROP_NOT_IP);
}

static bool take_tagged(struct context *ctx, struct burst *b, struct packet *p)
{
	struct tunnel_opened opened;
	enum drop drop;
	be16_t tci;

	if (wire_16(p->data + ETHER_TYPE) != ETHER_TAG)
		return false;
	drop = interconnect_open(p->data + ETHER_LEN, (size_t)p->len - ETHER_LEN, &opened);
	p->onramp = network_find_interconnect(ctx->net, p->in_port, (uint16_t)opened.key);
	if (p->onramp == TUNNEL_NONE)
		return false;
	if (drop == DROP_DOUBLE_TAG) {
		burst_drop(b, p, drop);
		return true;
	}
	tci = wire_be16(p->data + ETHER_LEN);
	memmove(p->data + ETHER_TAG_LEN, p->data, ETHER_TYPE);
	p->data += ETHER_TAG_LEN;
	p->len -= ETHER_TAG_LEN;
	open_frame(ctx, b, p, tci);
	return true;
}

/* False: the frame belongs to no interconnect. */
static bool take(struct context *ctx, struct burst *b, struct packet *p)
{
	if (p->len < ETHER_LEN)
		return false;
	if (tag_is(p) && !tag_remove(p))
		return take_tagged(ctx, b, p);
	p->onramp = network_find_interconnect(ctx->net, p->in_port, 0);
	if (p->onramp == TUNNEL_NONE)
		return false;
	open_frame(ctx, b, p, 0);
	return true;
}

void interconnects_take(struct context *ctx, struct burst *b)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < b->n[STAGE_DECAPSULATE]; i++) {
		struct packet *p = b->list[STAGE_DECAPSULATE][i];

		if (!take(ctx, b, p))
			b->list[STAGE_DECAPSULATE][kept++] = p;
	}
	b->n[STAGE_DECAPSULATE] = (uint16_t)kept;
}
