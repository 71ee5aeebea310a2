/*
 * The path MTU of tunnels: see path_mtu.h.
 *
 * Anybody can send us an ICMP error, so one is believed only if it quotes what we may have sent: the
 * outer addresses and the key of a tunnel, DF set, no larger than the tunnel lets out, and larger
 * than what is said to fit. Who gets all that right can still make packets small, but not smaller
 * than every path must take (576 bytes, RFC 791; 1,280 where a site has IPv6, RFC 8200), and not for
 * longer than ten minutes. The MTU only goes down until then, so a thousand such errors change no
 * more than a thousand bytes.
 */
#include "control/kernel/path_mtu.h"

#include "base/wire.h"

#include <stdlib.h>

enum {
	FLOOR = 576,
	FLOOR_IPV6 = 1280,
	GRE_KEY = 0x2000,
	GRE_WORD = 4,
};

struct path {
	uint16_t mtu; /* of inner packets; 0: the tunnel's own */
	uint64_t until_s;
};

struct path_mtus {
	const struct network *net;
	struct path *paths; /* [n_tunnels + 1], by tunnel */
	uint32_t n_known;
};

struct path_mtus *path_mtus_create(const struct network *net)
{
	struct path_mtus *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->net = net;
	p->paths = calloc(net->n_tunnels + 1, sizeof(p->paths[0]));
	if (p->paths == NULL) {
		path_mtus_destroy(p);
		return NULL;
	}
	return p;
}

void path_mtus_destroy(struct path_mtus *p)
{
	if (p == NULL)
		return;
	free(p->paths);
	free(p);
}

uint16_t path_mtu_of(const struct path_mtus *p, const struct network *net, uint16_t tunnel)
{
	uint16_t known = p == NULL ? 0 : p->paths[tunnel].mtu;

	return known != 0 ? known : net->tunnels[tunnel].mtu;
}

static uint16_t floor_of(const struct network *net, uint16_t tunnel)
{
	bool six = !addr6_is_zero(&net->tunnel_addresses6[tunnel]) ||
		   net->sites[net->tunnels[tunnel].site].n_prefixes6 > 0;

	return six ? FLOOR_IPV6 : FLOOR;
}

/*
 * The tunnel whose packet it is, and its size. TUNNEL_NONE: of none that forbids the way to cut its
 * packets.
 */
static uint16_t read_quote(const struct network *net, const uint8_t *quote, size_t len,
			   uint32_t *size)
{
	size_t header = len < IPV4_LEN ? 0 : (size_t)(quote[IPV4_VERSION_IHL] & 0xf) * 4;
	const uint8_t *gre = quote + header;
	bool has_key;

	if (header < IPV4_LEN || quote[IPV4_VERSION_IHL] >> 4 != 4 || len < header + 2 * GRE_WORD ||
	    quote[IPV4_PROTO] != PROTO_GRE || wire_16(quote + IPV4_FRAGMENT) != IPV4_DF)
		return TUNNEL_NONE;
	has_key = wire_16(gre) == GRE_KEY;
	if ((!has_key && wire_16(gre) != 0) ||
	    (wire_16(gre + 2) != ETHER_IPV4 && wire_16(gre + 2) != ETHER_IPV6))
		return TUNNEL_NONE;
	*size = wire_16(quote + IPV4_LENGTH);
	return network_find_tunnel(net, wire_be32(quote + IPV4_SRC), wire_be32(quote + IPV4_DST),
				   has_key, has_key ? ntohl(wire_be32(gre + GRE_WORD)) : 0);
}

/* Routers older than RFC 1191 do not say what fits: the next smaller of common sizes (section 7.1). */
static uint32_t guess_mtu(uint32_t size)
{
	static const uint16_t common[] = {8166, 4352, 2002, 1492, 1006, 508};

	for (size_t i = 0; i < ARRAY_SIZE(common); i++)
		if (common[i] < size)
			return common[i];
	return 1;
}

static bool lower(struct path_mtus *p, uint16_t tunnel, uint32_t mtu, uint64_t now_s)
{
	const struct tunnel *t = &p->net->tunnels[tunnel];
	struct path *path = &p->paths[tunnel];
	uint32_t inner = mtu > t->header_len ? mtu - t->header_len : 0;

	if (inner < floor_of(p->net, tunnel))
		inner = floor_of(p->net, tunnel);
	if (inner > path_mtu_of(p, p->net, tunnel) || inner >= t->mtu)
		return false;
	path->until_s = now_s + PATH_MTU_KEPT_S;
	if (inner == path->mtu)
		return false;
	p->n_known += path->mtu == 0;
	path->mtu = (uint16_t)inner;
	return true;
}

uint16_t path_mtu_learn(struct path_mtus *p, const uint8_t *quote, size_t len, uint32_t mtu,
			uint64_t now_s)
{
	uint32_t size = 0;
	uint16_t tunnel = read_quote(p->net, quote, len, &size);
	const struct tunnel *t = &p->net->tunnels[tunnel];

	if (tunnel == TUNNEL_NONE || t->outer != OUTER_IPV4)
		return TUNNEL_NONE;
	if (mtu == 0)
		mtu = guess_mtu(size);
	if (size <= mtu || size > (uint32_t)t->mtu + t->header_len)
		return TUNNEL_NONE;
	return lower(p, tunnel, mtu, now_s) ? tunnel : TUNNEL_NONE;
}

bool path_mtus_age(struct path_mtus *p, uint64_t now_s)
{
	uint32_t before = p->n_known;

	for (uint32_t id = 1; id <= p->net->n_tunnels && p->n_known > 0; id++) {
		struct path *path = &p->paths[id];

		if (path->mtu == 0 || now_s < path->until_s)
			continue;
		path->mtu = 0;
		p->n_known--;
	}
	return p->n_known != before;
}
