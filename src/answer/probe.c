/*
 * Answers to health probes: see path/probes.h.
 *
 * They are echo replies to the inner address of the probed tunnel, and come out of that tunnel or
 * another one of its site. The number in them decides: a host of the site cannot know it, and even
 * the far end knows only those that it answers. So health cannot be forged, and no checksum is
 * needed.
 *
 * Such packets belong to no flow. They are recognised where flow setup would refuse them, so no
 * other packet pays for it.
 */
#include "answer/probe.h"

#include "base/wire.h"
#include "path/probes.h"

/* Is it addressed to the inner address of tunnel @id, by a tunnel of the same site? */
static bool is_addressed_to(const struct context *ctx, const struct packet *p, uint16_t id,
			    const struct addr6 *dst6)
{
	const struct network *net = ctx->net;

	if (!network_has_tunnel(net, id) || net->tunnels[p->onramp].site != net->tunnels[id].site)
		return false;
	if (dst6 == NULL)
		return p->probe.key.dst == net->tunnels[id].address;
	return addr6_equal(dst6, &net->tunnel_addresses6[id]);
}

static void write_down(struct probe_answer *a, uint64_t number, uint64_t at_ns)
{
	if (a->number == number)
		return; /* twice: the first one counts */
	__atomic_store_n(&a->at_ns, at_ns, __ATOMIC_RELAXED);
	__atomic_store_n(&a->number, number, __ATOMIC_RELEASE);
}

bool probe_heard(struct context *ctx, const struct packet *p, const struct addr6 *dst6)
{
	const uint8_t *icmp = p->data + p->l4;
	struct probe_row *row;
	uint64_t number;
	uint8_t slot;

	if (ctx->probes == NULL || p->onramp == TUNNEL_NONE || p->len < p->l4 + PROBE_LEN ||
	    !is_addressed_to(ctx, p, wire_16(icmp + PROBE_TUNNEL_AT), dst6))
		return false;
	row = &ctx->probes[wire_16(icmp + PROBE_TUNNEL_AT)];
	slot = icmp[PROBE_SLOT_AT];
	memcpy(&number, icmp + PROBE_NUMBER_AT, sizeof(number));
	if (slot >= PROBE_SLOTS || number == 0 ||
	    __atomic_load_n(&row->awaited[slot], __ATOMIC_RELAXED) != number)
		return false;
	write_down(&row->answers[slot], number, ctx->origin_ns + ctx->now_ns);
	return true;
}
