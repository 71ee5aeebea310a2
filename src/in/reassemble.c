/*
 * Reassemble: fragments wait until their packet is complete; then the reassembled packet goes on.
 *
 * Fragments are of an inner packet (of a site or from the Internet) or of an outer packet (of a
 * tunnel), of either family. A reassembled outer packet is decapsulated and parsed here, since no
 * packet goes back to an earlier stage; the inner packet may be a fragment again. assembly.c holds
 * the fragments and bounds them; fragment.c and fragment6.c read them.
 *
 * Fragments of one packet may arrive at different workers; the worker that owns their key
 * reassembles them. A first fragment from the Internet goes to the owner of its flow first, if that
 * is another worker. The reassembled packet goes to the owner of its flow like any other packet.
 */
#include "in/stages.h"

#include "base/wire.h"
#include "in/admit.h"
#include "in/assembly.h"
#include "in/decapsulate.h"
#include "in/esp.h"
#include "in/parse.h"
#include "path/handover.h"
#include "path/owner.h"
#include "path/reassembled.h"

static bool is_six(const struct packet *p)
{
	return p->data[IPV6_VERSION] >> 4 == 6;
}

/* DROP_FRAGMENT: a valid fragment. */
static enum drop read_header(struct packet *p)
{
	return is_six(p) ? parse6_header(p) : parse_header(p);
}

static enum assembly_kind kind_of6(const struct context *ctx, const struct packet *p)
{
	struct addr6 dst = addr6_read(p->data + IPV6_DST);

	return p->onramp == TUNNEL_NONE && network_is_local_end6(ctx->net, &dst) ? ASSEMBLY_OUTER6
										 : ASSEMBLY_INNER6;
}

static enum assembly_kind kind_of(const struct context *ctx, const struct packet *p)
{
	be32_t dst;

	if (is_six(p))
		return kind_of6(ctx, p);
	dst = wire_be32(p->data + IPV4_DST);
	if (p->onramp == TUNNEL_NONE && network_find_address(ctx->net, dst) < 0 &&
	    !network_is_untranslated(ctx->net, dst))
		return ASSEMBLY_OUTER;
	return ASSEMBLY_INNER;
}

static enum drop read_fragment(const struct context *ctx, const struct packet *p,
			       struct fragment *fragment)
{
	enum drop drop =
		is_six(p) ? fragment6_read(p->data, fragment) : fragment_read(p->data, fragment);

	fragment->key.realm = ctx->net->tunnels[p->onramp].site;
	fragment->key.domain = (uint8_t)kind_of(ctx, p);
	return drop;
}

/*
 * Decapsulates a reassembled tunnel packet: @p becomes the inner packet, of the family that the
 * tunnel's header names.
 */
static enum drop open_reassembled(struct context *ctx, struct packet *p, bool *gone)
{
	enum stage next = STAGE_PARSE;
	enum drop drop = decapsulate_reassembled(ctx, p, &next);

	if (drop == DROP_NONE && next == STAGE_ESP_OPEN) {
		bool six = false;

		drop = esp_open_one(ctx, p, &six, gone);
		next = six ? STAGE_PARSE6 : STAGE_PARSE;
	}
	if (drop != DROP_NONE || *gone)
		return drop;
	if (next == STAGE_PARSE6 && ctx->flows6 == NULL)
		return DROP_NO_IPV6; /* parse6 gives the same reason */
	return p->len < IPV4_LEN || is_six(p) != (next == STAGE_PARSE6) ? DROP_INNER_MALFORMED
									: DROP_NONE;
}

static bool is_of_other_port(const struct context *ctx, struct packet *p,
			     const struct flow6_key *six)
{
	if (ctx->count == 1)
		return false;
	return is_six(p) ? owner_by_port6(ctx, p, six) : owner_by_port(ctx, p);
}

/* Has another worker the flow, whose source is not translated? Others are found by their port. */
static bool is_elsewhere(const struct context *ctx, const struct burst *b, struct packet *p,
			 const struct flow6_key *six)
{
	if (ctx->count == 1 || burst_was_handed(b, p))
		return false;
	return is_six(p) ? owner_ask6(ctx, owner_site6(ctx, six), p, six)
			 : owner_ask(ctx, owner_site(ctx, p), p);
}

/*
 * Finds the flow of a first fragment from the Internet and writes its site to p->site_of_fragment.
 * @gone: the fragment was handed to the worker that owns the flow.
 */
static enum drop reassemble_ask(struct context *ctx, const struct burst *b, struct packet *p,
				const struct fragment *fragment, bool *gone)
{
	struct flow6_key six;
	enum drop drop = admit_key(ctx, p, fragment, &six);

	if (drop != DROP_NONE)
		return drop;
	*gone = is_of_other_port(ctx, p, &six);
	if (!*gone) {
		drop = admit_first(ctx, p, &six, &p->site_of_fragment);
		*gone = drop == DROP_NO_FLOW && is_elsewhere(ctx, b, p, &six);
	}
	if (!*gone)
		return drop;
	handover_fragment(ctx, p, SITE_INTERNET);
	return DROP_NONE;
}

/* Hands the fragment to the worker that reassembles its packet, if that is another one. */
static bool hand_over(struct context *ctx, struct burst *b, struct packet *p,
		      const struct fragment *fragment)
{
	if (ctx->count == 1 || !owner_by_fragment(ctx, p, &fragment->key))
		return false;
	if (p->onramp == TUNNEL_NONE && p->site_of_fragment != SITE_INTERNET) {
		handover_fragment(ctx, p, p->site_of_fragment);
		return true;
	}
	burst_handover(b, p, HANDOVER_TO_REASSEMBLE);
	return true;
}

/*
 * Takes a fragment. True: @p is now the reassembled packet, decapsulated. False: @p was consumed.
 */
static bool reassemble_take(struct context *ctx, struct burst *b, struct packet *p)
{
	struct fragment fragment;
	bool whole, gone = false;
	enum drop drop = read_fragment(ctx, p, &fragment);

	if (drop == DROP_NONE && fragment.at == 0 && p->site_of_fragment == SITE_INTERNET &&
	    fragment.key.realm == SITE_INTERNET && !assembly_is_outer(fragment.key.domain))
		drop = reassemble_ask(ctx, b, p, &fragment, &gone);
	if (gone || (drop == DROP_NONE && hand_over(ctx, b, p, &fragment)))
		return false;
	if (drop == DROP_NONE)
		drop = assembly_add(ctx, p, &fragment, &whole);
	if (drop == DROP_NONE && whole)
		burst_reassembled(b, p);
	if (drop == DROP_NONE && whole && assembly_is_outer(fragment.key.domain))
		drop = open_reassembled(ctx, p, &gone);
	if (drop != DROP_NONE)
		burst_drop(b, p, drop);
	return drop == DROP_NONE && whole && !gone;
}

static void reassemble(struct context *ctx, struct burst *b, struct packet *p)
{
	enum drop drop = read_header(p);

	while (drop == DROP_FRAGMENT) {
		if (!reassemble_take(ctx, b, p))
			return;
		drop = read_header(p);
	}
	if (drop != DROP_NONE) {
		burst_drop(b, p, drop);
	} else if (is_six(p)) {
		parse6_packet(ctx, b, p);
		p->fragment_limit = reassembled_largest(p->mbuf);
	} else {
		parse_packet(ctx, b, p);
	}
}

void stage_reassemble(struct context *ctx, struct burst *b)
{
	for (unsigned i = 0; i < b->n[STAGE_REASSEMBLE]; i++)
		reassemble(ctx, b, b->list[STAGE_REASSEMBLE][i]);
}
