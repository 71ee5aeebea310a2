/*
 * A neighbour sends partial checksums, as a veth does. Packets leave the gateway with correct
 * checksums, in both directions and both families, also inside tunnels. The port counts them.
 */
#include "parcel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { TCP = 6, UDP = 17, SYN = 2, BURST = 60 };

static const struct row {
	const char *why;
	uint8_t proto;
	bool madrid, six;
} rows[] = {
	{"TCP", TCP, false, false},
	{"UDP", UDP, false, false},
	{"TCP by a tunnel with a key", TCP, true, false},
	{"TCP over IPv6", TCP, false, true},
	{"UDP over IPv6", UDP, true, true},
};

static struct port_counters count(struct bed *bed, uint16_t port)
{
	struct port_counters sum = {0}, one;

	for (unsigned i = 0; i < bed_workers(bed); i++) {
		worker_read_port(bed_worker(bed, i), port, &one);
		sum.partial += one.partial;
	}
	return sum;
}

/* Takes the packet that left by @port; frame_parse() checks its checksums. */
static struct frame take(struct bed *bed, unsigned port, const char *why)
{
	uint8_t frame[BED_FRAME_MAX];
	const char *wrong = "nothing came";
	struct frame f = {0};
	size_t len = bed_take(bed, port, frame);

	if (len == 0 || !frame_parse(frame, len, &f, &wrong))
		fail_msg("%s: %s", why, wrong);
	return f;
}

static void send_frame(struct bed *bed, unsigned port, const struct frame *f)
{
	uint8_t frame[BED_FRAME_MAX];

	bed_send(bed, port, frame, frame_build(f, frame));
}

static void check_row(struct bed *bed, const struct row *row)
{
	struct frame f = parcel_from_site(row->proto, row->madrid, row->six), answer;
	uint64_t site = count(bed, PARCEL_UNDERLAY).partial;
	uint64_t internet = count(bed, PARCEL_UPLINK).partial;

	answer = parcel_answer_to(bed, &f);
	f.partial = true;
	send_frame(bed, PARCEL_UNDERLAY, &f);
	bed_run(bed);
	take(bed, PARCEL_UPLINK, row->why);
	answer.partial = true;
	send_frame(bed, PARCEL_UPLINK, &answer);
	bed_run(bed);
	take(bed, PARCEL_UNDERLAY, row->why);
	assert_int_equal(count(bed, PARCEL_UNDERLAY).partial, site + 1);
	assert_int_equal(count(bed, PARCEL_UPLINK).partial, internet + 1);
	bed_check(bed);
}

static void check_all(const char *yaml)
{
	struct bed *bed = bed_create(yaml, 1);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(bed, &rows[i]);
	bed_destroy(bed);
}

static void test_rows(void **state)
{
	check_all(PARCEL_YAML("flows: {capacity: 4096}\n"));
}

static void test_rows_of_two_workers(void **state)
{
	check_all(PARCEL_YAML("flows: {capacity: 4096}\nworkers: 2\n"));
}

/*
 * Sends @n packets as one burst, every other one with a partial checksum. Returns how many left
 * with a correct one.
 */
static unsigned count_right(struct bed *bed, unsigned n)
{
	struct frame f = parcel_from_site(UDP, false, false);
	uint8_t frame[BED_FRAME_MAX];
	unsigned right = 0;
	const char *why;
	size_t len;

	for (unsigned i = 0; i < n; i++) {
		f.partial = i % 2 != 0;
		send_frame(bed, PARCEL_UNDERLAY, &f);
	}
	bed_run(bed);
	while ((len = bed_take(bed, PARCEL_UPLINK, frame)) > 0)
		right += frame_parse(frame, len, &f, &why);
	return right;
}

/* One packet of each burst is checked. After one was found, all packets are checked for a while. */
static void test_found_once_looked_at_always(void **state)
{
	struct bed *bed = bed_create(PARCEL_YAML("flows: {capacity: 4096}\n"), 1);
	struct frame f = parcel_from_site(UDP, false, false);

	/* the first packet of the burst, which is checked, was correct */
	assert_int_equal(count_right(bed, BURST), BURST / 2);
	f.partial = true;
	send_frame(bed, PARCEL_UNDERLAY, &f);
	bed_run(bed);
	take(bed, PARCEL_UPLINK, "alone");
	assert_int_equal(count_right(bed, BURST), BURST);
	worker_advance_clock(bed_worker(bed, 0), 61);
	assert_int_equal(count_right(bed, BURST), BURST / 2);
	assert_int_equal(count(bed, PARCEL_UPLINK).partial, 0);
	bed_check(bed);
	bed_destroy(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_rows_of_two_workers),
		cmocka_unit_test(test_found_once_looked_at_always),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
