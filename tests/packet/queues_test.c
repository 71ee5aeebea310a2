/*
 * Ports with fewer, as many and more queues than there are workers.
 *
 *     berlin 10.0.1.0/24 --- GRE, a queue for each worker ---+--- [ workers ] --- uplink, n queues
 *
 * A worker that has a queue of the uplink transmits by it. One without a queue hands its frames to
 * worker (its number mod queues). Every queue is served, whatever worker polls it, and returns go
 * home from each of them.
 */
#include "bed.h"
#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { UNDERLAY, UPLINK, UDP = 17, FLOWS = 240, QUEUES_MAX = 8 };

static const char yaml[] =
	"workers: %u\n"
	"ports:\n"
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
	"sites:\n"
	"  - name: berlin\n"
	"    tunnels:\n"
	"      - {name: b1, local: 198.51.100.1, remote: 198.51.100.10, port: underlay}\n"
	"egress:\n"
	"  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: [1-8]}]}\n"
	"flows: {capacity: 16384}\n";

static const struct row {
	const char *why;
	unsigned workers, queues;
} rows[] = {
	{"one of each", 1, 1},
	{"one queue", 2, 1},
	{"as many queues as workers", 2, 2},
	{"a worker polls several queues", 1, 4},
	{"a worker polls several queues, another one", 2, 3},
	{"a worker has no queue", 4, 3},
	{"as many, and more than two", 4, 4},
	{"more queues than workers", 3, 8},
};

static struct bed *bed;

static void send_out(uint16_t sport)
{
	const struct frame f = {
		.outer_src = IP(198, 51, 100, 10),
		.outer_dst = IP(198, 51, 100, 1),
		.src = IP(10, 0, 1, 10),
		.dst = IP(192, 0, 2, 80),
		.sport = sport,
		.dport = 53,
		.proto = UDP,
		.payload = 8,
		.ttl = 64,
		.token = sport,
	};
	uint8_t bytes[BED_FRAME_MAX];

	bed_send(bed, UNDERLAY, bytes, frame_build(&f, bytes));
}

/* The return of what left, into queue @queue of the uplink. */
static void send_back(const struct frame *out, unsigned queue)
{
	const struct frame f = {
		.src = out->dst,
		.dst = out->src,
		.sport = out->dport,
		.dport = out->sport,
		.proto = UDP,
		.payload = 8,
		.ttl = 64,
		.token = out->token,
	};
	uint8_t bytes[BED_FRAME_MAX];

	bed_send_to(bed, UPLINK, queue, bytes, frame_build(&f, bytes));
}

static void take(unsigned port, struct frame *f)
{
	uint8_t bytes[BED_FRAME_MAX];
	const char *why = "";
	size_t len = bed_take(bed, port, bytes);

	assert_true(len > 0);
	assert_true(frame_parse(bytes, len, f, &why));
}

/* What each worker sent by the uplink left by its own queue, or by that of the one who stands in. */
static void check_queues(const struct row *row)
{
	uint64_t expected[QUEUES_MAX] = {0};

	for (unsigned w = 0; w < row->workers; w++) {
		struct port_counters c;

		worker_read_port(bed_worker(bed, w), UPLINK, &c);
		expected[w] = c.tx_packets;
		if (w >= row->queues && c.tx_packets > 0)
			fail_msg("%s: worker %u has no queue and transmitted", row->why, w);
	}
	for (unsigned q = 0; q < row->queues; q++) {
		if (bed_sent_by(bed, UPLINK, q) != expected[q])
			fail_msg("%s: queue %u sent %u frames, its worker %u", row->why, q,
				 bed_sent_by(bed, UPLINK, q), (unsigned)expected[q]);
		if (q < row->workers && expected[q] == 0)
			fail_msg("%s: queue %u is not used", row->why, q);
	}
}

static void check_row(const struct row *row)
{
	struct frame out[FLOWS], back;
	char text[2048];

	snprintf(text, sizeof(text), yaml, row->workers);
	bed_queues = row->queues;
	bed = bed_create(text, 7);
	for (unsigned i = 0; i < FLOWS; i++)
		send_out((uint16_t)(1024 + i));
	bed_run(bed);
	check_queues(row);
	for (unsigned i = 0; i < FLOWS; i++)
		take(UPLINK, &out[i]);
	for (unsigned i = 0; i < FLOWS; i++)
		send_back(&out[i], i % row->queues);
	bed_run(bed);
	for (unsigned i = 0; i < FLOWS; i++) {
		take(UNDERLAY, &back);
		if (back.dport != (uint16_t)back.token)
			fail_msg("%s: a return went to another host", row->why);
	}
	bed_check(bed);
	bed_destroy(bed);
	bed_queues = 1;
}

static void test_every_number_of_queues(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_number_of_queues),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
