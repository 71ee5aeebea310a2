/* ICMP answers of the gateway itself: type, receiver, nexthop, and when none may be sent. */
#include "answer/stages.h"

#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { ICMP = 1, UDP = 17 };

#define PORTS .sport = 5000, .dport = 53, .proto = UDP
#define OUT PORTS, .src = HOST, .dst = SERVER
#define BACK .src = SERVER, .dst = EGRESS, .sport = 53, .dport = 2100, .proto = UDP

/* clang-format off */
static const struct {
	const char *why;
	uint16_t tunnel;
	enum answer answer;
	struct frame frame;
	enum drop drop; /* reason if no error may be sent */
	uint8_t type, code;
	uint32_t from;
	uint16_t mtu, nexthop;
} rows[] = {
	{ "time exceeded, in the tunnel", 1, ANSWER_TTL_EXPIRED, { OUT }, 0, 11, 0, BERLIN_INSIDE, 0, TUNNEL_B1 },
	{ "a tunnel without an address",  3, ANSWER_TTL_EXPIRED, { OUT }, 0, 11, 0, GATEWAY, 0, TUNNEL_M1 },
	{ "time exceeded, to the Internet", 0, ANSWER_TTL_EXPIRED, { BACK }, 0, 11, 0, EGRESS, 0, NEXTHOP_UPLINK },
	{ "no route",                     1, ANSWER_UNREACHABLE, { OUT }, 0, 3, 0, BERLIN_INSIDE, 0, TUNNEL_B1 },
	{ "too big for the uplink",       1, ANSWER_TOO_BIG, { OUT }, 0, 3, 4, BERLIN_INSIDE, 1500, TUNNEL_B1 },
	{ "too big for the tunnel",       0, ANSWER_TOO_BIG, { BACK }, 0, 3, 4, EGRESS, STAGE_MTU, NEXTHOP_UPLINK },
	{ "a long packet is embedded_packet in part", 1, ANSWER_UNREACHABLE, { OUT, .payload = 1000 }, 0, 3, 0, BERLIN_INSIDE, 0, TUNNEL_B1 },
	{ "an embedded packet of 548 bytes just fits", 1, ANSWER_UNREACHABLE, { OUT, .payload = 520 }, 0, 3, 0, BERLIN_INSIDE, 0, TUNNEL_B1 },

	{ "from nobody",      1, ANSWER_TTL_EXPIRED, { PORTS, .src = 0, .dst = SERVER }, DROP_TTL_EXPIRED },
	{ "from loopback",    1, ANSWER_TTL_EXPIRED, { PORTS, .src = IP(127, 0, 0, 1), .dst = SERVER }, DROP_TTL_EXPIRED },
	{ "from multicast",   1, ANSWER_UNREACHABLE, { PORTS, .src = IP(224, 0, 0, 5), .dst = SERVER }, DROP_NO_ROUTE },
	{ "from broadcast",   1, ANSWER_UNREACHABLE, { PORTS, .src = UINT32_MAX, .dst = SERVER }, DROP_NO_ROUTE },
	{ "to multicast: all of a group would be told", 1, ANSWER_TTL_EXPIRED, { PORTS, .src = HOST, .dst = IP(239, 255, 255, 250) }, DROP_TTL_EXPIRED },
	{ "to broadcast",     1, ANSWER_TTL_EXPIRED, { PORTS, .src = HOST, .dst = UINT32_MAX }, DROP_TTL_EXPIRED },
	{ "to a neighbour nobody knows", 0, ANSWER_TTL_EXPIRED, { PORTS, .src = IP(198, 18, 0, 9), .dst = EGRESS }, DROP_TTL_EXPIRED },
	{ "to a neighbour that is silent", 0, ANSWER_TOO_BIG, { PORTS, .src = IP(198, 18, 0, 5), .dst = EGRESS }, DROP_TOO_BIG },
};
/* clang-format on */

static struct packet *packet_of(struct stage_bench *b, const struct frame *f, uint16_t tunnel,
				enum answer answer)
{
	struct packet *p = bench_inner(b, f, tunnel);

	p->probe.key = (struct flow_key){
		.src = htonl(f->src), .dst = htonl(f->dst), .realm = b->net->tunnels[tunnel].site};
	p->probe.record = 0; /* the only flow */
	p->probe.dir = tunnel == TUNNEL_NONE ? FLOW_RETURN : FLOW_FORWARD;
	p->l4 = 20;
	p->answer = answer;
	return p;
}

static void check_error(const struct packet *p, size_t i, const uint8_t *embedded_packet,
			size_t len)
{
	uint8_t bytes[1024];
	struct frame out;
	const char *why;
	size_t embedded = len < 548 ? len : 548;

	if (!frame_parse(bytes, bench_frame(p, bytes), &out, &why))
		fail_msg("row %zu: %s: %s is wrong", i, rows[i].why, why);
	assert_int_equal(out.proto, ICMP);
	assert_int_equal(out.icmp_type, rows[i].type);
	assert_int_equal(out.icmp_code, rows[i].code);
	assert_int_equal(p->data[26] << 8 | p->data[27], rows[i].mtu);
	assert_int_equal(out.src, rows[i].from);
	assert_int_equal(out.dst, rows[i].frame.src);
	assert_int_equal(p->len, 28 + embedded);
	assert_memory_equal(p->data + 28, embedded_packet, embedded);
	assert_int_equal(p->nexthop, rows[i].nexthop);
	assert_int_equal(p->onramp, rows[i].tunnel);
}

static void test_errors(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	const struct frame flow = {OUT};
	uint64_t answers = 0;

	assert_int_equal(bench_flow(b, &flow, TUNNEL_B1, 2100), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct packet *p = packet_of(b, &rows[i].frame, rows[i].tunnel, rows[i].answer);
		uint8_t embedded_packet[2048];
		size_t len = p->len;
		enum stage to;

		memcpy(embedded_packet, p->data, len);
		if (rows[i].answer == ANSWER_UNREACHABLE)
			p->refusal = DROP_NO_ROUTE;
		to = bench_run(b, STAGE_ANSWER, p);
		if (to != (rows[i].drop == DROP_NONE ? STAGE_ENCAPSULATE : STAGE_DROP) ||
		    (to == STAGE_DROP && p->drop != rows[i].drop))
			fail_msg("row %zu: %s", i, rows[i].why);
		if (to == STAGE_ENCAPSULATE) {
			check_error(p, i, embedded_packet, len);
			answers++;
		}
		bench_clear(b);
	}
	for (unsigned k = 0; k < ANSWER_COUNT; k++)
		answers -= b->ctx.counters.answers[k];
	assert_int_equal(answers, 0);
	bench_destroy(b);
}

/* An echo reply of any length goes back by the tunnel of the request. */
static void test_echo(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);

	for (uint16_t payload = 8; payload < 1400; payload += 7) {
		const struct frame ping = {.src = HOST,
					   .dst = BERLIN_INSIDE,
					   .proto = ICMP,
					   .sport = 77,
					   .icmp_type = 8,
					   .payload = payload,
					   .token = 123,
					   .ttl = 1};
		struct packet *p = packet_of(b, &ping, TUNNEL_B1, ANSWER_ECHO);
		uint8_t bytes[2048];
		struct frame out;
		const char *why;

		assert_int_equal(bench_run(b, STAGE_ANSWER, p), STAGE_ENCAPSULATE);
		if (!frame_parse(bytes, bench_frame(p, bytes), &out, &why))
			fail_msg("%u bytes: %s is wrong", payload, why);
		assert_int_equal(out.src, BERLIN_INSIDE);
		assert_int_equal(out.dst, HOST);
		assert_int_equal(out.icmp_type, 0);
		assert_int_equal(out.sport, 77);
		assert_int_equal(out.token, 123);
		assert_int_equal(out.payload, payload);
		assert_int_equal(out.ttl, 64);
		assert_int_equal(p->onramp, TUNNEL_B1);
		assert_int_equal(p->nexthop, TUNNEL_B1);
		bench_clear(b);
	}
	bench_destroy(b);
}

/*
 * The reply to a ping whose bytes are 0 is all zeros. RFC 1071 has two zeros: the checksum must be
 * 0xffff.
 */
static void test_echo_of_zeros(void **state)
{
	static const uint8_t zeros[8];
	const struct frame ping = {.src = HOST,
				   .dst = BERLIN_INSIDE,
				   .proto = ICMP,
				   .icmp_type = 8,
				   .data = zeros,
				   .payload = sizeof(zeros),
				   .ttl = 1};
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	struct packet *p = packet_of(b, &ping, TUNNEL_B1, ANSWER_ECHO);
	uint8_t bytes[2048];
	struct frame out;
	const char *why = "";

	assert_int_equal(bench_run(b, STAGE_ANSWER, p), STAGE_ENCAPSULATE);
	if (!frame_parse(bytes, bench_frame(p, bytes), &out, &why))
		fail_msg("%s is wrong", why);
	bench_clear(b);
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_echo_of_zeros),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
