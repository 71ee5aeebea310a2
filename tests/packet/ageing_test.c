/*
 * When does a flow time out, and when may its egress port be used again?
 *
 * Each row brings a flow into a state. It must still exist when its timeout is just reached, and be
 * gone a second later. The test controls the clock.
 *
 * A port of a closed TCP connection rests (RFC 7857 section 2 keeps the state of a reset connection
 * for four minutes, TIME-WAIT lasts two maximum segment lifetimes, four minutes as well). Other
 * ports rest when the flow has ended: rest_test.c.
 */
#include "bed.h"
#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { UNDERLAY, UPLINK };

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16, ICMP = 1, TCP = 6, UDP = 17 };
enum { ECHO = 8, ECHO_REPLY = 0, TIMESTAMP = 13, TIMESTAMP_REPLY = 14 };
enum { STAMP = 254 }; /* in a row: ICMP timestamp instead of echo */

enum {
	CAPACITY = 1024,
	SLICE = 64, /* number of egress ports */
	HAND_IDLE = 64, /* records that an idle turn visits: SWEEP_PER_IDLE_TURN */
	HAND_BUSY = 8, /* records that a burst visits: SWEEP_PER_BURST */
	STEPS = 6,
};

static const char yaml[] =
	"flows: {capacity: 1024%s}\n"
	"ports:\n"
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
	"sites:\n"
	"  - name: berlin\n"
	"    limits: {half-open: 1024}\n"
	"    tunnels: [{name: b, local: 198.51.100.1, remote: 198.51.100.10, port: underlay}]\n"
	"egress:\n"
	"  - {name: e, port: uplink, slice-size: 64,\n"
	"     addresses: [{address: 203.0.113.1, slices: [100]}]}\n";

/* One packet of a flow's life; 0: that was the last one. */
struct step {
	char way; /* 'f' forward, 'r' return */
	uint8_t flags;
};

struct row {
	const char *why;
	const char *timeouts; /* YAML, after the capacity */
	uint8_t proto;
	struct step steps[STEPS];
	uint32_t seconds; /* for which the flow is kept */
};

#define HANDSHAKE                                                                                  \
	{'f', SYN}, {'r', SYN | ACK},                                                              \
	{                                                                                          \
		'f', ACK                                                                           \
	}

/* clang-format off */
static const struct row rows[] = {
	{"UDP", "", UDP, {{'f', 0}, {'r', 0}}, 300},
	{"UDP that nobody answered", "", UDP, {{'f', 0}}, 300},
	{"ICMP echo", "", ICMP, {{'f', 0}, {'r', 0}}, 60},
	{"TCP, a SYN", "", TCP, {{'f', SYN}}, 240},
	{"TCP, answered", "", TCP, {{'f', SYN}, {'r', SYN | ACK}}, 240},
	{"TCP, open", "", TCP, {HANDSHAKE}, 7440},
	{"ICMP timestamp", "", STAMP, {{'f', 0}, {'r', 0}}, 60},
	{"TCP, the starter has said all", "", TCP, {HANDSHAKE, {'f', FIN | ACK}}, 7440},
	{"TCP, the other side has", "", TCP, {HANDSHAKE, {'r', FIN | ACK}}, 7440},
	{"TCP, both", "", TCP, {HANDSHAKE, {'r', FIN | ACK}, {'f', FIN | ACK}}, 240},
	{"TCP, reset", "", TCP, {HANDSHAKE, {'r', RST}}, 240},
	{"TCP, refused", "", TCP, {{'f', SYN}, {'r', RST | ACK}}, 240},
	{"closed has a setting of its own", ", timeouts: {tcp-closed: 10s}", TCP,
	 {HANDSHAKE, {'f', RST}}, 10},
	{"so has half closed", ", timeouts: {tcp-closed: 10s, tcp-half-closed: 20s}", TCP,
	 {HANDSHAKE, {'f', FIN | ACK}}, 20},
	{"so has opening", ", timeouts: {tcp-opening: 30s, tcp-half-closed: 20s}", TCP,
	 {{'f', SYN}}, 30},
	{"which ends with the third segment", ", timeouts: {tcp-opening: 30s}", TCP,
	 {HANDSHAKE}, 7440},
	{"shorter", ", timeouts: {udp: 1s}", UDP, {{'f', 0}}, 1},
	{"longest", ", timeouts: {tcp-established: 18h}", TCP, {HANDSHAKE}, 64800},
};
/* clang-format on */

static struct bed *bed;

static void set_up(const char *timeouts)
{
	char text[2048];

	snprintf(text, sizeof(text), yaml, timeouts);
	bed = bed_create(text, 7);
	worker_hold_clock(bed_worker(bed, 0), 0);
}

static void tear_down(void)
{
	bed_check(bed);
	bed_destroy(bed);
}

static bool is_icmp(uint8_t proto)
{
	return proto == ICMP || proto == STAMP;
}

static struct frame forward_frame(uint8_t proto, uint32_t dst, uint16_t sport, uint8_t flags)
{
	return (struct frame){
		.outer_src = IP(198, 51, 100, 10),
		.outer_dst = IP(198, 51, 100, 1),
		.src = IP(10, 0, 1, 10),
		.dst = dst,
		.sport = sport,
		.dport = is_icmp(proto) ? 0 : 443,
		.proto = proto == STAMP ? ICMP : proto,
		.tcp_flags = proto == TCP ? flags : 0,
		.icmp_type = proto == ICMP    ? ECHO
			     : proto == STAMP ? TIMESTAMP
					      : 0,
		.payload = 8,
	};
}

static void send_frame(unsigned port, const struct frame *f)
{
	uint8_t bytes[BED_FRAME_MAX];

	bed_send(bed, port, bytes, frame_build(f, bytes));
	bed_run(bed);
}

/* Takes the next packet that left by @port; false if there is none. */
static bool take(unsigned port, struct frame *f)
{
	uint8_t bytes[BED_FRAME_MAX];
	size_t len = bed_take(bed, port, bytes);
	const char *why = "";

	if (len > 0)
		assert_true(frame_parse(bytes, len, f, &why));
	return len > 0;
}

/* Sends a first packet. Returns its egress port, or 0 if it was refused. */
static uint16_t open_flow(uint8_t proto, uint32_t dst, uint16_t sport)
{
	struct frame f = forward_frame(proto, dst, sport, SYN), out;

	send_frame(UNDERLAY, &f);
	if (take(UPLINK, &out))
		return out.sport;
	assert_true(take(UNDERLAY, &out)); /* an ICMP error: no port is left */
	assert_int_equal(out.icmp_code, 1);
	return 0;
}

static void send_return(uint8_t proto, uint32_t dst, uint16_t port, uint8_t flags)
{
	struct frame f = {
		.src = dst,
		.dst = IP(203, 0, 113, 1),
		.sport = is_icmp(proto) ? port : 443,
		.dport = port,
		.proto = proto == STAMP ? ICMP : proto,
		.tcp_flags = proto == TCP ? flags : 0,
		.icmp_type = proto == STAMP ? TIMESTAMP_REPLY : ECHO_REPLY,
		.payload = 8,
	};
	struct frame out;

	send_frame(UPLINK, &f);
	assert_true(take(UNDERLAY, &out));
}

/* Runs enough turns for the sweep to visit every record. */
static void sweep_all(void)
{
	for (unsigned i = 0; i <= CAPACITY / HAND_IDLE; i++)
		worker_turn(bed_worker(bed, 0));
}

static void wait_for(uint32_t seconds)
{
	worker_advance_clock(bed_worker(bed, 0), seconds);
	sweep_all();
}

static uint64_t flows(void)
{
	return bed_counters(bed).flows;
}

static void play_steps(const struct row *row)
{
	uint32_t dst = IP(192, 0, 2, 80);
	uint16_t port = 0;

	for (const struct step *s = row->steps; s < row->steps + STEPS && s->way != 0; s++) {
		struct frame f = forward_frame(row->proto, dst, 5000, s->flags), out;

		if (s->way == 'r') {
			send_return(row->proto, dst, port, s->flags);
			continue;
		}
		send_frame(UNDERLAY, &f);
		assert_true(take(UPLINK, &out));
		port = out.sport;
	}
}

static void kept_as_long_as_said(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_up(rows[i].timeouts);
		play_steps(&rows[i]);
		wait_for(rows[i].seconds);
		if (flows() != 1)
			fail_msg("%s: ended too early", rows[i].why);
		wait_for(1);
		if (flows() != 0)
			fail_msg("%s: not ended", rows[i].why);
		tear_down();
	}
}

/*
 * With `refresh: outbound` return packets do not keep a flow alive. A new state always restarts its
 * timeout.
 */
static void only_outbound_packets_keep_it(void **state)
{
	uint32_t dst = IP(192, 0, 2, 80);
	uint16_t port;

	set_up(", refresh: outbound");
	port = open_flow(UDP, dst, 5000);
	wait_for(200);
	send_return(UDP, dst, port, 0);
	wait_for(100);
	assert_int_equal(flows(), 1);
	assert_int_equal(open_flow(UDP, dst, 5000), port);
	wait_for(200);
	send_return(UDP, dst, port, 0);
	wait_for(101);
	assert_int_equal(flows(), 0);

	port = open_flow(TCP, dst, 5000);
	wait_for(239);
	/* the server answers: the timeout of 4 minutes begins here */
	send_return(TCP, dst, port, SYN | ACK);
	wait_for(240);
	assert_int_equal(flows(), 1);
	wait_for(1);
	assert_int_equal(flows(), 0);
	tear_down();
}

/* An outside host cannot keep a closed connection alive by provoking resets of the inside host. */
static void resets_do_not_keep_it(void **state)
{
	uint32_t dst = IP(192, 0, 2, 80);
	struct frame reset = forward_frame(TCP, dst, 5000, RST), out;
	uint16_t port;

	set_up("");
	port = open_flow(TCP, dst, 5000);
	send_return(TCP, dst, port, RST | ACK); /* refused */
	for (unsigned i = 0; i < 4; i++) {
		wait_for(60);
		assert_int_equal(flows(), 1);
		send_frame(UNDERLAY, &reset);
		assert_true(take(UPLINK, &out));
		send_return(TCP, dst, port, RST);
	}
	wait_for(1);
	assert_int_equal(flows(), 0);
	tear_down();
}

/* A packet in either direction restarts the timeout. */
static void packets_keep_it(void **state)
{
	uint32_t dst = IP(192, 0, 2, 80);
	uint16_t port;

	set_up("");
	port = open_flow(UDP, dst, 5000);
	assert_int_not_equal(port, 0);
	for (unsigned i = 0; i < 20; i++) {
		wait_for(299);
		if (i % 2 == 0)
			send_return(UDP, dst, port, 0);
		else
			assert_int_equal(open_flow(UDP, dst, 5000), port);
	}
	assert_int_equal(flows(), 1);
	wait_for(301);
	assert_int_equal(flows(), 0);
	tear_down();
}

static void open_all_ports(uint32_t dst, uint16_t first_sport)
{
	bool used[SLICE] = {false};

	for (unsigned i = 0; i < SLICE; i++) {
		uint16_t port = open_flow(TCP, dst, (uint16_t)(first_sport + i));

		assert_in_range(port, 100 * SLICE, 101 * SLICE - 1);
		assert_false(used[port % SLICE]);
		used[port % SLICE] = true;
	}
}

static void a_closed_port_rests(void **state)
{
	uint32_t dst = IP(192, 0, 2, 80), other = IP(192, 0, 2, 81);

	set_up("");
	open_all_ports(dst, 1000);
	assert_int_equal(open_flow(TCP, dst, 9000), 0);
	for (unsigned i = 0; i < SLICE; i++)
		send_return(TCP, dst, (uint16_t)(100 * SLICE + i), RST);

	wait_for(240);
	assert_int_equal(open_flow(TCP, dst, 9000), 0); /* the port still rests */
	assert_int_equal(bed_counters(bed).answers[ANSWER_EXHAUSTED], 2);
	/* a port rests towards one destination only */
	assert_int_not_equal(open_flow(TCP, other, 9001), 0);
	wait_for(1);
	open_all_ports(dst, 2000);
	tear_down();
}

/*
 * The table is full of expired flows that the sweep has not visited yet. First packets take their
 * records.
 */
static void what_is_over_makes_room(void **state)
{
	uint32_t dst = IP(192, 0, 2, 80);

	set_up("");
	for (uint32_t i = 0; i < CAPACITY; i++)
		assert_int_not_equal(open_flow(UDP, IP(192, 1, 0, 0) + i, 5000), 0);
	assert_int_equal(open_flow(UDP, dst, 5000), 0);
	worker_advance_clock(bed_worker(bed, 0), 301);
	for (uint32_t i = 0; i < CAPACITY; i++)
		assert_int_not_equal(open_flow(UDP, IP(192, 2, 0, 0) + i, 5000), 0);
	tear_down();
}

/* The same if all ports towards one server are taken by expired flows. */
static void ports_of_what_is_over_are_free(void **state)
{
	uint32_t dst = IP(192, 0, 2, 80);

	set_up("");
	open_all_ports(dst, 1000);
	assert_int_equal(open_flow(TCP, dst, 9000), 0);
	worker_advance_clock(bed_worker(bed, 0), 241);
	open_all_ports(dst, 2000);
	assert_int_equal(flows(), SLICE);
	tear_down();
}

/*
 * One burst holds answers to half of the expired flows, and first packets that need a port. A flow
 * that gets a packet lives on. The ports of the others are given to the new flows.
 */
static void who_is_met_lives_on(void **state)
{
	uint32_t dst = IP(192, 0, 2, 80);
	bool taken[SLICE] = {false};
	uint8_t bytes[BED_FRAME_MAX];
	struct frame out;

	set_up("");
	open_all_ports(dst, 1000);
	worker_advance_clock(bed_worker(bed, 0), 241);
	for (unsigned i = 0; i < SLICE / 2; i++) {
		struct frame first = forward_frame(TCP, dst, (uint16_t)(2000 + i), SYN);
		struct frame answer = {
			.src = dst,
			.dst = IP(203, 0, 113, 1),
			.sport = 443,
			.dport = (uint16_t)(100 * SLICE + 2 * i),
			.proto = TCP,
			.tcp_flags = ACK,
			.payload = 8,
		};

		bed_send(bed, UNDERLAY, bytes, frame_build(&first, bytes));
		bed_send(bed, UPLINK, bytes, frame_build(&answer, bytes));
	}
	bed_run(bed);
	for (unsigned i = 0; i < SLICE / 2; i++) {
		assert_true(take(UPLINK, &out));
		assert_in_range(out.sport, 100 * SLICE, 101 * SLICE - 1);
		assert_int_equal(out.sport % 2, 1); /* flows of even ports got a packet */
		assert_false(taken[out.sport % SLICE]);
		taken[out.sport % SLICE] = true;
		assert_true(take(UNDERLAY, &out));
		/* the port of an expired flow */
		assert_in_range(out.dport, 1000, 1000 + SLICE - 1);
	}
	tear_down();
}

/*
 * The client opens the same connection again, so it has left TIME-WAIT. The new flow may use the
 * port at once.
 */
static void its_own_starter_need_not_wait(void **state)
{
	uint32_t dst = IP(192, 0, 2, 80);
	uint16_t port;

	set_up("");
	port = open_flow(TCP, dst, 5000);
	send_return(TCP, dst, port, RST);
	assert_int_equal(open_flow(TCP, dst, 5000), port);
	wait_for(240);
	assert_int_equal(flows(), 1);
	tear_down();
}

static uint64_t ended(void)
{
	struct worker_counters c;

	worker_read_counters(bed_worker(bed, 0), &c);
	return c.flows_ended;
}

static void one_turn_ends_few(void **state)
{
	struct frame f = forward_frame(UDP, IP(192, 1, 0, 0), 5000, 0), out;
	uint8_t bytes[BED_FRAME_MAX];
	uint64_t before;

	set_up("");
	for (uint32_t i = 0; i < CAPACITY; i++)
		assert_int_not_equal(open_flow(UDP, IP(192, 1, 0, 0) + i, 5000), 0);
	assert_int_equal(flows(), CAPACITY);
	worker_advance_clock(bed_worker(bed, 0), 301);

	for (unsigned i = 0; i < 20; i++) {
		before = ended();
		bed_send(bed, UNDERLAY, bytes, frame_build(&f, bytes));
		assert_int_equal(worker_turn(bed_worker(bed, 0)), 1);
		assert_in_range(ended() - before, 1, HAND_BUSY);
		assert_true(take(UPLINK, &out));
	}
	while (flows() > HAND_IDLE) {
		before = ended();
		worker_turn(bed_worker(bed, 0));
		assert_in_range(ended() - before, 1, HAND_IDLE);
	}
	sweep_all();
	assert_int_equal(flows(), 1); /* the one that talked */
	tear_down();
}

/*
 * The processor's time counter steps; the clock must not. Flows end at their timeout, not earlier,
 * and a site may open its number of flows per second.
 */
static void the_counter_may_step(void **state)
{
	static const int64_t steps[] = {-1, -3600, 3600, -864000, 864000, 1};
	struct worker_counters c;
	unsigned opened = 0;

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		set_up(", limits: {new-flows-per-second: 10}");
		worker_hold_clock(bed_worker(bed, 0), 1700000000);
		assert_int_not_equal(open_flow(UDP, IP(192, 0, 2, 80), 5000), 0);
		worker_step_counter(bed_worker(bed, 0), steps[i]);
		for (unsigned s = 0; s < 299; s++) {
			worker_hold_clock(bed_worker(bed, 0), 1000000000);
			sweep_all();
			assert_int_equal(flows(), 1);
		}
		for (opened = 0; opened < 30; opened++)
			if (open_flow(UDP, IP(192, 0, 2, 81), (uint16_t)(6000 + opened)) == 0)
				break;
		assert_in_range(opened, 10, 11);
		worker_hold_clock(bed_worker(bed, 0), 3000000000);
		sweep_all();
		assert_int_equal(flows(), opened);
		worker_read_counters(bed_worker(bed, 0), &c);
		assert_int_equal(c.clock_steps, 1);
		tear_down();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept_as_long_as_said),
		cmocka_unit_test(packets_keep_it),
		cmocka_unit_test(only_outbound_packets_keep_it),
		cmocka_unit_test(resets_do_not_keep_it),
		cmocka_unit_test(a_closed_port_rests),
		cmocka_unit_test(what_is_over_makes_room),
		cmocka_unit_test(ports_of_what_is_over_are_free),
		cmocka_unit_test(who_is_met_lives_on),
		cmocka_unit_test(its_own_starter_need_not_wait),
		cmocka_unit_test(one_turn_ends_few),
		cmocka_unit_test(the_counter_may_step),
	};

	return cmocka_run_group_tests_name("ageing", tests, NULL, NULL);
}
