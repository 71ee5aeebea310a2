/*
 * TCP connections as transcripts: a row is a segment, the side that sent it, and the state after
 * it.
 */
#include "flow/flow.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum {
	NONE = 0,
	FIN = TCP_FIN,
	SYN = TCP_SYN,
	RST = TCP_RST,
	ACK = TCP_ACK,
	PSH = 0x08,
	ECE = 0x40
};

#define F FLOW_FORWARD
#define R FLOW_RETURN
#define BEGIN(name)                                                                                \
	{                                                                                          \
		true, F, SYN, FLOW_TCP_SYN_SENT, name                                              \
	}

#define BEGIN_CALLED(name)                                                                         \
	{                                                                                          \
		true, R, SYN, FLOW_TCP_SYN_RECEIVED, name                                          \
	}

/* clang-format off */
static const struct {
	bool fresh; /* a new connection, just opened */
	enum flow_dir from;
	uint8_t flags;
	enum flow_state state;
	const char *why;
} rows[] = {
	BEGIN("an ordinary connection"),
	{ 0, R, SYN | ACK, FLOW_TCP_SYN_ACK_RECEIVED,    "answered" },
	{ 0, F, ACK,       FLOW_TCP_ESTABLISHED, "third segment" },
	{ 0, F, ACK | PSH, FLOW_TCP_ESTABLISHED, "data" },
	{ 0, R, ACK,       FLOW_TCP_ESTABLISHED, "data acknowledged" },
	{ 0, F, FIN | ACK, FLOW_TCP_FIN_SENT, "the starter has said all" },
	{ 0, R, ACK,       FLOW_TCP_FIN_SENT, "half closed: data may still come" },
	{ 0, R, ACK | PSH, FLOW_TCP_FIN_SENT, "and does" },
	{ 0, R, FIN | ACK, FLOW_TCP_CLOSED,      "both have" },
	{ 0, F, ACK,       FLOW_TCP_CLOSED,      "last acknowledgement" },
	{ 0, F, FIN | ACK, FLOW_TCP_CLOSED,      "sent again" },

	BEGIN("the other side closes first"),
	{ 0, R, SYN | ACK, FLOW_TCP_SYN_ACK_RECEIVED,    "" },
	{ 0, F, ACK,       FLOW_TCP_ESTABLISHED, "" },
	{ 0, R, FIN | ACK, FLOW_TCP_FIN_RECEIVED,  "the server has said all" },
	{ 0, R, FIN | ACK, FLOW_TCP_FIN_RECEIVED,  "FIN again is not the other's FIN" },
	{ 0, F, ACK | PSH, FLOW_TCP_FIN_RECEIVED,  "the client goes on" },
	{ 0, F, FIN | ACK, FLOW_TCP_CLOSED,      "both have" },

	BEGIN("losses while opening"),
	{ 0, F, SYN,       FLOW_TCP_SYN_SENT,     "SYN again" },
	{ 0, R, SYN | ACK, FLOW_TCP_SYN_ACK_RECEIVED,    "" },
	{ 0, R, SYN | ACK, FLOW_TCP_SYN_ACK_RECEIVED,    "SYN+ACK again" },
	{ 0, F, SYN,       FLOW_TCP_SYN_ACK_RECEIVED,    "a late SYN" },
	{ 0, R, ACK,       FLOW_TCP_SYN_ACK_RECEIVED,    "only the starter makes it established" },
	{ 0, F, ACK | PSH, FLOW_TCP_ESTABLISHED, "the third segment was lost, data came" },

	BEGIN("nobody answers"),
	{ 0, F, ACK,       FLOW_TCP_SYN_SENT,     "the starter alone cannot establish" },
	{ 0, F, NONE,      FLOW_TCP_SYN_SENT,     "nor with no flags at all" },
	{ 0, R, ACK,       FLOW_TCP_SYN_SENT,     "nor does an answer without SYN" },
	{ 0, F, FIN,       FLOW_TCP_CLOSED,      "given up" },

	BEGIN("refused"),
	{ 0, R, RST | ACK, FLOW_TCP_CLOSED,      "no such port" },
	{ 0, F, SYN,       FLOW_TCP_SYN_SENT,     "the same five-tuple tries again" },
	{ 0, R, SYN | ACK, FLOW_TCP_SYN_ACK_RECEIVED,    "and is heard" },
	{ 0, F, ACK,       FLOW_TCP_ESTABLISHED, "" },
	{ 0, R, RST,       FLOW_TCP_CLOSED,      "reset by the server" },
	{ 0, R, SYN | ACK, FLOW_TCP_CLOSED,      "a straggler" },
	{ 0, R, SYN,       FLOW_TCP_SYN_RECEIVED,      "the far side begins anew, if follow.c lets it" },

	BEGIN_CALLED("the other side opens"),
	{ 0, R, SYN,       FLOW_TCP_SYN_RECEIVED,      "SYN again" },
	{ 0, R, ACK,       FLOW_TCP_SYN_RECEIVED,      "it alone establishes nothing" },
	{ 0, F, ACK,       FLOW_TCP_SYN_RECEIVED,      "nor does an answer without SYN" },
	{ 0, F, SYN | ACK, FLOW_TCP_SYN_ACK_SENT,    "accepted" },
	{ 0, F, SYN | ACK, FLOW_TCP_SYN_ACK_SENT,    "SYN+ACK again" },
	{ 0, R, SYN,       FLOW_TCP_SYN_ACK_SENT,    "a late SYN" },
	{ 0, F, ACK | PSH, FLOW_TCP_SYN_ACK_SENT,    "who accepted can't establish it alone" },
	{ 0, F, FIN | ACK, FLOW_TCP_SYN_ACK_SENT,    "nor by closing" },
	{ 0, R, ACK,       FLOW_TCP_ESTABLISHED, "third segment" },
	{ 0, R, FIN | ACK, FLOW_TCP_FIN_RECEIVED,  "the caller has said all" },
	{ 0, F, FIN | ACK, FLOW_TCP_CLOSED,      "both have" },

	BEGIN_CALLED("called and refused"),
	{ 0, F, RST | ACK, FLOW_TCP_CLOSED,      "no such port" },

	BEGIN_CALLED("called and given up"),
	{ 0, R, RST,       FLOW_TCP_CLOSED,      "before an answer" },

	BEGIN_CALLED("called while it calls itself"),
	{ 0, F, SYN,       FLOW_TCP_SYN_ACK_RECEIVED,    "both SYNs are seen" },
	{ 0, F, SYN | ACK, FLOW_TCP_ESTABLISHED, "" },

	BEGIN_CALLED("accepted, and closed at once"),
	{ 0, F, SYN | ACK, FLOW_TCP_SYN_ACK_SENT,    "" },
	{ 0, R, FIN | ACK, FLOW_TCP_FIN_RECEIVED,  "third segment and FIN in one" },

	BEGIN_CALLED("accepted, and reset"),
	{ 0, F, SYN | ACK, FLOW_TCP_SYN_ACK_SENT,    "" },
	{ 0, R, RST,       FLOW_TCP_CLOSED,      "" },

	BEGIN("both open at once"),
	{ 0, R, SYN,       FLOW_TCP_SYN_ACK_RECEIVED,    "a bare SYN from the other side" },
	{ 0, F, SYN | ACK, FLOW_TCP_ESTABLISHED, "" },
	{ 0, F, SYN,       FLOW_TCP_ESTABLISHED, "a stray SYN ends nothing" },
	{ 0, R, SYN | ACK, FLOW_TCP_ESTABLISHED, "nor does a stray SYN+ACK" },
	{ 0, F, RST,       FLOW_TCP_CLOSED,      "reset by the client" },

	BEGIN("nonsense flags"),
	{ 0, R, SYN | ACK | RST, FLOW_TCP_CLOSED,  "RST is stronger than SYN" },
	{ 0, F, SYN | FIN,       FLOW_TCP_SYN_SENT, "SYN is stronger than FIN" },
	{ 0, R, SYN | ACK | FIN | ECE, FLOW_TCP_SYN_ACK_RECEIVED, "other bits do not matter" },
	{ 0, R, FIN | ACK, FLOW_TCP_FIN_RECEIVED,  "closed before it was established" },
	{ 0, R, RST | FIN, FLOW_TCP_CLOSED,      "RST is stronger than FIN" },

	BEGIN("the starter closes at once"),
	{ 0, R, SYN | ACK, FLOW_TCP_SYN_ACK_RECEIVED,    "" },
	{ 0, F, FIN | ACK, FLOW_TCP_FIN_SENT, "third segment and FIN in one" },
	{ 0, F, RST,       FLOW_TCP_CLOSED,      "and a reset" },
};
/* clang-format on */

static void test_transcripts(void **state)
{
	uint8_t now = FLOW_FREE;
	const char *connection = "";

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].fresh) {
			connection = rows[i].why;
			now = rows[i].state;
			continue;
		}
		now = flow_tcp_next(now, rows[i].from, rows[i].flags);
		if (now != rows[i].state)
			fail_msg("row %zu: %s: %s: %s instead of %s", i, connection, rows[i].why,
				 flow_state_names[now], flow_state_names[rows[i].state]);
	}
}

/* With any segment a TCP state stays a TCP state, and a reset closes the connection. */
static void test_every_flag(void **state)
{
	for (uint8_t s = FLOW_TCP_SYN_SENT; s <= FLOW_TCP_CLOSED; s++) {
		for (unsigned flags = 0; flags < 2 * 256; flags++) {
			uint8_t next = flow_tcp_next(s, flags >> 8, (uint8_t)flags);

			assert_in_range(next, FLOW_TCP_SYN_SENT, FLOW_TCP_CLOSED);
			if (flags & TCP_RST)
				assert_int_equal(next, FLOW_TCP_CLOSED);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transcripts),
		cmocka_unit_test(test_every_flag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
