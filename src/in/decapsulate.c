/*
 * Decapsulate: find the tunnel of a packet and strip its outer headers.
 *
 *   a tunnel's packet to its local     outer headers, IPv4 or IPv6, are checked and stripped; the
 *   end                                kind of tunnel (tunnel/kinds.h) reads its own header
 *   IPv4 to an egress address, or to
 *   a prefix that leaves untranslated  comes from the Internet: only Ethernet is stripped
 *   IPv6 to an egress address, or to
 *   a global prefix of a site          the same
 *   ARP request or IPv6 neighbour      answered in place, if it asks for an address of ours
 *   solicitation
 *   any of these with a priority tag   the same without it
 *   any frame of an interconnect       in/interconnect.c takes it before
 *
 * All other packets are dropped as not ours. On AF_XDP ports the steer program leaves them to the
 * kernel, so they never arrive here.
 */
#include "in/stages.h"

#include "answer/arp.h"
#include "answer/keepalive.h"
#include "answer/nd.h"
#include "base/checksum.h"
#include "base/wire.h"
#include "in/decapsulate.h"
#include "in/interconnect.h"
#include "in/tag.h"
#include "in/unknown.h"
#include "path/prefetch.h"
#include "tunnel/ecn.h"
#include "tunnel/ipv6.h"
#include "tunnel/kinds.h"

/*
 * Checks the outer IPv4 header (RFC 1122 section 3.2.1). @len: bytes at @ip, at least IPV4_LEN.
 * Writes the length of the header, and of the packet without padding.
 */
static ALWAYS_INLINE enum drop check_outer(const uint8_t *ip, size_t len, size_t *header,
					   size_t *total)
{
	*header = (size_t)(ip[IPV4_VERSION_IHL] & 0xf) * 4;
	*total = wire_16(ip + IPV4_LENGTH);

	if (*total > len)
		return DROP_TRUNCATED;
	if (ip[IPV4_VERSION_IHL] >> 4 != 4 || *header < IPV4_LEN || *total < *header)
		return DROP_OUTER_MALFORMED;
	if (!(*header == IPV4_LEN ? checksum_ok_plain(ip) : checksum_ok(ip, *header)))
		return DROP_OUTER_CHECKSUM;
	if (wire_16(ip + IPV4_FRAGMENT) & IPV4_MF_OR_OFFSET)
		return DROP_OUTER_FRAGMENT;
	return DROP_NONE;
}

/* A packet to an egress address, or to a source that is not translated: strips only Ethernet. */
static ALWAYS_INLINE enum drop open_return(struct context *ctx, struct packet *p, be32_t dst)
{
	if (network_find_address(ctx->net, dst) < 0 && !network_is_untranslated(ctx->net, dst))
		return DROP_NOT_OURS;
	p->data += ETHER_LEN;
	p->len -= ETHER_LEN;
	return DROP_NONE;
}

static ALWAYS_INLINE enum drop open_tunnel(struct context *ctx, struct packet *p, enum stage *next,
					   const struct tunnel_kind *kind)
{
	uint8_t *ip = p->data + ETHER_LEN;
	size_t header, total;
	struct tunnel_opened opened;
	enum drop drop = check_outer(ip, (size_t)p->len - ETHER_LEN, &header, &total);
	be32_t local = wire_be32(ip + IPV4_DST);

	if (drop != DROP_NONE)
		return drop;
	drop = kind->open(ip + header, total - header, &opened);
	if (drop != DROP_NONE)
		return drop;

	p->onramp = network_find_tunnel(ctx->net, local, wire_be32(ip + IPV4_SRC), opened.has_key,
					opened.key);
	if (p->onramp == TUNNEL_NONE)
		return network_is_local_end(ctx->net, local) ? kind->unknown
							     : open_return(ctx, p, local);

	if (__builtin_expect(opened.type == ETHER_IPV6, 0))
		*next = STAGE_PARSE6;
	header += opened.len;
	p->data = ip + header;
	p->len = (uint16_t)(total - header);
	ctx->tunnels[p->onramp].rx_packets++;
	ctx->tunnels[p->onramp].rx_bytes += p->len;
	if (__builtin_expect(ecn_is_news(ip[IPV4_TOS]), 0))
		return ecn_open(ip[IPV4_TOS], p->data, p->len);
	return DROP_NONE;
}

/*
 * Is this IPv4 packet ESP, or UDP that may hold it, to a local end? Only a first fragment says so:
 * all are joined, and what is not ESP is dropped then.
 */
static __attribute__((noinline)) bool is_sealed(const struct context *ctx, const struct packet *p)
{
	const uint8_t *ip = p->data + ETHER_LEN;
	size_t header = (size_t)(ip[IPV4_VERSION_IHL] & 0xf) * 4, len = (size_t)p->len - ETHER_LEN;

	if (!network_is_local_end(ctx->net, wire_be32(ip + IPV4_DST)))
		return false;
	if (ip[IPV4_PROTO] == PROTO_UDP)
		return (wire_16(ip + IPV4_FRAGMENT) & IPV4_MF_OR_OFFSET) != 0 ||
		       (header < len && ipsec_is_in_udp(ip + header, len - header));
	return ip[IPV4_PROTO] == PROTO_ESP;
}

static __attribute__((noinline)) enum drop open_sealed(struct context *ctx, struct packet *p,
						       enum stage *next)
{
	uint8_t *ip = p->data + ETHER_LEN;
	size_t header, total;
	enum drop drop = check_outer(ip, (size_t)p->len - ETHER_LEN, &header, &total);

	if (drop == DROP_NONE && ip[IPV4_PROTO] == PROTO_UDP)
		drop = total < header + UDP_LEN ? DROP_OUTER_MALFORMED
						: ipsec_check_udp(ip + header, total - header);
	if (drop == DROP_NONE && ctx->esp == NULL)
		drop = DROP_ESP_UNKNOWN_SPI;
	if (drop != DROP_NONE)
		return drop;
	p->data = ip;
	p->len = (uint16_t)total;
	*next = STAGE_ESP_OPEN;
	return DROP_NONE;
}

static ALWAYS_INLINE enum drop open_ipv4(struct context *ctx, struct packet *p, enum stage *next)
{
	const uint8_t *ip = p->data + ETHER_LEN;

	if (p->len < ETHER_LEN + IPV4_LEN)
		return DROP_OUTER_MALFORMED;
	for (unsigned i = 0; i < TUNNEL_TYPES; i++)
		if (!tunnel_kinds[i].sealed && ip[IPV4_PROTO] == tunnel_kinds[i].protocol)
			return open_tunnel(ctx, p, next, &tunnel_kinds[i]);
	if (__builtin_expect(ctx->net->n_sealed > 0, 0) && is_sealed(ctx, p))
		return open_sealed(ctx, p, next);
	return open_return(ctx, p, wire_be32(ip + IPV4_DST));
}

/*
 * A fragment header may name one of these as the first header of the fragmented part: Linux puts
 * destination options in front of a tunnel's own header, and fragments them with it.
 */
static bool may_be_tunnel(const struct context *ctx, uint8_t next)
{
	return tunnel_kind_of(next) != NULL || next == NEXT_OPTIONS ||
	       (next == PROTO_UDP && ctx->net->n_sealed > 0);
}

/*
 * The kind of tunnel over IPv6 of the packet whose last header, at @p, has protocol @proto; NULL:
 * none. @drop: why ESP in UDP cannot be one.
 */
static const struct tunnel_kind *kind_of6(const struct context *ctx, uint8_t proto,
					  const uint8_t *p, size_t len, enum drop *drop)
{
	const struct tunnel_kind *kind = tunnel_kind_of(proto);

	*drop = DROP_NONE;
	if (ctx->net->n_sealed == 0) /* ESP is the kernel's */
		return kind != NULL && !kind->sealed ? kind : NULL;
	if (proto != PROTO_UDP || !ipsec_is_in_udp(p, len))
		return kind;
	*drop = ipsec_check_udp(p, len);
	return &tunnel_kinds[TUNNEL_IPSEC];
}

/*
 * Checks the outer IPv6 header and its extension headers (RFC 8200). @len: bytes at @ip, at least
 * IPV6_LEN. Writes the kind of tunnel, the offset of its header, and the length of the packet
 * without padding.
 */
static enum drop check_outer6(const struct context *ctx, const uint8_t *ip, size_t len,
			      const struct tunnel_kind **kind, uint8_t *header, size_t *total)
{
	struct ipv6_chain chain;
	enum drop drop;

	*total = IPV6_LEN + (size_t)wire_16(ip + IPV6_LENGTH);
	if (ip[IPV6_VERSION] >> 4 != 6)
		return DROP_OUTER_MALFORMED;
	if (*total > len)
		return DROP_TRUNCATED;
	drop = ipv6_walk(ip, *total, false, &chain);
	if (drop == DROP_INNER_MALFORMED)
		return DROP_OUTER_MALFORMED;
	if (drop == DROP_FRAGMENT)
		return may_be_tunnel(ctx, ip[chain.fragment]) ? DROP_OUTER_FRAGMENT : DROP_NOT_OURS;
	if (drop != DROP_NONE)
		return drop;
	*header = chain.l4;
	*kind = kind_of6(ctx, chain.proto, ip + chain.l4, *total - chain.l4, &drop);
	if (drop != DROP_NONE)
		return drop;
	return *kind != NULL ? ipv6_check_options(ip, chain.l4) : DROP_NOT_OURS;
}

/* As open_tunnel(), for outer IPv6 to a local end. */
static enum drop open_tunnel6(struct context *ctx, struct packet *p, const struct addr6 *local,
			      enum stage *next)
{
	uint8_t *ip = p->data + ETHER_LEN, header, tos = (uint8_t)(wire_16(ip) >> 4);
	struct addr6 remote = addr6_read(ip + IPV6_SRC);
	struct tunnel_opened opened;
	const struct tunnel_kind *kind = NULL;
	size_t total;
	enum drop drop = check_outer6(ctx, ip, (size_t)p->len - ETHER_LEN, &kind, &header, &total);

	if (drop != DROP_NONE)
		return drop;
	if (kind->sealed) {
		p->data = ip;
		p->len = (uint16_t)total;
		*next = STAGE_ESP_OPEN;
		return ctx->esp != NULL ? DROP_NONE : DROP_ESP_UNKNOWN_SPI;
	}
	drop = kind->open(ip + header, total - header, &opened);
	if (drop != DROP_NONE && drop != kind->no_ip)
		return drop;
	p->onramp = network_find_tunnel6(ctx->net, local, &remote, opened.has_key, opened.key);
	if (drop != DROP_NONE)
		return keepalive_heard(ctx, p, kind, &opened);
	if (p->onramp == TUNNEL_NONE)
		return kind->unknown;

	if (opened.type == ETHER_IPV6)
		*next = STAGE_PARSE6;
	p->data = ip + header + opened.len;
	p->len = (uint16_t)(total - header - opened.len);
	ctx->tunnels[p->onramp].rx_packets++;
	ctx->tunnels[p->onramp].rx_bytes += p->len;
	return ecn_is_news(tos) ? ecn_open(tos, p->data, p->len) : DROP_NONE;
}

static enum drop open_ipv6(struct context *ctx, struct packet *p, enum stage *next)
{
	struct addr6 dst;

	if (p->len < ETHER_LEN + IPV6_LEN)
		return DROP_OUTER_MALFORMED;
	if (nd_answer(ctx, p)) {
		ctx->counters.answers[ANSWER_NEIGHBOUR]++;
		p->out_port = p->in_port;
		*next = STAGE_TRANSMIT;
		return DROP_NONE;
	}
	dst = addr6_read(p->data + ETHER_LEN + IPV6_DST);
	if (network_is_local_end6(ctx->net, &dst))
		return open_tunnel6(ctx, p, &dst, next);
	if (network_find_address6(ctx->net, &dst) < 0 &&
	    network_find_global(ctx->net, &dst) == SITE_INTERNET)
		return DROP_NOT_OURS;
	p->data += ETHER_LEN;
	p->len -= ETHER_LEN;
	*next = STAGE_PARSE6;
	return DROP_NONE;
}

/* All fragments of one packet have one protocol, here that of a tunnel. */
enum drop decapsulate_reassembled(struct context *ctx, struct packet *p, enum stage *next)
{
	bool six = p->data[IPV6_VERSION] >> 4 == 6;
	struct addr6 local = addr6_read(p->data + IPV6_DST); /* not used for IPv4 */

	p->data -= ETHER_LEN; /* only moves the pointer; nothing is read there */
	p->len += ETHER_LEN;
	*next = STAGE_PARSE;
	return six ? open_tunnel6(ctx, p, &local, next) : open_ipv4(ctx, p, next);
}

/* Over IPv6 only a packet to a local end gets this check. */
static bool is_for_tunnel(const struct context *ctx, const uint8_t *ip)
{
	return ip[IPV6_VERSION] >> 4 == 6 ||
	       network_is_local_end(ctx->net, wire_be32(ip + IPV4_DST));
}

/* The kind whose open() returns this reason if the payload is not IP, or NULL. */
static const struct tunnel_kind *kind_without_ip(enum drop drop)
{
	for (unsigned i = 0; i < TUNNEL_TYPES; i++)
		if (tunnel_kinds[i].has_keepalives && tunnel_kinds[i].no_ip == drop)
			return &tunnel_kinds[i];
	return NULL;
}

/*
 * Is this IPv4 packet without IP inside an answer to a keepalive of ours? Its headers were checked.
 */
static enum drop hear_keepalive(struct context *ctx, struct packet *p,
				const struct tunnel_kind *kind)
{
	const uint8_t *ip = p->data + ETHER_LEN;
	size_t header = (size_t)(ip[IPV4_VERSION_IHL] & 0xf) * 4;
	struct tunnel_opened opened;

	kind->open(ip + header, wire_16(ip + IPV4_LENGTH) - header, &opened);
	p->onramp = network_find_tunnel(ctx->net, wire_be32(ip + IPV4_DST),
					wire_be32(ip + IPV4_SRC), opened.has_key, opened.key);
	return keepalive_heard(ctx, p, kind, &opened);
}

/* Off the fast path: passes fragments of tunnel packets to reassembly. */
static __attribute__((noinline, cold)) void decapsulate_leave(struct context *ctx, struct burst *b,
							      struct packet *p, enum drop drop)
{
	const struct tunnel_kind *kind = kind_without_ip(drop);

	unknown_look(ctx, p, drop);
	if (kind != NULL && wire_16(p->data + ETHER_TYPE) == ETHER_IPV4)
		drop = hear_keepalive(ctx, p, kind);
	if (drop != DROP_OUTER_FRAGMENT) {
		burst_drop(b, p, drop);
		return;
	}
	p->data += ETHER_LEN;
	p->len -= ETHER_LEN;
	if (is_for_tunnel(ctx, p->data))
		burst_reassemble(b, p, SITE_INTERNET);
	else
		burst_drop(b, p, drop);
}

static ALWAYS_INLINE void pass(struct context *ctx, struct burst *b, struct packet *p,
			       enum drop drop, enum stage next)
{
	if (__builtin_expect(drop == DROP_NONE, 1))
		burst_pass(b, next, p);
	else
		decapsulate_leave(ctx, b, p, drop);
}

static __attribute__((noinline)) void sort_ipv6(struct context *ctx, struct burst *b,
						struct packet *p)
{
	enum stage next = STAGE_PARSE;
	enum drop drop = open_ipv6(ctx, p, &next);

	pass(ctx, b, p, drop, next);
}

/*
 * Off the fast path: a frame whose Ethernet header does not say IP. False: it had a priority tag
 * with IP behind it, and the tag is gone.
 */
static __attribute__((noinline, cold)) bool sort_rare(struct context *ctx, struct burst *b,
						      struct packet *p)
{
	uint16_t type = p->len < ETHER_LEN ? 0 : wire_16(p->data + ETHER_TYPE);

	if (type != 0 && tag_remove(p))
		return false;
	if (type == ETHER_ARP && arp_answer(ctx, p)) {
		ctx->counters.answers[ANSWER_ARP]++;
		burst_transmit(b, p, p->in_port);
	} else {
		decapsulate_leave(ctx, b, p, type == 0 ? DROP_NOT_IP : tag_refuse(p));
	}
	return true;
}

static ALWAYS_INLINE void decapsulate_sort(struct context *ctx, struct burst *b, struct packet *p)
{
	uint16_t type;

	p->onramp = TUNNEL_NONE;
	do {
		type = p->len < ETHER_LEN ? 0 : wire_16(p->data + ETHER_TYPE);
		if (__builtin_expect(type == ETHER_IPV4, 1)) {
			enum stage next = STAGE_PARSE;
			enum drop drop = open_ipv4(ctx, p, &next);

			pass(ctx, b, p, drop, next);
			return;
		}
		if (type == ETHER_IPV6) {
			sort_ipv6(ctx, b, p);
			return;
		}
	} while (!sort_rare(ctx, b, p));
}

void stage_decapsulate(struct context *ctx, struct burst *b)
{
	if (__builtin_expect(ctx->net->n_interconnects > 0, 0))
		interconnects_take(ctx, b);
	if (__builtin_expect(ctx->net->is_large, 0))
		prefetch_onramps(ctx, b);
	for (unsigned i = 0; i < b->n[STAGE_DECAPSULATE]; i++)
		decapsulate_sort(ctx, b, b->list[STAGE_DECAPSULATE][i]);
}
