/*
 * Refused first packets of a site are answered by ICMP destination unreachable. If a resource is
 * missing or a limit is reached, the code is "host unreachable", as the condition may end (RFC 6888
 * REQ-11). If the source is not allowed, it is "administratively prohibited" (RFC 5508 REQ-8).
 *
 *     berlin 10.0.1.0/24 --- GRE 198.51.100.10, ours 10.255.0.1, fd00::1 ---+
 *     madrid 10.0.1.0/24 --- GRE 198.51.100.20 -----------------------------+--- [ gateway ]
 *                                             203.0.113.1, 2001:db8:1::1, 64 ports each
 *
 * Each row opens flows until one is refused.
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
#define MADRID IP(198, 51, 100, 20)
#define INSIDE IP(10, 255, 0, 1)
#define INSIDE6 IP6(0xfd00, 0, 0, 0, 0, 0, 0, 1)
#define HOST IP(10, 0, 1, 10)
#define HOST6 IP6(0xfd00, 0, 0, 0, 0, 0, 0, 0x10)
#define SERVER IP(192, 0, 2, 80)
#define SERVER6 IP6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x80)

enum { UNDERLAY, UPLINK };
enum { SYN = 2, TCP = 6, UDP = 17, ICMP = 1, ICMP6 = 58, ECHO = 8, ECHO6 = 128 };
enum { CAPACITY = 1024, AT_ONCE = 25, BURST = 50, QUOTE_AT = 28, QUOTE6_AT = 48 };

#define SHARED "address-and-port-dependent"
#define OWN "endpoint-independent"

struct row {
	const char *why;
	const char *limits; /* of berlin */
	const char *mapping;
	struct frame frame; /* berlin's packets, from source port 1000 on */
	unsigned opened; /* at least this many flows before the first refusal */
	unsigned more; /* and up to this many more: some may have used reserved ports */
	enum drop drop; /* drop reason once the rate limit of errors is reached */
	enum answer answer;
};

#define FROM_HOST .src = HOST, .dst = SERVER, .dport = 53
#define FROM_HOST6 .six = true, .src6 = HOST6, .dst6 = SERVER6, .dport = 53

/* clang-format off */
static const struct row rows[] = {
	{"its number of flows", "flows: 7", SHARED, {FROM_HOST, .proto = UDP}, 7,
	 .drop = DROP_SITE_FLOWS, .answer = ANSWER_LIMITED},
	{"its number of flows: a ping", "flows: 7", SHARED,
	 {.src = HOST, .dst = SERVER, .proto = ICMP, .icmp_type = ECHO}, 7,
	 .drop = DROP_SITE_FLOWS, .answer = ANSWER_LIMITED},
	{"its number of flows: IPv6", "flows: 7", SHARED, {FROM_HOST6, .proto = UDP}, 7,
	 .drop = DROP_SITE_FLOWS, .answer = ANSWER_LIMITED},
	{"half-open connections", "half-open: 5", SHARED, {FROM_HOST, .proto = TCP, .tcp_flags = SYN}, 5,
	 .drop = DROP_HALF_OPEN, .answer = ANSWER_LIMITED},
	{"new flows a second", "new-flows-per-second: 9", SHARED, {FROM_HOST, .proto = UDP}, 9,
	 .drop = DROP_SITE_RATE, .answer = ANSWER_LIMITED},
	{"ports towards one destination", "flows: 512", SHARED, {FROM_HOST, .proto = UDP}, 60, 3,
	 .drop = DROP_EGRESS_EXHAUSTED, .answer = ANSWER_EXHAUSTED},
	{"ports towards one destination: IPv6", "flows: 512", SHARED, {FROM_HOST6, .proto = UDP}, 60, 3,
	 .drop = DROP_EGRESS_EXHAUSTED, .answer = ANSWER_EXHAUSTED},
	{"ports of its own", "flows: 512", OWN, {FROM_HOST, .proto = UDP}, 60, 3,
	 .drop = DROP_EGRESS_EXHAUSTED, .answer = ANSWER_EXHAUSTED},
	{"somebody else's source", "flows: 7", SHARED,
	 {.src = IP(10, 9, 9, 9), .dst = SERVER, .dport = 53, .proto = UDP}, 0,
	 .drop = DROP_SOURCE, .answer = ANSWER_PROHIBITED},
	{"somebody else's source: IPv6", "flows: 7", SHARED,
	 {.six = true, .src6 = SERVER6, .dst6 = HOST6, .dport = 53, .proto = UDP}, 0,
	 .drop = DROP_SOURCE, .answer = ANSWER_PROHIBITED},
};
/* clang-format on */

static struct bed *bed;

static void start(const char *limits, const char *mapping)
{
	char yaml[2048];

	snprintf(yaml, sizeof(yaml),
		 "flows: {capacity: 1024, capacity-ipv6: 1024}\n"
		 "ports:\n"
		 "  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
		 "  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
		 "sites:\n"
		 "  - name: berlin\n"
		 "    prefixes: [10.0.1.0/24, 'fd00::/64']\n"
		 "    limits: {%s}\n"
		 "    tunnels: [{name: b1, local: 198.51.100.1, remote: 198.51.100.10,\n"
		 "               port: underlay, address: 10.255.0.1, address6: 'fd00::1'}]\n"
		 "  - name: madrid\n"
		 "    tunnels: [{name: m1, local: 198.51.100.1, remote: 198.51.100.20,\n"
		 "               port: underlay}]\n"
		 "egress:\n"
		 "  - {name: four, port: uplink, slice-size: 64, mapping: %s,\n"
		 "     addresses: [{address: 203.0.113.1, slices: [16]}]}\n"
		 "  - {name: six, port: uplink, slice-size: 64,\n"
		 "     addresses: [{address: '2001:db8:1::1', slices: [16]}]}\n",
		 limits, mapping);
	bed = bed_create(yaml, 1);
	worker_hold_clock(bed_worker(bed, 0), 0);
}

static void stop(void)
{
	bed_check(bed);
	bed_destroy(bed);
}

static uint8_t raw[BED_FRAME_MAX]; /* the frame that was taken last */
static size_t raw_len;

static bool take(unsigned port, struct frame *out)
{
	const char *why;

	raw_len = bed_take(bed, port, raw);
	if (raw_len == 0)
		return false;
	if (!frame_parse(raw, raw_len, out, &why))
		fail_msg("came out with a wrong %s", why);
	return true;
}

/* Sends the row's packet from the next source port. True: it left, so it has a flow. */
static bool open_next(const struct row *row, unsigned i)
{
	struct frame f = row->frame, out;
	uint8_t bytes[BED_FRAME_MAX];

	f.outer_src = BERLIN;
	f.outer_dst = GATEWAY;
	f.sport = (uint16_t)(1000 + i);
	bed_send(bed, UNDERLAY, bytes, frame_build(&f, bytes));
	bed_run(bed);
	return take(UPLINK, &out);
}

static uint8_t code_of(const struct row *row)
{
	if (row->answer == ANSWER_PROHIBITED)
		return row->frame.six ? 1 : 13;
	return row->frame.six ? 3 : 1;
}

/* Checks the ICMP error that came back: receiver, source, embedded packet. */
static void check_told(const struct row *row)
{
	static const struct ip6 inside6 = INSIDE6;
	const struct frame *f = &row->frame;
	struct frame out, embedded;
	size_t len;
	const uint8_t *ip;
	const char *why;

	if (!take(UNDERLAY, &out))
		fail_msg("%s: nobody was told", row->why);
	assert_int_equal(out.outer_dst, BERLIN);
	assert_int_equal(out.proto, f->six ? ICMP6 : ICMP);
	assert_int_equal(out.icmp_type, f->six ? 1 : 3);
	assert_int_equal(out.icmp_code, code_of(row));
	len = raw_len;
	ip = frame_inner(raw, &len);
	ip += f->six ? QUOTE6_AT : QUOTE_AT;
	len -= f->six ? QUOTE6_AT : QUOTE_AT;
	if (!frame_parse_quote(ip, len, &embedded, &why))
		fail_msg("%s: embeds a wrong %s", row->why, why);
	assert_int_equal(embedded.proto, f->proto);
	if (f->six) {
		assert_memory_equal(&out.src6, &inside6, 16);
		assert_memory_equal(&out.dst6, &f->src6, 16);
		assert_memory_equal(&embedded.dst6, &f->dst6, 16);
	} else {
		assert_int_equal(out.src, INSIDE);
		assert_int_equal(out.dst, f->src);
		assert_int_equal(embedded.dst, f->dst);
	}
}

static void check_row(const struct row *row)
{
	struct worker_counters c;
	struct frame out;
	unsigned i = 0;

	while (open_next(row, i))
		i++;
	if (i < row->opened || i > row->opened + row->more)
		fail_msg("%s: %u opened", row->why, i);
	check_told(row);
	for (unsigned k = 1; k < AT_ONCE + 5; k++) {
		assert_false(open_next(row, i + k));
		assert_int_equal(take(UNDERLAY, &out), k < AT_ONCE);
	}
	c = bed_counters(bed);
	assert_int_equal(c.answers[row->answer], AT_ONCE);
	bed_expect_drops(bed, row->why, row->drop, 5);
	assert_int_equal(c.flows, i);
}

static void every_row(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		start(rows[i].limits, rows[i].mapping);
		check_row(&rows[i]);
		stop();
	}
}

/* The table is full, although the site is below its share. */
static void a_full_table(void **state)
{
	static const struct row row = {
		.why = "a full table",
		.frame = {FROM_HOST, .proto = UDP},
		.drop = DROP_TABLE_FULL,
		.answer = ANSWER_EXHAUSTED,
	};
	struct frame f = {.outer_src = MADRID,
			  .outer_dst = GATEWAY,
			  .src = HOST,
			  .proto = UDP,
			  .sport = 1000,
			  .dport = 53},
		     out;
	uint8_t bytes[BED_FRAME_MAX];
	unsigned n = 0;

	start("flows: 1024", SHARED);
	/* madrid opens as many flows as its share allows */
	for (unsigned i = 0; i < CAPACITY; i++) {
		f.dst = SERVER + 1 + i;
		bed_send(bed, UNDERLAY, bytes, frame_build(&f, bytes));
		bed_run(bed);
		n += take(UPLINK, &out);
		take(UNDERLAY, &out);
	}
	assert_in_range(n, CAPACITY / 2, CAPACITY - CAPACITY / 16);
	for (unsigned i = 0; n < CAPACITY; n++, i++) {
		struct row next = row;

		next.frame.dst = SERVER + 1 + i;
		assert_true(open_next(&next, 0));
	}
	assert_false(open_next(&row, 0));
	check_told(&row);
	assert_int_equal(bed_counters(bed).answers[ANSWER_EXHAUSTED], 1);
	stop();
}

/*
 * Errors about refusals use at most half of the rate limit: a flood does not suppress other errors.
 */
static void a_flood_leaves_room(void **state)
{
	const struct row *row = &rows[0];
	struct row expired = *row;
	struct frame out;
	unsigned told = 0;

	start(row->limits, row->mapping);
	for (unsigned i = 0; i < 500; i++) {
		open_next(row, i);
		told += take(UNDERLAY, &out);
	}
	assert_int_equal(told, AT_ONCE);
	expired.frame.ttl = 1;
	for (unsigned i = 0; i < BURST; i++) {
		open_next(&expired, i);
		told += take(UNDERLAY, &out);
	}
	assert_int_equal(told, BURST);

	/* 100 a second in the long run; other errors have priority */
	worker_hold_clock(bed_worker(bed, 0), 100 * 1000 * 1000);
	for (told = 0; open_next(row, 600) || take(UNDERLAY, &out);)
		told++;
	assert_int_equal(told, 0);
	worker_hold_clock(bed_worker(bed, 0), 200 * 1000 * 1000);
	for (told = 0; open_next(row, 600) || take(UNDERLAY, &out);)
		told++;
	assert_int_equal(told, 5);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(a_full_table),
		cmocka_unit_test(a_flood_leaves_room),
	};

	return cmocka_run_group_tests_name("refused", tests, NULL, NULL);
}
