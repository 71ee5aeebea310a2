/*
 * TCP connection tracking: one table, state x direction x kind of segment.
 *
 * The state is only as detailed as the timeouts need it (RFC 5382 REQ-5, RFC 7857 section 2):
 * opening, established, closing. Segments are never refused here; the two ends check them.
 */
#include "flow/flow.h"

enum segment {
	SEG_SYN,
	SEG_SYN_ACK,
	SEG_FIN,
	SEG_RST,
	SEG_OTHER, /* data or only ACK */
	SEG_COUNT,
};

#define SYNS FLOW_TCP_SYN_SENT
#define SYNR FLOW_TCP_SYN_RECEIVED
#define SAKR FLOW_TCP_SYN_ACK_RECEIVED
#define SAKS FLOW_TCP_SYN_ACK_SENT
#define ESTA FLOW_TCP_ESTABLISHED
#define FINF FLOW_TCP_FIN_SENT
#define FINR FLOW_TCP_FIN_RECEIVED
#define CLOS FLOW_TCP_CLOSED

enum { STATES = FLOW_TCP_CLOSED - FLOW_TCP_SYN_SENT + 1 };

/* clang-format off */
static const uint8_t next[STATES][2][SEG_COUNT] = {
	/*                SYN   SYN+ACK FIN   RST   other */
	[SYNS - SYNS] = {
		/* forward */ { SYNS, SYNS, CLOS, CLOS, SYNS }, /* SYN again */
		/* return  */ { SAKR, SAKR, CLOS, CLOS, SYNS }, /* only SYN: simultaneous open */
	},
	[SYNR - SYNS] = {
		/* forward */ { SAKR, SAKS, CLOS, CLOS, SYNR }, /* only SYN: simultaneous open */
		/* return  */ { SYNR, SYNR, CLOS, CLOS, SYNR },
	},
	[SAKR - SYNS] = {
		/* forward */ { SAKR, ESTA, FINF, CLOS, ESTA }, /* third; SYN+ACK: simultaneous */
		/* return  */ { SAKR, SAKR, FINR, CLOS, SAKR }, /* SYN+ACK again: third was lost */
	},
	[SAKS - SYNS] = {
		/* forward */ { SAKS, SAKS, SAKS, CLOS, SAKS }, /* SYN+ACK again: not yet */
		/* return  */ { SAKS, SAKS, FINR, CLOS, ESTA }, /* the third segment */
	},
	[ESTA - SYNS] = {
		/* forward */ { ESTA, ESTA, FINF, CLOS, ESTA }, /* SYN: no change */
		/* return  */ { ESTA, ESTA, FINR, CLOS, ESTA },
	},
	[FINF - SYNS] = {
		/* forward */ { FINF, FINF, FINF, CLOS, FINF }, /* FIN again */
		/* return  */ { FINF, FINF, CLOS, CLOS, FINF }, /* half closed */
	},
	[FINR - SYNS] = {
		/* forward */ { FINR, FINR, CLOS, CLOS, FINR },
		/* return  */ { FINR, FINR, FINR, CLOS, FINR },
	},
	[CLOS - SYNS] = {
		/* forward */ { SYNS, CLOS, CLOS, CLOS, CLOS }, /* SYN: a new connection */
		/* return  */ { SYNR, CLOS, CLOS, CLOS, CLOS }, /* SYN of the far side */
	},
};
/* clang-format on */

static enum segment segment_of(uint8_t flags)
{
	if (flags & TCP_RST)
		return SEG_RST;
	if (flags & TCP_SYN)
		return flags & TCP_ACK ? SEG_SYN_ACK : SEG_SYN;
	return flags & TCP_FIN ? SEG_FIN : SEG_OTHER;
}

uint8_t flow_tcp_next(uint8_t state, enum flow_dir dir, uint8_t tcp_flags)
{
	assert(state >= FLOW_TCP_SYN_SENT && state <= FLOW_TCP_CLOSED);
	return next[state - FLOW_TCP_SYN_SENT][dir][segment_of(tcp_flags)];
}
