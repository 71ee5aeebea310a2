/*
 * Hairpin: a packet to one of our own egress ports comes back in (RFC 4787 REQ-9).
 *
 * Its flow is an ordinary one whose off-ramp is NEXTHOP_HAIRPIN. The packet gets its egress address
 * and port as source (REQ-9a) and passes the stages once more, from parse on, as if the Internet
 * had sent it (worker/pipeline.c). The destination port may belong to a flow of the same site or of
 * another one, to another worker, or to no flow.
 *
 * The packet passes one gateway, so its TTL must fall by one only: the first decrement is undone.
 */
#include "out/stages.h"

#include "base/checksum.h"
#include "base/wire.h"

static void give_back_hop(uint8_t *ip)
{
	const be16_t one_hop = htons(1 << 8); /* TTL is the high byte of its word */

	ip[IPV4_TTL]++;
	wire_put_be16(ip + IPV4_CHECKSUM,
		      checksum_apply(wire_be16(ip + IPV4_CHECKSUM), checksum_delta16(0, one_hop)));
}

/* The packets stay in the list, with which the pipeline begins again. */
void stage_hairpin(struct context *ctx, struct burst *b)
{
	for (unsigned i = 0; i < b->n[STAGE_HAIRPIN]; i++) {
		struct packet *p = b->list[STAGE_HAIRPIN][i];

		give_back_hop(p->data);
		p->onramp = TUNNEL_NONE;
		p->in_port = PORT_BACK_IN;
	}
	ctx->counters.hairpinned += b->n[STAGE_HAIRPIN];
}
