/*
 * Encapsulate: outer headers of the tunnel, if it goes into one, and Ethernet.
 *
 * A tunnel's headers were made when the network was compiled; a packet adds its length, its TOS byte
 * (DSCP and ECN), an identification where the way may cut it (RFC 6864), and what that does to the
 * checksum.
 */
#include "out/stages.h"

#include "base/checksum.h"
#include "base/wire.h"

enum { GRE_PROTOCOL = IPV4_LEN + 2 };

/* RFC 2983 section 3.1, RFC 6040 section 4.1. In IPv6 it begins in the middle of a byte. */
static ALWAYS_INLINE uint8_t traffic_class(const uint8_t *ip, uint16_t type)
{
	return type == ETHER_IPV4 ? ip[IPV4_TOS] : (uint8_t)(wire_16(ip) >> 4);
}

static ALWAYS_INLINE void push_tunnel(struct lane *lane, struct packet *p, uint16_t type)
{
	const struct tunnel *t = &lane->net->tunnels[p->tunnel];
	struct tunnel_counters *c = &lane->tunnels[p->tunnel];
	uint8_t *outer = p->data - t->header_len;
	uint16_t len = (uint16_t)(p->len + t->header_len);
	uint8_t tos = traffic_class(p->data, type);
	uint64_t delta = checksum_delta16(0, htons(len)) + htons(tos);

	c->tx_packets++;
	c->tx_bytes += p->len;
	memcpy(outer, t->header, IPV4_LEN + 4);
	if (t->has_key)
		memcpy(outer + IPV4_LEN + 4, t->header + IPV4_LEN + 4, 4);
	outer[IPV4_TOS] = tos;
	if (type != ETHER_IPV4)
		wire_put_be16(outer + GRE_PROTOCOL, htons(type));
	wire_put_be16(outer + IPV4_LENGTH, htons(len));
	if (__builtin_expect(t->may_be_cut, 0)) {
		be16_t id = next_identification(lane);

		wire_put_be16(outer + IPV4_ID, id);
		delta += id;
	}
	wire_put_be16(outer + IPV4_CHECKSUM,
		      checksum_apply(wire_be16(t->header + IPV4_CHECKSUM), delta));
	p->data = outer;
	p->len = len;
}

static inline void push_ethernet(struct packet *p, const struct hop *hop, uint16_t type)
{
	p->data -= ETHER_LEN;
	p->len += ETHER_LEN;
	memcpy(p->data, hop, 2 * ETHER_ADDR_LEN); /* a hop begins as an Ethernet header does */
	wire_put_be16(p->data + ETHER_TYPE, htons(type));
	p->port = hop->port;
}

static ALWAYS_INLINE void push(struct lane *lane, struct packet *p, const struct hop *hop,
			       uint16_t type)
{
	if (p->tunnel != TUNNEL_NONE)
		push_tunnel(lane, p, type);
	push_ethernet(p, hop, p->tunnel != TUNNEL_NONE ? ETHER_IPV4 : type);
}

void encapsulate(struct lane *lane, struct packet *p, const struct hop *hop)
{
	push(lane, p, hop, ETHER_IPV4);
}

void encapsulate6(struct lane *lane, struct packet *p, const struct hop *hop)
{
	push(lane, p, hop, ETHER_IPV6);
}

/* Made twice: @from and @type, that of the inner packet, are known at compile time. */
static ALWAYS_INLINE void encapsulate_all(struct lane *lane, struct burst *b, enum stage from,
					  uint16_t type)
{
	for (unsigned i = 0; i < b->n[from]; i++) {
		struct packet *p = b->list[from][i];
		const struct hop *hop = &lane->adj->hops[p->hop];

		if (!hop->resolved) {
			if (p->hop == HOP_BACK_IN && p->tunnel == TUNNEL_NONE)
				burst_pass(b, STAGE_HAIRPIN, p);
			else
				burst_drop(b, p, DROP_NO_NEIGHBOUR);
			continue;
		}
		push(lane, p, hop, type);
		burst_pass(b, STAGE_TRANSMIT, p);
	}
}

void stage_encapsulate(struct lane *lane, struct burst *b)
{
	encapsulate_all(lane, b, STAGE_ENCAPSULATE, ETHER_IPV4);
}

void stage_encapsulate6(struct lane *lane, struct burst *b)
{
	encapsulate_all(lane, b, STAGE_ENCAPSULATE6, ETHER_IPV6);
}
