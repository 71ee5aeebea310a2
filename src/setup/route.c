/*
 * Step: which way does the flow go?
 *
 * The default route is the first egress pool, by its uplink. Private destinations have no route: they
 * must not leak to the Internet, and neither must packets to our own outer addresses. Behind the
 * uplink the kernel's routes say which neighbour is next (network/adjacency.h).
 */
#include "setup/setup.h"

static const struct {
	uint32_t addr; /* host order */
	uint8_t len;
} private_prefixes[] = {
	{0x0a000000, 8}, /* RFC 1918 */
	{0xac100000, 12}, {0xc0a80000, 16}, {0x64400000, 10}, /* RFC 6598, shared */
	{0xa9fe0000, 16}, /* RFC 3927, link local */
};

static bool is_private(be32_t addr)
{
	for (size_t i = 0; i < ARRAY_SIZE(private_prefixes); i++) {
		uint32_t mask = prefix4_mask(private_prefixes[i].len);

		if ((ntohl(addr) & mask) == private_prefixes[i].addr)
			return true;
	}
	return false;
}

/* Control will ask the kernel; until it knows, the flow cannot open. A full list is no loss. */
static void want_neighbour(struct lane *lane, uint8_t port, be32_t addr)
{
	if (lane->n_wanted == LANE_WANTED_MAX)
		return;
	lane->wanted[lane->n_wanted].addr = addr;
	lane->wanted[lane->n_wanted].port = port;
	lane->n_wanted++;
}

enum drop route_choose(struct setup *s)
{
	struct lane *lane = s->lane;
	be32_t dst = s->flow.dst;
	uint16_t hop;

	if (is_private(dst) || network_find_address(lane->net, dst) >= 0 ||
	    network_is_local_end(lane->net, dst))
		return DROP_NO_ROUTE;

	s->pool = &lane->net->pools[0];
	hop = adjacency_route(lane->adj, s->pool->port, dst);
	if (hop == HOP_NONE)
		return DROP_NO_ROUTE;
	if (hop == HOP_UNKNOWN_HOST) {
		want_neighbour(lane, s->pool->port, dst);
		return DROP_NO_NEIGHBOUR;
	}
	s->flow.offramp = hop;
	s->flow.far = SITE_INTERNET;
	return DROP_NONE;
}
