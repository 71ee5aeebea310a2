/*
 * Who may send to an egress port in use (RFC 4787 section 5).
 *
 *     berlin 10.0.1.0/24 --- GRE 198.51.100.10 (b1) and .11 (b2) ---+
 *     madrid 10.0.1.0/24 --- GRE 198.51.100.20 ---------------------+--- [ gateway ] --- 203.0.113.1
 *                                                                                        slice 1
 *
 * Berlin's host has sent to the server from port 5000, so it has an egress port. Then a stranger
 * sends a packet to that port: each row is such a packet and its verdict.
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
#define BERLIN_2 IP(198, 51, 100, 11)
#define MADRID IP(198, 51, 100, 20)
#define HOST IP(10, 0, 1, 10)
#define SERVER IP(192, 0, 2, 80)
#define STRANGER IP(192, 0, 2, 66)
#define EGRESS IP(203, 0, 113, 1)

enum { UNDERLAY, UPLINK };
enum { TCP = 6, UDP = 17, ICMP = 1, FIN = 1, SYN = 2, RST = 4, ACK = 16 };
enum { ECHO = 8, REPLY = 0 };

#define OPEN "endpoint-independent"
#define CLOSED "address-and-port-dependent"

static struct bed *bed;

static void start(const char *filtering, unsigned workers, const char *limits)
{
	char yaml[2048];

	snprintf(yaml, sizeof(yaml),
		 "workers: %u\n"
		 "flows: {capacity: 4096}\n"
		 "ports:\n"
		 "  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
		 "  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
		 "sites:\n"
		 "  - name: berlin\n"
		 "    prefixes: [10.0.1.0/24]\n"
		 "    limits: {%s}\n"
		 "    tunnels:\n"
		 "      - {name: b1, local: 198.51.100.1, remote: 198.51.100.10, port: underlay}\n"
		 "      - {name: b2, local: 198.51.100.1, remote: 198.51.100.11, port: underlay}\n"
		 "  - name: madrid\n"
		 "    prefixes: [10.0.1.0/24]\n"
		 "    tunnels: [{name: m1, local: 198.51.100.1, remote: 198.51.100.20,\n"
		 "               port: underlay}]\n"
		 "egress:\n"
		 "  - name: internet\n"
		 "    port: uplink\n"
		 "    mapping: endpoint-independent\n"
		 "    filtering: %s\n"
		 "    addresses: [{address: 203.0.113.1, slices: [1]}]\n",
		 workers, limits, filtering);
	bed = bed_create(yaml, 1);
}

static void stop(void)
{
	bed_check(bed);
	bed_destroy(bed);
}

static void send_frame(unsigned port, const struct frame *f)
{
	uint8_t bytes[BED_FRAME_MAX];

	bed_send(bed, port, bytes, frame_build(f, bytes));
	bed_run(bed);
}

/* Takes the packet that comes out of @port, if there is one. */
static bool take(unsigned port, struct frame *out)
{
	uint8_t bytes[BED_FRAME_MAX];
	const char *why;
	size_t len = bed_take(bed, port, bytes);

	if (len == 0)
		return false;
	if (!frame_parse(bytes, len, out, &why))
		fail_msg("came out with a wrong %s", why);
	return true;
}

static struct frame from_site(uint32_t remote, uint8_t proto)
{
	return (struct frame){
		.outer_src = remote,
		.outer_dst = GATEWAY,
		.src = HOST,
		.dst = SERVER,
		.sport = 5000,
		.dport = 53,
		.proto = proto,
		.tcp_flags = proto == TCP ? SYN : 0,
		.icmp_type = proto == ICMP ? ECHO : 0,
	};
}

/* Opens a flow of the site's host. Returns its egress port. */
static uint16_t open_port(uint32_t remote, uint8_t proto)
{
	struct frame f = from_site(remote, proto), out;

	send_frame(UNDERLAY, &f);
	assert_true(take(UPLINK, &out));
	assert_int_equal(out.src, EGRESS);
	return out.sport;
}

static struct frame from_stranger(uint8_t proto, uint16_t to)
{
	return (struct frame){
		.src = STRANGER,
		.dst = EGRESS,
		.sport = 777,
		.dport = to,
		.proto = proto,
		.tcp_flags = proto == TCP ? SYN : 0,
	};
}

struct row {
	const char *why;
	const char *filtering;
	uint8_t opened; /* protocol of the host's flow */
	struct frame frame; /* the stranger's frame; its dport is added to the host's egress port */
	enum drop drop; /* DROP_NONE: it reaches the host */
};

#define FROM_STRANGER .src = STRANGER, .sport = 777

/* clang-format off */
static const struct row rows[] = {
	{"UDP from a stranger", OPEN, UDP, {FROM_STRANGER, .proto = UDP}},
	{"a TCP connection from a stranger", OPEN, TCP, {FROM_STRANGER, .proto = TCP, .tcp_flags = SYN}},
	{"from the server, another port", OPEN, UDP, {.src = SERVER, .sport = 54, .proto = UDP}},
	{"from port 53 of a stranger", OPEN, UDP, {.src = STRANGER, .sport = 53, .proto = UDP}},
	{"from an address that a site has, too, but public", OPEN, UDP,
	 {.src = IP(11, 0, 1, 10), .sport = 5000, .proto = UDP}},
	{"to a port that nobody has", OPEN, UDP, {FROM_STRANGER, .dport = 1, .proto = UDP}, DROP_NO_FLOW},
	{"to a port that UDP has: TCP", OPEN, UDP, {FROM_STRANGER, .proto = TCP, .tcp_flags = SYN},
	 DROP_NO_FLOW},
	{"to a port that TCP has: UDP", OPEN, TCP, {FROM_STRANGER, .proto = UDP}, DROP_NO_FLOW},
	{"to a port of somebody else's slice", OPEN, UDP, {FROM_STRANGER, .dport = 2048, .proto = UDP},
	 DROP_NO_FLOW},
	{"a ping with the identifier that the host pings with", OPEN, ICMP,
	 {.src = STRANGER, .proto = ICMP, .icmp_type = ECHO}, DROP_NO_FLOW},
	{"an answer that nobody asked for", OPEN, ICMP,
	 {.src = STRANGER, .proto = ICMP, .icmp_type = REPLY}, DROP_NO_FLOW},
	{"a segment in mid-stream", OPEN, TCP, {FROM_STRANGER, .proto = TCP, .tcp_flags = ACK}, DROP_NO_FLOW},
	{"SYN+ACK out of the blue", OPEN, TCP, {FROM_STRANGER, .proto = TCP, .tcp_flags = SYN | ACK},
	 DROP_NO_FLOW},
	{"a reset", OPEN, TCP, {FROM_STRANGER, .proto = TCP, .tcp_flags = RST}, DROP_NO_FLOW},
	{"SYN and FIN", OPEN, TCP, {FROM_STRANGER, .proto = TCP, .tcp_flags = SYN | FIN}, DROP_NO_FLOW},
	{"from a private address: the answer would have no route", OPEN, UDP,
	 {.src = IP(10, 0, 1, 99), .sport = 777, .proto = UDP}, DROP_NO_ROUTE},
	{"from 127.0.0.1", OPEN, UDP, {.src = IP(127, 0, 0, 1), .sport = 777, .proto = UDP}, DROP_MARTIAN},
	{"from a multicast address", OPEN, UDP, {.src = IP(224, 0, 0, 1), .sport = 777, .proto = UDP},
	 DROP_MARTIAN},
	{"from an egress port of ours: forged", OPEN, UDP, {.src = EGRESS, .sport = 2049, .proto = UDP},
	 DROP_MARTIAN},
	{"from the gateway's own end of the tunnels", OPEN, UDP,
	 {.src = GATEWAY, .sport = 777, .proto = UDP}, DROP_NO_ROUTE},
	{"from the port of our address that another gateway has", OPEN, UDP,
	 {.src = EGRESS, .sport = 9000, .proto = UDP}, DROP_NO_ROUTE},
	{"with one hop left", OPEN, UDP, {FROM_STRANGER, .proto = UDP, .ttl = 2}},

	{"closed: UDP from a stranger", CLOSED, UDP, {FROM_STRANGER, .proto = UDP}, DROP_NO_FLOW},
	{"closed: TCP from a stranger", CLOSED, TCP, {FROM_STRANGER, .proto = TCP, .tcp_flags = SYN},
	 DROP_NO_FLOW},
	{"closed: the server, another port", CLOSED, UDP, {.src = SERVER, .sport = 54, .proto = UDP},
	 DROP_NO_FLOW},
};
/* clang-format on */

static void check_row(const struct row *row)
{
	struct frame f = row->frame, out;
	struct worker_counters c;
	uint16_t port = open_port(BERLIN, row->opened);

	f.dst = EGRESS;
	f.dport = (uint16_t)(port + f.dport);
	if (f.proto == ICMP) {
		f.sport = port;
		f.dport = 0;
	}
	send_frame(UPLINK, &f);
	c = bed_counters(bed);
	bed_expect_drops(bed, row->why, row->drop, 1);
	assert_int_equal(c.flows, row->drop == DROP_NONE ? 2 : 1);
	if (take(UNDERLAY, &out) != (row->drop == DROP_NONE))
		fail_msg("%s: %s", row->why, row->drop == DROP_NONE ? "not let in" : "let in");
	assert_false(take(UPLINK, &out)); /* no error goes to the Internet */
	if (row->drop != DROP_NONE)
		return;
	assert_int_equal(out.outer_dst, BERLIN);
	assert_int_equal(out.src, f.src);
	assert_int_equal(out.sport, f.sport);
	assert_int_equal(out.dst, HOST);
	assert_int_equal(out.dport, 5000);
	assert_int_equal(out.ttl, (f.ttl == 0 ? 64 : f.ttl) - 1);
}

static void every_row(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		start(rows[i].filtering, 1, "flows: 100");
		check_row(&rows[i]);
		stop();
	}
}

/* With any number of workers, the stranger's packet gets to the worker that has the mapping. */
static void strangers_find_the_host(void **state)
{
	for (unsigned workers = 1; workers <= 4; workers++) {
		start(OPEN, workers, "flows: 1000");
		for (unsigned i = 0; i < 200; i++) {
			struct frame f = from_site(i % 2 == 0 ? BERLIN : MADRID, UDP), out;
			uint16_t port;

			f.sport = (uint16_t)(5000 + i);
			send_frame(UNDERLAY, &f);
			assert_true(take(UPLINK, &out));
			port = out.sport;
			f = from_stranger(UDP, port);
			f.src += i;
			send_frame(UPLINK, &f);
			assert_true(take(UNDERLAY, &out));
			assert_int_equal(out.outer_dst, i % 2 == 0 ? BERLIN : MADRID);
			assert_int_equal(out.dport, 5000 + i);
			/* the host's answer leaves by the same port */
			f = from_site(i % 2 == 0 ? BERLIN : MADRID, UDP);
			f.sport = (uint16_t)(5000 + i);
			f.dst = STRANGER + i;
			f.dport = 777;
			send_frame(UNDERLAY, &f);
			assert_true(take(UPLINK, &out));
			assert_int_equal(out.sport, port);
			assert_int_equal(out.dst, STRANGER + i);
			assert_int_equal(out.dport, 777);
		}
		assert_int_equal(bed_counters(bed).flows, 400);
		stop();
	}
}

/* If both sides open the same flow in one burst, it is one flow, whichever packet is first. */
static void both_begin_at_once(void **state)
{
	uint8_t bytes[BED_FRAME_MAX];
	struct frame out, f;

	for (unsigned first = 0; first < 2; first++) {
		uint16_t port;

		start(OPEN, 1, "flows: 100");
		port = open_port(BERLIN, UDP);
		for (unsigned i = 0; i < 6; i++) {
			bool inside = i % 2 == first;

			f = inside ? from_site(BERLIN, UDP) : from_stranger(UDP, port);
			if (inside) {
				f.dst = STRANGER;
				f.dport = 777;
			}
			bed_send(bed, inside ? UNDERLAY : UPLINK, bytes, frame_build(&f, bytes));
		}
		bed_run(bed);
		for (unsigned i = 0; i < 3; i++) {
			assert_true(take(UNDERLAY, &out));
			assert_true(take(UPLINK, &out));
		}
		assert_int_equal(bed_counters(bed).flows, 2);
		stop();
	}
}

struct limit_row {
	const char *why;
	const char *limits;
	uint8_t proto;
	unsigned in; /* of ten packets */
	enum drop drop; /* drop reason of the others */
};

/* The host's own flow counts as one; a TCP flow is half-open. */
static const struct limit_row limit_rows[] = {
	{"flows", "flows: 5", UDP, 2, DROP_SITE_FLOWS},
	{"half-open connections", "half-open: 3", TCP, 1, DROP_HALF_OPEN},
	{"flows a second", "new-flows-per-second: 8", UDP, 3, DROP_SITE_RATE},
};

/* Law 5: flows that the Internet opens count as the site's own, up to half of its limits. */
static void limits_hold(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(limit_rows); i++) {
		const struct limit_row *row = &limit_rows[i];
		struct site_counters c;
		struct frame out, f;
		uint16_t port, other;
		unsigned in = 0;

		start(OPEN, 1, row->limits);
		worker_hold_clock(bed_worker(bed, 0), 0);
		port = open_port(BERLIN, row->proto);
		other = open_port(MADRID, row->proto);
		for (unsigned k = 0; k < 10; k++) {
			f = from_stranger(row->proto, port);
			f.src += k;
			send_frame(UPLINK, &f);
			in += take(UNDERLAY, &out);
			assert_false(take(UPLINK, &out));
			f.dport = other;
			send_frame(UPLINK, &f);
			assert_true(take(UNDERLAY, &out));
			assert_int_equal(out.outer_dst, MADRID);
		}
		if (in != row->in)
			fail_msg("%s: %u let in", row->why, in);
		assert_int_equal(bed_counters(bed).drops[row->drop], 10 - row->in);
		worker_read_site(bed_worker(bed, 0), 1, &c);
		assert_int_equal(c.refused, 10 - row->in);
		assert_int_equal(c.flows, row->in + 1);
		stop();
	}
}

static uint8_t state_towards(uint16_t remote_port)
{
	struct flow_query query = {.filter = {.has_port = true, .port = remote_port}};
	struct worker *w = bed_worker(bed, 0);
	const struct flow_view *views;
	uint32_t n;

	worker_query_start(w, &query);
	while (!query_ended(&query))
		worker_turn(w);
	views = query_peek(&query, &n);
	return n == 1 ? views[0].flow.state : FLOW_FREE;
}

/* clang-format off */
static const struct {
	const char *why;
	bool inside; /* true: the host sends */
	uint8_t flags;
	uint32_t seq, ack;
	uint8_t state;
	unsigned half_open; /* without the host's own SYN */
	uint16_t wait_s; /* before the packet */
} segments[] = {
	{"SYN from outside",            false, SYN,       100, 0,   FLOW_TCP_SYN_RECEIVED,      1},
	{"again",                       false, SYN,       100, 0,   FLOW_TCP_SYN_RECEIVED,      1},
	{"a blind reset",               false, RST,       999, 0,   FLOW_TCP_SYN_RECEIVED,      1},
	{"a blind acknowledgement",     false, ACK,       101, 5,   FLOW_TCP_SYN_RECEIVED,      1},
	{"the host accepts",            true,  SYN | ACK, 500, 101, FLOW_TCP_SYN_ACK_SENT,    1},
	{"a blind third segment",       false, ACK,       101, 9999, FLOW_TCP_SYN_ACK_SENT,    1},
	{"a blind reset",               false, RST | ACK, 101, 9999, FLOW_TCP_SYN_ACK_SENT,    1},
	{"SYN again",                   false, SYN,       100, 0,   FLOW_TCP_SYN_ACK_SENT,    1},
	{"the third segment",           false, ACK,       101, 501, FLOW_TCP_ESTABLISHED, 0},
	{"data",                        true,  ACK,       501, 101, FLOW_TCP_ESTABLISHED, 0},
	{"after an hour",               false, ACK,       101, 501, FLOW_TCP_ESTABLISHED, 0, 3600},
	{"a blind reset",               false, RST,       999, 0,   FLOW_TCP_ESTABLISHED, 0},
	{"the host closes",             true,  FIN | ACK, 501, 101, FLOW_TCP_FIN_SENT, 0},
	{"so does the other side",      false, FIN | ACK, 101, 502, FLOW_TCP_CLOSED,      0},
	{"the last acknowledgement",    true,  ACK,       502, 102, FLOW_TCP_CLOSED,      0},
	{"called again, same port",     false, SYN,       700, 0,   FLOW_TCP_SYN_RECEIVED,      1},
	{"refused this time",           true,  RST | ACK, 0,   701, FLOW_TCP_CLOSED,      0},
	{"called once more",            false, SYN,       800, 0,   FLOW_TCP_SYN_RECEIVED,      1},
	{"who calls gives up",          false, RST,       801, 0,   FLOW_TCP_CLOSED,      0},
	{"and the host calls it",       true,  SYN,       50,  0,   FLOW_TCP_SYN_SENT,     1},
	{"which answers",               false, SYN | ACK, 60,  51,  FLOW_TCP_SYN_ACK_RECEIVED,    1},
	{"",                            true,  ACK,       51,  61,  FLOW_TCP_ESTABLISHED, 0},
};
/* clang-format on */

static void a_connection_from_outside(void **state)
{
	uint16_t port;

	start(OPEN, 1, "flows: 100");
	port = open_port(BERLIN, TCP);
	for (size_t i = 0; i < ARRAY_SIZE(segments); i++) {
		bool inside = segments[i].inside;
		struct frame f = inside ? from_site(BERLIN, TCP) : from_stranger(TCP, port), out;
		struct site_counters c;

		if (inside) {
			f.dst = STRANGER;
			f.dport = 777;
		}
		f.tcp_flags = segments[i].flags;
		f.seq = segments[i].seq;
		f.ack = segments[i].ack;
		worker_advance_clock(bed_worker(bed, 0), segments[i].wait_s);
		send_frame(inside ? UNDERLAY : UPLINK, &f);
		if (!take(inside ? UPLINK : UNDERLAY, &out))
			fail_msg("row %zu: %s: not passed on", i, segments[i].why);
		if (state_towards(777) != segments[i].state)
			fail_msg("row %zu: %s: %s", i, segments[i].why,
				 flow_state_names[state_towards(777)]);
		worker_read_site(bed_worker(bed, 0), 1, &c);
		if (segments[i].wait_s == 0 && i < 10)
			assert_int_equal(c.half_open, segments[i].half_open + 1);
	}
	stop();
}

/* A connection from outside that is not accepted ends by the timeout of half-open ones. */
static void half_open_from_outside_ends(void **state)
{
	struct frame f, out;
	uint16_t port;

	start(OPEN, 1, "flows: 100");
	port = open_port(BERLIN, TCP);
	f = from_stranger(TCP, port);
	send_frame(UPLINK, &f);
	assert_true(take(UNDERLAY, &out));
	worker_advance_clock(bed_worker(bed, 0), 240);
	for (unsigned k = 0; k < 200; k++)
		bed_run(bed);
	assert_int_equal(state_towards(777), FLOW_TCP_SYN_RECEIVED);
	worker_advance_clock(bed_worker(bed, 0), 2);
	for (unsigned k = 0; k < 200; k++)
		bed_run(bed);
	assert_int_equal(state_towards(777), FLOW_FREE);
	stop();
}

/* A SYN from the Internet reopens a closed flow only if the Internet may open flows. */
static void closed_stays_closed(void **state)
{
	struct frame f = from_site(BERLIN, TCP), out;
	uint16_t port;

	start(CLOSED, 1, "flows: 100");
	port = open_port(BERLIN, TCP);
	f.tcp_flags = RST;
	send_frame(UNDERLAY, &f);
	assert_true(take(UPLINK, &out));
	assert_int_equal(state_towards(53), FLOW_TCP_CLOSED);
	f = from_stranger(TCP, port);
	f.src = SERVER;
	f.sport = 53;
	send_frame(UPLINK, &f);
	assert_true(take(UNDERLAY, &out));
	assert_int_equal(state_towards(53), FLOW_TCP_CLOSED);
	stop();
}

/* Packets go by the tunnel of the host's last packet, whether it opened a flow or moved one. */
static void strangers_follow_a_site_that_moved(void **state)
{
	struct frame f, out;
	uint16_t port;

	for (unsigned new_flow = 0; new_flow < 2; new_flow++) {
		start(OPEN, 1, "flows: 100");
		port = open_port(BERLIN, UDP);
		f = from_stranger(UDP, port);
		send_frame(UPLINK, &f);
		assert_true(take(UNDERLAY, &out));
		assert_int_equal(out.outer_dst, BERLIN);

		f = from_site(BERLIN_2, UDP);
		f.dst += new_flow;
		send_frame(UNDERLAY, &f);
		assert_true(take(UPLINK, &out));
		assert_int_equal(out.sport, port);
		f = from_stranger(UDP, port);
		f.sport++;
		send_frame(UPLINK, &f);
		assert_true(take(UNDERLAY, &out));
		assert_int_equal(out.outer_dst, BERLIN_2);
		stop();
	}
}

/* When a mapping ends, its port is closed. The peers of its next owner are others. */
static void the_door_closes_with_the_mapping(void **state)
{
	struct frame f, out;
	uint16_t port;

	start(OPEN, 1, "flows: 100");
	port = open_port(BERLIN, UDP);
	worker_advance_clock(bed_worker(bed, 0), 301);
	while (bed_counters(bed).flows > 0)
		bed_run(bed);
	f = from_stranger(UDP, port);
	send_frame(UPLINK, &f);
	assert_false(take(UNDERLAY, &out));
	assert_int_equal(bed_counters(bed).drops[DROP_NO_FLOW], 1);
	stop();
}

/* RFC 6888 REQ-8: for two minutes no other host gets packets to the former owner's port. */
static void a_port_rests(void **state)
{
	static const struct {
		const char *filtering;
		uint16_t wait_s;
		uint16_t flows; /* of 2,048 ports, 128 of which are reserved */
		bool taken; /* does madrid get berlin's port? */
		uint16_t cut;
	} rows_of_rest[] = {
		{OPEN, 302, 1919, false, 0},	  {OPEN, 302 + 115, 1919, false, 0},
		{OPEN, 302 + 125, 2048, true, 0}, {OPEN, 302, 2048, true, 1}, /* no other is left */
		{CLOSED, 302, 1919, false, 0},	  {CLOSED, 302 + 125, 2048, true, 0}};

	for (unsigned i = 0; i < ARRAY_SIZE(rows_of_rest); i++) {
		struct frame f = from_site(MADRID, UDP), out;
		const uint32_t host = f.src;
		uint16_t port;
		bool taken = false;

		start(rows_of_rest[i].filtering, 1, "flows: 100");
		port = open_port(BERLIN, UDP);
		worker_advance_clock(bed_worker(bed, 0), 301);
		while (bed_counters(bed).flows > 0)
			bed_run(bed);
		worker_advance_clock(bed_worker(bed, 0), (uint32_t)(rows_of_rest[i].wait_s - 301));
		for (unsigned k = 0; k < rows_of_rest[i].flows; k++) {
			f.sport = (uint16_t)(10000 + k);
			f.src = host + k % 4; /* one host alone may not have so many flows */
			send_frame(UNDERLAY, &f);
			if (take(UPLINK, &out))
				taken |= out.sport == port;
			take(UNDERLAY, &out);
		}
		assert_int_equal(taken, rows_of_rest[i].taken);
		assert_int_equal(bed_counters(bed).rests_cut, rows_of_rest[i].cut);
		stop();
	}
}

/* A flow from outside holds the mapping until it ends, as any other flow does. */
static void a_flow_from_outside_keeps_the_mapping(void **state)
{
	struct slice_counters c;
	struct frame f, out;
	uint16_t port;

	start(OPEN, 1, "flows: 100");
	port = open_port(BERLIN, UDP);
	worker_advance_clock(bed_worker(bed, 0), 200);
	f = from_stranger(UDP, port);
	send_frame(UPLINK, &f);
	assert_true(take(UNDERLAY, &out));
	worker_advance_clock(bed_worker(bed, 0), 200);
	while (bed_counters(bed).flows > 1)
		bed_run(bed);
	worker_read_slice(bed_worker(bed, 0), 0, &c);
	assert_int_equal(c.ports, 1);
	f.src++;
	send_frame(UPLINK, &f);
	assert_true(take(UNDERLAY, &out));
	worker_advance_clock(bed_worker(bed, 0), 301);
	while (bed_counters(bed).flows > 0)
		bed_run(bed);
	worker_read_slice(bed_worker(bed, 0), 0, &c);
	assert_int_equal(c.ports + c.flows, 0);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(strangers_find_the_host),
		cmocka_unit_test(both_begin_at_once),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(a_connection_from_outside),
		cmocka_unit_test(half_open_from_outside_ends),
		cmocka_unit_test(closed_stays_closed),
		cmocka_unit_test(strangers_follow_a_site_that_moved),
		cmocka_unit_test(the_door_closes_with_the_mapping),
		cmocka_unit_test(a_port_rests),
		cmocka_unit_test(a_flow_from_outside_keeps_the_mapping),
	};

	return cmocka_run_group_tests_name("filtering", tests, NULL, NULL);
}
