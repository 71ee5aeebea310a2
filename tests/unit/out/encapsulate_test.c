/* The encapsulate stage: which bytes are put in front, and which packets cannot leave. */
#include "out/stages.h"

#include "base/checksum.h"
#include "base/wire.h"
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { TUNNEL_NO_ROUTE = UINT16_MAX }; /* tunnel B1, whose far end has no route now */

/* clang-format off */
static const struct {
	const char *why;
	uint16_t nexthop;
	uint32_t outer_dst; /* 0: no tunnel */
	bool has_key;
	uint32_t key;
	uint8_t port, last_of_mac;
	bool leaves;
} rows[] = {
	{ "to the Internet",    NEXTHOP_UPLINK, 0, false, 0, PORT_UPLINK, 0xbb, true },
	{ "home, no key",       TUNNEL_B1, BERLIN, false, 0, PORT_UNDERLAY, 0xaa, true },
	{ "home, key 7",        TUNNEL_B2, BERLIN, true, 7, PORT_UNDERLAY, 0xaa, true },
	{ "the other's home",   TUNNEL_M1, MADRID, true, 8, PORT_UNDERLAY, 0xaa, true },
	{ "nobody there",       NEXTHOP_SILENT, 0, false, 0, 0, 0, false },
	{ "no way to a tunnel", TUNNEL_NO_ROUTE, 0, false, 0, 0, 0, false },
};
/* clang-format on */

static uint16_t nexthop_of(struct stage_bench *b, uint16_t id)
{
	if (id != TUNNEL_NO_ROUTE)
		return id;
	b->nexthops->at[TUNNEL_B1] = nexthop_to_tunnel(b->net, TUNNEL_B1, NEXTHOP_NONE, NULL, 1476);
	return TUNNEL_B1;
}

static void check_frame(const struct packet *p, size_t i, const struct frame *in)
{
	const uint8_t ours = rows[i].port == PORT_UPLINK ? 2 : 1;
	const uint8_t macs[12] = {2, 0, 0, 0, 0, rows[i].last_of_mac, 2, 0, 0, 0, 0, ours};
	struct frame out;
	const char *why;

	assert_int_equal(p->out_port, rows[i].port);
	assert_memory_equal(p->data, macs, sizeof(macs));
	if (!frame_parse(p->data, p->len, &out, &why))
		fail_msg("row %zu: %s: %s is wrong", i, rows[i].why, why);
	assert_int_equal(out.outer_dst, rows[i].outer_dst);
	assert_int_equal(out.outer_src, rows[i].outer_dst == 0 ? 0 : GATEWAY);
	assert_int_equal(out.has_key, rows[i].has_key);
	assert_int_equal(out.key, rows[i].key);
	assert_int_equal(out.token, in->token);
	assert_int_equal(out.src, in->src);
}

/* All lengths: the outer checksum is updated from that of a header of length 0. */
static void test_rows(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t packets = 0, bytes = 0;

		for (uint16_t payload = 8; payload < 1400; payload += 3) {
			const struct frame in = {.src = SERVER,
						 .dst = HOST,
						 .sport = 53,
						 .dport = 5000,
						 .proto = 17,
						 .token = payload,
						 .payload = payload};
			struct packet *p = bench_inner(b, &in, TUNNEL_NONE);
			uint16_t len = p->len;
			enum stage to;

			p->nexthop = nexthop_of(b, rows[i].nexthop);
			to = bench_run(b, STAGE_ENCAPSULATE, p);
			if (to != (rows[i].leaves ? STAGE_TRANSMIT : STAGE_DROP))
				fail_msg("row %zu: %s", i, rows[i].why);
			if (rows[i].leaves)
				check_frame(p, i, &in);
			else
				assert_int_equal(p->drop, DROP_NO_NEIGHBOUR);
			packets += rows[i].outer_dst != 0;
			bytes += rows[i].outer_dst != 0 ? len : 0;
			bench_clear(b);
		}
		if (rows[i].outer_dst != 0) {
			assert_int_equal(b->tunnel_counters[rows[i].nexthop].tx_packets, packets);
			assert_int_equal(b->tunnel_counters[rows[i].nexthop].tx_bytes, bytes);
		}
		memset(b->tunnel_counters, 0, sizeof(b->tunnel_counters));
	}
	bench_destroy(b);
}

/*
 * The last outer header has the type of IPv6; its traffic class is copied to the outer header, too.
 */
static void test_inner_ipv6(void **state)
{
	static const struct {
		uint16_t nexthop;
		uint8_t outer_len, type_at; /* without Ethernet; offset of the type */
	} six_rows[] = {{NEXTHOP_UPLINK, 0, 12}, {TUNNEL_B1, 24, 36}, {TUNNEL_B2, 28, 36}};
	const struct frame in = {.src = SERVER, .dst = HOST, .proto = 17, .payload = 60};

	for (size_t i = 0; i < ARRAY_SIZE(six_rows); i++) {
		struct stage_bench *b = bench_create(64, 16, 0, 1);
		struct packet *p = bench_inner(b, &in, TUNNEL_NONE);
		uint8_t *ip = p->data;

		ip[0] = 0x6a; /* version 6, traffic class ab */
		ip[1] = 0xb0;
		p->nexthop = six_rows[i].nexthop;
		assert_int_equal(bench_run(b, STAGE_ENCAPSULATE6, p), STAGE_TRANSMIT);
		assert_int_equal(ip - p->data, ETHER_LEN + six_rows[i].outer_len);
		assert_memory_equal(p->data + six_rows[i].type_at, "\x86\xdd", 2);
		if (six_rows[i].outer_len > 0) {
			assert_memory_equal(p->data + ETHER_TYPE, "\x08\0\x45\xab", 4);
			assert_true(checksum_ok(p->data + ETHER_LEN, IPV4_LEN));
		}
		bench_destroy(b);
	}
}

/* There is no nexthop because the port's interface is gone: the drop reason says so. */
static void test_closed_port(void **state)
{
	static const struct {
		const char *why;
		uint16_t nexthop;
		unsigned closed;
		enum drop drop;
	} closed[] = {
		{"its port is closed", NEXTHOP_SILENT, PORT_UPLINK, DROP_PORT_DOWN},
		{"another is", NEXTHOP_SILENT, PORT_UNDERLAY, DROP_NO_NEIGHBOUR},
		{"the tunnel's port is", TUNNEL_NO_ROUTE, PORT_UNDERLAY, DROP_PORT_DOWN},
		{"not the tunnel's", TUNNEL_NO_ROUTE, PORT_UPLINK, DROP_NO_NEIGHBOUR},
	};
	const struct frame in = {.src = SERVER, .dst = HOST, .proto = 17, .payload = 8};

	for (size_t i = 0; i < ARRAY_SIZE(closed); i++) {
		struct stage_bench *b = bench_create(64, 16, 0, 1);
		struct packet *p = bench_inner(b, &in, TUNNEL_NONE);

		b->ports[closed[i].closed].n_queues = 0;
		p->nexthop = nexthop_of(b, closed[i].nexthop);
		assert_int_equal(bench_run(b, STAGE_ENCAPSULATE, p), STAGE_DROP);
		if (p->drop != closed[i].drop)
			fail_msg("%s: %s", closed[i].why, drop_infos[p->drop].name);
		bench_destroy(b);
	}
}

/*
 * Only the tunnel's headers and the Ethernet header are written; bytes in front of them do not
 * change.
 */
static void test_headroom(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	const struct frame in = {.src = SERVER, .dst = HOST, .proto = 17};
	struct packet *p = bench_inner(b, &in, TUNNEL_NONE);
	const uint8_t *buffer = b->buffers[0];

	p->nexthop = TUNNEL_M1;
	bench_run(b, STAGE_ENCAPSULATE, p);
	assert_ptr_equal(p->data, buffer + STAGE_HEADROOM + 14 - 28 - 14);
	for (const uint8_t *at = buffer; at < p->data; at++)
		assert_int_equal(*at, 0xee);
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_inner_ipv6),
		cmocka_unit_test(test_closed_port),
		cmocka_unit_test(test_headroom),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
