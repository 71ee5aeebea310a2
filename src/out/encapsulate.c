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

static ALWAYS_INLINE void push_tunnel(struct lane *lane, struct packet *p)
{
	const struct tunnel *t = &lane->net->tunnels[p->tunnel];
	struct tunnel_counters *c = &lane->tunnels[p->tunnel];
	uint8_t *outer = p->data - t->header_len;
	uint16_t len = (uint16_t)(p->len + t->header_len);
	uint8_t tos = p->data[IPV4_TOS]; /* RFC 2983 section 3.1, RFC 6040 section 4.1 */
	uint64_t delta = checksum_delta16(0, htons(len)) + htons(tos);

	c->tx_packets++;
	c->tx_bytes += p->len;
	memcpy(outer, t->header, IPV4_LEN + 4);
	if (t->has_key)
		memcpy(outer + IPV4_LEN + 4, t->header + IPV4_LEN + 4, 4);
	outer[IPV4_TOS] = tos;
	wire_put_be16(outer + IPV4_LENGTH, htons(len));
	if (__builtin_expect(t->may_be_cut, 0)) {
		be16_t id = next_identification(lane);

		wire_put_be16(outer + IPV4_ID, id);
		delta += id;
	}
	wire_put_be16(outer + IPV4_CHECKSUM,
		      checksum_apply(wire_be16(outer + IPV4_CHECKSUM), delta));
	p->data = outer;
	p->len = len;
}

static void push_ethernet(struct packet *p, const struct hop *hop)
{
	p->data -= ETHER_LEN;
	p->len += ETHER_LEN;
	memcpy(p->data, hop, 2 * ETHER_ADDR_LEN); /* a hop begins as an Ethernet header does */
	wire_put_be16(p->data + ETHER_TYPE, htons(ETHER_IPV4));
	p->port = hop->port;
}

static ALWAYS_INLINE void push(struct lane *lane, struct packet *p, const struct hop *hop)
{
	if (p->tunnel != TUNNEL_NONE)
		push_tunnel(lane, p);
	push_ethernet(p, hop);
}

void encapsulate(struct lane *lane, struct packet *p, const struct hop *hop)
{
	push(lane, p, hop);
}

void stage_encapsulate(struct lane *lane, struct burst *b)
{
	for (unsigned i = 0; i < b->n[STAGE_ENCAPSULATE]; i++) {
		struct packet *p = b->list[STAGE_ENCAPSULATE][i];
		const struct hop *hop = &lane->adj->hops[p->hop];

		if (!hop->resolved) {
			burst_drop(b, p, DROP_NO_NEIGHBOUR);
			continue;
		}
		push(lane, p, hop);
		burst_pass(b, STAGE_TRANSMIT, p);
	}
}
