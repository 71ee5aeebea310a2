/*
 * Window: does a TCP segment fit the known state of its connection?
 *
 * An attacker who knows the addresses and ports of a connection can forge a reset without seeing
 * its packets. The ends check the sequence number (RFC 5961). We must, too: otherwise a forged
 * reset would end the flow here while the ends go on. A segment that does not fit is still
 * forwarded, since the ends decide; but it changes no state.
 *
 * The kept values come from the site's own segments. The far side cannot write them, so an attacker
 * on the Internet must guess them:
 *
 *   half open       tcp_ack     first sequence number of the site, that of its SYN
 *                   tcp_seq     how many it has sent since: SYN, data, FIN
 *   SYN_RECEIVED    tcp_ack     the number that the site has to acknowledge
 *   established     tcp_ack     what its last segment acknowledged
 *                   tcp_seq     high half of that segment's sequence number
 *                   tcp_window  high byte of its window field
 *   always          tcp_scales  window scales of both sides, from their SYNs (RFC 7323 section 2.2)
 *
 * These values bound the sequence numbers in flight when a segment arrives:
 *
 *   towards the site     the window of its last segment, scaled
 *   from the site        the largest window that the far side's scale allows. Its real window is
 *                        not kept, since attackers could forge it
 *
 * 64 KiB are added to both, for reordered segments. So these segments fit:
 *
 *   answer to a SYN      acknowledges at least the SYN, and nothing that was not sent
 *   third segment        acknowledges at least the SYN+ACK, if the far side began
 *   reset                has exactly the sequence number that the site expects
 *   reset or FIN + ACK   is inside the site's window, and acknowledges data in flight
 *
 * The chance of one blind guess at the last row is the product of two shares of the number space.
 * Site window 64 KiB, far side's scale 7 (Linux): 2^-15 * 2^-8. Site window 6 MiB: 2^-9 * 2^-8.
 * The worst case, both scales 14 and a window of a GiB: one in eight. A guess that fits does not
 * end the flow: the flow gets the timeout of closed connections, and its packets keep renewing it.
 */
#include "flow/window.h"

#include "base/tcp_options.h"

enum { WINDOW_SLACK = 1 << 16 };

static uint8_t read_scale(const uint8_t *tcp, size_t header)
{
	for (size_t at = tcp_option_at(tcp, header, TCP_LEN); at < header;
	     at = tcp_option_next(tcp, header, at)) {
		if (tcp[at] == TCP_OPTION_SCALE && tcp[at + 1] == TCP_OPTION_SCALE_LEN)
			return tcp[at + 2] < FLOW_SCALE_MAX ? tcp[at + 2] : FLOW_SCALE_MAX;
	}
	return FLOW_SCALE_NONE;
}

struct flow_segment flow_tcp_read(const uint8_t *tcp, size_t len)
{
	size_t header = (size_t)(tcp[TCP_OFFSET] >> 4) * 4;
	uint8_t flags = tcp[TCP_FLAGS];

	return (struct flow_segment){
		.seq = ntohl(wire_be32(tcp + TCP_SEQ)),
		.ack = ntohl(wire_be32(tcp + TCP_ACK_NUMBER)),
		.len = (uint32_t)(len - header) + !!(flags & TCP_SYN) + !!(flags & TCP_FIN),
		.flags = flags,
		.scale = flags & TCP_SYN ? read_scale(tcp, header) : FLOW_SCALE_NONE,
		.window = tcp[TCP_WINDOW],
	};
}

/* Is @n at most @behind before and @ahead after @base, by serial number arithmetic (RFC 1982)? */
static bool is_within(uint32_t n, uint32_t base, uint32_t behind, uint32_t ahead)
{
	return n - base + behind <= behind + ahead;
}

static uint8_t scale_of(const struct flow *f, enum flow_dir dir)
{
	return dir == FLOW_FORWARD ? f->tcp_scales & 15 : f->tcp_scales >> 4;
}

static void set_scale(struct flow *f, enum flow_dir dir, uint8_t scale)
{
	if (dir == FLOW_FORWARD)
		f->tcp_scales = (uint8_t)((f->tcp_scales & 0xf0) | scale);
	else
		f->tcp_scales = (uint8_t)((f->tcp_scales & 0x0f) | scale << 4);
}

/* Window scales apply only if both SYNs had one. */
static uint8_t agreed_scale(const struct flow *f, enum flow_dir dir)
{
	bool both = scale_of(f, FLOW_FORWARD) != FLOW_SCALE_NONE &&
		    scale_of(f, FLOW_RETURN) != FLOW_SCALE_NONE;

	return both ? scale_of(f, dir) : 0;
}

/* How much may be in flight to the site, and from it. */
static uint32_t window_of_site(const struct flow *f)
{
	uint32_t field = (uint32_t)f->tcp_window << 8 | 0xff;

	return (field << agreed_scale(f, FLOW_FORWARD)) + WINDOW_SLACK;
}

static uint32_t window_of_other(const struct flow *f)
{
	return (UINT32_C(0xffff) << agreed_scale(f, FLOW_RETURN)) + WINDOW_SLACK;
}

/* Is @n near the site's last sequence number, of which the high half is known? */
static bool is_near_sent(const struct flow *f, uint32_t n)
{
	uint32_t window = window_of_other(f);

	return is_within(n, (uint32_t)ntohs(f->tcp_seq) << 16, window, window + 0xffff);
}

static uint32_t first_sent(const struct flow *f)
{
	return ntohl(f->tcp_ack);
}

/* Before the connection is established, only a SYN or a reset may lack ACK. */
static bool is_premature(const struct flow_segment *s)
{
	return !(s->flags & (TCP_SYN | TCP_RST | TCP_ACK));
}

static bool fits_forward(const struct flow *f, const struct flow_segment *s)
{
	if (f->state == FLOW_TCP_SYN_RECEIVED ||
	    s->flags & TCP_SYN) /* a SYN has an initial number */
		return true;
	if (flow_is_half_open(f->state))
		return !is_premature(s) &&
		       is_within(s->seq, first_sent(f), WINDOW_SLACK, WINDOW_SLACK);
	return is_near_sent(f, s->seq);
}

static bool is_bare_syn(const struct flow_segment *s)
{
	return (s->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
}

/* So far the site has sent only its SYN or SYN+ACK, perhaps with data. */
static bool fits_half_open(const struct flow *f, const struct flow_segment *s)
{
	uint32_t sent = ntohs(f->tcp_seq);

	if (!(s->flags & TCP_ACK)) /* simultaneous open (RFC 9293 section 3.5), or SYN again */
		return is_bare_syn(s);
	return sent > 0 && is_within(s->ack, first_sent(f) + 1, 0, sent - 1);
}

/* Only the sender of the SYN and those on the path know its number. */
static bool fits_syn_received(const struct flow *f, const struct flow_segment *s)
{
	return is_bare_syn(s) || (s->flags & TCP_RST && s->seq == ntohl(f->tcp_ack));
}

static bool fits_return(const struct flow *f, const struct flow_segment *s)
{
	uint32_t expected = ntohl(f->tcp_ack), window = window_of_site(f);

	if (f->state == FLOW_TCP_SYN_RECEIVED)
		return fits_syn_received(f, s);
	if (flow_is_half_open(f->state))
		return fits_half_open(f, s);
	if (!(s->flags & TCP_ACK))
		return s->flags & TCP_RST && s->seq == expected;
	/* A FIN may be repeated after it was acknowledged; a reset may not. */
	return is_within(s->seq, expected, s->flags & TCP_RST ? 0 : window, window) &&
	       is_near_sent(f, s->ack);
}

bool flow_tcp_fits(const struct flow *f, enum flow_dir dir, const struct flow_segment *s)
{
	if ((s->flags & (TCP_SYN | TCP_FIN)) == (TCP_SYN | TCP_FIN)) /* sent by a scanner */
		return false;
	if (!(s->flags & (TCP_SYN | TCP_FIN | TCP_RST)) && !flow_is_half_open(f->state))
		return true; /* changes nothing */
	return dir == FLOW_FORWARD ? fits_forward(f, s) : fits_return(f, s);
}

/* Records that the site has sent up to the end of @s; after a new SYN, counted from that SYN. */
static void learn_sent(struct flow *f, uint8_t before, const struct flow_segment *s)
{
	bool anew = s->flags & TCP_SYN && (before == FLOW_TCP_SYN_RECEIVED ||
					   before == FLOW_TCP_CLOSED || s->seq != first_sent(f));
	uint32_t sent;

	if (anew) {
		f->tcp_ack = htonl(s->seq);
		f->tcp_seq = 0;
	}
	sent = s->seq + s->len - first_sent(f);
	if (sent > UINT16_MAX)
		sent = s->seq - first_sent(f) <= UINT16_MAX ? UINT16_MAX : 0;
	if (sent > ntohs(f->tcp_seq))
		f->tcp_seq = htons((uint16_t)sent);
}

static void learn_established(struct flow *f, uint32_t seq, uint32_t ack, uint8_t window)
{
	f->tcp_seq = htons((uint16_t)(seq >> 16));
	f->tcp_window = window;
	f->tcp_ack = htonl(ack);
}

static void learn_forward(struct flow *f, uint8_t before, const struct flow_segment *s)
{
	bool was_open = before >= FLOW_TCP_ESTABLISHED && !flow_is_half_open(f->state);

	if (s->flags & TCP_RST || f->state == FLOW_TCP_SYN_RECEIVED)
		return;
	if (before == FLOW_TCP_CLOSED && flow_is_half_open(f->state))
		set_scale(f, FLOW_RETURN, FLOW_SCALE_NONE);
	if (s->flags & TCP_SYN && !was_open)
		set_scale(f, FLOW_FORWARD, s->scale);
	if (flow_is_half_open(f->state))
		learn_sent(f, before, s);
	else if (s->flags & TCP_ACK)
		learn_established(f, s->seq, s->ack, s->window);
}

/* For a SYN of the far side: one that answers the site's SYN, or that opens the flow. */
static void learn_other_scale(struct flow *f, uint8_t before, const struct flow_segment *s)
{
	bool answers = s->flags & TCP_ACK && flow_is_half_open(before);
	bool opens = before == FLOW_TCP_SYN_RECEIVED && s->seq + 1 == ntohl(f->tcp_ack);

	if (s->flags & TCP_SYN && (answers || opens || before == FLOW_TCP_SYN_SENT))
		set_scale(f, FLOW_RETURN, s->scale);
}

static void learn_return(struct flow *f, uint8_t before, const struct flow_segment *s)
{
	if (before == FLOW_TCP_CLOSED && f->state == FLOW_TCP_SYN_RECEIVED) {
		f->tcp_ack = htonl(s->seq + 1);
		set_scale(f, FLOW_FORWARD, FLOW_SCALE_NONE);
		set_scale(f, FLOW_RETURN, s->scale);
		return;
	}
	learn_other_scale(f, before, s);
	/* The site's window is not known yet: assume a large one until its next segment. */
	if (flow_is_half_open(before) && !flow_is_half_open(f->state))
		learn_established(f, first_sent(f) + ntohs(f->tcp_seq), s->seq, UINT8_MAX);
}

void flow_tcp_learn(struct flow *f, uint8_t before, enum flow_dir dir, const struct flow_segment *s)
{
	if (dir == FLOW_FORWARD)
		learn_forward(f, before, s);
	else
		learn_return(f, before, s);
}
