/*
 * Reassemble: fragments wait until their packet is whole, then it goes on as one.
 *
 * The stage knows what was cut: a packet of a site or from the Internet, or the tunnel's packet
 * around it; of either family. A tunnel's whole packet is opened here, and may hold a fragment once
 * more; then it is parsed here, too, since no packet goes back. Where fragments wait, and what
 * bounds them, is in assembly.c; how they are read, in piece.c and piece6.c.
 *
 * Fragments of a packet may come to different workers: the owner of its key puts it together.
 * Whether a first fragment from the Internet belongs to a flow is known to the flow's owner: it
 * goes there first.
 */
#include "in/stages.h"

#include "base/wire.h"
#include "handover.h"
#include "in/admit.h"
#include "in/assembly.h"
#include "whole.h"

static bool is_six(const struct packet *p)
{
	return p->data[IPV6_VERSION] >> 4 == 6;
}

/* DROP_FRAGMENT: a sound one. */
static enum drop read_header(struct packet *p)
{
	return is_six(p) ? parse6_header(p) : parse_header(p);
}

static enum assembly_kind kind_of6(const struct lane *lane, const struct packet *p)
{
	struct addr6 dst = addr6_read(p->data + IPV6_DST);

	return p->tunnel == TUNNEL_NONE && network_is_local_end6(lane->net, &dst) ? ASSEMBLY_OUTER6
										  : ASSEMBLY_INNER6;
}

static enum assembly_kind kind_of(const struct lane *lane, const struct packet *p)
{
	if (is_six(p))
		return kind_of6(lane, p);
	if (p->tunnel == TUNNEL_NONE &&
	    network_find_address(lane->net, wire_be32(p->data + IPV4_DST)) < 0)
		return ASSEMBLY_OUTER;
	return ASSEMBLY_INNER;
}

static enum drop read_piece(const struct lane *lane, const struct packet *p, struct piece *piece)
{
	enum drop drop = is_six(p) ? piece6_read(p->data, piece) : piece_read(p->data, piece);

	piece->key.realm = lane->net->tunnels[p->tunnel].site;
	piece->key.zero = (uint8_t)kind_of(lane, p);
	return drop;
}

/* A tunnel's packet: @p becomes the one inside, of the family that GRE says. */
static enum drop open_whole(struct lane *lane, struct packet *p)
{
	enum stage next = STAGE_PARSE;
	enum drop drop = decapsulate_whole(lane, p, &next);

	if (drop != DROP_NONE)
		return drop;
	if (next == STAGE_PARSE6 && lane->flows6 == NULL)
		return DROP_NO_IPV6; /* as parse6 says of what is whole */
	return p->len < IPV4_LEN || is_six(p) != (next == STAGE_PARSE6) ? DROP_INNER_MALFORMED
									: DROP_NONE;
}

static bool is_foreign(const struct lane *lane, struct packet *p, const struct flow6_key *six)
{
	if (lane->count == 1)
		return false;
	return is_six(p) ? handover_is_foreign6(lane, p, six) : handover_is_foreign(lane, p);
}

/*
 * Asks whose flow a first fragment from the Internet belongs to; p->hop says it afterwards. @gone:
 * another worker has it now, to find out.
 */
static enum drop ask(struct lane *lane, struct packet *p, const struct piece *piece, bool *gone)
{
	struct flow6_key six;
	enum drop drop = admit_key(lane, p, piece, &six);

	if (drop != DROP_NONE)
		return drop;
	*gone = is_foreign(lane, p, &six);
	if (!*gone)
		return admit_first(lane, p, &six, &p->hop);
	handover_fragment(lane, p, SITE_INTERNET);
	return DROP_NONE;
}

/* Gives the fragment to the worker that puts its packet together, if that is another one. */
static bool hand_over(struct lane *lane, struct burst *b, struct packet *p,
		      const struct piece *piece)
{
	if (lane->count == 1 || !handover_fragment_is_foreign(lane, p, &piece->key))
		return false;
	if (p->tunnel == TUNNEL_NONE && p->hop != SITE_INTERNET) {
		handover_fragment(lane, p, p->hop);
		return true;
	}
	p->largest = piece->key.zero == ASSEMBLY_OUTER6; /* back to this stage, over there */
	burst_pass(b, STAGE_HANDOVER, p);
	return true;
}

/* Takes a fragment. True: @p is now a whole packet, opened; else it has been dealt with. */
static bool take(struct lane *lane, struct burst *b, struct packet *p)
{
	struct piece piece;
	bool whole, gone = false;
	enum drop drop = read_piece(lane, p, &piece);

	if (drop == DROP_NONE && piece.at == 0 && p->hop == SITE_INTERNET &&
	    piece.key.realm == SITE_INTERNET && !assembly_is_outer(piece.key.zero))
		drop = ask(lane, p, &piece, &gone);
	if (gone || (drop == DROP_NONE && hand_over(lane, b, p, &piece)))
		return false;
	if (drop == DROP_NONE)
		drop = assembly_add(lane, p, &piece, &whole);
	if (drop == DROP_NONE && whole && assembly_is_outer(piece.key.zero))
		drop = open_whole(lane, p);
	if (drop != DROP_NONE)
		burst_drop(b, p, drop);
	return drop == DROP_NONE && whole;
}

static void reassemble(struct lane *lane, struct burst *b, struct packet *p)
{
	enum drop drop = read_header(p);

	while (drop == DROP_FRAGMENT) {
		if (!take(lane, b, p))
			return;
		drop = read_header(p);
	}
	if (drop != DROP_NONE) {
		burst_drop(b, p, drop);
	} else if (is_six(p)) {
		parse6_packet(lane, b, p);
		p->largest = whole_largest(p->mbuf);
	} else {
		parse_packet(lane, b, p);
	}
}

void stage_reassemble(struct lane *lane, struct burst *b)
{
	for (unsigned i = 0; i < b->n[STAGE_REASSEMBLE]; i++)
		reassemble(lane, b, b->list[STAGE_REASSEMBLE][i]);
}
