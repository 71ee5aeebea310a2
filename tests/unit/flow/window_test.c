/* Window: at the edges, and with numbers that wrap. The transcripts are in tests/packet/tcp_test.c. */
#include "flow/flow.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { W = 4 << 20, RA = TCP_RST | TCP_ACK, FA = TCP_FIN | TCP_ACK, SA = TCP_SYN | TCP_ACK };

/* The starter's last segment: SEQ s, ACK a. Rows are relative to the two. */
/* clang-format off */
static const struct {
	enum flow_state state;
	enum flow_dir dir;
	uint8_t flags;
	int32_t seq, ack; /* a return's seq is relative to a, its ack to s; a forward's seq to s */
	bool fits;
	const char *why;
} rows[] = {
	{FLOW_TCP_ESTABLISHED, FLOW_RETURN, TCP_RST, 0, 0, true, "exactly what is expected"},
	{FLOW_TCP_ESTABLISHED, FLOW_RETURN, TCP_RST, 1, 0, false, "one more"},
	{FLOW_TCP_ESTABLISHED, FLOW_RETURN, TCP_RST, -1, 0, false, "one less"},
	{FLOW_TCP_ESTABLISHED, FLOW_RETURN, RA, W, 0, true, "the window's last number"},
	{FLOW_TCP_ESTABLISHED, FLOW_RETURN, RA, W + 1, 0, false, "behind the window"},
	{FLOW_TCP_ESTABLISHED, FLOW_RETURN, RA, -1, 0, false, "before the window"},
	{FLOW_TCP_ESTABLISHED, FLOW_RETURN, RA, 0, W, true, "acknowledges the last number"},
	{FLOW_TCP_ESTABLISHED, FLOW_RETURN, RA, 0, W + 1, false, "acknowledges too much"},
	{FLOW_TCP_ESTABLISHED, FLOW_RETURN, RA, 0, -W, true, "acknowledges the first number"},
	{FLOW_TCP_ESTABLISHED, FLOW_RETURN, RA, 0, -W - 1, false, "acknowledges too little"},
	{FLOW_TCP_ESTABLISHED, FLOW_RETURN, FA, -W, 0, true, "a FIN may be old"},
	{FLOW_TCP_ESTABLISHED, FLOW_RETURN, FA, -W - 1, 0, false, "but not as old"},
	{FLOW_TCP_ESTABLISHED, FLOW_RETURN, TCP_FIN, 0, 0, false, "a FIN without ACK"},
	{FLOW_TCP_ESTABLISHED, FLOW_RETURN, TCP_ACK, 99 * W, 99 * W, true, "changes nothing anyway"},
	{FLOW_TCP_ESTABLISHED, FLOW_FORWARD, TCP_RST, W, 0, true, "the starter's own"},
	{FLOW_TCP_ESTABLISHED, FLOW_FORWARD, TCP_RST, W + 1, 0, false, "too far ahead"},
	{FLOW_TCP_ESTABLISHED, FLOW_FORWARD, FA, -W - 1, 0, false, "too far behind"},
	{FLOW_TCP_CLOSED, FLOW_FORWARD, TCP_SYN, 99 * W, 0, true, "a SYN brings its own numbers"},
	{FLOW_TCP_OPENING, FLOW_RETURN, SA, 5, 1, true, "acknowledges the SYN"},
	{FLOW_TCP_OPENING, FLOW_RETURN, SA, 5, 1501, true, "and data with it"},
	{FLOW_TCP_OPENING, FLOW_RETURN, SA, 5, 1502, false, "too much data"},
	{FLOW_TCP_OPENING, FLOW_RETURN, SA, 5, 0, false, "does not acknowledge it"},
	{FLOW_TCP_OPENING, FLOW_RETURN, TCP_SYN, 5, 0, true, "simultaneous open"},
	{FLOW_TCP_OPENING, FLOW_RETURN, TCP_SYN | TCP_RST, 0, 0, false, "SYN and RST"},
	{FLOW_TCP_OPENING, FLOW_RETURN, TCP_RST, 0, 0, false, "nothing is expected yet"},
	{FLOW_TCP_OPENING, FLOW_RETURN, RA, 99, 1, true, "refused"},
	{FLOW_TCP_ANSWERED, FLOW_RETURN, RA, 99, 2000, false, "refused, blindly"},
	{FLOW_TCP_CALLED, FLOW_RETURN, TCP_SYN, 99, 0, true, "SYN again"},
	{FLOW_TCP_CALLED, FLOW_RETURN, TCP_RST, 0, 0, true, "who called gives up"},
	{FLOW_TCP_CALLED, FLOW_RETURN, TCP_RST, 1, 0, false, "somebody else does"},
	{FLOW_TCP_CALLED, FLOW_RETURN, SA, 0, 1, false, "there is no SYN that it could answer"},
	{FLOW_TCP_CALLED, FLOW_RETURN, FA, 0, 1, false, "nor is there anything to close"},
	{FLOW_TCP_CALLED, FLOW_FORWARD, SA, 99 * W, 0, true, "accepted"},
	{FLOW_TCP_CALLED, FLOW_FORWARD, RA, 99 * W, 0, true, "refused: its first number"},
	{FLOW_TCP_ACCEPTED, FLOW_RETURN, TCP_ACK, 0, 1, true, "the third segment"},
	{FLOW_TCP_ACCEPTED, FLOW_RETURN, TCP_ACK, 0, 0, false, "does not acknowledge the SYN+ACK"},
	{FLOW_TCP_ACCEPTED, FLOW_RETURN, TCP_ACK, 0, 1502, false, "nor does this"},
	{FLOW_TCP_ACCEPTED, FLOW_RETURN, RA, 0, 1, true, "given up after all"},
	{FLOW_TCP_ACCEPTED, FLOW_RETURN, RA, 0, 2000, false, "given up by somebody else"},
	{FLOW_TCP_ACCEPTED, FLOW_RETURN, TCP_SYN, 99, 0, true, "SYN again"},
	{FLOW_TCP_ACCEPTED, FLOW_FORWARD, TCP_ACK, W, 0, true, "the site's own"},
	{FLOW_TCP_CLOSED, FLOW_RETURN, TCP_SYN, 0, 0, false, "follow.c says who may begin anew"},
};
/* clang-format on */

static void every_row(void **state)
{
	static const uint32_t bases[] = {0, 5, INT32_MAX, UINT32_MAX - W / 2, UINT32_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(rows) * ARRAY_SIZE(bases) * ARRAY_SIZE(bases); i++) {
		size_t row = i % ARRAY_SIZE(rows), k = i / ARRAY_SIZE(rows);
		uint32_t s = bases[k % ARRAY_SIZE(bases)], a = bases[k / ARRAY_SIZE(bases)];
		struct flow f = {.state = (uint8_t)rows[row].state,
				 .tcp_seq = htonl(s),
				 .tcp_ack = htonl(a)};
		struct flow_segment segment = {
			.flags = rows[row].flags,
			.seq = (uint32_t)rows[row].seq + (rows[row].dir == FLOW_FORWARD ? s : a),
			.ack = (uint32_t)rows[row].ack + s,
		};

		if (flow_tcp_fits(&f, rows[row].dir, &segment) != rows[row].fits)
			fail_msg("row %zu: %s (s %u, a %u)", row, rows[row].why, s, a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
	};

	return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
