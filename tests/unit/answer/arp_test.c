/*
 * ARP: which requests are answered, and with what?
 *
 * 198.18.0.1 requests an address on a port. On the underlay we may answer for tunnel ends, on the
 * uplink we may not.
 */
#include "answer/arp.h"

#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define ASKER IP(198, 18, 0, 1)

enum { LEN = 42 };

/* clang-format off */
static const struct {
	uint32_t sender, target;
	uint8_t port;
	struct { uint8_t at, to; } poke;
	size_t len;
	bool answered;
	const char *why;
} rows[] = {
	{ ASKER,   EGRESS,   PORT_UPLINK,   {0, 0},  42, true,  "an egress address" },
	{ ASKER,   EGRESS_2, PORT_UPLINK,   {0, 0},  60, true,  "the other one, padded" },
	{ 0,       EGRESS,   PORT_UPLINK,   {0, 0},  42, true,  "is it free? (RFC 5227) No" },
	{ ASKER,   EGRESS,   PORT_UNDERLAY, {0, 0},  42, false, "not the port it lives on" },
	{ ASKER,   GATEWAY,  PORT_UNDERLAY, {0, 0},  42, true,  "a tunnel's end, where we may" },
	{ ASKER,   GATEWAY,  PORT_UPLINK,   {0, 0},  42, false, "a tunnel's end, where the kernel does" },
	{ ASKER,   BERLIN,   PORT_UNDERLAY, {0, 0},  42, false, "a far end" },
	{ ASKER,   ASKER,    PORT_UNDERLAY, {0, 0},  42, false, "somebody announces himself" },
	{ EGRESS,  EGRESS,   PORT_UPLINK,   {0, 0},  42, false, "somebody claims our address" },
	{ ASKER,   EGRESS,   PORT_UPLINK,   {0, 0},  41, false, "cut short" },
	{ ASKER,   EGRESS,   PORT_UPLINK,   {0, 0},  14, false, "nothing but Ethernet" },
	{ ASKER,   EGRESS,   PORT_UPLINK,   {21, 2}, 42, false, "a reply" },
	{ ASKER,   EGRESS,   PORT_UPLINK,   {15, 6}, 42, false, "not Ethernet" },
	{ ASKER,   EGRESS,   PORT_UPLINK,   {16, 9}, 42, false, "not IPv4" },
	{ ASKER,   EGRESS,   PORT_UPLINK,   {18, 8}, 42, false, "hardware addresses of 8 bytes" },
	{ ASKER,   EGRESS,   PORT_UPLINK,   {19, 16}, 42, false, "protocol addresses of 16 bytes" },
};
/* clang-format on */

static void put_addr(uint8_t *p, uint32_t addr)
{
	addr = htonl(addr);
	memcpy(p, &addr, 4);
}

static void build_request(uint8_t *bytes, uint32_t sender, uint32_t target)
{
	static const uint8_t head[22] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 9, 9, 9, 9,
					 9,    8,    6,	   0,	 1,    8,    0, 6, 4, 0, 1};

	memset(bytes, 0, 64);
	memcpy(bytes, head, sizeof(head));
	memcpy(bytes + 22, "\2\11\11\11\11\11", 6);
	put_addr(bytes + 28, sender);
	put_addr(bytes + 38, target);
}

/* The reply goes from our MAC to the sender's, and says that the target is at our MAC. */
static void check_reply(const uint8_t *d, const uint8_t *mac, uint32_t sender, uint32_t target)
{
	uint8_t expected[LEN];

	memset(expected, 0, sizeof(expected));
	memcpy(expected, "\2\11\11\11\11\11", 6);
	memcpy(expected + 6, mac, 6);
	memcpy(expected + 12, "\10\6\0\1\10\0\6\4\0\2", 10);
	memcpy(expected + 22, mac, 6);
	put_addr(expected + 28, target);
	memcpy(expected + 32, "\2\11\11\11\11\11", 6);
	put_addr(expected + 38, sender);
	assert_memory_equal(d, expected, LEN);
}

static void test_rows(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	unsigned answers = 0;

	b->ports[PORT_UNDERLAY].answer_arp_for_tunnels = true;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t bytes[64];
		struct packet *p;
		enum stage to;

		build_request(bytes, rows[i].sender, rows[i].target);
		if (rows[i].poke.at != 0)
			bytes[rows[i].poke.at] = rows[i].poke.to;
		p = bench_packet(b, bytes, rows[i].len, rows[i].port);
		to = bench_run(b, STAGE_DECAPSULATE, p);
		if (to != (rows[i].answered ? STAGE_TRANSMIT : STAGE_DROP))
			fail_msg("row %zu: %s", i, rows[i].why);
		answers += rows[i].answered;
		if (!rows[i].answered) {
			assert_int_equal(p->drop, DROP_NOT_IP);
			assert_memory_equal(p->data, bytes, rows[i].len);
			continue;
		}
		assert_int_equal(p->out_port, rows[i].port);
		assert_int_equal(p->len, LEN); /* no padding */
		check_reply(p->data, b->nexthops->macs[p->in_port], rows[i].sender, rows[i].target);
	}
	assert_int_equal(b->ctx.counters.answers[ANSWER_ARP], answers);
	bench_destroy(b);
}

/* Our own probe for our address, on a port that also receives what we send. */
static void test_own_probe(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	uint8_t bytes[64];

	build_request(bytes, 0, EGRESS);
	memcpy(bytes + 22, b->nexthops->macs[PORT_UPLINK], 6);
	assert_int_equal(bench_run(b, STAGE_DECAPSULATE, bench_packet(b, bytes, LEN, PORT_UPLINK)),
			 STAGE_DROP);
	assert_int_equal(b->ctx.counters.answers[ANSWER_ARP], 0);
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_own_probe),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
