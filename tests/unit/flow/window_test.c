/* The TCP window: at its edges, and with numbers that wrap. Transcripts are in tests/packet/tcp_test.c. */
#include "flow/window.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { RA = TCP_RST | TCP_ACK, FA = TCP_FIN | TCP_ACK, SA = TCP_SYN | TCP_ACK };

enum {
	SLACK = 1 << 16,
	FIELD = 0x1234, /* the site's last window field, whose low byte is not stored */
	SITE = (0x12ff << 9) + SLACK, /* scale 9 */
	OTHER = (0xffff << 6) + SLACK, /* scale 6 */
	DATA = 3000, /* bytes behind the SYN */
};

/*
 * The site's last segment has SEQ s and ACK a; if half open, its first number is s, and it has sent
 * DATA bytes. Rows are relative to s and a.
 */
/* clang-format off */
static const struct {
	enum flow_state state;
	enum flow_dir dir;
	uint8_t flags;
	/* return: seq is relative to a, ack to s; forward: seq is relative to s */
	int32_t seq, ack;
	bool fits;
	const char *why;
} rows[] = {
	{FLOW_TCP_ESTABLISHED, FLOW_RETURN, TCP_RST, 0, 0, true, "exactly what is expected"},
	{FLOW_TCP_ESTABLISHED, FLOW_RETURN, TCP_RST, 1, 0, false, "one more"},
	{FLOW_TCP_ESTABLISHED, FLOW_RETURN, TCP_RST, -1, 0, false, "one less"},
	{FLOW_TCP_ESTABLISHED, FLOW_RETURN, RA, SITE, 0, true, "the window's last number"},
	{FLOW_TCP_ESTABLISHED, FLOW_RETURN, RA, SITE + 1, 0, false, "behind the window"},
	{FLOW_TCP_ESTABLISHED, FLOW_RETURN, RA, -1, 0, false, "before the window"},
	{FLOW_TCP_ESTABLISHED, FLOW_RETURN, RA, 0, OTHER, true, "acknowledges the last number"},
	{FLOW_TCP_ESTABLISHED, FLOW_RETURN, RA, 0, OTHER + 65536, false, "acknowledges too much"},
	{FLOW_TCP_ESTABLISHED, FLOW_RETURN, RA, 0, -OTHER, true, "acknowledges the first number"},
	{FLOW_TCP_ESTABLISHED, FLOW_RETURN, RA, 0, -OTHER - 65536, false, "acknowledges too little"},
	{FLOW_TCP_ESTABLISHED, FLOW_RETURN, FA, -SITE, 0, true, "a FIN may be old"},
	{FLOW_TCP_ESTABLISHED, FLOW_RETURN, FA, -SITE - 1, 0, false, "but not as old"},
	{FLOW_TCP_ESTABLISHED, FLOW_RETURN, TCP_FIN, 0, 0, false, "a FIN without ACK"},
	{FLOW_TCP_ESTABLISHED, FLOW_RETURN, TCP_ACK, 99 << 20, 99 << 20, true, "changes nothing anyway"},
	{FLOW_TCP_ESTABLISHED, FLOW_RETURN, TCP_SYN | FA, 0, 0, false, "SYN and FIN"},
	{FLOW_TCP_ESTABLISHED, FLOW_FORWARD, TCP_RST, OTHER, 0, true, "the site's own"},
	{FLOW_TCP_ESTABLISHED, FLOW_FORWARD, TCP_RST, OTHER + 65536, 0, false, "too far ahead"},
	{FLOW_TCP_ESTABLISHED, FLOW_FORWARD, FA, -OTHER - 65536, 0, false, "too far behind"},
	{FLOW_TCP_CLOSED, FLOW_FORWARD, TCP_SYN, 99 << 20, 0, true, "a SYN brings its own numbers"},
	{FLOW_TCP_CLOSED, FLOW_FORWARD, TCP_SYN | TCP_FIN, 0, 0, false, "not with a FIN"},
	{FLOW_TCP_SYN_SENT, FLOW_RETURN, SA, 5, 1, true, "acknowledges the SYN"},
	{FLOW_TCP_SYN_SENT, FLOW_RETURN, SA, 5, DATA + 1, true, "and data with it"},
	{FLOW_TCP_SYN_SENT, FLOW_RETURN, SA, 5, DATA + 2, false, "too much data"},
	{FLOW_TCP_SYN_SENT, FLOW_RETURN, SA, 5, 0, false, "does not acknowledge it"},
	{FLOW_TCP_SYN_SENT, FLOW_RETURN, TCP_SYN, 5, 0, true, "simultaneous open"},
	{FLOW_TCP_SYN_SENT, FLOW_RETURN, TCP_SYN | TCP_RST, 0, 0, false, "SYN and RST"},
	{FLOW_TCP_SYN_SENT, FLOW_RETURN, TCP_SYN | TCP_FIN, 0, 0, false, "SYN and FIN"},
	{FLOW_TCP_SYN_SENT, FLOW_RETURN, TCP_RST, 0, 0, false, "nothing is expected yet"},
	{FLOW_TCP_SYN_SENT, FLOW_RETURN, RA, 99, 1, true, "refused"},
	{FLOW_TCP_SYN_SENT, FLOW_FORWARD, TCP_FIN, 1, 0, false, "FIN without ACK"},
	{FLOW_TCP_SYN_SENT, FLOW_FORWARD, TCP_RST, 1, 0, true, "gives up"},
	{FLOW_TCP_SYN_SENT, FLOW_FORWARD, TCP_RST, 99 << 20, 0, false, "somebody else does"},
	{FLOW_TCP_SYN_ACK_RECEIVED, FLOW_RETURN, RA, 99, DATA + 2, false, "refused, blindly"},
	{FLOW_TCP_SYN_ACK_RECEIVED, FLOW_FORWARD, TCP_ACK, DATA + 1, 0, true, "the third segment"},
	{FLOW_TCP_SYN_ACK_RECEIVED, FLOW_FORWARD, 0, DATA + 1, 0, false, "that is none"},
	{FLOW_TCP_SYN_ACK_RECEIVED, FLOW_FORWARD, TCP_ACK, SLACK + 1, 0, false, "nor is that one of this connection"},
	{FLOW_TCP_SYN_RECEIVED, FLOW_RETURN, TCP_SYN, 99, 0, true, "SYN again"},
	{FLOW_TCP_SYN_RECEIVED, FLOW_RETURN, TCP_RST, 0, 0, true, "who called gives up"},
	{FLOW_TCP_SYN_RECEIVED, FLOW_RETURN, TCP_RST, 1, 0, false, "somebody else does"},
	{FLOW_TCP_SYN_RECEIVED, FLOW_RETURN, SA, 0, 1, false, "there is no SYN that it could answer"},
	{FLOW_TCP_SYN_RECEIVED, FLOW_RETURN, FA, 0, 1, false, "nor is there anything to close"},
	{FLOW_TCP_SYN_RECEIVED, FLOW_FORWARD, SA, 99 << 20, 0, true, "accepted"},
	{FLOW_TCP_SYN_RECEIVED, FLOW_FORWARD, RA, 99 << 20, 0, true, "refused: its first number"},
	{FLOW_TCP_SYN_ACK_SENT, FLOW_RETURN, TCP_ACK, 0, 1, true, "the third segment"},
	{FLOW_TCP_SYN_ACK_SENT, FLOW_RETURN, TCP_ACK, 0, DATA + 1, true, "it heard the data, too"},
	{FLOW_TCP_SYN_ACK_SENT, FLOW_RETURN, TCP_ACK, 0, 0, false, "does not acknowledge the SYN+ACK"},
	{FLOW_TCP_SYN_ACK_SENT, FLOW_RETURN, TCP_ACK, 0, DATA + 2, false, "nor does this"},
	{FLOW_TCP_SYN_ACK_SENT, FLOW_RETURN, RA, 0, 1, true, "given up after all"},
	{FLOW_TCP_SYN_ACK_SENT, FLOW_RETURN, RA, 0, DATA + 2, false, "given up by somebody else"},
	{FLOW_TCP_SYN_ACK_SENT, FLOW_RETURN, TCP_SYN, 99, 0, true, "SYN again"},
	{FLOW_TCP_SYN_ACK_SENT, FLOW_FORWARD, TCP_ACK, 60000, 0, true, "the site's own"},
	{FLOW_TCP_CLOSED, FLOW_RETURN, TCP_SYN, 0, 0, false, "follow.c says who may begin anew"},
};
/* clang-format on */

/* As window.c stores it. */
static struct flow flow_of(uint8_t state, uint32_t s, uint32_t a)
{
	struct flow f = {.state = state, .tcp_scales = 6 << 4 | 9};

	if (state == FLOW_TCP_SYN_RECEIVED) {
		f.tcp_ack = htonl(a);
	} else if (flow_is_half_open(state)) {
		f.tcp_ack = htonl(s);
		f.tcp_seq = htons(DATA + 1);
	} else {
		f.tcp_ack = htonl(a);
		f.tcp_seq = htons((uint16_t)(s >> 16));
		f.tcp_window = FIELD >> 8;
	}
	return f;
}

static void every_row(void **state)
{
	static const uint32_t bases[] = {0, 5, INT32_MAX, UINT32_MAX - SITE / 2, UINT32_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(rows) * ARRAY_SIZE(bases) * ARRAY_SIZE(bases); i++) {
		size_t row = i % ARRAY_SIZE(rows), k = i / ARRAY_SIZE(rows);
		uint32_t s = bases[k % ARRAY_SIZE(bases)], a = bases[k / ARRAY_SIZE(bases)];
		struct flow f = flow_of((uint8_t)rows[row].state, s, a);
		struct flow_segment segment = {
			.flags = rows[row].flags,
			.seq = (uint32_t)rows[row].seq + (rows[row].dir == FLOW_FORWARD ? s : a),
			.ack = (uint32_t)rows[row].ack + s,
		};

		if (flow_tcp_fits(&f, rows[row].dir, &segment) != rows[row].fits)
			fail_msg("row %zu: %s (s %u, a %u)", row, rows[row].why, s, a);
	}
}

/* Without a learned window no segment is accepted as valid. */
static void nothing_was_sent(void **state)
{
	struct flow f = {.state = FLOW_TCP_SYN_SENT};
	struct flow_segment s = {.flags = SA};

	for (uint32_t ack = 0; ack < 32; ack++) {
		s.ack = ack << 27;
		assert_false(flow_tcp_fits(&f, FLOW_RETURN, &s));
	}
}

#define NOP 1
#define SCALE(k) 3, 3, (k)

static void reads_the_scale(void **state)
{
	static const struct {
		uint8_t n, options[12], flags, scale;
		const char *why;
	} scales[] = {
		{0, {0}, TCP_SYN, FLOW_SCALE_NONE, "none"},
		{4, {NOP, SCALE(7)}, TCP_SYN, 7, "as Linux"},
		{4, {SCALE(0), 0}, TCP_SYN, 0, "none to speak of, and end of options"},
		{12, {2, 4, 5, 180, 4, 2, NOP, SCALE(14), 0, 0}, SA, 14, "among others"},
		{4, {NOP, SCALE(15)}, TCP_SYN, 14, "more than there is (RFC 7323 section 2.3)"},
		{4, {NOP, SCALE(255)}, TCP_SYN, 14, "much more"},
		{4, {NOP, SCALE(7)}, TCP_ACK, FLOW_SCALE_NONE, "only of a SYN"},
		{4, {NOP, NOP, 3, 3}, TCP_SYN, FLOW_SCALE_NONE, "cut off"},
		{4, {3, 0, 7, 7}, TCP_SYN, FLOW_SCALE_NONE, "of no length"},
		{4, {3, 4, 7, 7}, TCP_SYN, FLOW_SCALE_NONE, "of another length"},
		{4, {0, SCALE(7)}, TCP_SYN, FLOW_SCALE_NONE, "behind the end of options"},
		{4, {9, 9, SCALE(7)}, TCP_SYN, FLOW_SCALE_NONE, "behind one that is too long"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(scales); i++) {
		uint8_t tcp[TCP_LEN + 12] = {0};
		size_t header = TCP_LEN + scales[i].n;
		struct flow_segment s;

		tcp[TCP_OFFSET] = (uint8_t)(header / 4 << 4);
		tcp[TCP_FLAGS] = scales[i].flags;
		memcpy(tcp + TCP_LEN, scales[i].options, scales[i].n);
		s = flow_tcp_read(tcp, header + 100);
		if (s.scale != scales[i].scale)
			fail_msg("row %zu: %s: %u", i, scales[i].why, s.scale);
		assert_int_equal(s.len, 100 + !!(scales[i].flags & TCP_SYN));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(nothing_was_sent),
		cmocka_unit_test(reads_the_scale),
	};

	return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
