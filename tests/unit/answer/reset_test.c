/*
 * A segment becomes a reset to its sender, with any headers in front of it. Which segments are
 * answered is in tests/packet/reset_test.c.
 */
#include "answer/reset.h"

#include "base/wire.h"
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define OPTIONS "\x06\0\x01\x04\0\0\0\0" /* IPv6 options; TCP is the next header */

/* clang-format off */
static const struct {
	const char *why;
	struct frame frame;
	uint32_t ack;
} rows[] = {
	{"IPv4", {.src = HOST, .dst = SERVER}, 1},
	{"numbers that wrap", {.src = HOST, .dst = SERVER}, UINT32_MAX},
	{"TCP options and much data", {.src = HOST, .dst = SERVER, .mss = 1400, .scale = 8, .payload = 1000}, 77},
	{"IPv6", {.six = true, .src6 = HOST6, .dst6 = SERVER6}, 1},
	{"IPv6 with options", {.six = true, .src6 = HOST6, .dst6 = SERVER6, .next = 60,
	  .extensions = (const uint8_t *)OPTIONS, .n_extensions = 8}, 77},
};
/* clang-format on */

static void check_row(struct stage_bench *b, size_t i)
{
	struct frame f = rows[i].frame, out;
	uint8_t bytes[2048], *ip;
	struct flow6_key key = {0};
	struct packet *p;
	const char *why;

	f.proto = 6;
	f.tcp_flags = 16;
	f.sport = 5000;
	f.dport = 443;
	f.seq = 123456;
	f.ack = rows[i].ack;
	p = bench_inner(b, &f, TUNNEL_B1);
	if (f.six) {
		key.src = addr6_read(p->data + IPV6_SRC);
		key.dst = addr6_read(p->data + IPV6_DST);
		p->l4 = (uint8_t)(IPV6_LEN + f.n_extensions);
		ip = reset_make6(p, &key);
		memset(ip, 0, IPV6_LEN);
		ip[IPV6_VERSION] = 0x60;
		ip[IPV6_LENGTH + 1] = TCP_LEN;
		ip[IPV6_NEXT] = PROTO_TCP;
		memcpy(ip + IPV6_SRC, &key.dst, 16);
		memcpy(ip + IPV6_DST, &key.src, 16);
	} else {
		p->l4 = IPV4_LEN;
		p->probe.key.src = htonl(HOST);
		p->probe.key.dst = htonl(SERVER);
		ip = reset_make(p);
		memset(ip, 0, IPV4_LEN);
		ip[IPV4_VERSION_IHL] = 0x45;
		ip[IPV4_LENGTH + 1] = IPV4_LEN + TCP_LEN;
		ip[IPV4_PROTO] = PROTO_TCP;
		wire_put_be32(ip + IPV4_SRC, htonl(SERVER));
		wire_put_be32(ip + IPV4_DST, htonl(HOST));
		frame_mend(ip);
	}
	assert_ptr_equal(ip, p->data);
	assert_int_equal(p->len, (f.six ? IPV6_LEN : IPV4_LEN) + TCP_LEN);
	if (!frame_parse(bytes, bench_frame(p, bytes), &out, &why))
		fail_msg("%s: wrong %s", rows[i].why, why);
	assert_int_equal(out.tcp_flags, 4);
	assert_int_equal(out.seq, rows[i].ack);
	assert_int_equal(out.ack, 0);
	assert_int_equal(out.sport, 443);
	assert_int_equal(out.dport, 5000);
}

static void test_rows(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		check_row(b, i);
		bench_clear(b);
	}
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

	return cmocka_run_group_tests_name("reset", tests, bench_start_dpdk, bench_stop_dpdk);
}
