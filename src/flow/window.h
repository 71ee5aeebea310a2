/*
 * Window: checks TCP segments against the known state of their connection, and updates that state.
 * See window.c.
 */
#pragma once

#include "base/wire.h"
#include "flow/flow.h"

/* One segment, host order. */
struct flow_segment {
	uint32_t seq, ack;
	uint32_t len; /* sequence numbers that it uses: data, SYN and FIN */
	uint8_t flags;
	uint8_t scale; /* SYN: its window scale (RFC 7323), or FLOW_SCALE_NONE */
	uint8_t window; /* high byte of the window field */
};

enum { FLOW_SCALE_MAX = 14, FLOW_SCALE_NONE = 15 };

/* Reads the segment at @tcp, @len bytes including its header, which was checked. */
struct flow_segment flow_tcp_read(const uint8_t *tcp, size_t len);

/*
 * Does a segment in direction @dir fit the connection? One that does not may be forged: it is
 * forwarded but must not change the flow's state.
 */
bool flow_tcp_fits(const struct flow *f, enum flow_dir dir, const struct flow_segment *s);

/* Stores what later checks need. @s fits the connection and moved the flow from state @before. */
void flow_tcp_learn(struct flow *f, uint8_t before, enum flow_dir dir,
		    const struct flow_segment *s);

/* The same on the fast path: a segment with ACK from the site, connection established. */
static inline void flow_tcp_note(struct flow *f, const uint8_t *tcp)
{
	memcpy(&f->tcp_seq, tcp + TCP_SEQ, sizeof(f->tcp_seq));
	f->tcp_window = tcp[TCP_WINDOW];
	memcpy(&f->tcp_ack, tcp + TCP_ACK_NUMBER, sizeof(f->tcp_ack));
}
