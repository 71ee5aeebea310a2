/*
 * Flows of global prefixes: their lifetime, and ICMPv6 errors about them, which are forwarded
 * untranslated in both directions. The picture is in global.h.
 */
#include "fragments.h"
#include "global.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* An error about a packet of a flow: its sender, and its source address after translation. */
struct error_row {
	const char *why;
	bool from_site;
	uint8_t type, code;
	uint16_t mtu;
	uint8_t proto; /* of the flow */
	uint16_t embedded_packet; /* bytes; 0: the whole packet */
	struct ip6 from;
	bool hidden; /* it is forwarded with the host's address as its source */
};

/* clang-format off */
static const struct error_row error_rows[] = {
	{"port unreachable for UDP",          false, 1, 4, 0, UDP, 0, SERVER},
	{"no route for TCP",                  false, 1, 0, 0, TCP, 0, FAR_ROUTER},
	{"hop limit: traceroute by UDP",      false, 3, 0, 0, UDP, 0, FAR_ROUTER},
	{"hop limit: traceroute by TCP",      false, 3, 0, 0, TCP, 0, FAR_ROUTER},
	{"hop limit: traceroute by ICMPv6",   false, 3, 0, 0, ICMP6, 0, FAR_ROUTER},
	{"too big for TCP",                   false, 2, 0, 1280, TCP, 0, FAR_ROUTER},
	{"too big for ESP",                   false, 2, 0, 1280, 50, 0, FAR_ROUTER},
	{"too big for SCTP",                  false, 2, 0, 1280, SCTP, 0, FAR_ROUTER},
	{"parameter problem for GRE",         false, 4, 1, 0, 47, 0, FAR_ROUTER},
	{"eight bytes of the transport",      false, 1, 4, 0, UDP, 48, FAR_ROUTER},
	{"an embedded packet that ends within the TCP checksum", false, 3, 0, 0, TCP, 40 + 17, FAR_ROUTER},

	{"from the host itself: UDP",         true, 1, 4, 0, UDP, 0, HOST},
	{"from the host itself: TCP",         true, 1, 1, 0, TCP, 0, HOST},
	{"from the host itself: ESP",         true, 1, 1, 0, 50, 0, HOST},
	{"from a router of the site, which has a global address, too", true, 3, 0, 0, UDP, 0, ROUTER},
	{"from one that is in the site's other prefix", true, 2, 0, 1280, TCP, 0, IP6(0x2001, 0xdb8, 0xb1, 0, 0, 0, 0, 1)},
	{"from a router with a private address: nobody may see that", true, 2, 0, 1280, TCP, 0, INSIDE, true},
	{"from one that claims to be in another site", true, 3, 0, 0, ICMP6, 0, MADRID_HOST, true},
	{"from one that claims to be on the Internet", true, 3, 0, 0, 50, 48, FAR_ROUTER, true},
};
/* clang-format on */

/*
 * Opens a flow of berlin's host and sends a return. Returns the packet as the sender of the error
 * saw it.
 */
static size_t open_flow(struct bed *bed, const struct error_row *row, uint8_t *ip)
{
	const struct frame f = {FROM_BERLIN, TO_SERVER, .proto = row->proto,
				.tcp_flags = row->proto == TCP ? SYN : 0,
				.icmp_type = row->proto == ICMP6 ? ECHO : 0};
	uint8_t frame[BED_FRAME_MAX];
	size_t len = frame_build(&f, frame);
	const uint8_t *inner;

	bed_send(bed, UNDERLAY, frame, len);
	bed_run(bed);
	len = bed_take(bed, UPLINK, frame);
	assert_true(len > 0);
	inner = frame_inner(frame, &len);
	memcpy(ip, inner, len);
	if (!row->from_site)
		return len;
	global_turn_round(ip);
	global_put(bed, ip, len);
	assert_int_equal(bed_take(bed, UNDERLAY, frame) > 0, 1);
	return len;
}

static void run_errors(unsigned workers)
{
	static const struct ip6 host = HOST, server = SERVER;

	for (size_t i = 0; i < ARRAY_SIZE(error_rows); i++) {
		const struct error_row *row = &error_rows[i];
		struct bed *bed = global_bed(workers);
		uint8_t embedded[BED_FRAME_MAX], frame[BED_FRAME_MAX];
		size_t embedded_packet = open_flow(bed, row, embedded), len;
		struct frame out, error = {.six = true,
					   .src6 = row->from,
					   .dst6 = row->from_site ? server : host,
					   .proto = ICMP6,
					   .icmp_type = row->type,
					   .icmp_code = row->code,
					   .dport = row->mtu,
					   .data = embedded};
		const uint8_t *inner;
		const char *why;

		embedded_packet =
			row->embedded_packet != 0 ? row->embedded_packet : embedded_packet;
		error.payload = (uint16_t)embedded_packet;
		if (row->from_site) {
			error.outer_src = BERLIN;
			error.outer_dst = GATEWAY;
		}
		bed_send(bed, row->from_site ? UNDERLAY : UPLINK, frame,
			 frame_build(&error, frame));
		bed_run(bed);
		len = bed_take(bed, row->from_site ? UPLINK : UNDERLAY, frame);
		if (len == 0)
			fail_msg("%s: nothing came out", row->why);
		if (!frame_parse(frame, len, &out, &why))
			fail_msg("%s: what came out has a wrong %s", row->why, why);
		assert_int_equal(out.icmp_type, row->type);
		assert_int_equal(out.icmp_code, row->code);
		assert_int_equal(out.dport, row->mtu);
		assert_int_equal(out.ttl, 63);
		assert_memory_equal(&out.src6, row->hidden ? &host : &row->from, 16);
		assert_memory_equal(&out.dst6, &error.dst6, 16);
		inner = frame_inner(frame, &len);
		assert_int_equal(len, 40 + 8 + embedded_packet);
		assert_memory_equal(inner + 48, embedded,
				    embedded_packet); /* unchanged, with the same hop limit */
		assert_int_equal(out.outer_dst, row->from_site ? 0 : BERLIN);
		bed_check(bed);
		bed_destroy(bed);
	}
}

static void every_error(void **state)
{
	run_errors(1);
}

static void every_error_with_four_workers(void **state)
{
	run_errors(4);
}

static void put(struct bed *bed, unsigned port, const struct frame *f)
{
	uint8_t frame[BED_FRAME_MAX];

	bed_send(bed, port, frame, frame_build(f, frame));
	bed_run(bed);
}

/* Takes the next frame at @port, which must be well-formed. */
static struct frame take(struct bed *bed, unsigned port)
{
	uint8_t frame[BED_FRAME_MAX];
	size_t len = bed_take(bed, port, frame);
	struct frame out = {0};
	const char *why = "nothing";

	if (len == 0 || !frame_parse(frame, len, &out, &why))
		fail_msg("what came out has a wrong %s", why);
	return out;
}

static const struct frame question = {FROM_BERLIN, UDP_TO_SERVER};
static const struct frame answer = {FROM_INTERNET, .sport = 53, .dport = 5000, .proto = UDP};

/*
 * A return packet goes by the tunnel of the last forward packet. Packets of another site with the
 * same source change nothing.
 */
static void the_return_follows_the_site(void **state)
{
	struct bed *bed = global_bed(1);
	struct frame by_second = question;

	by_second.outer_src = BERLIN_2;
	put(bed, UNDERLAY, &question);
	take(bed, UPLINK);
	put(bed, UPLINK, &answer);
	assert_int_equal(take(bed, UNDERLAY).outer_dst, BERLIN);
	put(bed, UNDERLAY, &by_second);
	take(bed, UPLINK);
	put(bed, UPLINK, &answer);
	assert_int_equal(take(bed, UNDERLAY).outer_dst, BERLIN_2);
	assert_int_equal(bed_counters(bed).flows, 1);
	bed_check(bed);
	bed_destroy(bed);
}

static void limits_hold(void **state)
{
	struct bed *bed = global_bed(1);
	struct frame f = {FROM_SPAIN(9), .src6 = PORTO_HOST, UDP_TO_SERVER};

	for (unsigned i = 0; i < 3; i++, f.sport++)
		put(bed, UNDERLAY, &f);
	take(bed, UPLINK);
	take(bed, UPLINK);
	assert_int_equal(bed_counters(bed).drops[DROP_SITE_FLOWS], 1);
	bed_check(bed);
	bed_destroy(bed);
}

static void a_flow_that_ended_lets_nothing_in(void **state)
{
	const struct frame esp = {FROM_BERLIN, TO_SERVER, .proto = 50};
	const struct frame back = {FROM_INTERNET, .proto = 50};
	struct bed *bed = global_bed(1);
	uint8_t frame[BED_FRAME_MAX];

	put(bed, UNDERLAY, &esp);
	assert_true(bed_take(bed, UPLINK, frame) > 0);
	worker_advance_clock(bed_worker(bed, 0), 299);
	put(bed, UPLINK, &back);
	assert_true(bed_take(bed, UNDERLAY, frame) > 0);
	worker_advance_clock(bed_worker(bed, 0), 302);
	for (unsigned i = 0; i < 1000 && bed_counters(bed).flows > 0; i++)
		worker_turn(bed_worker(bed, 0));
	assert_int_equal(bed_counters(bed).flows_ended, 1);
	put(bed, UPLINK, &back);
	assert_int_equal(bed_counters(bed).drops[DROP_NO_FLOW], 1);
	bed_check(bed);
	bed_destroy(bed);
}

/* The MSS is the only field that is changed. It must fit the tunnel, in both directions. */
static void the_mss_fits_the_tunnel(void **state)
{
	struct bed *bed = global_bed(1);
	struct frame f = {FROM_BERLIN, TO_SERVER, .proto = TCP, .tcp_flags = SYN, .mss = 1440};
	const struct frame back = {FROM_INTERNET,	   .sport = 53, .dport = 5000, .proto = TCP,
				   .tcp_flags = SYN | ACK, .mss = 1440};
	struct frame out;

	put(bed, UNDERLAY, &f);
	out = take(bed, UPLINK);
	assert_int_equal(out.mss, 1476 - 60);
	assert_int_equal(out.sport, f.sport);
	put(bed, UPLINK, &back);
	assert_int_equal(take(bed, UNDERLAY).mss, 1476 - 60);
	bed_check(bed);
	bed_destroy(bed);
}

/* Their source is not the host, which did not send them. */
static void our_own_errors_come_from_our_address(void **state)
{
	static const struct ip6 egress = EGRESS;
	struct bed *bed = global_bed(1);
	struct frame by_second = question, back = answer, out;

	by_second.outer_src = BERLIN_2;
	put(bed, UNDERLAY, &by_second);
	take(bed, UPLINK);
	back.ttl = 1;
	put(bed, UPLINK, &back);
	out = take(bed, UPLINK);
	assert_int_equal(out.icmp_type, 3);
	assert_memory_equal(&out.src6, &egress, 16);
	assert_memory_equal(&out.dst6, &back.src6, 16);
	back.ttl = 64;
	back.payload = 1301 - 48;
	put(bed, UPLINK, &back);
	out = take(bed, UPLINK);
	assert_int_equal(out.icmp_type, 2);
	assert_int_equal(out.dport, 1300);
	assert_memory_equal(&out.src6, &egress, 16);
	bed_check(bed);
	bed_destroy(bed);
}

/* A gateway without IPv6 except for the global prefix of one site. */
static void without_an_address_of_ours(void **state)
{
	static const char plain[] =
		"ports:\n"
		"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
		"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
		"sites:\n"
		"  - name: berlin\n"
		"    global-prefixes: ['2001:db8:b::/48']\n"
		"    tunnels: [{name: b1, local: 198.51.100.1, remote: 198.51.100.10, port: "
		"underlay}]\n"
		"egress:\n"
		"  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: "
		"[1]}]}\n"
		"flows: {capacity: 4096}\n";
	static const struct ip6 host = HOST;
	const struct frame translated = {BY_BERLIN, .src6 = ULA, UDP_TO_SERVER};
	struct bed *bed = bed_create(plain, 1);
	struct frame back = answer, out;

	put(bed, UNDERLAY, &question);
	take(bed, UPLINK);
	put(bed, UPLINK, &answer);
	assert_int_equal(take(bed, UNDERLAY).outer_dst, BERLIN);
	put(bed, UNDERLAY, &translated);
	assert_int_equal(bed_counters(bed).drops[DROP_NO_ROUTE], 1);
	back.payload = 1477 - 48;
	put(bed, UPLINK, &back); /* the sender must get the error, whatever its source */
	out = take(bed, UPLINK);
	assert_int_equal(out.icmp_type, 2);
	assert_int_equal(out.dport, 1476);
	assert_memory_equal(&out.src6, &host, 16);
	bed_check(bed);
	bed_destroy(bed);
}

/*
 * Sends the packet @ip in three fragments, the last one first, with the outer headers of @around.
 */
static void put_fragmented(struct bed *bed, unsigned port, const struct frame *around,
			   const uint8_t *ip, size_t len, uint32_t id)
{
	const struct fragment cuts[] = {{2464, len - 40}, {0, 1232}, {1232, 2464}};
	uint8_t fragment[BED_FRAME_MAX], frame[BED_FRAME_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
		size_t cut = fragment6_make(ip, len, &cuts[i], id, fragment);

		bed_send(bed, port, frame, frame_wrap(around, fragment, cut, frame));
	}
	bed_run(bed);
}

/* The packet that came out by @port must be @ip with a hop limit that is one less. */
static void expect_reassembled(struct bed *bed, unsigned port, const uint8_t *ip, size_t len)
{
	static struct fragments fragments;
	uint8_t wanted[BED_FRAME_MAX];
	struct frame out;
	const char *why;

	memcpy(wanted, ip, len);
	wanted[HOPS_AT]--;
	if (!fragments_take(bed, port, &fragments, &out, &why))
		fail_msg("in fragments: wrong %s", why);
	assert_int_equal(fragments.n, 3);
	assert_int_equal(fragments.len, 14 + len);
	assert_memory_equal(fragments.packet + 14, wanted, len);
}

/* With any protocol, and at any worker. */
static void fragments_pass(void **state)
{
	static const uint8_t protos[] = {UDP, 50};

	for (unsigned workers = 1; workers <= 4; workers += 3) {
		struct bed *bed = global_bed(workers);

		for (unsigned i = 0; i < ARRAY_SIZE(protos); i++) {
			const struct frame f = {FROM_BERLIN, TO_SERVER, .proto = protos[i],
						.payload = 3000};
			const struct frame plain = {.six = true};
			uint8_t ip[BED_FRAME_MAX];
			size_t len = frame_build_inner(&f, ip);

			put_fragmented(bed, UNDERLAY, &f, ip, len, 2 * i + 1);
			expect_reassembled(bed, UPLINK, ip, len);
			global_turn_round(ip);
			put_fragmented(bed, UPLINK, &plain, ip, len, 2 * i + 2);
			expect_reassembled(bed, UNDERLAY, ip, len);
		}
		bed_check(bed);
		bed_destroy(bed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_error),
		cmocka_unit_test(every_error_with_four_workers),
		cmocka_unit_test(the_return_follows_the_site),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(fragments_pass),
		cmocka_unit_test(a_flow_that_ended_lets_nothing_in),
		cmocka_unit_test(the_mss_fits_the_tunnel),
		cmocka_unit_test(our_own_errors_come_from_our_address),
		cmocka_unit_test(without_an_address_of_ours),
	};

	return cmocka_run_group_tests_name("global_flow", tests, NULL, NULL);
}
