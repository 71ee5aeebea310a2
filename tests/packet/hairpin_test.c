/*
 * Hairpin: a host reaches another one by the egress address and port of the other one (RFC 4787
 * REQ-9, RFC 5382 REQ-8, RFC 5508 REQ-7).
 *
 * The network is drawn in hairpin_bed.h. None of these packets leaves by the uplink.
 */
#include "fragments.h"
#include "hairpin_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define OTHER IP(10, 0, 1, 20)
#define ROUTER IP(10, 0, 1, 1)

enum { ECHO = 8, REPLY = 0, UNREACHABLE = 3, EXCEEDED = 11, QUOTE_AT = 28 };

/* @f must arrive at @to, with the source @seen and a TTL that is one less. */
static void check_arrives(const char *why, const struct frame *f, const struct outside *seen,
			  const struct end *to)
{
	struct frame out;

	send_frame(UNDERLAY, f);
	if (!take(UNDERLAY, &out))
		fail_msg("%s: did not arrive", why);
	assert_int_equal(out.outer_dst, to->site);
	assert_int_equal(out.src, seen->addr);
	assert_int_equal(out.sport, seen->port);
	assert_int_equal(out.dst, to->addr);
	assert_int_equal(out.dport, to->port);
	assert_int_equal(out.proto, f->proto);
	assert_int_equal(out.token, f->token);
	assert_int_equal(out.ttl, (f->ttl == 0 ? 64 : f->ttl) - 1);
	assert_false(take(UNDERLAY, &out));
	assert_false(take(UPLINK, &out));
}

struct row {
	const char *why;
	struct end from, to;
};

/* clang-format off */
static const struct row rows[] = {
	{"two sites, the same address and port", {BERLIN, HOST, 5000}, {MADRID, HOST, 5000}},
	{"two sites, the same address",          {BERLIN, HOST, 6000}, {MADRID, HOST, 5000}},
	{"two sites, different hosts",           {MADRID, HOST, 6000}, {BERLIN, OTHER, 5000}},
	{"one site, two hosts",                  {BERLIN, HOST, 5000}, {BERLIN, OTHER, 5000}},
	{"one host, two ports",                  {MADRID, HOST, 6000}, {MADRID, HOST, 5000}},
};
/* clang-format on */

static const uint8_t protos[] = {UDP, TCP};

static void check_pair(const struct row *row, uint8_t proto)
{
	struct outside to = map(&row->to, proto), seen;
	struct frame f = packet(&row->from, proto, &to), out;

	/*
	 * The sender has no mapping yet. It gets one, and its packet arrives with that source
	 * (REQ-9a).
	 */
	send_frame(UNDERLAY, &f);
	if (!take(UNDERLAY, &out))
		fail_msg("%s: did not arrive", row->why);
	seen = (struct outside){out.src, out.sport};
	f = packet(&row->to, proto, &seen);
	if (proto == TCP)
		f.tcp_flags = SYN | ACK;
	check_arrives(row->why, &f, &to, &row->from);
	f = packet(&row->from, proto, &to);
	f.tcp_flags = proto == TCP ? ACK : 0;
	check_arrives(row->why, &f, &seen, &row->to);
	/* the mapping is the same towards all destinations */
	f = packet(&row->from, proto, &(struct outside){SERVER, 54});
	send_frame(UNDERLAY, &f);
	assert_true(take(UPLINK, &out));
	assert_int_equal(out.src, seen.addr);
	assert_int_equal(out.sport, seen.port);
	assert_int_equal(bed_counters(bed).hairpinned, 3);
}

static void every_pair(void **state)
{
	for (unsigned workers = 1; workers <= 4; workers++) {
		for (size_t i = 0; i < ARRAY_SIZE(rows) * ARRAY_SIZE(protos); i++) {
			start(INDEPENDENT, workers);
			check_pair(&rows[i / ARRAY_SIZE(protos)], protos[i % ARRAY_SIZE(protos)]);
			stop();
		}
	}
}

/* An endpoint sends to itself: one flow has both ends. */
static void to_oneself(void **state)
{
	static const char *const filterings[] = {INDEPENDENT, DEPENDENT};
	const struct end me = {BERLIN, HOST, 5000};

	for (unsigned i = 0; i < ARRAY_SIZE(filterings); i++) {
		struct outside seen;
		struct frame f;

		start(filterings[i], 2);
		seen = map(&me, UDP);
		f = packet(&me, UDP, &seen);
		check_arrives("to itself", &f, &seen, &me);
		check_arrives("again", &f, &seen, &me);
		assert_int_equal(bed_counters(bed).flows, 2);
		stop();
	}
}

/* With address-and-port-dependent filtering both must send first. Then both directions pass. */
static void who_was_written_to_gets_through(void **state)
{
	const struct end a = {BERLIN, HOST, 5000}, b = {MADRID, HOST, 5000};

	for (unsigned workers = 1; workers <= 4; workers++) {
		struct outside from, to;
		struct frame f, out;

		start(DEPENDENT, workers);
		to = map(&b, UDP);
		from = map(&a, UDP);
		f = packet(&a, UDP, &to);
		send_frame(UNDERLAY, &f);
		assert_false(take(UNDERLAY, &out));
		assert_int_equal(drops(DROP_NO_FLOW), 1);

		f = packet(&b, UDP, &from); /* the first endpoint has sent to it */
		check_arrives("the other way", &f, &to, &a);
		f = packet(&a, UDP, &to);
		check_arrives("now the first, too", &f, &from, &b);
		stop();
	}
}

/* A complete TCP connection, and the state of the flow at the host that was called. */
static void a_connection(void **state)
{
	static const struct {
		bool back;
		uint8_t flags;
		uint32_t seq, ack;
	} segments[] = {
		{false, SYN, 100, 0},	{true, SYN | ACK, 500, 101},  {false, ACK, 101, 501},
		{true, ACK, 501, 101},	{false, FIN | ACK, 101, 501}, {true, FIN | ACK, 501, 102},
		{false, ACK, 102, 502},
	};
	const struct end a = {BERLIN, HOST, 6000}, b = {MADRID, HOST, 5000};
	struct site_counters c;
	struct outside from, to;

	start(INDEPENDENT, 1);
	to = map(&b, TCP);
	from = map(&a, TCP);
	for (size_t i = 0; i < ARRAY_SIZE(segments); i++) {
		struct frame f = segments[i].back ? packet(&b, TCP, &from) : packet(&a, TCP, &to);

		f.tcp_flags = segments[i].flags;
		f.seq = segments[i].seq;
		f.ack = segments[i].ack;
		check_arrives("segment", &f, segments[i].back ? &to : &from,
			      segments[i].back ? &a : &b);
		worker_read_site(bed_worker(bed, 0), 2, &c);
		assert_int_equal(c.half_open, 1 + (i < 2));
		assert_int_equal(c.flows, 2);
	}
	stop();
}

static void nobody_is_there(void **state)
{
	const struct end a = {BERLIN, HOST, 6000};
	struct frame f, out;

	start(INDEPENDENT, 1);
	f = packet(&a, UDP, &(struct outside){IP(203, 0, 113, 1), 2048 + 77});
	send_frame(UNDERLAY, &f);
	assert_false(take(UNDERLAY, &out));
	assert_int_equal(drops(DROP_NO_FLOW), 1);
	stop();
}

struct refused_row {
	const char *why;
	const char *mapping;
	struct outside to;
	uint8_t proto;
};

/* Without hairpin the host gets ICMP unreachable, as for any address without a route. */
static const struct refused_row refused[] = {
	{"another gateway's slice", INDEPENDENT, {IP(203, 0, 113, 1), 9000}, UDP},
	{"a port of services", INDEPENDENT, {IP(203, 0, 113, 1), 80}, TCP},
	{"a pool that shares ports", DEPENDENT, {IP(203, 0, 113, 1), 2048 + 5}, UDP},
	{"a ping to a pool that shares ports", DEPENDENT, {IP(203, 0, 113, 1), 0}, ICMP},
};

static void where_it_ends(void **state)
{
	const struct end a = {BERLIN, HOST, 6000};

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		const struct refused_row *row = &refused[i];
		struct frame f = packet(&a, row->proto, &row->to), out;

		start_pool(row->mapping, DEPENDENT, 1);
		f.icmp_type = row->proto == ICMP ? ECHO : 0;
		send_frame(UNDERLAY, &f);
		assert_false(take(UPLINK, &out));
		if (!take(UNDERLAY, &out))
			fail_msg("%s: nobody was told", row->why);
		assert_int_equal(out.outer_dst, BERLIN);
		assert_int_equal(out.src, INSIDE);
		assert_int_equal(out.icmp_type, UNREACHABLE);
		assert_int_equal(bed_counters(bed).hairpinned, 0);
		stop();
	}
}

/*
 * An ICMP identifier cannot name both the sender and the receiver, so the gateway itself answers
 * the ping.
 */
static void a_ping_is_answered(void **state)
{
	const struct end a = {BERLIN, HOST, 6000};
	struct frame f = packet(&a, ICMP, &(struct outside){IP(203, 0, 113, 2), 0}), out;

	start(DEPENDENT, 1);
	f.icmp_type = ECHO;
	send_frame(UNDERLAY, &f);
	assert_true(take(UNDERLAY, &out));
	assert_int_equal(out.icmp_type, REPLY);
	assert_int_equal(out.src, IP(203, 0, 113, 2));
	assert_int_equal(out.dst, HOST);
	assert_int_equal(out.outer_dst, BERLIN);
	assert_int_equal(out.sport, 6000);
	stop();
}

/* A hairpinned packet passes one hop, not two. */
static void hops(void **state)
{
	const struct end a = {BERLIN, HOST, 6000}, b = {MADRID, HOST, 5000};
	struct outside from, to;
	struct frame f, out;

	start(INDEPENDENT, 1);
	to = map(&b, UDP);
	from = map(&a, UDP);
	f = packet(&a, UDP, &to);
	f.ttl = 2;
	check_arrives("one hop left", &f, &from, &b);
	f.ttl = 255;
	check_arrives("as many as there can be", &f, &from, &b);
	f.ttl = 1;
	send_frame(UNDERLAY, &f);
	assert_true(take(UNDERLAY, &out));
	assert_int_equal(out.icmp_type, EXCEEDED);
	assert_int_equal(out.src, INSIDE);
	assert_int_equal(out.outer_dst, BERLIN);
	stop();
}

/* The embedded packet of the ICMP error taken last. */
static struct frame embedded_of_error(void)
{
	size_t len = taken.len;
	const uint8_t *ip = frame_inner(taken.raw, &len);
	struct frame embedded;
	const char *why;

	if (!frame_parse_quote(ip + QUOTE_AT, len - QUOTE_AT, &embedded, &why))
		fail_msg("an error with a wrong %s", why);
	return embedded;
}

/* Checks that the last error is for @a, and about a packet that it sent to @to. */
static void check_error(const struct frame *out, const struct end *a, uint8_t proto,
			const struct outside *to)
{
	struct frame embedded = embedded_of_error();

	assert_int_equal(out->outer_dst, a->site);
	assert_int_equal(out->dst, a->addr);
	/* the other site's own addresses must not be visible */
	assert_int_equal(out->src, to->addr);
	assert_int_equal(embedded.src, a->addr);
	assert_int_equal(embedded.sport, a->port);
	assert_int_equal(embedded.dst, to->addr);
	assert_int_equal(embedded.dport, to->port);
	assert_int_equal(embedded.proto, proto);
}

/*
 * The packet is too big for the other site's tunnel. The sender gets the error, translated by its
 * own flow.
 */
static void too_big(void **state)
{
	const struct end a = {BERLIN, HOST, 6000}, b = {MADRID, HOST, 5000};

	for (unsigned workers = 1; workers <= 4; workers++) {
		struct outside to;
		struct frame f, out;

		start(INDEPENDENT, workers);
		to = map(&b, UDP);
		map(&a, UDP);
		f = packet(&a, UDP, &to);
		f.payload = MADRID_MTU - 28 + 1;
		f.df = true;
		send_frame(UNDERLAY, &f);
		assert_true(take(UNDERLAY, &out));
		assert_int_equal(out.icmp_type, UNREACHABLE);
		assert_int_equal(out.icmp_code, 4);
		assert_int_equal(out.dport, MADRID_MTU);
		check_error(&out, &a, UDP, &to);
		assert_false(take(UNDERLAY, &out));
		assert_int_equal(bed_counters(bed).answers[ANSWER_TOO_BIG], 1);
		assert_int_equal(bed_counters(bed).hairpinned, 2); /* the packet and the error */
		stop();
	}
}

static struct fragments fragments;

/* The packet is fragmented for the other site's tunnel; and it arrives in fragments. */
static void in_fragments(void **state)
{
	const struct end a = {BERLIN, HOST, 6000}, b = {MADRID, HOST, 5000};
	struct outside from, to;
	struct frame f, out;
	const char *why;

	start(INDEPENDENT, 1);
	to = map(&b, UDP);
	from = map(&a, UDP);
	f = packet(&a, UDP, &to);
	f.payload = 1400;
	for (unsigned cut = 0; cut < 2; cut++) {
		static uint8_t inner[FRAGMENTS_PACKET_MAX], fragment[BED_FRAME_MAX];
		uint8_t bytes[BED_FRAME_MAX];
		size_t len = frame_build_inner(&f, inner);
		const struct fragment parts[] = {{800, len - 20}, {0, 800}};

		for (unsigned i = 0; cut > 0 && i < 2; i++) {
			size_t n = fragment4_make(inner, len, &parts[i], 99, fragment);

			bed_send(bed, UNDERLAY, bytes, frame_wrap(&f, fragment, n, bytes));
		}
		if (cut == 0)
			bed_send(bed, UNDERLAY, bytes, frame_build(&f, bytes));
		bed_run(bed);
		if (!fragments_take(bed, UNDERLAY, &fragments, &out, &why))
			fail_msg("cut %u: %s", cut, why);
		assert_int_equal(fragments.n, 2);
		assert_true(fragments.largest <= MADRID_MTU);
		assert_int_equal(fragments.first.outer_dst, MADRID);
		assert_int_equal(out.src, from.addr);
		assert_int_equal(out.sport, from.port);
		assert_int_equal(out.dst, HOST);
		assert_int_equal(out.payload, f.payload);
		assert_int_equal(out.ttl, 63);
	}
	stop();
}

/* @by sends an error about the packet that was taken last. */
static void send_error(const struct end *to_site, uint32_t by, uint8_t type, uint8_t code,
		       const struct outside *to)
{
	static uint8_t bytes[BED_FRAME_MAX];
	size_t len = taken.len;
	struct frame error = {
		.outer_src = to_site->site,
		.outer_dst = GATEWAY,
		.src = by,
		.dst = to->addr,
		.proto = ICMP,
		.icmp_type = type,
		.icmp_code = code,
	};

	error.data = frame_inner(taken.raw, &len);
	error.payload = (uint16_t)len;
	bed_send(bed, UNDERLAY, bytes, frame_build(&error, bytes));
	bed_run(bed);
}

/*
 * RFC 5508 REQ-7: errors about hairpinned packets, in both directions, from the host and from its
 * router.
 */
static void errors_come_back(void **state)
{
	static const struct {
		uint32_t by;
		uint8_t type, code;
	} errors[] = {{HOST, UNREACHABLE, 3}, {ROUTER, EXCEEDED, 0}, {ROUTER, UNREACHABLE, 1}};
	const struct end a = {BERLIN, HOST, 6000}, b = {MADRID, HOST, 5000};

	for (unsigned i = 0; i < ARRAY_SIZE(errors) * ARRAY_SIZE(protos) * 4; i++) {
		unsigned e = i % ARRAY_SIZE(errors);
		uint8_t proto = protos[i / ARRAY_SIZE(errors) % ARRAY_SIZE(protos)];
		struct outside from, to;
		struct frame f, out;

		start(INDEPENDENT, 1 + i % 4);
		to = map(&b, proto);
		from = map(&a, proto);
		f = packet(&a, proto, &to);
		send_frame(UNDERLAY, &f);
		assert_true(take(UNDERLAY, &out));
		send_error(&b, errors[e].by, errors[e].type, errors[e].code, &from);
		assert_true(take(UNDERLAY, &out));
		assert_int_equal(out.icmp_type, errors[e].type);
		assert_int_equal(out.icmp_code, errors[e].code);
		assert_int_equal(out.ttl, 63);
		check_error(&out, &a, proto, &to);

		/* the other direction: about b's answer */
		f = packet(&b, proto, &from);
		f.tcp_flags = proto == TCP ? SYN | ACK : 0;
		send_frame(UNDERLAY, &f);
		assert_true(take(UNDERLAY, &out));
		send_error(&a, errors[e].by, errors[e].type, errors[e].code, &to);
		assert_true(take(UNDERLAY, &out));
		check_error(&out, &b, proto, &from);
		assert_false(take(UPLINK, &out));
		stop();
	}
}

/* b's flow counts against the limit of b's site, not of a's. a's flow ends on its own. */
static void a_mapping_of_each(void **state)
{
	const struct end a = {BERLIN, HOST, 6000}, b = {MADRID, HOST, 5000};
	struct site_counters c;
	struct slice_counters slice;
	struct outside to;
	struct frame f, out;
	uint32_t ports = 0;

	start(INDEPENDENT, 1);
	to = map(&b, UDP);
	f = packet(&a, UDP, &to);
	send_frame(UNDERLAY, &f);
	assert_true(take(UNDERLAY, &out));
	worker_read_site(bed_worker(bed, 0), 1, &c);
	assert_int_equal(c.flows, 1);
	worker_read_site(bed_worker(bed, 0), 2, &c);
	assert_int_equal(c.flows, 2);
	worker_advance_clock(bed_worker(bed, 0), 301);
	while (bed_counters(bed).flows > 0)
		bed_run(bed);
	for (uint32_t i = 0; i < 2; i++) {
		worker_read_slice(bed_worker(bed, 0), i, &slice);
		ports += slice.ports;
	}
	assert_int_equal(ports, 0);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair),
		cmocka_unit_test(to_oneself),
		cmocka_unit_test(who_was_written_to_gets_through),
		cmocka_unit_test(a_connection),
		cmocka_unit_test(nobody_is_there),
		cmocka_unit_test(where_it_ends),
		cmocka_unit_test(a_ping_is_answered),
		cmocka_unit_test(hops),
		cmocka_unit_test(too_big),
		cmocka_unit_test(in_fragments),
		cmocka_unit_test(errors_come_back),
		cmocka_unit_test(a_mapping_of_each),
	};

	return cmocka_run_group_tests_name("hairpin", tests, NULL, NULL);
}
