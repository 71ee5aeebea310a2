/* Partial checksums: see partial.h. */
#include "in/partial.h"

#include "base/checksum.h"
#include "base/wire.h"
#include "tunnel/ipv6.h"

/* The transport header of a packet, and the sum of its addresses. */
struct transport {
	uint8_t *l4;
	size_t len;
	uint8_t proto;
	uint64_t addresses;
};

static bool find_ipv4(uint8_t *ip, size_t len, struct transport *t)
{
	size_t header = (size_t)(ip[IPV4_VERSION_IHL] & 0xf) * 4, total = wire_16(ip + IPV4_LENGTH);

	if (header < IPV4_LEN || total < header || total > len ||
	    wire_16(ip + IPV4_FRAGMENT) & IPV4_MF_OR_OFFSET)
		return false;
	*t = (struct transport){ip + header, total - header, ip[IPV4_PROTO],
				checksum_add(0, ip + IPV4_SRC, 8)};
	return true;
}

static bool find_ipv6(uint8_t *ip, size_t len, struct transport *t)
{
	struct ipv6_chain chain;
	size_t total;

	if (len < IPV6_LEN)
		return false;
	total = IPV6_LEN + (size_t)wire_16(ip + IPV6_LENGTH);
	if (total > len || ipv6_walk(ip, total, false, &chain) != DROP_NONE)
		return false;
	*t = (struct transport){ip + chain.l4, total - chain.l4, chain.proto,
				checksum_add(0, ip + IPV6_SRC, 2 * (size_t)ADDR6_LEN)};
	return true;
}

/* Finds the checksum field, and how many bytes it covers. NULL: there is none. */
static uint8_t *find_field(struct transport *t)
{
	if (t->proto == PROTO_TCP)
		return t->len >= TCP_LEN ? t->l4 + TCP_CHECKSUM : NULL;
	if (t->proto != PROTO_UDP || t->len < UDP_LEN || wire_16(t->l4 + UDP_LENGTH) < UDP_LEN ||
	    wire_16(t->l4 + UDP_LENGTH) > t->len)
		return NULL;
	t->len = wire_16(t->l4 + UDP_LENGTH);
	return t->l4 + UDP_CHECKSUM;
}

static uint16_t pseudo_sum(const struct transport *t)
{
	return checksum_fold(t->addresses + htons(t->proto) + htonl((uint32_t)t->len));
}

bool partial_finish(uint8_t *ip, size_t len)
{
	struct transport t;
	uint8_t *field;
	uint16_t sum;

	if (len < IPV4_LEN || !(ip[0] >> 4 == 6 ? find_ipv6(ip, len, &t) : find_ipv4(ip, len, &t)))
		return false;
	field = find_field(&t);
	if (field == NULL)
		return false;
	memcpy(&sum, field, sizeof(sum));
	if (sum != pseudo_sum(&t))
		return false;
	/* the field holds the sum of the pseudo-header, so this sum includes it */
	sum = checksum_apply_nonzero(UINT16_MAX, checksum_add(0, t.l4, t.len));
	if (memcmp(field, &sum, sizeof(sum)) == 0)
		return false; /* complete; equal by chance */
	memcpy(field, &sum, sizeof(sum));
	return true;
}

/*
 * Finishes the checksum of one packet. If it was partial, all packets of its port are checked from
 * now on.
 */
static void look_at(struct context *ctx, struct packet *p)
{
	if (!partial_finish(p->data, p->len))
		return;
	ctx->port_counters[p->in_port].partial++;
	ctx->ports[p->in_port].partial_until_s = ctx->now_s + PARTIAL_REST_S;
	ctx->partial_until_s = ctx->now_s + PARTIAL_REST_S;
}

static __attribute__((noinline, cold)) void look_at_all(struct context *ctx, struct burst *b,
							enum stage stage)
{
	for (unsigned i = 0; i < b->n[stage]; i++) {
		struct packet *p = b->list[stage][i];

		if (p->in_port != PORT_BACK_IN &&
		    ctx->now_s < ctx->ports[p->in_port].partial_until_s)
			look_at(ctx, p);
	}
}

void partial_look(struct context *ctx, struct burst *b, enum stage stage)
{
	struct packet *p = b->list[stage][0];

	if (__builtin_expect(ctx->now_s < ctx->partial_until_s, 0))
		look_at_all(ctx, b, stage);
	if (p->in_port != PORT_BACK_IN)
		look_at(ctx, p);
}
