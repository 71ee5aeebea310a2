/*
 * Hairpin: what leaves for one of our own egress ports comes back in (RFC 4787 REQ-9).
 *
 * Its flow is one like any other, but that its off-ramp is NEXTHOP_HAIRPIN. With its own egress
 * address and port as source (REQ-9a) it goes through the stages once more, from parse on, as if
 * the Internet had sent it (worker/pipeline.c): the port that it is sent to belongs to a flow of
 * the other host, which may be another site's or its own, or to another worker, or to nobody.
 *
 * To the hosts it is one gateway, so the TTL that was taken is given back.
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

/* They stay in the list: the pipeline begins again with it. */
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
