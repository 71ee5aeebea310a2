/*
 * TCP connections through the gateway: a row is a segment, its sender, and the state of its flow
 * afterwards. Every segment is delivered, also if it is not valid: the hosts decide.
 *
 * Sequence numbers are relative to each side's initial number, as a capture shows them. Every
 * transcript runs with several initial numbers, so that they wrap at different places. A segment
 * has 8 bytes of data if its row does not say more, and a window field of WINDOW.
 */
#include "bed.h"
#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define GATEWAY IP(198, 51, 100, 1)
#define BERLIN IP(198, 51, 100, 10)
#define HOST IP(10, 0, 1, 10)
#define SERVER IP(192, 0, 2, 80)
#define EGRESS IP(203, 0, 113, 1)

enum { UNDERLAY, UPLINK };
enum { NONE = 0, FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, TCP = 6 };

#define MIB (1 << 20)

enum {
	WINDOW = 0x7fff,
	/*
	 * data that may be in flight to the client: WINDOW with scale 7, as far as its stored high
	 * byte tells; and 64 KiB
	 */
	ROOM = (0x7fff << 7) + (64 << 10),
};

#define OPENING FLOW_TCP_SYN_SENT
#define ANSWERED FLOW_TCP_SYN_ACK_RECEIVED
#define ESTABLISHED FLOW_TCP_ESTABLISHED
#define FIN_FORWARD FLOW_TCP_FIN_SENT
#define FIN_RETURN FLOW_TCP_FIN_RECEIVED
#define CLOSED FLOW_TCP_CLOSED

static const char yaml[] =
	"ports:\n"
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa', mtu: 9216}\n"
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb', mtu: 9216}\n"
	"sites:\n"
	"  - name: berlin\n"
	"    tunnels:\n"
	"      - {name: b1, local: 198.51.100.1, remote: 198.51.100.10, port: underlay, mtu: "
	"9000}\n"
	"egress:\n"
	"  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: [1]}]}\n"
	"flows: {capacity: 4096}\n";

struct row {
	const char *begin; /* begins a transcript; NULL: continues it */
	char from; /* 'c'lient, in the site; 's'erver */
	uint8_t flags;
	int32_t seq, ack; /* relative to the initial numbers; ack counts only with ACK */
	enum flow_state state;
	const char *why;
	uint16_t len; /* of data */
	uint8_t scale; /* shift of the window scale option, plus 1 */
	uint16_t window; /* 0: WINDOW */
};

#define BEGIN(name)                                                                                \
	{                                                                                          \
		.begin = name                                                                      \
	}
/* clang-format off */
#define SCALED(client, server)                                                                     \
	{ 0, 'c', SYN,       0, 0, OPENING,     "SYN", .scale = client },                          \
	{ 0, 's', SYN | ACK, 0, 1, ANSWERED,    "SYN+ACK", .scale = server },                      \
	{ 0, 'c', ACK,       1, 1, ESTABLISHED, "ACK" }
#define HANDSHAKE SCALED(8, 8) /* Linux: 7 */

static const struct row rows[] = {
	BEGIN("a web page"),
	HANDSHAKE,
	{ 0, 'c', ACK | PSH, 1, 1,      ESTABLISHED, "the question" },
	{ 0, 's', ACK,       1, 101,    ESTABLISHED, "heard" },
	{ 0, 's', ACK | PSH, 1, 101,    ESTABLISHED, "the answer" },
	{ 0, 's', FIN | ACK, 3001, 101, FIN_RETURN,  "that was all" },
	{ 0, 'c', ACK,       101, 3002, FIN_RETURN,  "heard" },
	{ 0, 'c', FIN | ACK, 101, 3002, CLOSED,      "thanks" },
	{ 0, 's', ACK,       3002, 102, CLOSED,      "heard" },

	BEGIN("half-close: the client has said all, the server goes on"),
	HANDSHAKE,
	{ 0, 'c', FIN | ACK, 1, 1,       FIN_FORWARD, "no more questions" },
	{ 0, 's', ACK,       1, 2,       FIN_FORWARD, "heard" },
	{ 0, 's', ACK | PSH, 1, 2,       FIN_FORWARD, "much to say" },
	{ 0, 'c', ACK,       2, 100001,  FIN_FORWARD, "heard" },
	{ 0, 's', FIN | ACK, 100001, 2,  CLOSED,      "that was all" },
	{ 0, 'c', ACK,       2, 100002,  CLOSED,      "heard" },

	BEGIN("a FIN is lost behind us and sent again"),
	HANDSHAKE,
	{ 0, 's', FIN | ACK, 1, 1, FIN_RETURN,  "lost" },
	{ 0, 's', FIN | ACK, 1, 1, FIN_RETURN,  "again" },
	{ 0, 'c', ACK,       1, 2, FIN_RETURN,  "heard" },
	{ 0, 's', FIN | ACK, 1, 1, FIN_RETURN,  "and again, though it was heard" },
	{ 0, 'c', FIN | ACK, 1, 2, CLOSED,      "" },

	BEGIN("losses while opening"),
	{ 0, 'c', SYN,       0, 0, OPENING,     "SYN, lost behind us" },
	{ 0, 'c', SYN,       0, 0, OPENING,     "SYN again" },
	{ 0, 's', SYN | ACK, 0, 1, ANSWERED,    "SYN+ACK, lost behind us" },
	{ 0, 's', SYN | ACK, 0, 1, ANSWERED,    "SYN+ACK again" },
	{ 0, 'c', SYN,       0, 0, ANSWERED,    "a late SYN" },
	{ 0, 'c', ACK | PSH, 1, 1, ESTABLISHED, "ACK with data" },
	{ 0, 's', SYN | ACK, 0, 1, ESTABLISHED, "a late SYN+ACK" },

	BEGIN("simultaneous open"),
	{ 0, 'c', SYN,       0, 0, OPENING,     "SYN" },
	{ 0, 's', SYN,       0, 0, ANSWERED,    "SYN crosses it" },
	{ 0, 'c', SYN | ACK, 0, 1, ESTABLISHED, "" },
	{ 0, 's', SYN | ACK, 0, 1, ESTABLISHED, "" },
	{ 0, 's', RST,       1, 0, CLOSED,      "its numbers are known" },

	BEGIN("refused"),
	{ 0, 'c', SYN,       0, 0, OPENING,     "SYN" },
	{ 0, 's', RST | ACK, 0, 1, CLOSED,      "no such port" },

	BEGIN("refused, and the SYN carried data"),
	{ 0, 'c', SYN,       0, 0,    OPENING,  "SYN", .len = 1400 },
	{ 0, 's', RST | ACK, 0, 1401, CLOSED,   "no such port" },

	BEGIN("a blind refusal"),
	{ 0, 'c', SYN,       0, 0,      OPENING, "SYN" },
	{ 0, 's', RST | ACK, 0, 700000, OPENING, "acknowledges what was never sent" },
	{ 0, 's', RST | ACK, 0, 0,      OPENING, "acknowledges nothing" },
	{ 0, 's', RST,       1, 0,      OPENING, "does not even pretend to" },
	{ 0, 's', RST | SYN, 1, 0,      OPENING, "nor with a SYN" },
	{ 0, 's', FIN | ACK, 0, 700000, OPENING, "nor a FIN" },
	{ 0, 's', SYN | ACK, 0, 700000, OPENING, "answers a SYN that was never sent" },
	{ 0, 's', SYN | ACK, 0, 1,      ANSWERED, "the real answer" },
	{ 0, 's', RST | ACK, 1, 700000, ANSWERED, "a blind reset before the third segment" },
	{ 0, 's', RST,       1, 0,      ANSWERED, "without ACK" },
	{ 0, 's', RST | ACK, 1, 1,      CLOSED,   "the server has changed its mind" },

	BEGIN("reset by the server in answer to a segment"),
	HANDSHAKE,
	{ 0, 'c', ACK | PSH, 1, 1, ESTABLISHED, "anybody there?" },
	{ 0, 's', RST,       1, 0, CLOSED,      "the number that the client expects" },

	BEGIN("reset by the server, data on its way"),
	HANDSHAKE,
	{ 0, 's', ACK | PSH, 1, 1,      ESTABLISHED, "not yet heard" },
	{ 0, 's', RST | ACK, 500001, 1, CLOSED,      "ahead of what was acknowledged" },

	BEGIN("reset by the server while the client sends"),
	HANDSHAKE,
	{ 0, 'c', ACK | PSH, 900001, 1, ESTABLISHED, "far ahead" },
	{ 0, 's', RST | ACK, 1, 100001, CLOSED,      "heard only the beginning" },

	BEGIN("blind resets"),
	HANDSHAKE,
	{ 0, 's', RST,       0, 0,            ESTABLISHED, "one before what is expected" },
	{ 0, 's', RST,       2, 0,            ESTABLISHED, "one behind it" },
	{ 0, 's', RST,       100 * MIB, 0,    ESTABLISHED, "somewhere" },
	{ 0, 's', RST,       -5, 0,           ESTABLISHED, "just before" },
	{ 0, 's', RST | ACK, 1, 100 * MIB,    ESTABLISHED, "acknowledges the future" },
	{ 0, 's', RST | ACK, 1, -100 * MIB,   ESTABLISHED, "acknowledges the past" },
	{ 0, 's', RST | ACK, 100 * MIB, 1,    ESTABLISHED, "right to acknowledge, wrong number" },
	{ 0, 's', RST | ACK, 0, 1,            ESTABLISHED, "what was heard already" },
	{ 0, 's', RST | ACK, ROOM + 2, 1,     ESTABLISHED, "just outside the window" },
	{ 0, 's', RST | ACK, ROOM + 1, 1,     CLOSED,      "just inside" },

	BEGIN("what a stranger says does not become what is expected"),
	HANDSHAKE,
	{ 0, 's', ACK,       700 * MIB, 1,         ESTABLISHED, "a blind segment" },
	{ 0, 's', ACK,       700 * MIB, 700 * MIB, ESTABLISHED, "and another" },
	{ 0, 's', SYN,       700 * MIB, 0,         ESTABLISHED, "a blind SYN" },
	{ 0, 's', SYN | ACK, 700 * MIB, 700 * MIB, ESTABLISHED, "a blind SYN+ACK" },
	{ 0, 's', RST,       700 * MIB, 0,         ESTABLISHED, "a reset that fits them" },
	{ 0, 's', RST,       700 * MIB + 1, 0,     ESTABLISHED, "or the SYN" },
	{ 0, 's', RST | ACK, 700 * MIB, 700 * MIB, ESTABLISHED, "or both" },
	{ 0, 's', RST,       1, 0,                 CLOSED,      "the real one" },

	BEGIN("blind FINs"),
	HANDSHAKE,
	{ 0, 's', FIN,       1, 0,          ESTABLISHED, "without ACK" },
	{ 0, 's', FIN | ACK, 100 * MIB, 1,  ESTABLISHED, "somewhere" },
	{ 0, 's', FIN | ACK, 1, 100 * MIB,  ESTABLISHED, "acknowledges the future" },
	{ 0, 'c', FIN | ACK, 100 * MIB, 1,  ESTABLISHED, "from the site, somewhere" },
	{ 0, 's', FIN | ACK, 1, 1,          FIN_RETURN,  "a real one" },
	{ 0, 'c', FIN | ACK, 1, 2,          CLOSED,      "and the other" },

	BEGIN("reset by the client"),
	HANDSHAKE,
	{ 0, 's', ACK | PSH, 1, 1,         ESTABLISHED, "data for a program that has gone" },
	{ 0, 'c', RST,       100 * MIB, 0, ESTABLISHED, "a neighbour's guess" },
	{ 0, 'c', RST,       1, 0,         CLOSED,      "the host's answer" },

	BEGIN("the client gives up while opening"),
	{ 0, 'c', SYN,       0, 0, OPENING, "SYN" },
	{ 0, 'c', RST,       1, 0, CLOSED,  "never mind" },

	BEGIN("half-open: the client has restarted and tries again"),
	HANDSHAKE,
	{ 0, 'c', SYN,       50 * MIB, 0, ESTABLISHED, "a SYN with new numbers" },
	{ 0, 's', ACK,       1, 1,        ESTABLISHED, "challenged (RFC 5961)" },
	{ 0, 'c', RST,       1, 0,        CLOSED,      "the server is told" },
	{ 0, 'c', SYN,       50 * MIB, 0, OPENING,     "SYN again" },
	{ 0, 's', SYN | ACK, 70 * MIB, 50 * MIB + 1,            ANSWERED,    "" },
	{ 0, 'c', ACK,       50 * MIB + 1, 70 * MIB + 1,        ESTABLISHED, "" },
	{ 0, 's', RST,       1, 0,            ESTABLISHED, "the old numbers mean nothing now" },
	{ 0, 's', RST,       70 * MIB + 1, 0, CLOSED,      "the new ones do" },

	BEGIN("the five-tuple is used again after both closed"),
	HANDSHAKE,
	{ 0, 'c', FIN | ACK, 1, 1, FIN_FORWARD, "" },
	{ 0, 's', FIN | ACK, 1, 2, CLOSED,      "" },
	{ 0, 'c', ACK,       2, 2, CLOSED,      "in TIME-WAIT" },
	{ 0, 's', SYN,       9, 0, CLOSED,      "the far side opens nothing" },
	{ 0, 'c', SYN | ACK, 9, 2, CLOSED,      "nor does a SYN+ACK" },
	{ 0, 'c', SYN, 3 * MIB, 0, OPENING,     "SYN" },
	{ 0, 's', RST | ACK, 0, 1, OPENING,     "a late segment of the old connection" },
	{ 0, 's', ACK,       2, 2, OPENING,     "and another" },
	{ 0, 's', SYN | ACK, 5 * MIB, 3 * MIB + 1, ANSWERED,    "" },
	{ 0, 'c', ACK,       3 * MIB + 1, 5 * MIB + 1, ESTABLISHED, "" },

	BEGIN("TFO: the SYN carries more than a usual segment (RFC 7413)"),
	{ 0, 'c', SYN,       0, 0,        OPENING,     "SYN and a question", .len = 8000 },
	{ 0, 's', SYN | ACK, 0, 8002,     OPENING,     "acknowledges more than was sent" },
	{ 0, 's', SYN | ACK, 0, 8001,     ANSWERED,    "SYN+ACK" },
	{ 0, 's', ACK | PSH, 1, 8001,     ANSWERED,    "and the answer behind it" },
	{ 0, 'c', ACK,       8001, 1,     ESTABLISHED, "ACK" },
	{ 0, 's', RST,       1, 0,        CLOSED,      "" },

	BEGIN("TFO: the server has no use for the data"),
	{ 0, 'c', SYN,       0, 0,        OPENING,     "SYN and a question", .len = 8000 },
	{ 0, 's', SYN | ACK, 0, 1,        ANSWERED,    "only the SYN" },
	{ 0, 'c', ACK | PSH, 1, 1,        ESTABLISHED, "again", .len = 8000 },

	BEGIN("TFO: the SYN comes again without data, and the first one is answered"),
	{ 0, 'c', SYN,       0, 0,        OPENING,     "SYN and a question", .len = 3000 },
	{ 0, 'c', SYN,       0, 0,        OPENING,     "something on the way does not like it" },
	{ 0, 's', SYN | ACK, 0, 3001,     ANSWERED,    "but it came through" },
	{ 0, 'c', ACK,       3001, 1,     ESTABLISHED, "" },

	BEGIN("TFO: what one connection's SYN carried says nothing of the next one's"),
	{ 0, 'c', SYN,       0, 0,        OPENING,     "SYN and a question", .len = 3000 },
	{ 0, 'c', SYN, 9 * MIB, 0,        OPENING,     "another connection" },
	{ 0, 's', SYN | ACK, 0, 3001,     OPENING,     "the first is answered" },
	{ 0, 's', SYN | ACK, 0, 9 * MIB + 3001, OPENING,  "blindly" },
	{ 0, 's', SYN | ACK, 0, 9 * MIB + 1,    ANSWERED, "the second" },

	BEGIN("20 MiB on their way to the client"),
	SCALED(11, 8),
	{ 0, 'c', ACK,       1, 1,              ESTABLISHED, "room for 32 MiB" },
	{ 0, 's', FIN | ACK, 33 * MIB + 1, 1,   ESTABLISHED, "there is no room for that" },
	{ 0, 's', FIN | ACK, 20 * MIB + 1, 1,   FIN_RETURN,  "that was all" },
	{ 0, 'c', FIN | ACK, 1, 20 * MIB + 2,   CLOSED,      "" },

	BEGIN("20 MiB on their way to the client, and a reset"),
	SCALED(11, 8),
	{ 0, 's', RST | ACK, 20 * MIB + 1, 1,   CLOSED,      "gone" },

	BEGIN("20 MiB on their way to the server"),
	SCALED(8, 11),
	{ 0, 'c', ACK | PSH, 20 * MIB + 1, 1,   ESTABLISHED, "none of them heard yet" },
	{ 0, 's', FIN | ACK, 1, 1,              FIN_RETURN,  "does not care to hear more" },
	{ 0, 'c', ACK,       20 * MIB + 1, 2,   FIN_RETURN,  "" },
	{ 0, 's', RST | ACK, 2, 1,              CLOSED,      "nor to wait" },

	BEGIN("the client's window closes while data is on its way"),
	SCALED(8, 8),
	{ 0, 'c', ACK,       1, 1,              ESTABLISHED, "4 MiB" },
	{ 0, 'c', ACK,       1, 4 * MIB,        ESTABLISHED, "no more", .window = 1 },
	{ 0, 's', FIN | ACK, 4 * MIB + 127, 1,  FIN_RETURN,  "the last that has room" },

	BEGIN("a small window: a guess must be a good one"),
	SCALED(8, 8),
	{ 0, 'c', ACK,       1, 1,              ESTABLISHED, "64 KiB", .window = 512 },
	{ 0, 's', RST | ACK, MIB, 1,            ESTABLISHED, "a blind reset" },
	{ 0, 's', RST | ACK, 1, 9 * MIB,        ESTABLISHED, "and another" },
	{ 0, 's', RST | ACK, 65536, 1,          CLOSED,      "a real one" },

	BEGIN("a scale that only one side has does not count"),
	SCALED(0, 15),
	{ 0, 's', FIN | ACK, MIB, 1,            ESTABLISHED, "nobody lets so much come" },
	{ 0, 's', FIN | ACK, 1, -MIB,           ESTABLISHED, "nor so much go" },
	{ 0, 's', FIN | ACK, 32767 + 65536, 1,  FIN_RETURN,  "" },

	BEGIN("a stranger's SYN does not change the scale"),
	SCALED(8, 8),
	{ 0, 's', SYN,       9 * MIB, 0,        ESTABLISHED, "blindly", .scale = 15 },
	{ 0, 's', SYN | ACK, 9 * MIB, 9 * MIB,  ESTABLISHED, "blindly", .scale = 15 },
	{ 0, 's', FIN | ACK, 1, -100 * MIB,     ESTABLISHED, "" },
	{ 0, 's', SYN | ACK, 9 * MIB, 1,        ESTABLISHED, "by chance", .scale = 15 },
	{ 0, 's', FIN | ACK, 1, -100 * MIB,     ESTABLISHED, "" },

	BEGIN("nor before the third segment"),
	{ 0, 'c', SYN,       0, 0,        OPENING,     "SYN", .scale = 11 },
	{ 0, 's', SYN | ACK, 0, 1,        ANSWERED,    "SYN+ACK", .scale = 11 },
	{ 0, 's', SYN,       9 * MIB, 0,  ANSWERED,    "blindly" },
	{ 0, 's', ACK | PSH, 1, 1,        ANSWERED,    "nor does what is no SYN" },
	{ 0, 'c', ACK,       1, 1,        ESTABLISHED, "ACK" },
	{ 0, 'c', ACK | PSH, 20 * MIB, 1, ESTABLISHED, "none of it heard yet" },
	{ 0, 's', FIN | ACK, 1, 1,        FIN_RETURN,  "" },

	BEGIN("flags that no stack sends move nothing"),
	{ 0, 'c', SYN,       0, 0, OPENING,     "SYN" },
	{ 0, 's', SYN | FIN, 0, 0, OPENING,     "SYN and FIN" },
	{ 0, 'c', FIN,       1, 0, OPENING,     "FIN without ACK" },
	{ 0, 'c', NONE,      1, 0, OPENING,     "none at all" },
	{ 0, 's', SYN | ACK, 0, 1, ANSWERED,    "" },
	{ 0, 'c', NONE,      1, 0, ANSWERED,    "none at all" },
	{ 0, 'c', SYN | FIN, 1, 0, ANSWERED,    "SYN and FIN" },
	{ 0, 'c', ACK,       1, 1, ESTABLISHED, "" },
	{ 0, 'c', FIN | ACK, 1, 1, FIN_FORWARD, "" },
	{ 0, 's', FIN | ACK, 1, 2, CLOSED,      "" },
	{ 0, 'c', SYN | FIN, MIB, 0, CLOSED,    "nor does it begin anew" },

	BEGIN("no flags at all"),
	HANDSHAKE,
	{ 0, 's', NONE, 1, 0, ESTABLISHED, "" },
	{ 0, 'c', NONE, 1, 0, ESTABLISHED, "" },
};
/* clang-format on */

static struct {
	struct bed *bed;
	struct flow_query query;
	uint32_t isn_client, isn_server;
	uint16_t egress_port;
} run;

static const char *transcript;

static struct flow flow_now(void)
{
	struct worker *w = bed_worker(run.bed, 0);
	const struct flow_view *views;
	uint32_t n;

	memset(&run.query, 0, sizeof(run.query));
	worker_query_start(w, &run.query);
	while (!query_ended(&run.query))
		worker_turn(w);
	views = query_peek(&run.query, &n);
	assert_int_equal(n, 1);
	return views[0].flow;
}

static struct frame segment_of(const struct row *row)
{
	bool client = row->from == 'c';
	struct frame f = {
		.proto = TCP,
		.tcp_flags = row->flags,
		.seq = (client ? run.isn_client : run.isn_server) + (uint32_t)row->seq,
		.ack = (client ? run.isn_server : run.isn_client) + (uint32_t)row->ack,
		.src = client ? HOST : SERVER,
		.dst = client ? SERVER : EGRESS,
		.sport = client ? 5000 : 80,
		.dport = client ? 80 : run.egress_port,
		.outer_src = client ? BERLIN : 0,
		.outer_dst = client ? GATEWAY : 0,
	};

	if (!(row->flags & ACK))
		f.ack = 0;
	f.scale = row->scale;
	f.window = row->window != 0 ? row->window : WINDOW;
	f.payload = row->len;
	return f;
}

static void run_row(const struct row *row)
{
	uint8_t frame[BED_FRAME_MAX];
	struct frame in = segment_of(row), out;
	bool client = row->from == 'c';
	const char *why;
	size_t len;

	bed_send(run.bed, client ? UNDERLAY : UPLINK, frame, frame_build(&in, frame));
	bed_run(run.bed);
	len = bed_take(run.bed, client ? UPLINK : UNDERLAY, frame);
	if (len == 0)
		fail_msg("%s: %s: was not delivered", transcript, row->why);
	if (!frame_parse(frame, len, &out, &why))
		fail_msg("%s: %s: came out with a wrong %s", transcript, row->why, why);
	assert_int_equal(out.seq, in.seq);
	assert_int_equal(out.tcp_flags, in.tcp_flags);
	if (client)
		run.egress_port = out.sport;
	if (flow_now().state != row->state)
		fail_msg("%s: %s: %s instead of %s, began at %u and %u", transcript, row->why,
			 flow_state_names[flow_now().state], flow_state_names[row->state],
			 run.isn_client, run.isn_server);
}

static void finish(void)
{
	if (run.bed == NULL)
		return;
	bed_check(run.bed);
	bed_destroy(run.bed);
	run.bed = NULL;
}

static void run_all(uint32_t isn_client, uint32_t isn_server)
{
	run.isn_client = isn_client;
	run.isn_server = isn_server;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].begin == NULL) {
			run_row(&rows[i]);
			continue;
		}
		finish();
		transcript = rows[i].begin;
		run.bed = bed_create(yaml, 1);
	}
	finish();
}

static void every_row(void **state)
{
	run_all(1000, 2000000000);
	run_all(UINT32_MAX - 6, 77);
	run_all(INT32_MAX, UINT32_MAX - 6);
	run_all(UINT32_MAX - 500000, UINT32_MAX - 400000);
}

/* A connection that reuses the five-tuple of a closed one begins with a new state. */
static void counts_anew(void **state)
{
	static const struct row segments[] = {
		{0, 'c', SYN, 0, 0, OPENING, ""},	{0, 's', SYN | ACK, 0, 1, ANSWERED, ""},
		{0, 'c', ACK, 1, 1, ESTABLISHED, ""},	{0, 's', RST, 1, 0, CLOSED, ""},
		{0, 'c', SYN, 5 * MIB, 0, OPENING, ""},
	};
	struct flow first, again;

	run.isn_client = 1;
	run.isn_server = 1;
	transcript = "counts anew";
	run.bed = bed_create(yaml, 1);
	run_row(&segments[0]);
	first = flow_now();
	for (size_t i = 1; i < ARRAY_SIZE(segments); i++)
		run_row(&segments[i]);
	again = flow_now();
	assert_int_equal(flow_packets(&again, FLOW_FORWARD), 1);
	assert_int_equal(flow_packets(&again, FLOW_RETURN), 0);
	assert_int_equal(flow_bytes(&again, FLOW_FORWARD), flow_bytes(&first, FLOW_FORWARD));
	assert_int_equal(flow_bytes(&again, FLOW_RETURN), 0);
	assert_int_equal(again.nat_port, first.nat_port);
	finish();
}

/* None of 20,000 random resets and FINs from the Internet ends a connection. */
static void a_blind_storm(void **state)
{
	static const struct row handshake[] = {HANDSHAKE};
	struct row blind = {0, 's', RST, 0, 0, ESTABLISHED, "a blind storm"};
	uint32_t x = 1;

	run.isn_client = 123456;
	run.isn_server = 654321;
	transcript = "a blind storm";
	run.bed = bed_create(yaml, 1);
	for (size_t i = 0; i < ARRAY_SIZE(handshake); i++)
		run_row(&handshake[i]);
	for (unsigned i = 0; i < 20000; i++) {
		static const uint8_t flags[] = {RST, RST | ACK, FIN | ACK, RST | FIN, SYN | ACK};

		x = x * 1664525 + 1013904223; /* Numerical Recipes' generator */
		blind.seq = (int32_t)x;
		x = x * 1664525 + 1013904223;
		blind.ack = (int32_t)x;
		blind.flags = flags[i % sizeof(flags)];
		run_row(&blind);
	}
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(counts_anew),
		cmocka_unit_test(a_blind_storm),
	};

	return cmocka_run_group_tests_name("tcp", tests, NULL, NULL);
}
