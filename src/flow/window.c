/*
 * Window: does a TCP segment fit what is known of its connection?
 *
 * Whoever knows a connection's addresses and ports can send a reset that looks as if it came from
 * the other side, without seeing a single packet of it. The ends look at the sequence number
 * (RFC 5961); so do we, or such a reset would end the flow here while the ends talk on. A segment
 * that does not fit is passed on all the same, for the ends to judge; it changes no state.
 *
 * All that is kept is what the site's last segment said: its sequence number, and the number it
 * expects next from the other side. The other side can't write these two, so a stranger on the
 * Internet must guess against them:
 *
 *   answer to a SYN       has to acknowledge it
 *   third segment         has to acknowledge the SYN+ACK, where the other side began
 *   reset                 exactly the number that the site expects
 *   reset or FIN + ACK    a number within WINDOW of that, and acknowledges within WINDOW of what
 *                         the site sent: one guess in half a million
 *
 * WINDOW is what may be on its way between the two when the segment comes by. Segments of the
 * site are held against its own number.
 */
#include "flow/flow.h"

enum {
	WINDOW = 4 << 20, /* as much as common systems have on their way unasked */
	SYN_DATA_MAX = 1500, /* a SYN may carry data (RFC 7413), and that be acknowledged */
};

/* Is @n at most @behind before and @ahead after @base, by serial number arithmetic (RFC 1982)? */
static bool is_within(uint32_t n, uint32_t base, uint32_t behind, uint32_t ahead)
{
	return n - base + behind <= behind + ahead;
}

static bool fits_forward(const struct flow *f, const struct flow_segment *s)
{
	if (f->state == FLOW_TCP_CALLED) /* it has said nothing yet, and may refuse */
		return true;
	return s->flags & TCP_SYN || is_within(s->seq, ntohl(f->tcp_seq), WINDOW, WINDOW);
}

static bool is_bare_syn(const struct flow_segment *s)
{
	return (s->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
}

/* The site has only sent its SYN or its SYN+ACK as yet, perhaps with data. */
static bool fits_half_open(const struct flow *f, const struct flow_segment *s)
{
	if (!(s->flags & TCP_ACK)) /* simultaneous open (RFC 9293 section 3.5), or SYN again */
		return is_bare_syn(s);
	return is_within(s->ack, ntohl(f->tcp_seq) + 1, 0, SYN_DATA_MAX);
}

/* Nobody but who sent the SYN knows its number. */
static bool fits_called(const struct flow *f, const struct flow_segment *s)
{
	return is_bare_syn(s) || (s->flags & TCP_RST && s->seq == ntohl(f->tcp_ack));
}

static bool fits_return(const struct flow *f, const struct flow_segment *s)
{
	uint32_t expected = ntohl(f->tcp_ack);

	if (f->state == FLOW_TCP_CALLED)
		return fits_called(f, s);
	if (flow_is_half_open(f->state))
		return fits_half_open(f, s);
	if (!(s->flags & TCP_ACK))
		return s->flags & TCP_RST && s->seq == expected;
	/* A FIN may come again when it was acknowledged already; a reset is new. */
	return is_within(s->seq, expected, s->flags & TCP_RST ? 0 : WINDOW, WINDOW) &&
	       is_within(s->ack, ntohl(f->tcp_seq), WINDOW, WINDOW);
}

bool flow_tcp_fits(const struct flow *f, enum flow_dir dir, const struct flow_segment *s)
{
	if (!(s->flags & (TCP_SYN | TCP_FIN | TCP_RST)) && f->state != FLOW_TCP_ACCEPTED)
		return true;
	return dir == FLOW_FORWARD ? fits_forward(f, s) : fits_return(f, s);
}
