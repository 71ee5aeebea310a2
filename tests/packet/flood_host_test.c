/*
 * Some hosts of a site flood, and its other hosts do not notice. When the flood is over, all hosts
 * can open connections at once.
 *
 *     flooders 10.0.1.1 ... ---+-- berlin --- GRE ---[ gateway ]--- servers
 *     others 10.0.2.1 ... -----+
 *
 * The test controls the clock. No packet of the flood is answered.
 */
#include "bed.h"
#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { UNDERLAY, UPLINK };
enum { SYN = 2, RST = 4, ACK = 16, TCP = 6, UDP = 17, ICMP = 1 };
enum {
	CAPACITY = 16384, /* so 4,096 half-open connections; 2,048 of one host */
	FLOOD_S = 10,
	A_SECOND = 4000, /* packets of the flood */
	STEP_NS = 5000000,
	STEPS = FLOOD_S * 200,
	HAND_TURNS = CAPACITY / 64 + 1, /* idle turns in which the sweep visits all records */
};

static const char yaml[] =
	"flows: {capacity: 16384}\n"
	"ports:\n"
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
	"sites:\n"
	"  - name: berlin\n"
	"    tunnels: [{name: b, local: 198.51.100.1, remote: 198.51.100.11, port: underlay}]\n"
	"egress:\n"
	"  - {name: e, port: uplink, addresses: [{address: 203.0.113.1, slices: [1-31]}]}\n";

static const struct row {
	const char *why;
	unsigned flooders;
	uint8_t proto;
	unsigned own_s; /* seconds after the flood until a flooder can open connections again */
} rows[] = {
	{"one host floods with SYNs", 1, TCP, 4},
	{"three hosts do", 3, TCP, 240},
	{"one host floods with UDP", 1, UDP, 301},
};

static struct bed *bed;
static uint32_t serial; /* of the flood's packets */

static struct frame packet(uint32_t src, uint32_t dst, uint16_t sport, uint8_t proto, uint8_t flags)
{
	return (struct frame){
		.outer_src = IP(198, 51, 100, 11),
		.outer_dst = IP(198, 51, 100, 1),
		.src = src,
		.dst = dst,
		.sport = sport,
		.dport = 443,
		.proto = proto,
		.tcp_flags = proto == TCP ? flags : 0,
	};
}

static void send_frame(unsigned port, const struct frame *f)
{
	uint8_t bytes[BED_FRAME_MAX];

	bed_send(bed, port, bytes, frame_build(f, bytes));
	bed_run(bed);
}

static unsigned drain(unsigned port)
{
	uint8_t bytes[BED_FRAME_MAX];
	unsigned n = 0;

	while (bed_take(bed, port, bytes) > 0)
		n++;
	return n;
}

/* Opens a connection and resets it, so that the table does not fill. True: it was opened. */
static bool open_connection(uint32_t host, uint16_t sport)
{
	struct frame f = packet(host, IP(192, 0, 2, 80), sport, TCP, SYN), out;
	uint8_t bytes[BED_FRAME_MAX];
	const char *why;
	size_t len;

	send_frame(UNDERLAY, &f);
	len = bed_take(bed, UPLINK, bytes);
	if (len == 0)
		return false;
	assert_true(frame_parse(bytes, len, &out, &why));
	send_frame(UPLINK, &(struct frame){.src = f.dst,
					   .dst = out.src,
					   .sport = 443,
					   .dport = out.sport,
					   .proto = TCP,
					   .tcp_flags = SYN | ACK});
	assert_int_equal(drain(UNDERLAY), 1);
	f.tcp_flags = ACK;
	send_frame(UNDERLAY, &f);
	assert_int_equal(drain(UPLINK), 1);
	return true;
}

static void flood(const struct row *row)
{
	for (unsigned i = 0; i < A_SECOND / 200; i++) {
		struct frame f = packet(IP(10, 0, 1, 1) + serial % row->flooders,
					IP(11, 0, 0, 0) + serial, 20000, row->proto, SYN);

		send_frame(UNDERLAY, &f);
		serial++;
	}
	drain(UPLINK);
	drain(UNDERLAY);
}

static void pass(uint64_t ns)
{
	worker_hold_clock(bed_worker(bed, 0), ns);
	for (unsigned i = 0; i < HAND_TURNS / 16; i++)
		worker_turn(bed_worker(bed, 0));
}

/* Sends the flood of a tenth of a second at once, so few of its packets find an expired flow. */
static void is_refused(const struct row *row)
{
	struct site_counters before, after;

	worker_read_site(bed_worker(bed, 0), 1, &before);
	for (unsigned i = 0; i < 20; i++)
		flood(row);
	worker_read_site(bed_worker(bed, 0), 1, &after);
	assert_in_range(after.refused - before.refused, A_SECOND / 20, A_SECOND / 10);
}

static void play(const struct row *row)
{
	struct site_counters c;

	bed = bed_create(yaml, 1);
	worker_hold_clock(bed_worker(bed, 0), 0);
	serial = 0;
	for (unsigned step = 0; step < STEPS; step++) {
		flood(row);
		pass(STEP_NS);
		if (step % 10 == 0 &&
		    !open_connection(IP(10, 0, 2, 1) + step % 100, (uint16_t)(1000 + step)))
			fail_msg("%s: another host was refused after %u ms", row->why, step * 5);
	}
	worker_read_site(bed_worker(bed, 0), 1, &c);
	assert_int_equal(c.refused, c.refused_source); /* never by the limit of the site */
	assert_in_range(c.refused, 1, serial);
	is_refused(row);
	for (unsigned s = 0; s < row->own_s; s++)
		for (unsigned k = 0; k < 20; k++)
			pass(UINT64_C(50000000));
	if (!open_connection(IP(10, 0, 1, 1), 1001))
		fail_msg("%s: itself is refused %u s later", row->why, row->own_s);
	bed_check(bed);
	bed_destroy(bed);
}

static void the_others_do_not_notice(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		play(&rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_others_do_not_notice),
	};

	return cmocka_run_group_tests_name("flood_host", tests, NULL, NULL);
}
