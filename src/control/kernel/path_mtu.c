/*
 * The MTU of tunnels: see path_mtu.h.
 *
 * The MTUs of the port and the route come from the kernel and can be trusted. What routers report
 * cannot: anybody can send us an ICMP error. So an error is believed only if it embeds a packet
 * that we may have sent: the outer addresses and the key of a tunnel, or the SPI of one of its
 * SAs, DF set, no larger than what the tunnel sends, and larger than the MTU that the error
 * reports. An attacker who gets all of this right can make packets smaller, but not smaller than
 * every path must carry (576 bytes, RFC 791; 1,280 where a site has IPv6, RFC 8200), and for ten
 * minutes at most. Until then the MTU only decreases, so a flood of such errors changes it a
 * thousand times at most.
 */
#include "control/kernel/path_mtu.h"

#include "base/wire.h"
#include "esp/sa.h"
#include "tunnel/kinds.h"

#include <stdlib.h>

const char *const mtu_bound_names[] = {
	[MTU_BY_TUNNEL] = "tunnel",
	[MTU_BY_PORT] = "port",
	[MTU_BY_ROUTE] = "route",
	[MTU_BY_PATH] = "path",
};

enum { ICV_MORE = 16 }; /* bytes that an ICV of SHA-512 is longer than the usual one */

struct path {
	uint16_t mtu; /* inner packets, as routers on the path reported; 0: no report */
	uint16_t port, route; /* outer packets; 0: no bound */
	uint64_t until_s;
};

struct path_mtus {
	const struct network *net;
	struct path *paths; /* [SPEC_TUNNELS_MAX + 1], by tunnel: unused pages use no memory */
	uint32_t n_known;
	const struct esp_table *sas; /* NULL: none are known */
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

void path_mtus_know_sas(struct path_mtus *p, const struct esp_table *sas)
{
	p->sas = sas;
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

/*
 * ESP as we make it, in UDP or not: without headers between IP and it. Many routers embed more than
 * eight bytes behind IP; of packets in UDP a quote that ends before the SPI tells nothing.
 */
static uint16_t find_sealed(const struct path_mtus *p, const uint8_t *quote, size_t len,
			    size_t header, bool udp)
{
	bool six = quote[0] >> 4 == 6;
	struct esp_ends ends = {.udp = udp};
	const uint8_t *at = quote + header;

	if (p->sas == NULL || len < header + (udp ? UDP_LEN : 0) + 4)
		return TUNNEL_NONE;
	ends.local =
		six ? addr6_read(quote + IPV6_SRC) : addr6_from_ipv4(wire_be32(quote + IPV4_SRC));
	ends.remote =
		six ? addr6_read(quote + IPV6_DST) : addr6_from_ipv4(wire_be32(quote + IPV4_DST));
	if (udp) {
		ends.local_port = wire_16(at + UDP_SPORT);
		ends.remote_port = wire_16(at + UDP_DPORT);
		at += UDP_LEN;
	}
	return esp_find_sent(p->sas, ntohl(wire_be32(at)), &ends);
}

static bool is_sealed(uint8_t protocol)
{
	return protocol == PROTO_ESP || protocol == PROTO_UDP;
}

static struct quoted read_embedded4(const struct path_mtus *p, const uint8_t *quote, size_t len)
{
	const struct network *net = p->net;
	struct quoted q = {.tunnel = TUNNEL_NONE};
	size_t header = len < IPV4_LEN ? 0 : (size_t)(quote[IPV4_VERSION_IHL] & 0xf) * 4;
	struct tunnel_opened opened;

	if (header < IPV4_LEN || wire_16(quote + IPV4_FRAGMENT) != IPV4_DF)
		return q;
	q.size = wire_16(quote + IPV4_LENGTH);
	if (is_sealed(quote[IPV4_PROTO])) {
		q.tunnel = find_sealed(p, quote, len, header, quote[IPV4_PROTO] == PROTO_UDP);
		return q;
	}
	if (!read_kind(quote[IPV4_PROTO], quote, len, header, &opened))
		return q;
	q.tunnel = network_find_tunnel(net, wire_be32(quote + IPV4_SRC),
				       wire_be32(quote + IPV4_DST), opened.has_key, opened.key);
	return q;
}

static struct quoted read_embedded6(const struct path_mtus *p, const uint8_t *quote, size_t len)
{
	const struct network *net = p->net;
	struct quoted q = {.tunnel = TUNNEL_NONE};
	struct tunnel_opened opened;
	struct addr6 src, dst;

	if (len < IPV6_LEN)
		return q;
	q.size = IPV6_LEN + wire_16(quote + IPV6_LENGTH);
	if (is_sealed(quote[IPV6_NEXT])) {
		q.tunnel = find_sealed(p, quote, len, IPV6_LEN, quote[IPV6_NEXT] == PROTO_UDP);
		return q;
	}
	if (!read_kind(quote[IPV6_NEXT], quote, len, IPV6_LEN, &opened))
		return q;
	src = addr6_read(quote + IPV6_SRC);
	dst = addr6_read(quote + IPV6_DST);
	q.tunnel = network_find_tunnel6(net, &src, &dst, opened.has_key, opened.key);
	return q;
}

static struct quoted read_embedded(const struct path_mtus *p, const uint8_t *quote, size_t len)
{
	if (len > 0 && quote[0] >> 4 == 4)
		return read_embedded4(p, quote, len);
	if (len > 0 && quote[0] >> 4 == 6)
		return read_embedded6(p, quote, len);
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

/* The largest outer packet that @tunnel sends. */
static uint32_t largest(const struct network *net, uint16_t tunnel)
{
	const struct tunnel *t = &net->tunnels[tunnel];
	const struct tunnel_kind *kind = &tunnel_kinds[t->type];

	if (!kind->sealed)
		return (uint32_t)t->mtu + t->header_len;
	/* the overhead is without the longest ICV */
	return (uint32_t)t->mtu + kind->overhead(t->outer == OUTER_IPV6, false) + ICV_MORE;
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
	struct quoted q = read_embedded(p, quote, len);
	const struct tunnel *t = &p->net->tunnels[q.tunnel];

	if (q.tunnel == TUNNEL_NONE || !network_has_tunnel(p->net, q.tunnel) ||
	    t->outer == OUTER_IPV4_FRAGMENTABLE)
		return TUNNEL_NONE;
	if (tunnel_kinds[t->type].sealed && mtu < IPV4_LEAST_MTU)
		return TUNNEL_NONE;
	if (t->outer == OUTER_IPV6 && mtu < IPV6_LEAST_MTU)
		mtu = IPV6_LEAST_MTU; /* every link carries this much (RFC 8201 section 4) */
	else if (mtu == 0)
		mtu = guess_mtu(q.size);
	if (q.size <= mtu || q.size > largest(p->net, q.tunnel))
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
