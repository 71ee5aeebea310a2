/*
 * The queue of arrival owns the flow: what keeps its queue asks nobody, and what changes its queue
 * finds its worker.
 *
 *     berlin --- GRE ---+--- [ worker 0 | worker 1 ] --- uplink      a queue for each worker at
 *     madrid --- GRE ---+                                            either port
 *     porto ---- GRE over IPv6
 *
 * All sites have the same hosts. Packets are put into the queue that the test names.
 */
#include "base/checksum.h"
#include "base/wire.h"
#include "parcel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { UNDERLAY = PARCEL_UNDERLAY, UPLINK = PARCEL_UPLINK, WORKERS = 2, UDP = 17, TCP = 6 };

static const char yaml[] = PARCEL_YAML("flows: {capacity: 4096}\nworkers: 2\n");

static int setup(void **state)
{
	bed_first_queues = bed_queues = WORKERS;
	*state = bed_create(yaml, 3);
	return 0;
}

static int teardown(void **state)
{
	bed_check(*state);
	bed_destroy(*state);
	bed_queues = 1;
	return 0;
}

static void send_by(struct bed *bed, unsigned port, unsigned queue, const struct frame *f)
{
	uint8_t bytes[BED_FRAME_MAX];

	bed_send_to(bed, port, queue, bytes, frame_build(f, bytes));
	bed_run(bed);
}

static struct frame take(struct bed *bed, unsigned port)
{
	uint8_t bytes[BED_FRAME_MAX];
	struct frame out = {0};
	const char *why;
	size_t len = bed_take(bed, port, bytes);

	assert_true(len > 0);
	if (!frame_parse(bytes, len, &out, &why))
		fail_msg("%s", why);
	assert_int_equal(bed_take(bed, port, bytes), 0);
	return out;
}

/* What a server answers to @out. */
static struct frame answer_to(const struct frame *out)
{
	return (struct frame){
		.six = out->six,
		.src = out->dst,
		.dst = out->src,
		.src6 = out->dst6,
		.dst6 = out->src6,
		.sport = out->dport,
		.dport = out->sport,
		.proto = out->proto,
		.tcp_flags = out->proto == TCP ? 18 : 0,
		.token = out->token,
	};
}

/* The worker whose part of its slice, the only one of an address, @port is in. */
static unsigned worker_of_port(uint16_t port)
{
	return port % 2048 >= 1024;
}

static uint64_t asked(struct bed *bed)
{
	return bed_counters(bed).asked;
}

/* Sets of @n flows from either site, by a queue for each; returns by the queue of the port. */
static void test_kept_queues_ask_nobody(void **state)
{
	enum { FLOWS = 40, PACKETS = 5 };
	struct bed *bed = *state;

	for (unsigned i = 0; i < FLOWS; i++) {
		bool madrid = i % 2;
		struct frame f = parcel_from_site(i % 4 < 2 ? UDP : TCP, madrid, i % 8 < 4);
		uint64_t before;

		f.sport = (uint16_t)(6000 + i);
		before = asked(bed);
		send_by(bed, UNDERLAY, madrid, &f);
		assert_int_equal(asked(bed), before + 1);
		for (unsigned k = 0; k < PACKETS; k++) {
			struct frame out = take(bed, UPLINK), back = answer_to(&out);

			assert_int_equal(worker_of_port(out.sport), madrid);
			send_by(bed, UPLINK, madrid, &back);
			out = take(bed, UNDERLAY);
			assert_int_equal(out.outer_dst, f.outer_src);
			send_by(bed, UNDERLAY, madrid, &f);
		}
		take(bed, UPLINK);
		assert_int_equal(asked(bed), before + 1);
	}
	assert_int_equal(bed_counters(bed).handed_out, 0);
	assert_int_equal(bed_counters(bed).flows, FLOWS);
}

/* Each packet of the site by another queue than the one before: one flow, one egress port. */
static void test_a_flow_changes_queues(void **state)
{
	struct bed *bed = *state;

	for (unsigned six = 0; six < 2; six++) {
		struct frame f = parcel_from_site(UDP, false, six), out, back;
		uint16_t port = 0;

		for (unsigned i = 0; i < 6; i++) {
			send_by(bed, UNDERLAY, i % WORKERS, &f);
			out = take(bed, UPLINK);
			assert_true(port == 0 || out.sport == port);
			port = out.sport;
			back = answer_to(&out);
			send_by(bed, UPLINK, i % WORKERS, &back);
			assert_int_equal(take(bed, UNDERLAY).outer_dst, f.outer_src);
		}
		assert_int_equal(worker_of_port(port), 0); /* the worker of the first packet */
		assert_int_equal(bed_counters(bed).flows, six + 1);
		assert_int_equal(bed_counters(bed).handed_in, (six + 1) * 6);
	}
}

/* One five-tuple from three sites, by all queues. */
static void test_equal_flows_of_sites(void **state)
{
	struct bed *bed = *state;
	struct frame first[3] = {parcel_from_site(UDP, false, false),
				 parcel_from_site(UDP, true, false), parcel_from_porto(UDP, false)};
	uint16_t ports[3] = {0};

	for (unsigned i = 0; i < 24; i++) {
		unsigned site = i % 3;
		struct frame out, back;

		send_by(bed, UNDERLAY, i / 3 % WORKERS ^ (site == 1), &first[site]);
		out = take(bed, UPLINK);
		assert_true(ports[site] == 0 || ports[site] == out.sport);
		ports[site] = out.sport;
		back = answer_to(&out);
		send_by(bed, UPLINK, i / 6 % WORKERS, &back);
		out = take(bed, UNDERLAY);
		assert_int_equal(out.outer_six, first[site].outer_six);
		assert_true(site == 2 || out.outer_dst == first[site].outer_src);
	}
	assert_int_equal(bed_counters(bed).flows, 3);
	assert_true(ports[0] != ports[1] && ports[1] != ports[2] && ports[0] != ports[2]);
	assert_int_equal(worker_of_port(ports[1]), 1);
}

/* "Port unreachable" about @home, as the host that got it sends it; returns its length. */
static size_t make_error(const struct frame *home, uint8_t *ip)
{
	size_t embedded = frame_build_inner(home, ip + IPV4_LEN + ICMP_LEN);
	size_t len = IPV4_LEN + ICMP_LEN + embedded;
	uint8_t *icmp = ip + IPV4_LEN;

	memset(ip, 0, IPV4_LEN + ICMP_LEN);
	ip[IPV4_VERSION_IHL] = 0x45;
	ip[IPV4_TTL] = 64;
	ip[IPV4_PROTO] = PROTO_ICMP;
	wire_put_be16(ip + IPV4_LENGTH, htons((uint16_t)len));
	wire_put_be32(ip + IPV4_SRC, htonl(home->dst));
	wire_put_be32(ip + IPV4_DST, htonl(home->src));
	wire_put_be16(ip + IPV4_CHECKSUM, checksum_make(ip, IPV4_LEN));
	icmp[ICMP_TYPE] = 3;
	icmp[1] = 3;
	wire_put_be16(icmp + 2, checksum_make(icmp, len - IPV4_LEN));
	return len;
}

/* A site's ICMP error about a return, by the queue of the worker that does not have the flow. */
static void test_errors_find_the_flow(void **state)
{
	struct bed *bed = *state;
	struct frame f = parcel_from_site(UDP, true, false), out, back, home;
	uint8_t bytes[BED_FRAME_MAX], ip[BED_FRAME_MAX];

	send_by(bed, UNDERLAY, 0, &f);
	out = take(bed, UPLINK);
	back = answer_to(&out);
	send_by(bed, UPLINK, 0, &back);
	home = take(bed, UNDERLAY);
	bed_send_to(bed, UNDERLAY, 1, bytes, frame_wrap(&f, ip, make_error(&home, ip), bytes));
	bed_run(bed);
	out = take(bed, UPLINK);
	assert_int_equal(out.proto, PROTO_ICMP);
	assert_int_equal(out.src, PARCEL_EGRESS);
	assert_int_equal(out.dst, PARCEL_SERVER);
	assert_int_equal(bed_counters(bed).handed_in, 1);
}

/* The worker that has the flow ends it: the next packet is set up where it arrives. */
static void test_an_ended_flow_begins_elsewhere(void **state)
{
	struct bed *bed = *state;
	struct frame f = parcel_from_site(UDP, false, false);

	send_by(bed, UNDERLAY, 0, &f);
	assert_int_equal(worker_of_port(take(bed, UPLINK).sport), 0);
	for (unsigned i = 0; i < WORKERS; i++)
		worker_advance_clock(bed_worker(bed, i), 3600);
	bed_run(bed);
	assert_int_equal(bed_counters(bed).flows, 0);
	send_by(bed, UNDERLAY, 1, &f);
	assert_int_equal(worker_of_port(take(bed, UPLINK).sport), 1);
}

/* A packet in fragments opens its flow where they arrive, whoever reassembles them. */
static void test_fragments_open_where_they_arrive(void **state)
{
	struct bed *bed = *state;
	uint64_t in_wrong_hands = 0;

	for (unsigned i = 0; i < 16; i++) {
		static struct parcel parcel;
		static struct fragments fragments;
		struct frame f = parcel_from_site(UDP, i % 2, i % 4 < 2), out;
		uint8_t packet[BED_FRAME_MAX], frame[BED_FRAME_MAX];
		unsigned queue = i / 4 % WORKERS;
		uint64_t before;
		const char *why;
		size_t len;

		f.sport = (uint16_t)(7000 + i);
		parcel_size(&f, 2040);
		parcel_pack(&parcel, &f, SITE);
		parcel.id += i;
		for (unsigned k = 0; k < 2; k++) {
			size_t end = k == 0 ? 1400 : parcel.len - parcel_front(&parcel);

			len = parcel_fragment(&parcel, k * 1400, end, packet);
			bed_send_to(bed, UNDERLAY, queue, frame,
				    frame_wrap(&parcel.around, packet, len, frame));
			bed_run(bed);
		}
		assert_true(fragments_take(bed, UPLINK, &fragments, &out, &why));
		assert_int_equal(worker_of_port(out.sport), queue);
		before = bed_counters(bed).handed_in;
		in_wrong_hands += before;
		parcel_size(&f, 100);
		send_by(bed, UNDERLAY, queue, &f);
		take(bed, UPLINK);
		assert_int_equal(bed_counters(bed).handed_in, before);
	}
	assert_true(in_wrong_hands > 0); /* or nothing was shown */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kept_queues_ask_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_flow_changes_queues, setup, teardown),
		cmocka_unit_test_setup_teardown(test_equal_flows_of_sites, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors_find_the_flow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_ended_flow_begins_elsewhere, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_fragments_open_where_they_arrive, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("arrival", tests, NULL, NULL);
}
