/*
 * Inner packets: which are valid, and their flow keys.
 *
 * A row is a packet, what is done to its bytes, and where it goes. Offsets count from the IPv4
 * header.
 */
#include "in/stages.h"

#include "dice.h"
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define OUT .src = HOST, .dst = SERVER, .sport = 5000, .dport = 53
#define BACK .src = SERVER, .dst = EGRESS, .sport = 53, .dport = 2100
#define ECHO .src = HOST, .dst = SERVER, .sport = 77, .proto = 1, .icmp_type = 8

#define L STAGE_LOOKUP
#define D STAGE_DROP
#define A STAGE_ANSWER

enum { TCP = 6, UDP = 17, SYN = 2 };

/* clang-format off */
static const struct {
	const char *why;
	struct frame frame;
	uint16_t tunnel;
	struct { uint8_t at, to; } poke[2]; /* 0: none */
	bool sum; /* the header's checksum is corrected afterwards */
	size_t cut, pad;
	enum stage to;
	uint8_t reason;
	uint16_t sport, dport; /* of the key */
} rows[] = {
	{ "UDP",             { OUT, .proto = UDP }, 1, .to = L, .sport = 5000, .dport = 53 },
	{ "TCP",             { OUT, .proto = TCP, .tcp_flags = SYN }, 3, .to = L, .sport = 5000, .dport = 53 },
	{ "TCP with MSS",    { OUT, .proto = TCP, .tcp_flags = SYN, .mss = 9 }, 1, .to = L, .sport = 5000, .dport = 53 },
	{ "ping",            { ECHO }, 1, .to = L, .sport = 77, .dport = 0 },
	{ "its answer",      { BACK, .proto = 1, .icmp_type = 0 }, 0, .to = L, .sport = 0, .dport = 53 },
	{ "from the Internet", { BACK, .proto = UDP }, 0, .to = L, .sport = 53, .dport = 2100 },
	{ "padding behind",  { OUT, .proto = UDP }, 1, .pad = 7, .to = L, .sport = 5000, .dport = 53 },
	{ "DF",              { OUT, .proto = UDP, .df = true }, 1, .to = L, .sport = 5000, .dport = 53 },
	{ "UDP is shorter than IP", { OUT, .proto = UDP }, 1, {{25, 8}}, .to = L, .sport = 5000, .dport = 53 },
	{ "a wrong UDP checksum is for the end", { OUT, .proto = UDP }, 1, {{26, 1}}, .to = L, .sport = 5000, .dport = 53 },

	{ "version 6",       { OUT, .proto = UDP }, 1, {{0, 0x65}}, true, .to = D, .reason = DROP_INNER_MALFORMED },
	{ "16 bytes of header", { OUT, .proto = UDP }, 1, {{0, 0x44}}, true, .to = D, .reason = DROP_INNER_MALFORMED },
	{ "says it is longer", { OUT, .proto = UDP }, 1, {{3, 37}}, true, .to = D, .reason = DROP_INNER_MALFORMED },
	{ "is longer",       { OUT, .proto = UDP }, 1, .cut = 1, .to = D, .reason = DROP_INNER_MALFORMED },
	{ "shorter than its header", { OUT, .proto = UDP }, 1, {{3, 19}}, true, .to = D, .reason = DROP_INNER_MALFORMED },
	{ "nothing at all",  { OUT, .proto = UDP }, 1, .cut = 36, .to = D, .reason = DROP_INNER_MALFORMED },
	{ "wrong checksum",  { OUT, .proto = UDP }, 1, {{1, 4}}, .to = D, .reason = DROP_INNER_CHECKSUM },
	{ "more fragments",  { OUT, .proto = UDP }, 1, {{6, 0x20}}, true, .to = STAGE_REASSEMBLE },
	{ "a later fragment", { OUT, .proto = UDP }, 1, {{7, 1}}, true, .to = STAGE_REASSEMBLE },
	{ "GRE in GRE",      { OUT, .proto = UDP }, 1, {{9, 47}}, true, .to = A, .reason = ANSWER_PROTOCOL },
	{ "the same from the Internet", { OUT, .proto = UDP }, 0, {{9, 47}}, true, .to = D, .reason = DROP_PROTOCOL },

	{ "no UDP header",   { OUT, .proto = UDP }, 1, {{3, 27}}, true, .to = D, .reason = DROP_INNER_MALFORMED },
	{ "UDP length 7",    { OUT, .proto = UDP }, 1, {{25, 7}}, .to = D, .reason = DROP_INNER_MALFORMED },
	{ "UDP beyond IP",   { OUT, .proto = UDP }, 1, {{25, 17}}, .to = D, .reason = DROP_INNER_MALFORMED },
	{ "no TCP header",   { OUT, .proto = TCP }, 1, {{3, 39}}, true, .to = D, .reason = DROP_INNER_MALFORMED },
	{ "16 bytes of TCP", { OUT, .proto = TCP }, 1, {{32, 0x40}}, .to = D, .reason = DROP_INNER_MALFORMED },
	{ "TCP options beyond IP", { OUT, .proto = TCP }, 1, {{32, 0x80}}, .to = D, .reason = DROP_INNER_MALFORMED },
	{ "TCP options to the end", { OUT, .proto = TCP }, 1, {{32, 0x70}}, .to = L, .sport = 5000, .dport = 53 },
	{ "no ICMP header",  { ECHO }, 1, {{3, 27}}, true, .to = D, .reason = DROP_INNER_MALFORMED },
	{ "ICMP redirect",   { ECHO }, 1, {{20, 5}}, .to = D, .reason = DROP_PROTOCOL },
	{ "ICMP unreachable: about a packet", { BACK, .proto = 1, .icmp_type = 3 }, 0, .to = STAGE_EMBEDDED },

	{ "last hop",        { OUT, .proto = UDP, .ttl = 1 }, 1, .to = A, .reason = ANSWER_TTL_EXPIRED },
	{ "no hop",          { OUT, .proto = UDP }, 1, {{8, 0}}, true, .to = A, .reason = ANSWER_TTL_EXPIRED },
	{ "two hops",        { OUT, .proto = UDP, .ttl = 2 }, 1, .to = L, .sport = 5000, .dport = 53 },
	{ "last hop, for the gateway", { .src = HOST, .dst = BERLIN_INSIDE, .sport = 9, .proto = 1, .icmp_type = 8, .ttl = 1 },
	  1, .to = L, .sport = 9 },
	{ "last hop, another tunnel's address", { .src = HOST, .dst = BERLIN_INSIDE, .sport = 9, .proto = 1, .icmp_type = 8, .ttl = 1 },
	  3, .to = A, .reason = ANSWER_TTL_EXPIRED },
	{ "last hop, a return: its flow says who is told", { BACK, .proto = UDP, .ttl = 1 }, 0, .to = L, .sport = 53, .dport = 2100 },
};
/* clang-format on */

static void sum_header(uint8_t *ip)
{
	uint32_t sum = 0;

	ip[10] = ip[11] = 0;
	for (unsigned i = 0; i < 20; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip[10] = (uint8_t)(~sum >> 8);
	ip[11] = (uint8_t)~sum;
}

static void check_key(const struct packet *p, size_t i, size_t len)
{
	const struct flow_key expected = {
		.src = htonl(rows[i].frame.src),
		.dst = htonl(rows[i].frame.dst),
		.sport = htons(rows[i].sport),
		.dport = htons(rows[i].dport),
		.realm = rows[i].tunnel == 0   ? 0
			 : rows[i].tunnel == 3 ? SITE_MADRID
					       : SITE_BERLIN,
		.proto = rows[i].frame.proto,
	};

	if (memcmp(&p->probe.key, &expected, sizeof(expected)) != 0)
		fail_msg("row %zu: %s: another key", i, rows[i].why);
	assert_int_equal(p->l4, 20);
	assert_int_equal(p->len, len - rows[i].pad);
	assert_int_equal(p->tcp_flags, rows[i].frame.tcp_flags);
}

static void test_rows(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t bytes[512] = {0};
		size_t len = frame_build(&rows[i].frame, bytes) - 14 + rows[i].pad - rows[i].cut;
		struct packet *p;
		enum stage to;

		for (unsigned k = 0; k < 2; k++) {
			if (rows[i].poke[k].at != 0 || rows[i].poke[k].to != 0)
				bytes[14 + rows[i].poke[k].at] = rows[i].poke[k].to;
		}
		if (rows[i].sum)
			sum_header(bytes + 14);
		p = bench_packet(b, bytes + 14, len, PORT_UNDERLAY);
		p->onramp = rows[i].tunnel;
		to = bench_run(b, STAGE_PARSE, p);
		if (to != rows[i].to || ((to == D || to == A) && p->drop != rows[i].reason))
			fail_msg("row %zu: %s: stage %d, reason %d", i, rows[i].why, to, p->drop);
		if (to == STAGE_LOOKUP)
			check_key(p, i, len);
		bench_clear(b);
	}
	bench_destroy(b);
}

/* IP options: the transport header is behind them. */
static void test_options(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	const struct frame frame = {OUT, .proto = UDP};
	uint8_t bytes[512], longer[512];
	size_t len = frame_build(&frame, bytes) - 14;

	for (uint8_t words = 6; words <= 15; words++) {
		size_t header = words * 4u;
		struct packet *p;

		memcpy(longer, bytes + 14, 20);
		memset(longer + 20, 0, header - 20);
		memcpy(longer + header, bytes + 34, len - 20);
		longer[0] = 0x40 | words;
		longer[3] = (uint8_t)(len - 20 + header);
		sum_header(longer); /* zeros behind it do not change the sum */
		p = bench_packet(b, longer, len - 20 + header, PORT_UNDERLAY);
		p->onramp = TUNNEL_B1;
		assert_int_equal(bench_run(b, STAGE_PARSE, p), STAGE_LOOKUP);
		assert_int_equal(p->l4, header);
		assert_int_equal(p->probe.key.sport, htons(5000));
	}
	bench_destroy(b);
}

/* With any bytes, a packet that is looked up has its transport header inside the packet. */
static void test_random_bytes(void **state)
{
	static const uint8_t protos[] = {1, TCP, UDP};
	static const uint8_t headers[] = {[1] = 8, [TCP] = 20, [UDP] = 8};
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	uint64_t dice = 23;
	unsigned passed = 0;

	for (unsigned i = 0; i < 100000; i++) {
		uint8_t bytes[128];
		size_t len = dice_roll(&dice, 80);
		struct packet *p;

		for (size_t k = 0; k < sizeof(bytes); k++)
			bytes[k] = (uint8_t)dice_next(&dice);
		if (dice_roll(&dice, 8) != 0) { /* mostly close to a valid packet */
			bytes[0] = 0x45;
			bytes[2] = bytes[6] = bytes[7] = 0;
			bytes[3] = (uint8_t)dice_roll(&dice, (uint32_t)len + 2);
			bytes[9] = protos[dice_roll(&dice, 3)];
			bytes[20] = dice_roll(&dice, 2) ? 8 : bytes[20];
			bytes[24] = dice_roll(&dice, 2) ? 0 : bytes[24];
			sum_header(bytes);
		}
		p = bench_packet(b, bytes, len, PORT_UNDERLAY);
		p->onramp = TUNNEL_B1;
		if (bench_run(b, STAGE_PARSE, p) == STAGE_LOOKUP) {
			assert_true(p->len <= len && p->l4 >= 20);
			assert_true(p->l4 + headers[p->probe.key.proto] <= p->len);
			passed++;
		}
		bench_clear(b);
	}
	assert_true(passed > 1000);
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_random_bytes),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
