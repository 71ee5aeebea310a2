/*
 * TCP, as seen from the middle: one table, state x direction x what the segment says.
 *
 * We follow the connection only as far as we must know how long to remember it (RFC 5382 REQ-5,
 * RFC 7857 section 2): opening, established, closing. Segments are never refused here; that is for
 * the two ends.
 */
#include "flow/flow.h"

enum segment {
	SEG_SYN,
	SEG_SYN_ACK,
	SEG_FIN,
	SEG_RST,
	SEG_OTHER, /* data or plain acknowledgement */
	SEG_COUNT,
};

#define OPEN FLOW_TCP_SYN_SENT
#define CALL FLOW_TCP_SYN_RECEIVED
#define ANSW FLOW_TCP_SYN_ACK_RECEIVED
#define ACPT FLOW_TCP_SYN_ACK_SENT
#define ESTA FLOW_TCP_ESTABLISHED
#define FINF FLOW_TCP_FIN_SENT
#define FINR FLOW_TCP_FIN_RECEIVED
#define CLOS FLOW_TCP_CLOSED

enum { STATES = FLOW_TCP_CLOSED - FLOW_TCP_SYN_SENT + 1 };

/* clang-format off */
static const uint8_t next[STATES][2][SEG_COUNT] = {
	/*                SYN   SYN+ACK FIN   RST   other */
	[OPEN - OPEN] = {
		/* forward */ { OPEN, OPEN, CLOS, CLOS, OPEN }, /* SYN again; nothing agreed yet */
		/* return  */ { ANSW, ANSW, CLOS, CLOS, OPEN }, /* a bare SYN: simultaneous open */
	},
	[CALL - OPEN] = {
		/* forward */ { ANSW, ACPT, CLOS, CLOS, CALL }, /* a bare SYN: both opened */
		/* return  */ { CALL, CALL, CLOS, CLOS, CALL },
	},
	[ANSW - OPEN] = {
		/* forward */ { ANSW, ESTA, FINF, CLOS, ESTA }, /* third; SYN+ACK: both opened */
		/* return  */ { ANSW, ANSW, FINR, CLOS, ANSW }, /* SYN+ACK again: third was lost */
	},
	[ACPT - OPEN] = {
		/* forward */ { ACPT, ACPT, ACPT, CLOS, ACPT }, /* SYN+ACK again: not enough */
		/* return  */ { ACPT, ACPT, FINR, CLOS, ESTA }, /* the third segment */
	},
	[ESTA - OPEN] = {
		/* forward */ { ESTA, ESTA, FINF, CLOS, ESTA }, /* a stray SYN ends nothing */
		/* return  */ { ESTA, ESTA, FINR, CLOS, ESTA },
	},
	[FINF - OPEN] = {
		/* forward */ { FINF, FINF, FINF, CLOS, FINF }, /* FIN again */
		/* return  */ { FINF, FINF, CLOS, CLOS, FINF }, /* half closed, the other goes on */
	},
	[FINR - OPEN] = {
		/* forward */ { FINR, FINR, CLOS, CLOS, FINR },
		/* return  */ { FINR, FINR, FINR, CLOS, FINR },
	},
	[CLOS - OPEN] = {
		/* forward */ { OPEN, CLOS, CLOS, CLOS, CLOS }, /* the five-tuple starts anew */
		/* return  */ { CALL, CLOS, CLOS, CLOS, CLOS }, /* stragglers; SYN: it may open */
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
