/*
 * Answer: the gateway itself replies, in the packet's own buffer, the way the packet came.
 *
 *   echo                             RFC 792: the request turned round
 *   time exceeded, unreachable,      RFC 792 and 1191: our header and eight bytes in front, the
 *   fragmentation needed             packet quoted behind
 *
 * An error quotes as much as fits 576 bytes (RFC 1812 section 4.3.2.3) and comes from the tunnel's
 * address, or, towards the Internet, from the egress address that the packet was sent to. None is
 * sent about an ICMP error, which has its own stages, nor where RFC 1812 section 4.3.2.7 forbids it.
 *
 * Errors are rate limited (section 4.3.2.8), for each site and for all together, by token buckets of
 * one number, as in setup/limits.c. A packet that would have been answered is then a drop, under the
 * reason for which the error would have been sent.
 */
#include "out/stages.h"

#include "base/checksum.h"
#include "base/wire.h"

enum {
	ERROR_MAX = 576,
	ERROR_TTL = 64,
	ROOMY = 2048, /* a packet of so many bytes has room for an error in itself */
	ERROR_HEADERS = IPV4_LEN + ICMP_LEN,

	SITE_INTERVAL_NS = 10 * 1000 * 1000, /* 100 errors a second towards a site, */
	SITE_BURST = 50, /* so many at once */
	ALL_INTERVAL_NS = 200 * 1000, /* 5,000 a second of one worker */
	ALL_BURST = 500,
};

struct error_kind {
	uint8_t type, code;
	enum drop drop; /* when it can't be sent */
};

static const struct error_kind kinds[ANSWER_COUNT] = {
	[ANSWER_TTL_EXPIRED] = {ICMP_TIME_EXCEEDED, 0, DROP_TTL_EXPIRED},
	[ANSWER_UNREACHABLE] = {ICMP_UNREACHABLE, ICMP_CODE_NET, DROP_NO_ROUTE},
	[ANSWER_TOO_BIG] = {ICMP_UNREACHABLE, ICMP_CODE_TOO_BIG, DROP_TOO_BIG},
	[ANSWER_FRAGMENT_TIMEOUT] = {ICMP_TIME_EXCEEDED, ICMP_CODE_REASSEMBLY,
				     DROP_FRAGMENT_TIMEOUT},
};

/* The largest packet that fits where this one was going; RFC 1191 section 4. */
static uint16_t fitting_mtu(const struct lane *lane, const struct packet *p)
{
	const struct flow *f = flow_table_at(lane->flows, p->probe.record);

	if (p->probe.dir == FLOW_RETURN)
		return lane->adj->tunnel_mtus[f->onramp];
	return lane->adj->hops[f->offramp].mtu;
}

/* Ours on the side that the packet came from. */
static be32_t our_address(const struct lane *lane, const struct packet *p)
{
	return p->tunnel != TUNNEL_NONE ? lane->net->tunnels[p->tunnel].address : p->probe.key.dst;
}

/* The neighbour by which it goes back to where it came from; false: nobody is known. */
static bool route_back(const struct lane *lane, struct packet *p)
{
	if (p->port == PORT_BACK_IN) { /* the error turns back as the packet did */
		p->hop = HOP_BACK_IN;
		return true;
	}
	p->hop = p->tunnel != TUNNEL_NONE ? lane->adj->tunnel_hops[p->tunnel]
					  : adjacency_route(lane->adj, p->port, p->probe.key.src);
	return p->hop != HOP_UNKNOWN_HOST && lane->adj->hops[p->hop].resolved;
}

static bool is_host(be32_t addr)
{
	uint32_t a = ntohl(addr);

	return a >> 24 != 0 && a >> 24 != 127 && a < UINT32_C(0xe0000000);
}

/* RFC 1812 section 4.3.2.7: from a host, to a host, and not by a broadcast of the link. */
static bool can_be_told(const struct packet *p)
{
	const uint8_t *ethernet = p->data - ETHER_LEN;

	if (!is_host(p->probe.key.src) || !is_host(p->probe.key.dst))
		return false;
	return p->tunnel != TUNNEL_NONE || p->port == PORT_BACK_IN ||
	       !(ethernet[ETHER_DST] & ETHER_GROUP);
}

static bool take_token(uint64_t *until_ns, uint64_t now_ns, uint64_t interval_ns, uint64_t burst)
{
	uint64_t from_ns = *until_ns > now_ns ? *until_ns : now_ns;

	if (from_ns - now_ns > (burst - 1) * interval_ns)
		return false;
	*until_ns = from_ns + interval_ns;
	return true;
}

bool answer_may_send_error(struct lane *lane, uint16_t realm)
{
	uint64_t *site = &lane->sites[realm].errors_until_ns;

	return take_token(site, lane->now_ns, SITE_INTERVAL_NS, SITE_BURST) &&
	       take_token(&lane->errors_until_ns, lane->now_ns, ALL_INTERVAL_NS, ALL_BURST);
}

static void write_header(uint8_t *ip, be32_t src, be32_t dst, size_t len)
{
	memset(ip, 0, IPV4_LEN);
	ip[IPV4_VERSION_IHL] = 4 << 4 | IPV4_LEN / 4;
	wire_put_be16(ip + IPV4_LENGTH, htons((uint16_t)len));
	ip[IPV4_TTL] = ERROR_TTL;
	ip[IPV4_PROTO] = PROTO_ICMP;
	wire_put_be32(ip + IPV4_SRC, src);
	wire_put_be32(ip + IPV4_DST, dst);
	wire_put_be16(ip + IPV4_CHECKSUM, checksum_make(ip, IPV4_LEN));
}

/*
 * The quote moves up by what the new headers need more than receive left in front: encapsulation
 * will want the headroom. Moving down never leaves the buffer, since a quote is at most 548 bytes.
 */
static void make_error(const struct lane *lane, struct packet *p, const struct error_kind *kind)
{
	be32_t to = p->probe.key.src, from = our_address(lane, p);
	size_t quote = p->len < ERROR_MAX - ERROR_HEADERS ? p->len : ERROR_MAX - ERROR_HEADERS;
	uint16_t mtu = p->reason == ANSWER_TOO_BIG ? fitting_mtu(lane, p) : 0;
	uint8_t *ip, *icmp;

	if (p->len >= ROOMY) { /* may fill its buffer: see in/assembly.c */
		memmove(p->data + ROOMY - ERROR_MAX, p->data, quote);
		p->data += ROOMY - ERROR_MAX;
	}
	ip = p->data - ERROR_HEADERS;
	icmp = ip + IPV4_LEN;
	memset(icmp, 0, ICMP_LEN);
	icmp[ICMP_TYPE] = kind->type;
	icmp[ICMP_CODE] = kind->code;
	wire_put_be16(icmp + ICMP_NEXT_MTU, htons(mtu));
	wire_put_be16(icmp + ICMP_CHECKSUM, checksum_make(icmp, ICMP_LEN + quote));
	write_header(ip, from, to, ERROR_HEADERS + quote);
	p->data = ip;
	p->len = (uint16_t)(ERROR_HEADERS + quote);
}

static void make_echo_reply(struct packet *p)
{
	uint8_t *ip = p->data, *icmp = ip + p->l4;
	be16_t before = wire_be16(icmp + ICMP_TYPE), after;

	icmp[ICMP_TYPE] = ICMP_ECHO_REPLY;
	after = wire_be16(icmp + ICMP_TYPE);
	wire_put_be16(icmp + ICMP_CHECKSUM, checksum_apply(wire_be16(icmp + ICMP_CHECKSUM),
							   checksum_delta16(before, after)));

	wire_put_be32(ip + IPV4_SRC, p->probe.key.dst);
	wire_put_be32(ip + IPV4_DST, p->probe.key.src);
	ip[IPV4_TTL] = ERROR_TTL;
	wire_put_be16(ip + IPV4_CHECKSUM, 0);
	wire_put_be16(ip + IPV4_CHECKSUM, checksum_make(ip, p->l4));
}

void stage_answer(struct lane *lane, struct burst *b)
{
	for (unsigned i = 0; i < b->n[STAGE_ANSWER]; i++) {
		struct packet *p = b->list[STAGE_ANSWER][i];
		const struct error_kind *kind = &kinds[p->reason];

		if (!can_be_told(p) || !route_back(lane, p) ||
		    (p->reason != ANSWER_ECHO &&
		     !answer_may_send_error(lane, p->probe.key.realm))) {
			burst_drop(b, p, p->reason == ANSWER_ECHO ? DROP_NO_NEIGHBOUR : kind->drop);
			continue;
		}
		lane->counters.answers[p->reason]++;
		p->probe.hash = flow_table_prefetch(lane->flows, &p->probe.key);
		if (p->reason == ANSWER_ECHO)
			make_echo_reply(p);
		else
			make_error(lane, p, kind);
		/* Only an echo reply can be: it is as long as its request. */
		if (p->tunnel != TUNNEL_NONE && p->len > lane->adj->tunnel_mtus[p->tunnel])
			burst_fragment(b, p, FRAGMENT_AS_IS);
		else
			burst_pass(b, STAGE_ENCAPSULATE, p);
	}
}
