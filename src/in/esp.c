/*
 * ESP, inbound: find the SA of a packet, and open the packets of a burst together.
 *
 * Decapsulation has checked the outer IP headers of a packet to a local end; p->data is still at
 * them. A packet of an SA of another worker goes there as it came: that worker alone writes the
 * SA's replay window. What comes out is the inner packet of the tunnel that the SA names.
 *
 * A reassembled packet is opened by itself: it comes at a stage behind this one.
 */
#include "in/esp.h"

#include "base/wire.h"
#include "esp/open.h"
#include "esp/outer.h"
#include "esp/sa_event.h"
#include "in/stages.h"
#include "path/handover.h"
#include "tunnel/ecn.h"
#include "tunnel/ipv6.h"

/* One burst on its way through this stage. */
struct opening {
	struct esp_in in[ESP_BURST_MAX];
	struct packet *packets[ESP_BURST_MAX];
	uint8_t tos[ESP_BURST_MAX]; /* of the outer header */
	unsigned n;
};

static_assert((int)ESP_BURST_MAX >= (int)BURST_MAX, "a burst is opened at once");

static bool is_six(const uint8_t *ip)
{
	return ip[IPV6_VERSION] >> 4 == 6;
}

/* The offset of the ESP header in @p. */
static unsigned header_of(const struct packet *p)
{
	const uint8_t *ip = p->data;
	struct ipv6_chain chain;

	if (!is_six(ip))
		return (ip[IPV4_VERSION_IHL] & 0xfu) * 4 +
		       (ip[IPV4_PROTO] == PROTO_UDP ? UDP_LEN : 0);
	ipv6_walk(ip, p->len, false, &chain);
	return chain.l4 + (chain.proto == PROTO_UDP ? UDP_LEN : 0u);
}

static uint8_t tos_of(const uint8_t *ip)
{
	return is_six(ip) ? (uint8_t)(wire_16(ip) >> 4) : ip[IPV4_TOS];
}

static void tell_unknown(struct context *ctx, const struct packet *p, unsigned header, uint32_t spi)
{
	struct esp_ends from;

	esp_outer_read(p->data, header, &from);
	esp_tell_unknown(ctx->esp, spi, &from);
}

/* DROP_NONE with *@owner: its SA is @in->sa. */
static enum drop find(struct context *ctx, struct packet *p, struct esp_in *in, uint16_t *owner)
{
	unsigned header = header_of(p);
	uint32_t spi;

	*in = (struct esp_in){
		.esp = p->data + header,
		.len = (uint16_t)(p->len - header),
		.ip = p->data,
	};
	if (p->len < header + ESP_HEADER_LEN)
		return DROP_ESP_SHORT;
	spi = ntohl(wire_be32(in->esp + ESP_SPI));
	in->sa = esp_find(ctx->esp->table, spi);
	if (in->sa == NULL) {
		tell_unknown(ctx, p, header, spi);
		return DROP_ESP_UNKNOWN_SPI;
	}
	*owner = esp_owner(in->sa, ctx->index);
	return DROP_NONE;
}

/* @p becomes the inner packet. */
static enum drop finish(struct context *ctx, struct packet *p, const struct esp_in *in, uint8_t tos)
{
	uint16_t tunnel = in->sa->tunnel;

	if (in->drop != DROP_NONE)
		return in->drop;
	if (!network_has_tunnel(ctx->net, tunnel) || ctx->net->tunnels[tunnel].type != TUNNEL_IPSEC)
		return DROP_TUNNEL_GONE;
	p->onramp = tunnel;
	p->data = in->inner;
	p->len = in->inner_len;
	ctx->tunnels[tunnel].rx_packets++;
	ctx->tunnels[tunnel].rx_bytes += p->len;
	return ecn_is_news(tos) ? ecn_open(tos, p->data, p->len) : DROP_NONE;
}

static void take(struct context *ctx, struct burst *b, struct packet *p, struct opening *o)
{
	uint16_t owner;
	enum drop drop = find(ctx, p, &o->in[o->n], &owner);

	if (drop != DROP_NONE) {
		burst_drop(b, p, drop);
	} else if (owner != ctx->index) {
		p->nexthop = NEXTHOP_NONE;
		handover_sealed(ctx, p, owner);
	} else {
		o->tos[o->n] = tos_of(p->data);
		o->packets[o->n++] = p;
	}
}

/* The rows of all packets, so that cache misses overlap. */
static void prefetch(const struct context *ctx, const struct burst *b)
{
	for (unsigned i = 0; i < b->n[STAGE_ESP_OPEN]; i++) {
		const struct packet *p = b->list[STAGE_ESP_OPEN][i];
		const uint8_t *esp = p->data + header_of(p);
		const struct esp_sa *sa;

		if (esp + ESP_HEADER_LEN > p->data + p->len)
			continue;
		sa = esp_place(ctx->esp->table, ntohl(wire_be32(esp + ESP_SPI)));
		esp_prefetch(sa);
		__builtin_prefetch(
			&sa->bits[ntohl(wire_be32(esp + ESP_NUMBER)) / 64 % ARRAY_SIZE(sa->bits)],
			1);
	}
}

void stage_esp_open(struct context *ctx, struct burst *b)
{
	struct opening o;

	o.n = 0;
	ctx->esp->now_ns = ctx->origin_ns + ctx->now_ns;
	prefetch(ctx, b);
	for (unsigned i = 0; i < b->n[STAGE_ESP_OPEN]; i++)
		take(ctx, b, b->list[STAGE_ESP_OPEN][i], &o);
	esp_open(ctx->esp, o.in, o.n);
	for (unsigned i = 0; i < o.n; i++) {
		struct packet *p = o.packets[i];
		enum drop drop = finish(ctx, p, &o.in[i], o.tos[i]);

		if (drop != DROP_NONE)
			burst_drop(b, p, drop);
		else
			burst_pass(b, o.in[i].six ? STAGE_PARSE6 : STAGE_PARSE, p);
	}
}

enum drop esp_open_one(struct context *ctx, struct packet *p, bool *six, bool *gone)
{
	struct esp_in in;
	uint16_t owner;
	uint8_t tos = tos_of(p->data);
	enum drop drop = find(ctx, p, &in, &owner);

	if (drop != DROP_NONE)
		return drop;
	if (owner != ctx->index) {
		p->nexthop = NEXTHOP_NONE;
		handover_sealed(ctx, p, owner);
		*gone = true;
		return DROP_NONE;
	}
	ctx->esp->now_ns = ctx->origin_ns + ctx->now_ns;
	esp_open(ctx->esp, &in, 1);
	*six = in.six;
	return finish(ctx, p, &in, tos);
}
