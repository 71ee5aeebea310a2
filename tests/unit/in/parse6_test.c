/* Each row is an inner IPv6 packet, the list it goes to, and its flow key. */
#include "stage.h"

#include "in/stages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { SYN = 2, TCP = 6, UDP = 17, ICMP6 = 58, L4 = 40 };

#define FRAGMENT .next = 44, .n_extensions = 8, .extensions = (const uint8_t *)
#define TO_SERVER .six = true, .src6 = HOST6, .dst6 = SERVER6, .sport = 5000, .dport = 53

/* clang-format off */
static const struct {
	const char *why;
	struct frame frame;
	uint16_t tunnel;
	struct { uint8_t at, to; } poke;
	size_t cut;
	enum stage to;
	enum drop drop;
	uint16_t sport, dport;
} rows[] = {
	{"UDP", {TO_SERVER, .proto = UDP}, TUNNEL_B1, .to = STAGE_LOOKUP6, .sport = 5000, .dport = 53},
	{"TCP", {TO_SERVER, .proto = TCP, .tcp_flags = SYN}, TUNNEL_M1, .to = STAGE_LOOKUP6, .sport = 5000, .dport = 53},
	{"from the Internet", {TO_SERVER, .proto = UDP}, TUNNEL_NONE, .to = STAGE_LOOKUP6, .sport = 5000, .dport = 53},
	{"a request's identifier is the source port", {TO_SERVER, .proto = ICMP6, .icmp_type = 128}, TUNNEL_B1,
	 .to = STAGE_LOOKUP6, .sport = 5000},
	{"a reply's the destination port", {TO_SERVER, .proto = ICMP6, .icmp_type = 129}, TUNNEL_NONE,
	 .to = STAGE_LOOKUP6, .dport = 5000},
	{"an error goes to embedded6", {TO_SERVER, .proto = ICMP6, .icmp_type = 3}, TUNNEL_NONE, .to = STAGE_EMBEDDED},
	{"too big is one", {TO_SERVER, .proto = ICMP6, .icmp_type = 2}, TUNNEL_NONE, .to = STAGE_EMBEDDED},
	{"an error that nobody knows is not", {TO_SERVER, .proto = ICMP6, .icmp_type = 5}, TUNNEL_NONE,
	 .to = STAGE_DROP, .drop = DROP_PROTOCOL},
	{"type 0 is none", {TO_SERVER, .proto = ICMP6, .icmp_type = 0}, TUNNEL_NONE,
	 .to = STAGE_DROP, .drop = DROP_PROTOCOL},
	{"a first fragment waits for the others", {TO_SERVER, .proto = UDP, FRAGMENT "\x11\0\0\1\0\0\0\7"},
	 TUNNEL_B1, .to = STAGE_REASSEMBLE},
	{"a later one, too", {TO_SERVER, .proto = UDP, FRAGMENT "\x11\0\0\x08\0\0\0\7"}, TUNNEL_NONE,
	 .to = STAGE_REASSEMBLE},
	{"but not longer than it says it is", {TO_SERVER, .proto = UDP, FRAGMENT "\x11\0\0\1\0\0\0\7"},
	 TUNNEL_B1, .cut = 1, .to = STAGE_DROP, .drop = DROP_INNER_MALFORMED},
	{"no hops left", {TO_SERVER, .proto = UDP, .ttl = 1}, TUNNEL_B1, .to = STAGE_ANSWER},
	{"no hops left, from the Internet: forward6 says", {TO_SERVER, .proto = UDP, .ttl = 1}, TUNNEL_NONE,
	 .to = STAGE_LOOKUP6, .sport = 5000, .dport = 53},
	{"its last hop is the gateway itself",
	 {.six = true, .src6 = HOST6, .dst6 = INSIDE6, .sport = 1, .proto = ICMP6, .icmp_type = 128, .ttl = 1}, TUNNEL_B1,
	 .to = STAGE_LOOKUP6, .sport = 1},
	{"no room for TCP", {TO_SERVER, .proto = TCP}, TUNNEL_B1, {5, 19}, .to = STAGE_DROP, .drop = DROP_INNER_MALFORMED},
	{"no room for UDP", {TO_SERVER, .proto = UDP}, TUNNEL_B1, {5, 7}, .to = STAGE_DROP, .drop = DROP_INNER_MALFORMED},
	{"no room for ICMPv6", {TO_SERVER, .proto = ICMP6, .icmp_type = 128}, TUNNEL_B1, {5, 7}, .to = STAGE_DROP,
	 .drop = DROP_INNER_MALFORMED},
	{"no room for an error's header", {TO_SERVER, .proto = ICMP6, .icmp_type = 3}, TUNNEL_B1, {5, 7}, .to = STAGE_DROP,
	 .drop = DROP_INNER_MALFORMED},
	{"shorter than it says", {TO_SERVER, .proto = UDP}, TUNNEL_B1, .cut = 1, .to = STAGE_DROP,
	 .drop = DROP_INNER_MALFORMED},
	{"shorter than its header", {TO_SERVER, .proto = UDP}, TUNNEL_B1, .cut = 17, .to = STAGE_DROP,
	 .drop = DROP_INNER_MALFORMED},
	{"IPv4", {TO_SERVER, .proto = UDP}, TUNNEL_B1, {0, 0x45}, .to = STAGE_DROP, .drop = DROP_INNER_MALFORMED},
};
/* clang-format on */

static void every_row(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct packet *p = bench_inner(b, &rows[i].frame, rows[i].tunnel);
		struct addr6 src = bench_addr6(rows[i].frame.src6);
		const struct flow6_key *key = burst_key6(&b->burst, p);
		enum stage to;

		if (rows[i].poke.to != 0)
			p->data[rows[i].poke.at] = rows[i].poke.to;
		p->len = (uint16_t)(p->len - rows[i].cut);
		to = bench_run(b, STAGE_PARSE6, p);
		if (to != rows[i].to || (to == STAGE_DROP && p->drop != rows[i].drop))
			fail_msg("%s: stage %d, %s", rows[i].why, to, drop_infos[p->drop].name);
		if (to == STAGE_LOOKUP6) {
			assert_true(addr6_equal(&key->src, &src));
			assert_int_equal(key->realm, b->net->tunnels[rows[i].tunnel].site);
			assert_int_equal(key->proto, rows[i].frame.proto);
			assert_int_equal(ntohs(key->sport), rows[i].sport);
			assert_int_equal(ntohs(key->dport), rows[i].dport);
			assert_int_equal(p->l4, L4);
			assert_int_equal(p->tcp_flags, rows[i].frame.tcp_flags);
		}
		bench_clear(b);
	}
	bench_destroy(b);
}

static void without_a_table(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	const struct frame f = {TO_SERVER, .proto = UDP};
	struct flow_table *table = b->ctx.flows6;
	struct packet *p = bench_inner(b, &f, TUNNEL_B1);

	b->ctx.flows6 = NULL;
	assert_int_equal(bench_run(b, STAGE_PARSE6, p), STAGE_DROP);
	assert_int_equal(p->drop, DROP_NO_IPV6);
	b->ctx.flows6 = table;
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(without_a_table),
	};

	return cmocka_run_group_tests_name("in/parse6", tests, bench_start_dpdk, bench_stop_dpdk);
}
