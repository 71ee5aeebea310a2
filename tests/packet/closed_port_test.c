/*
 * When no other port is left: which site may use the port of a closed TCP connection, and when?
 *
 * A SYN of the same site may have it if its sequence number is higher than the last one of the old
 * connection (RFC 6191, RFC 6888 REQ-8 A). The server would take a lower one for a late segment. A
 * SYN of another site must also wait until the port has rested. Only the high half of sequence
 * numbers is stored, so higher means by more than 65,536.
 */
#include "bed.h"
#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { UNDERLAY, UPLINK };
enum { FIN = 1, SYN = 2, RST = 4, ACK = 16, TCP = 6 };
enum {
	REST = 120,
	BERLIN = 1,
	MADRID = 2,
	SLICE = 64,
	FIRST_PORT = 100 * SLICE,
	CAPACITY = 4096,
	HAND_IDLE = 64,
};

#define SEQ 0x10000000u /* of the old connection */
#define STEP 0x10000u

static const struct ip6 host6 = IP6(0xfd00, 0, 0, 0, 0, 0, 0, 0x10);
static const struct ip6 server6 = IP6(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0x80);
static const struct ip6 egress6 = IP6(0x2001, 0xdb8, 2, 0, 0, 0, 0, 1);

static const char yaml[] =
	"flows: {capacity: 4096, capacity-ipv6: 4096, port-rest: %s, limits: {half-open: 4096},\n"
	"  timeouts: {tcp-opening: 18h, tcp-established: 18h, tcp-closed: 240s}}\n"
	"ports:\n"
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
	"sites:\n"
	"  - name: berlin\n"
	"    tunnels: [{name: b, local: 198.51.100.1, remote: 198.51.100.10, port: underlay}]\n"
	"  - name: madrid\n"
	"    tunnels: [{name: m, local: 198.51.100.1, remote: 198.51.100.11, port: underlay}]\n"
	"egress:\n"
	"  - {name: e, port: uplink, slice-size: 64,\n"
	"     addresses: [{address: '%s', slices: [100]}]}\n";

enum how { OPEN, RESET, ENDED /* by FINs of both sides */ };

static const struct row {
	const char *why;
	const char *rest;
	enum how how; /* how berlin's old connection was left */
	uint32_t old_seq;
	uint8_t site; /* of the new connection */
	uint32_t seconds; /* later */
	uint32_t ahead; /* of the old sequence number */
	bool taken; /* is the port given to it? */
} rows[] = {
	{"higher by more than one step", "2m", ENDED, SEQ, BERLIN, 1, 2 * STEP, true},
	{"the same after a reset", "2m", RESET, SEQ, BERLIN, 1, 2 * STEP, true},
	{"the connection is open", "2m", OPEN, SEQ, BERLIN, 1, 2 * STEP, false},
	{"the same number", "2m", ENDED, SEQ, BERLIN, 1, 0, false},
	{"higher by one step: may be the same", "2m", ENDED, SEQ, BERLIN, 1, STEP, false},
	{"lower", "2m", ENDED, SEQ, BERLIN, 1, 0u - STEP, false},
	{"lower, after a reset", "2m", RESET, SEQ, BERLIN, 1, 0u - STEP, false},
	{"as far ahead as there is", "2m", ENDED, SEQ, BERLIN, 1, 0x7fff * STEP, true},
	{"further: that is behind", "2m", ENDED, SEQ, BERLIN, 1, 0x8000 * STEP, false},
	{"beyond zero", "2m", ENDED, 0xffff0000u, BERLIN, 1, 2 * STEP, true},
	{"lower, until tcp-closed is over", "2m", ENDED, SEQ, BERLIN, 239, 0u - STEP, false},
	{"lower, when tcp-closed is over", "2m", ENDED, SEQ, BERLIN, 242, 0u - STEP, true},
	{"another site", "2m", ENDED, SEQ, MADRID, 1, 2 * STEP, false},
	{"another site, until the port has rested", "2m", ENDED, SEQ, MADRID, 119, 2 * STEP, false},
	{"another site, when it has", "2m", ENDED, SEQ, MADRID, 122, 2 * STEP, true},
	{"another site, when it has, after a reset", "2m", RESET, SEQ, MADRID, 122, 2 * STEP, true},
	{"another site, when it has, lower", "2m", ENDED, SEQ, MADRID, 122, 0u - STEP, false},
	{"another site, ports do not rest", "0", ENDED, SEQ, MADRID, 1, 2 * STEP, true},
};

static struct bed *bed;
static bool six;

static void wait_for(uint32_t seconds)
{
	worker_advance_clock(bed_worker(bed, 0), seconds);
	for (unsigned i = 0; i <= CAPACITY / HAND_IDLE; i++)
		worker_turn(bed_worker(bed, 0));
}

static bool send_and_take(unsigned in, const struct frame *f, unsigned out_port, struct frame *out)
{
	uint8_t bytes[BED_FRAME_MAX];
	const char *why = "";
	size_t len;

	bed_send(bed, in, bytes, frame_build(f, bytes));
	bed_run(bed);
	len = bed_take(bed, out_port, bytes);
	if (len > 0)
		assert_true(frame_parse(bytes, len, out, &why));
	return len > 0;
}

/* Returns the egress port of the packet, or 0. */
static uint16_t send_out(uint8_t site, uint16_t sport, uint8_t flags, uint32_t seq, uint32_t ack)
{
	const struct frame f = {
		.outer_src = IP(198, 51, 100, 9) + site,
		.outer_dst = IP(198, 51, 100, 1),
		.six = six,
		.src = IP(10, 0, 1, 10),
		.dst = IP(192, 0, 2, 80),
		.src6 = host6,
		.dst6 = server6,
		.sport = sport,
		.dport = 443,
		.proto = TCP,
		.tcp_flags = flags,
		.seq = seq,
		.ack = ack,
		.payload = 8,
	};
	struct frame out;
	bool left = send_and_take(UNDERLAY, &f, UPLINK, &out);

	if (!left) { /* an ICMP error came back */
		uint8_t bytes[BED_FRAME_MAX];

		while (bed_take(bed, UNDERLAY, bytes) > 0) {
		}
	}
	return left ? out.sport : 0;
}

static void send_back(uint16_t port, uint8_t flags, uint32_t seq, uint32_t ack)
{
	const struct frame f = {
		.six = six,
		.src = IP(192, 0, 2, 80),
		.dst = IP(203, 0, 113, 1),
		.src6 = server6,
		.dst6 = egress6,
		.sport = 443,
		.dport = port,
		.proto = TCP,
		.tcp_flags = flags,
		.seq = seq,
		.ack = ack,
		.payload = 8,
	};
	struct frame out;

	assert_true(send_and_take(UPLINK, &f, UNDERLAY, &out));
}

/* Opens berlin's connection from source port 999. Returns its egress port. */
static uint16_t establish(uint32_t seq)
{
	uint16_t port = send_out(BERLIN, 999, SYN, seq, 0);

	assert_in_range(port, FIRST_PORT, FIRST_PORT + SLICE - 1);
	send_back(port, SYN | ACK, 5000, seq + 1);
	assert_int_equal(send_out(BERLIN, 999, ACK, seq + 1, 5001), port);
	return port;
}

static void leave(enum how how, uint16_t port, uint32_t seq)
{
	if (how == RESET)
		send_back(port, RST | ACK, 5001, seq + 9);
	if (how != ENDED)
		return;
	send_back(port, FIN | ACK, 5001, seq + 9);
	assert_int_equal(send_out(BERLIN, 999, FIN | ACK, seq + 9, 5010), port);
}

/*
 * Takes all other ports with connections that stay open. Two ports are reserved for sites that have
 * less than half of them.
 */
static void fill(void)
{
	unsigned n = 0;

	for (uint16_t i = 0; i < 4 * SLICE; i++)
		n += send_out(i % 2 == 0 ? BERLIN : MADRID, (uint16_t)(2000 + i), SYN, SEQ, 0) != 0;
	assert_int_equal(n, SLICE - 3);
}

static void who_may_have_it(void **state)
{
	for (size_t i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i / 2];
		uint16_t old, new;
		char text[2048];

		six = i % 2;
		snprintf(text, sizeof(text), yaml, row->rest,
			 six ? "2001:db8:2::1" : "203.0.113.1");
		bed = bed_create(text, 7);
		worker_hold_clock(bed_worker(bed, 0), 0);
		wait_for(REST + 2); /* then all ports may be used */
		old = establish(row->old_seq);
		fill();
		leave(row->how, old, row->old_seq);
		wait_for(row->seconds);
		new = send_out(row->site, 9000, SYN, row->old_seq + row->ahead, 0);
		if (new != (row->taken ? old : 0))
			fail_msg("%s%s: port %u, was %u", row->why, six ? ", IPv6" : "", new, old);
		assert_int_equal(bed_counters(bed).rests_cut, 0);
		bed_check(bed);
		bed_destroy(bed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_may_have_it),
	};

	return cmocka_run_group_tests_name("closed_port", tests, NULL, NULL);
}
