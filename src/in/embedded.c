/*
 * Embedded: find the flow that an ICMP error is about.
 *
 * An ICMP error has no ports. It embeds the beginning of the packet that caused it. The embedded
 * packet travelled in the opposite direction, so its key with both ends swapped finds the flow (RFC
 * 5508 section 4.2). An error embeds at least an IPv4 header and eight bytes (RFC 792), which is
 * enough.
 *
 * An error does not change the record of its flow, so nobody can keep a flow alive or end it by
 * errors (RFC 5508 REQ-6). An error is never answered (RFC 1122 section 3.2.2).
 *
 * The stage is for both families; embedded6.c reads ICMPv6 errors.
 */
#include "in/stages.h"

#include "base/addr4.h"
#include "base/checksum.h"
#include "base/wire.h"
#include "in/embedded.h"
#include "in/transport.h"
#include "path/family.h"
#include "path/owner.h"

bool embedded_is_error(const struct packet *p)
{
	const uint8_t *icmp = p->data + p->l4;

	if (p->data[IPV4_PROTO] != PROTO_ICMP || p->len < p->l4 + ICMP_LEN)
		return false;
	return icmp[ICMP_TYPE] == ICMP_UNREACHABLE || icmp[ICMP_TYPE] == ICMP_TIME_EXCEEDED ||
	       icmp[ICMP_TYPE] == ICMP_PARAMETER;
}

static enum drop read_ports(const struct network *net, const uint8_t *l4, struct flow_key *key)
{
	bool ports = key->proto == PROTO_TCP || key->proto == PROTO_UDP;
	bool icmp = key->proto == PROTO_ICMP;
	bool request = icmp && icmp_is_request(l4[ICMP_TYPE]);
	bool reply = icmp && icmp_is_reply(l4[ICMP_TYPE]);

	transport_embedded(l4, ports, request, reply, &key->sport, &key->dport);
	if (ports || request || reply)
		return DROP_NONE;
	if (icmp)
		return DROP_ICMP_EMBEDDED;
	/* Flows of other protocols are between sites, or keep their source. */
	return key->realm != SITE_INTERNET || network_is_untranslated(net, key->dst)
		       ? DROP_NONE
		       : DROP_ICMP_EMBEDDED;
}

/*
 * RFC 5508 REQ-3, items a and b. By item c the checksum of the embedded transport header is not
 * checked.
 */
enum drop embedded_key(const struct network *net, const uint8_t *embedded, size_t len,
		       uint16_t realm, struct flow_key *key)
{
	size_t header;

	if (len < IPV4_LEN + TRANSPORT_EMBEDDED_MIN || embedded[IPV4_VERSION_IHL] >> 4 != 4)
		return DROP_ICMP_EMBEDDED;
	header = (size_t)(embedded[IPV4_VERSION_IHL] & 0xf) * 4;
	if (header < IPV4_LEN || len < header + TRANSPORT_EMBEDDED_MIN ||
	    !checksum_ok(embedded, header))
		return DROP_ICMP_EMBEDDED;
	/* Only the first fragment of a packet has the ports of its flow. */
	if (wire_16(embedded + IPV4_FRAGMENT) & IPV4_OFFSET)
		return DROP_ICMP_EMBEDDED;

	*key = (struct flow_key){
		.src = wire_be32(embedded + IPV4_DST),
		.dst = wire_be32(embedded + IPV4_SRC),
		.realm = realm,
		.proto = embedded[IPV4_PROTO],
	};
	return read_ports(net, embedded + header, key);
}

static enum drop embedded_read(const struct context *ctx, struct packet *p)
{
	const uint8_t *icmp = p->data + p->l4;
	size_t len = (size_t)p->len - p->l4;
	enum drop drop;

	if (!checksum_ok(icmp, len))
		return DROP_ICMP_CHECKSUM;
	if (!addr4_is_host(wire_be32(p->data + IPV4_SRC)))
		return DROP_MARTIAN;
	drop = embedded_key(ctx->net, icmp + ICMP_LEN, len - ICMP_LEN,
			    ctx->net->tunnels[p->onramp].site, &p->probe.key);
	if (drop != DROP_NONE)
		return drop;
	/* The destination of an error must be the source of the embedded packet. */
	if (p->probe.key.dst != wire_be32(p->data + IPV4_DST))
		return DROP_ICMP_EMBEDDED;
	return p->data[IPV4_TTL] <= 1 ? DROP_TTL_EXPIRED : DROP_NONE;
}

static bool embedded_find_flow(struct context *ctx, struct packet *p, const struct flow6_key *key,
			       const struct family *y)
{
	struct flow_probe *probe = &p->probe;

	if (y->six)
		flow6_table_lookup(ctx->flows6, &key, &probe, 1);
	else
		flow_table_lookup(ctx->flows, &probe, 1);
	return probe->record != FLOW_NO_RECORD;
}

/* Has another worker the flow? */
static bool embedded_is_elsewhere(const struct context *ctx, const struct burst *b,
				  struct packet *p, const struct flow6_key *key,
				  const struct family *y)
{
	if (ctx->count <= 1 || burst_was_handed(b, p))
		return false;
	return y->six ? owner_ask6(ctx, owner_site6(ctx, key), p, key)
		      : owner_ask(ctx, owner_site(ctx, p), p);
}

static void embedded_one(struct context *ctx, struct burst *b, struct packet *p,
			 const struct family *y)
{
	struct flow6_key *key = burst_key6(b, p);
	enum drop drop = y->six ? embedded6_read(ctx, p, key) : embedded_read(ctx, p);

	if (drop != DROP_NONE)
		burst_drop(b, p, drop);
	else if (ctx->count > 1 && (y->six ? owner_by_port6(ctx, p, key) : owner_by_port(ctx, p)))
		burst_handover(b, p, HANDOVER_TO_PARSE);
	else if (embedded_find_flow(ctx, p, key, y))
		burst_pass(b, STAGE_REWRITE_EMBEDDED, p);
	else if (embedded_is_elsewhere(ctx, b, p, key, y))
		burst_handover(b, p, HANDOVER_TO_PARSE);
	else
		burst_drop(b, p, DROP_NO_FLOW);
}

void stage_embedded(struct context *ctx, struct burst *b)
{
	for (unsigned i = 0; i < b->n[STAGE_EMBEDDED]; i++) {
		struct packet *p = b->list[STAGE_EMBEDDED][i];

		embedded_one(ctx, b, p, family_of(p));
	}
}
