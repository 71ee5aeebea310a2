/*
 * The MTU of tunnels: see path_mtu.h.
 *
 * The MTUs of the port and the route come from the kernel and can be trusted. What routers report
 * cannot: anybody can send us an ICMP error. So an error is believed only if it embeds a packet
 * that we may have sent: the outer addresses and the key of a tunnel, DF set, no larger than what
 * the tunnel sends, and larger than the MTU that the error reports. An attacker who gets all of
 * this right can make packets smaller, but not smaller than every path must carry (576 bytes, RFC
 * 791; 1,280 where a site has IPv6, RFC 8200), and for ten minutes at most. Until then the MTU only
 * decreases, so a flood of such errors changes it a thousand times at most.
 */
#include "control/kernel/path_mtu.h"

#include "base/wire.h"
#include "tunnel/kinds.h"

#include <stdlib.h>

const char *const mtu_bound_names[] = {
	[MTU_BY_TUNNEL] = "tunnel",
	[MTU_BY_PORT] = "port",
	[MTU_BY_ROUTE] = "route",
	[MTU_BY_PATH] = "path",
};

struct path {
	uint16_t mtu; /* inner packets, as routers on the path reported; 0: no report */
	uint16_t port, route; /* outer packets; 0: no bound */
	uint64_t until_s;
};

struct path_mtus {
	const struct network *net;
	struct path *paths; /* [SPEC_TUNNELS_MAX + 1], by tunnel: unused pages use no memory */
	uint32_t n_known;
};

struct path_mtus *path_mtus_create(const struct network *net)
{
	struct path_mtus *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->net = net;
	p->paths = calloc(SPEC_TUNNELS_MAX + 1, sizeof(p->paths[0]));
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

/* Is what was learned of the path of tunnel @id still true in @net? */
static bool keeps_path(const struct path_mtus *p, const struct network *net, uint16_t id)
{
	const struct network *old = p->net;
	struct addr6 local, remote, old_local, old_remote;

	if (net == old)
		return true;
	if (!network_has_tunnel(old, id) || !network_has_tunnel(net, id))
		return false;
	local = network_tunnel_local(net, id);
	remote = network_tunnel_remote(net, id);
	old_local = network_tunnel_local(old, id);
	old_remote = network_tunnel_remote(old, id);
	return addr6_equal(&local, &old_local) && addr6_equal(&remote, &old_remote) &&
	       net->tunnels[id].port == old->tunnels[id].port &&
	       net->tunnels[id].header_len == old->tunnels[id].header_len &&
	       p->paths[id].mtu >= path_mtu_floor(net, id);
}

void path_mtus_follow(struct path_mtus *p, const struct network *net)
{
	uint32_t max = p->net->max_tunnel > net->max_tunnel ? p->net->max_tunnel : net->max_tunnel;

	for (uint32_t id = 1; id <= max; id++) {
		if (p->paths[id].mtu == 0 || keeps_path(p, net, (uint16_t)id))
			continue;
		p->n_known--;
		p->paths[id].mtu = 0;
	}
	p->net = net;
}

void path_mtus_set_lower(struct path_mtus *p, uint16_t tunnel, uint16_t port, uint16_t route)
{
	p->paths[tunnel].port = port;
	p->paths[tunnel].route = route;
}

struct tunnel_mtu path_mtu_of(const struct path_mtus *p, const struct network *net, uint16_t tunnel)
{
	struct tunnel_mtu least = {net->tunnels[tunnel].mtu, MTU_BY_TUNNEL};
	const struct path *path = p == NULL ? NULL : &p->paths[tunnel];
	uint16_t port, route;

	if (path == NULL)
		return least;
	port = network_inner_mtu(net, tunnel, path->port);
	route = network_inner_mtu(net, tunnel, path->route);
	if (path->port != 0 && port < least.mtu)
		least = (struct tunnel_mtu){port, MTU_BY_PORT};
	if (path->route != 0 && route < least.mtu)
		least = (struct tunnel_mtu){route, MTU_BY_ROUTE};
	if (path->mtu != 0 && path->mtu < least.mtu && keeps_path(p, net, tunnel))
		least = (struct tunnel_mtu){path->mtu, MTU_BY_PATH};
	return least;
}

uint16_t path_mtu_floor(const struct network *net, uint16_t tunnel)
{
	return network_tunnel_has_ipv6(net, tunnel) ? IPV6_LEAST_MTU : IPV4_LEAST_MTU;
}

/* What an embedded packet tells about the packet that we sent. */
struct quoted {
	uint32_t size; /* length of the whole packet */
	uint16_t tunnel; /* the tunnel that sent it */
};

/*
 * Reads the header of the tunnel's kind, as we make it, @header bytes behind the begin of the
 * quote.
 */
static bool read_kind(uint8_t protocol, const uint8_t *quote, size_t len, size_t header,
		      struct tunnel_opened *out)
{
	const struct tunnel_kind *kind = tunnel_kind_of(protocol);

	return kind != NULL && len >= header &&
	       kind->match_embedded(quote + header, len - header, out);
}

static struct quoted read_embedded4(const struct network *net, const uint8_t *quote, size_t len)
{
	struct quoted q = {.tunnel = TUNNEL_NONE};
	size_t header = len < IPV4_LEN ? 0 : (size_t)(quote[IPV4_VERSION_IHL] & 0xf) * 4;
	struct tunnel_opened opened;

	if (header < IPV4_LEN || wire_16(quote + IPV4_FRAGMENT) != IPV4_DF ||
	    !read_kind(quote[IPV4_PROTO], quote, len, header, &opened))
		return q;
	q.size = wire_16(quote + IPV4_LENGTH);
	q.tunnel = network_find_tunnel(net, wire_be32(quote + IPV4_SRC),
				       wire_be32(quote + IPV4_DST), opened.has_key, opened.key);
	return q;
}

static struct quoted read_embedded6(const struct network *net, const uint8_t *quote, size_t len)
{
	struct quoted q = {.tunnel = TUNNEL_NONE};
	struct tunnel_opened opened;
	struct addr6 src, dst;

	if (len < IPV6_LEN || !read_kind(quote[IPV6_NEXT], quote, len, IPV6_LEN, &opened))
		return q;
	src = addr6_read(quote + IPV6_SRC);
	dst = addr6_read(quote + IPV6_DST);
	q.size = IPV6_LEN + wire_16(quote + IPV6_LENGTH);
	q.tunnel = network_find_tunnel6(net, &src, &dst, opened.has_key, opened.key);
	return q;
}

static struct quoted read_embedded(const struct network *net, const uint8_t *quote, size_t len)
{
	if (len > 0 && quote[0] >> 4 == 4)
		return read_embedded4(net, quote, len);
	if (len > 0 && quote[0] >> 4 == 6)
		return read_embedded6(net, quote, len);
	return (struct quoted){.tunnel = TUNNEL_NONE};
}

/*
 * Routers older than RFC 1191 do not report an MTU: the next smaller common size is used (section
 * 7.1).
 */
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
	uint32_t inner = network_inner_mtu(p->net, tunnel, (uint16_t)mtu);

	if (inner < path_mtu_floor(p->net, tunnel))
		inner = path_mtu_floor(p->net, tunnel);
	if (inner > path_mtu_of(p, p->net, tunnel).mtu || inner >= t->mtu)
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
	struct quoted q = read_embedded(p->net, quote, len);
	const struct tunnel *t = &p->net->tunnels[q.tunnel];

	if (q.tunnel == TUNNEL_NONE || t->outer == OUTER_IPV4_FRAGMENTABLE)
		return TUNNEL_NONE;
	if (t->outer == OUTER_IPV6 && mtu < IPV6_LEAST_MTU)
		mtu = IPV6_LEAST_MTU; /* every link carries this much (RFC 8201 section 4) */
	else if (mtu == 0)
		mtu = guess_mtu(q.size);
	if (q.size <= mtu || q.size > (uint32_t)t->mtu + t->header_len)
		return TUNNEL_NONE;
	return lower(p, q.tunnel, mtu, now_s) ? q.tunnel : TUNNEL_NONE;
}

bool path_mtus_age(struct path_mtus *p, uint64_t now_s)
{
	uint32_t before = p->n_known;

	for (uint32_t id = 1; id <= p->net->max_tunnel && p->n_known > 0; id++) {
		struct path *path = &p->paths[id];

		if (path->mtu == 0 || now_s < path->until_s)
			continue;
		path->mtu = 0;
		p->n_known--;
	}
	return p->n_known != before;
}
