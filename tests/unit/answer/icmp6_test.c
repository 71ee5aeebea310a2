/*
 * ICMPv6 errors of the gateway itself: to whom, from which address, how much they embed, and how
 * often.
 */
#include "stage.h"

#include "answer/stages.h"

#include "answer/errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { UDP = 17, ICMP6 = 58, NAT_PORT = 2050, EMBEDDED_MAX = 1280 - 48 };

#define UDP6 .six = true, .sport = 5000, .dport = 53, .proto = UDP
#define OUT UDP6, .src6 = HOST6, .dst6 = SERVER6
#define BACK_TO(who)                                                                               \
	.six = true, .src6 = who, .dst6 = EGRESS6, .sport = 53, .dport = NAT_PORT, .proto = UDP
#define BACK BACK_TO(SERVER6)

#define PING                                                                                       \
	.six = true, .src6 = HOST6, .dst6 = INSIDE6, .sport = 9, .proto = ICMP6, .icmp_type = 128

/* clang-format off */
static const struct row {
	const char *why;
	struct frame frame;
	uint16_t tunnel;
	enum answer answer;
	uint8_t type; /* 0: dropped */
	struct ip6 from;
	uint16_t mtu;
	enum drop drop;
	bool multicast; /* the link-layer destination is multicast */
	uint8_t code;
	uint16_t largest; /* the largest fragment in which it arrived; 0: it was not fragmented */
	bool cut; /* the answer must leave in fragments */
} rows[] = {
	{"no hops left", {OUT}, TUNNEL_B1, ANSWER_TTL_EXPIRED, 3, INSIDE6},
	{"no route", {OUT}, TUNNEL_B1, ANSWER_UNREACHABLE, 1, INSIDE6},
	{"too big for the uplink", {OUT, .payload = 1460}, TUNNEL_B1, ANSWER_TOO_BIG, 2, INSIDE6, 1500},
	{"a return too big for the tunnel", {BACK, .payload = 1460}, TUNNEL_NONE, ANSWER_TOO_BIG, 2, EGRESS6, STAGE_MTU},
	{"a return has no hops left", {BACK}, TUNNEL_NONE, ANSWER_TTL_EXPIRED, 3, EGRESS6},
	{"as much as fits 1,280 bytes", {OUT, .payload = 1400}, TUNNEL_B1, ANSWER_TTL_EXPIRED, 3, INSIDE6},
	{"an echo", {PING}, TUNNEL_B1, ANSWER_ECHO, 129, INSIDE6},
	{"an echo larger than the tunnel", {PING, .payload = 1476 - 47}, TUNNEL_B1, ANSWER_ECHO, 129, INSIDE6,
	 .cut = true},
	{"an echo that fits, but came in fragments", {PING, .payload = 1400}, TUNNEL_B1, ANSWER_ECHO, 129, INSIDE6,
	 .largest = 1280, .cut = true},
	{"an echo in fragments that fits one", {PING, .payload = 1200}, TUNNEL_B1, ANSWER_ECHO, 129, INSIDE6,
	 .largest = 1280},
	{"a fragment is missing", {OUT, .payload = 700}, TUNNEL_B1, ANSWER_FRAGMENT_TIMEOUT, 3, INSIDE6, .code = 1},
	{"the same, and no address", {OUT}, TUNNEL_B2, ANSWER_FRAGMENT_TIMEOUT, .drop = DROP_FRAGMENT_TIMEOUT},
	{"no address in this tunnel", {OUT}, TUNNEL_B2, ANSWER_TTL_EXPIRED, .drop = DROP_TTL_EXPIRED},
	{"the same, no route", {OUT}, TUNNEL_M1, ANSWER_UNREACHABLE, .drop = DROP_NO_ROUTE},
	{"from nobody", {UDP6, .dst6 = SERVER6}, TUNNEL_B1, ANSWER_TTL_EXPIRED, .drop = DROP_TTL_EXPIRED},
	{"from a crowd", {UDP6, .dst6 = SERVER6, .src6 = IP6(0xff02, 0, 0, 0, 0, 0, 0, 1)}, TUNNEL_B1, ANSWER_TTL_EXPIRED,
	 .drop = DROP_TTL_EXPIRED},
	{"to a crowd", {UDP6, .src6 = HOST6, .dst6 = IP6(0xff0e, 0, 0, 0, 0, 0, 0, 1)}, TUNNEL_B1, ANSWER_TTL_EXPIRED,
	 .drop = DROP_TTL_EXPIRED},
	{"by a crowd's Ethernet address", {BACK}, TUNNEL_NONE, ANSWER_TTL_EXPIRED, .drop = DROP_TTL_EXPIRED, .multicast = true},
	{"whoever asked is not resolved", {BACK_TO(IP6(0x2001, 0xdb8, 2, 0, 0, 0, 0, 5))}, TUNNEL_NONE,
	 ANSWER_TTL_EXPIRED, .drop = DROP_TTL_EXPIRED},
};
/* clang-format on */

static struct packet *make(struct stage_bench *b, const struct row *row)
{
	const struct frame flow = {OUT};
	struct packet *p = bench_inner(b, &row->frame, row->tunnel);
	struct flow6_key *key = burst_key6(&b->burst, p);

	*key = (struct flow6_key){
		.src = bench_addr6(row->frame.src6),
		.dst = bench_addr6(row->frame.dst6),
	};
	p->probe.key.realm = b->net->tunnels[row->tunnel].site;
	p->probe.dir = row->tunnel == TUNNEL_NONE ? FLOW_RETURN : FLOW_FORWARD;
	p->probe.record = bench_flow6(b, &flow, TUNNEL_B1, NAT_PORT);
	p->l4 = 40;
	p->answer = row->answer;
	p->fragment_limit = row->largest;
	p->data[-ETHER_LEN] = row->multicast ? 0x33 : 2;
	return p;
}

static void check_answer(const struct row *row, const struct packet *p, size_t asked)
{
	uint8_t bytes[2048];
	size_t len = bench_frame(p, bytes), embedded_packet;
	struct frame f, embedded;
	const char *why;

	if (!frame_parse(bytes, len, &f, &why))
		fail_msg("%s: wrong %s", row->why, why);
	assert_int_equal(f.icmp_type, row->type);
	assert_int_equal(f.icmp_code, row->code);
	assert_int_equal(f.ttl, 64);
	assert_memory_equal(&f.src6, &row->from, 16);
	assert_memory_equal(&f.dst6, &row->frame.src6, 16);
	if (row->answer == ANSWER_ECHO) {
		assert_int_equal(f.sport, row->frame.sport);
		assert_int_equal(len - 14, asked);
		return;
	}
	assert_int_equal(f.dport, row->mtu);
	embedded_packet = len - 14 - 48;
	assert_int_equal(embedded_packet, asked < EMBEDDED_MAX ? asked : EMBEDDED_MAX);
	assert_true(frame_parse_quote(bytes + 14 + 48, embedded_packet, &embedded, &why));
	assert_memory_equal(&embedded.src6, &row->frame.src6, 16);
	assert_int_equal(embedded.dport, row->frame.dport);
}

static void every_row(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct stage_bench *b = bench_create(64, 16, 0, 1);
		struct packet *p = make(b, &rows[i]);
		size_t asked = p->len;
		enum stage to;

		if (rows[i].answer == ANSWER_UNREACHABLE)
			p->refusal = DROP_NO_ROUTE;
		to = bench_run(b, STAGE_ANSWER, p);

		if (to != (rows[i].type == 0 ? STAGE_DROP
			   : rows[i].cut     ? STAGE_FRAGMENT
					     : STAGE_ENCAPSULATE6) ||
		    (to == STAGE_DROP && p->drop != rows[i].drop))
			fail_msg("%s: stage %d, %s", rows[i].why, to, drop_infos[p->drop].name);
		assert_int_equal(b->ctx.counters.answers[rows[i].answer], rows[i].type != 0);
		if (to != STAGE_DROP)
			check_answer(&rows[i], p, asked);
		bench_destroy(b);
	}
}

/* RFC 4443 section 2.4 f. The limit counts ICMPv4 errors, too. */
static void errors_are_limited(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	unsigned told = 0, refused = 0;

	for (unsigned i = 0; i < 200; i++) {
		struct packet *p = make(b, &rows[0]);

		if (bench_run(b, STAGE_ANSWER, p) == STAGE_ENCAPSULATE6)
			told++;
		else
			refused += p->drop == DROP_TTL_EXPIRED;
		flow_table_remove(b->ctx.flows6, p->probe.record);
		bench_clear(b);
	}
	assert_int_equal(told, 50);
	assert_int_equal(refused, 150);
	assert_false(errors_may_send(&b->ctx, SITE_BERLIN));
	assert_true(errors_may_send(&b->ctx, SITE_MADRID));
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(errors_are_limited),
	};

	return cmocka_run_group_tests_name("answer/icmp6", tests, bench_start_dpdk,
					   bench_stop_dpdk);
}
