/*
 * How an inner endpoint looks from outside: mapping and filtering (RFC 4787 sections 4 and 5).
 *
 *     berlin 10.0.1.0/24 --- GRE 198.51.100.10 ---+
 *     madrid 10.0.1.0/24 --- GRE 198.51.100.20 ---+--- [ gateway ] --- 203.0.113.1, ports 1024-1087
 *                                                                      203.0.113.2, the same
 *
 * A slice of 64 ports is soon used up. A pool of one address has room for 64 endpoints of each
 * protocol if it shares no port, and for any number if it does. With two sites, four of the ports
 * are reserved for the site that has less than its fair share.
 */
#include "bed.h"
#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GATEWAY IP(198, 51, 100, 1)
#define BERLIN IP(198, 51, 100, 10)
#define MADRID IP(198, 51, 100, 20)
#define HOST IP(10, 0, 1, 10)
#define SERVER IP(192, 0, 2, 80)
#define EGRESS IP(203, 0, 113, 1)

enum { UNDERLAY, UPLINK };
enum { TCP = 6, UDP = 17, SYN = 2, ACK = 16 };
enum { PORTS = 64, RESERVE = 4, FIRST_PORT = 1024 };

#define INDEPENDENT "endpoint-independent"
#define DEPENDENT "address-and-port-dependent"

static struct bed *bed;

static void start_sites(unsigned sites, const char *mapping, unsigned workers, unsigned addresses)
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
		 "    tunnels: [{name: b1, local: 198.51.100.1, remote: 198.51.100.10,\n"
		 "               port: underlay}]\n"
		 "%s"
		 "egress:\n"
		 "  - name: internet\n"
		 "    port: uplink\n"
		 "    slice-size: 64\n"
		 "    mapping: %s\n"
		 "    addresses: [{address: 203.0.113.1, slices: [16]}%s]\n",
		 workers,
		 sites < 2 ? ""
			   : "  - name: madrid\n"
			     "    tunnels: [{name: m1, local: 198.51.100.1,\n"
			     "               remote: 198.51.100.20, port: underlay}]\n",
		 mapping, addresses > 1 ? ", {address: 203.0.113.2, slices: [16]}" : "");
	bed = bed_create(yaml, 1);
}

static void start(const char *mapping, unsigned workers, unsigned addresses)
{
	start_sites(2, mapping, workers, addresses);
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
	assert_true(frame_parse(bytes, len, out, &why));
	return true;
}

static struct frame packet_of(uint32_t remote, uint8_t proto, uint16_t sport)
{
	return (struct frame){
		.outer_src = remote,
		.outer_dst = GATEWAY,
		.src = HOST,
		.dst = SERVER,
		.sport = sport,
		.dport = 53,
		.proto = proto,
		.tcp_flags = proto == TCP ? SYN : 0,
	};
}

/* Sends @in; @out is the packet that left. False: it was refused. */
static bool leaves(const struct frame *f, struct frame *out)
{
	send_frame(UNDERLAY, f);
	if (take(UPLINK, out))
		return true;
	if (take(UNDERLAY, out)) {
		assert_int_equal(out->icmp_type, 3);
		assert_int_equal(out->icmp_code, 1);
		assert_int_equal(out->outer_dst, f->outer_src);
	}
	return false;
}

/* One endpoint, three destinations that differ in address or port. */
static void open_three(struct frame out[3])
{
	struct frame f = packet_of(BERLIN, UDP, 5000);

	assert_true(leaves(&f, &out[0]));
	f.dport = 54;
	assert_true(leaves(&f, &out[1]));
	f.dst = SERVER + 1;
	assert_true(leaves(&f, &out[2]));
}

static void one_port_towards_everybody(void **state)
{
	struct frame out[3];

	for (unsigned workers = 1; workers <= 4; workers++) {
		start(INDEPENDENT, workers, 2);
		open_three(out);
		for (unsigned i = 1; i < 3; i++) {
			assert_int_equal(out[i].src, out[0].src);
			assert_int_equal(out[i].sport, out[0].sport);
		}
		stop();
	}
}

static void ports_depend_on_the_destination(void **state)
{
	struct frame out[3];

	start(DEPENDENT, 1, 1);
	open_three(out);
	/* ports are random: with this seed they differ */
	assert_true(out[0].sport != out[1].sport || out[0].sport != out[2].sport);
	stop();
}

static void equal_endpoints_of_two_sites_are_two(void **state)
{
	struct frame berlin = packet_of(BERLIN, UDP, 5000), madrid = packet_of(MADRID, UDP, 5000);
	struct frame a, b;

	start(INDEPENDENT, 1, 1);
	assert_true(leaves(&berlin, &a));
	assert_true(leaves(&madrid, &b));
	assert_int_not_equal(a.sport, b.sport);
	madrid.dst = SERVER + 1; /* not even towards another server */
	assert_true(leaves(&madrid, &b));
	assert_int_not_equal(a.sport, b.sport);
	stop();
}

/* Sends from @n source ports of a site's host, each to another server. Returns how many leave. */
static unsigned open_from(uint32_t remote, uint8_t proto, uint32_t first_server, unsigned n)
{
	struct frame f = packet_of(remote, proto, 0), out;
	unsigned opened = 0;

	for (unsigned i = 0; i < n; i++) {
		f.sport = (uint16_t)(5000 + i);
		f.dst = first_server + i;
		if (!leaves(&f, &out))
			continue;
		assert_in_range(out.sport, FIRST_PORT, FIRST_PORT + PORTS - 1);
		opened++;
	}
	return opened;
}

static unsigned open_many(uint8_t proto, uint32_t first_server, unsigned n)
{
	return open_from(BERLIN, proto, first_server, n);
}

static uint64_t drops(enum drop reason)
{
	return bed_counters(bed).drops[reason];
}

/* The packet must be dropped under that reason, or answered by ICMP. */
static uint64_t exhausted(void)
{
	return drops(DROP_EGRESS_EXHAUSTED) + bed_counters(bed).answers[ANSWER_EXHAUSTED];
}

/* If no port is left, an endpoint that has one may still send to any destination. */
static void no_port_is_shared(void **state)
{
	start_sites(1, INDEPENDENT, 1, 1);
	assert_int_equal(open_many(UDP, SERVER, PORTS + 6), PORTS);
	assert_int_equal(exhausted(), 6);
	assert_int_equal(open_many(UDP, SERVER + 100, PORTS), PORTS);
	assert_int_equal(open_many(TCP, SERVER, PORTS + 1), PORTS); /* TCP has its own 64 */
	stop();
}

/* Law 5: a site that takes all that it can get leaves ports for the other. */
static void some_ports_are_kept_for_others(void **state)
{
	unsigned taken;

	start(INDEPENDENT, 1, 1);
	taken = open_many(UDP, SERVER, 2 * PORTS);
	/* below its share it may have used the reserve */
	assert_in_range(taken, PORTS - RESERVE, PORTS - 1);
	assert_int_equal(open_from(MADRID, UDP, SERVER, PORTS), PORTS - taken);
	stop();
}

static void ports_are_shared_between_destinations(void **state)
{
	start(DEPENDENT, 1, 1);
	assert_int_equal(open_many(UDP, SERVER, 3 * PORTS), 3 * PORTS);
	assert_int_equal(exhausted(), 0);
	stop();
}

/* RFC 4787 REQ-2 with REQ-11: no other address, even though the other one has ports. */
static void a_host_keeps_its_address(void **state)
{
	start_sites(1, INDEPENDENT, 1, 2);
	assert_int_equal(open_many(UDP, SERVER, 2 * PORTS), PORTS);
	assert_int_equal(exhausted(), PORTS);
	stop();
}

static void a_mapping_ends_with_its_last_flow(void **state)
{
	struct slice_counters c;

	start_sites(1, INDEPENDENT, 1, 1);
	for (unsigned round = 0; round < 3; round++) {
		assert_int_equal(open_many(UDP, SERVER, PORTS), PORTS);
		assert_int_equal(open_many(UDP, SERVER + 100, PORTS), PORTS);
		worker_read_slice(bed_worker(bed, 0), 0, &c);
		assert_int_equal(c.ports, PORTS);
		assert_int_equal(c.flows, 2 * PORTS);
		worker_advance_clock(bed_worker(bed, 0), 301);
		while (bed_counters(bed).flows > 0)
			bed_run(bed);
		worker_read_slice(bed_worker(bed, 0), 0, &c);
		assert_int_equal(c.ports, 0);
	}
	stop();
}

/*
 * A second flow keeps the mapping of its endpoint when the first flow has ended (RFC 4787 REQ-6).
 */
static void a_mapping_lives_while_any_flow_does(void **state)
{
	struct frame f = packet_of(BERLIN, UDP, 5000), first, out;

	start(INDEPENDENT, 1, 1);
	assert_true(leaves(&f, &first));
	for (unsigned i = 1; i < 10; i++) {
		worker_advance_clock(bed_worker(bed, 0), 200);
		f.dst = SERVER + i;
		assert_true(leaves(&f, &out));
		assert_int_equal(out.sport, first.sport);
		for (unsigned k = 0; k < 200; k++)
			bed_run(bed);
	}
	assert_true(bed_counters(bed).flows < 4);
	stop();
}

/* In both mappings, with the default filtering: a host to which nothing was sent cannot send in. */
static void only_who_was_asked_may_answer(void **state)
{
	static const struct {
		const char *why;
		uint32_t address; /* offset from the server's address */
		uint16_t port;
		bool in;
	} rows[] = {
		{"the server, from the port that was asked", 0, 0, true},
		{"the server, from another port", 0, 1, false},
		{"another server, from the same port", 1, 0, false},
	};
	static const char *const modes[] = {INDEPENDENT, DEPENDENT};
	struct frame f = packet_of(BERLIN, UDP, 5000), out;

	for (unsigned i = 0; i < ARRAY_SIZE(rows) * ARRAY_SIZE(modes); i++) {
		unsigned k = i % ARRAY_SIZE(rows);

		start(modes[i / ARRAY_SIZE(rows)], 1, 1);
		assert_true(leaves(&f, &out));
		send_frame(UPLINK, &(struct frame){
					   .src = out.dst + rows[k].address,
					   .dst = out.src,
					   .sport = (uint16_t)(out.dport + rows[k].port),
					   .dport = out.sport,
					   .proto = UDP,
				   });
		if (take(UNDERLAY, &out) != rows[k].in)
			fail_msg("%s", rows[k].why);
		assert_int_equal(drops(DROP_NO_FLOW), !rows[k].in);
		stop();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_port_towards_everybody),
		cmocka_unit_test(ports_depend_on_the_destination),
		cmocka_unit_test(equal_endpoints_of_two_sites_are_two),
		cmocka_unit_test(no_port_is_shared),
		cmocka_unit_test(some_ports_are_kept_for_others),
		cmocka_unit_test(ports_are_shared_between_destinations),
		cmocka_unit_test(a_host_keeps_its_address),
		cmocka_unit_test(a_mapping_ends_with_its_last_flow),
		cmocka_unit_test(a_mapping_lives_while_any_flow_does),
		cmocka_unit_test(only_who_was_asked_may_answer),
	};

	return cmocka_run_group_tests_name("mapping", tests, NULL, NULL);
}
