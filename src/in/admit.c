/*
 * Admission of fragments: see admit.h.
 *
 * A first fragment gives the key of its flow: the same key that parse.c or parse6.c makes of the
 * reassembled packet. The worker that has the flow looks it up. A later fragment is checked
 * against the remotes that every worker keeps (flow/remotes.h).
 */
#include "in/admit.h"

#include "base/wire.h"
#include "flow/remotes.h"
#include "in/embedded.h"
#include "tunnel/ipv6.h"

static enum drop key_icmp(const struct network *net, const struct fragment *f, struct flow_key *key)
{
	const uint8_t *icmp = f->payload;

	if (icmp_is_reply(icmp[ICMP_TYPE])) {
		key->dport = wire_be16(icmp + ICMP_ID);
		return DROP_NONE;
	}
	if (!f->mute)
		return DROP_NO_FLOW; /* an ICMP request: the Internet opens no flow by one */
	return embedded_key(net, icmp + ICMP_LEN, f->len - ICMP_LEN, SITE_INTERNET, key);
}

/* A first fragment of IPv4 has eight bytes at least, of TCP the whole header: fragment.c. */
static enum drop key4(const struct context *ctx, struct packet *p, const struct fragment *f)
{
	struct flow_key *key = &p->probe.key;

	*key = (struct flow_key){
		.src = wire_be32(p->data + IPV4_SRC),
		.dst = wire_be32(p->data + IPV4_DST),
		.realm = SITE_INTERNET,
		.proto = f->key.proto,
	};
	if (f->len < ICMP_LEN)
		return DROP_INNER_MALFORMED;
	if (key->proto == PROTO_ICMP)
		return key_icmp(ctx->net, f, key);
	if (key->proto != PROTO_TCP && key->proto != PROTO_UDP)
		return network_is_untranslated(ctx->net, key->dst) ? DROP_NONE : DROP_PROTOCOL;
	key->sport = wire_be16(f->payload + TCP_SPORT); /* UDP has its ports at the same offset */
	key->dport = wire_be16(f->payload + TCP_DPORT);
	return DROP_NONE;
}

/* @l4 has @len bytes. fragment6.c has checked that the transport header is complete. */
static enum drop key_transport6(const uint8_t *l4, size_t len, struct flow6_key *key)
{
	switch (key->proto) {
	case PROTO_TCP:
	case PROTO_UDP:
	case PROTO_SCTP: /* same offsets of the ports */
		key->sport = wire_be16(l4 + TCP_SPORT);
		key->dport = wire_be16(l4 + TCP_DPORT);
		return DROP_NONE;
	case PROTO_ICMPV6:
		if (l4[ICMP_TYPE] == ICMPV6_ECHO_REPLY) {
			key->dport = wire_be16(l4 + ICMP_ID);
			return DROP_NONE;
		}
		if (l4[ICMP_TYPE] >= ICMPV6_ECHO_REQUEST)
			return DROP_NO_FLOW;
		return embedded6_key(l4 + ICMP_LEN, len - ICMP_LEN, SITE_INTERNET, key);
	default:
		return DROP_NONE; /* a pair of addresses */
	}
}

static enum drop key6(const struct fragment *f, struct flow6_key *key)
{
	size_t len = f->header_len + f->len;
	struct ipv6_chain c;
	enum drop drop = ipv6_walk(f->header, len, true, &c);

	if (drop != DROP_NONE)
		return drop;
	*key = (struct flow6_key){
		.src = f->key.src,
		.dst = f->key.dst,
		.realm = SITE_INTERNET,
		.proto = c.proto,
	};
	return key_transport6(f->header + c.l4, len - c.l4, key);
}

enum drop admit_key(const struct context *ctx, struct packet *p, const struct fragment *fragment,
		    struct flow6_key *six)
{
	enum drop drop;

	if (!addr6_is_mapped(&fragment->key.src) && ctx->flows6 == NULL)
		return DROP_NO_IPV6;
	if (addr6_is_mapped(&fragment->key.src))
		return key4(ctx, p, fragment);
	drop = key6(fragment, six);
	p->probe.key = (struct flow_key){.realm = SITE_INTERNET, .proto = six->proto};
	return drop;
}

/* Where the Internet may open flows, the first packet of a flow may be fragmented, too. */
static bool may_open(const struct context *ctx, const struct flow_key *key)
{
	return (key->proto == PROTO_TCP || key->proto == PROTO_UDP) &&
	       network_lets_in(ctx->net, key->dst, ntohs(key->dport));
}

enum drop admit_first(struct context *ctx, struct packet *p, const struct flow6_key *six,
		      uint16_t *site)
{
	bool is_six = p->data[IPV6_VERSION] >> 4 == 6;
	struct flow_table *flows = is_six ? ctx->flows6 : ctx->flows;
	struct flow_probe *probe = &p->probe;

	if (is_six)
		flow6_table_lookup(flows, &six, &probe, 1);
	else
		flow_table_lookup(flows, &probe, 1);
	if (probe->record != FLOW_NO_RECORD)
		*site = flow_table_at(flows, probe->record)->site;
	else if (!is_six && may_open(ctx, &probe->key))
		*site = ADMIT_SITE_ANY;
	else
		return DROP_NO_FLOW;
	return DROP_NONE;
}

static bool worker_may_have(const struct remotes *r, const struct flow6_key *key)
{
	uint32_t place = addr6_is_mapped(&key->src) ? remotes_place(r, addr6_to_ipv4(&key->dst),
								    addr6_to_ipv4(&key->src))
						    : remotes_place6(r, &key->dst, &key->src);

	return remotes_may_have(r, place);
}

bool admit_later(const struct context *ctx, const struct fragment *fragment)
{
	const struct flow6_key *key = &fragment->key;

	for (uint16_t i = 0; i < ctx->count; i++)
		if (worker_may_have(ctx->workers[i]->remotes, key))
			return true;
	return addr6_is_mapped(&key->dst) &&
	       network_address_lets_in(ctx->net, addr6_to_ipv4(&key->dst));
}
