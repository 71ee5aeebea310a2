/* Which packets may start a flow: by protocol, flags, and side. */
#include "setup/setup.h"

#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { ICMP = 1, TCP = 6, UDP = 17, FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, ECE = 64 };

/* clang-format off */
static const struct {
	uint8_t proto, tcp_flags, icmp_type;
	uint16_t tunnel;
	enum drop drop;
	enum flow_state state;
	const char *why;
} rows[] = {
	{ TCP,  SYN,             0, 1, DROP_NONE, FLOW_TCP_SYN_SENT, "SYN" },
	{ TCP,  SYN | ECE | 128, 0, 1, DROP_NONE, FLOW_TCP_SYN_SENT, "SYN that offers ECN (RFC 3168)" },
	{ TCP,  SYN | PSH,       0, 1, DROP_NONE, FLOW_TCP_SYN_SENT, "SYN with data at once" },
	{ TCP,  SYN | ACK,       0, 1, DROP_NO_FLOW, 0, "an answer to nothing" },
	{ TCP,  ACK,             0, 1, DROP_NO_FLOW, 0, "mid-stream" },
	{ TCP,  SYN | RST,       0, 1, DROP_TCP_FLAGS, 0, "nonsense" },
	{ TCP,  SYN | FIN,       0, 1, DROP_TCP_FLAGS, 0, "nonsense of scanners" },
	{ TCP,  SYN | FIN | ACK, 0, 1, DROP_TCP_FLAGS, 0, "with ACK, too" },
	{ TCP,  FIN,             0, 1, DROP_TCP_FLAGS, 0, "FIN without ACK" },
	{ TCP,  FIN | PSH | 32,  0, 1, DROP_TCP_FLAGS, 0, "all that blinks" },
	{ TCP,  RST,             0, 1, DROP_NO_FLOW, 0, "a late reset" },
	{ TCP,  FIN | ACK,       0, 1, DROP_NO_FLOW, 0, "a late end" },
	{ TCP,  RST | ACK,       0, 1, DROP_NO_FLOW, 0, "a late refusal" },
	{ TCP,  0,               0, 1, DROP_TCP_FLAGS, 0, "no flags" },
	{ UDP,  0,               0, 1, DROP_NONE, FLOW_UDP, "UDP" },
	{ ICMP, 0,               8, 1, DROP_NONE, FLOW_ICMP, "ping" },
	{ ICMP, 0,               0, 1, DROP_NO_FLOW, 0, "an answer to no ping" },
	{ TCP,  SYN,             0, 3, DROP_NONE, FLOW_TCP_SYN_SENT, "the other site" },
	{ TCP,  SYN,             0, 0, DROP_NO_FLOW, 0, "SYN from the Internet" },
	{ UDP,  0,               0, 0, DROP_NO_FLOW, 0, "UDP from the Internet" },
	{ ICMP, 0,               8, 0, DROP_NO_FLOW, 0, "ping from the Internet" },
};
/* clang-format on */

static void check_row(struct stage_bench *b, size_t i)
{
	const struct frame frame = {.src = HOST,
				    .dst = SERVER,
				    .sport = 5000,
				    .dport = 53,
				    .proto = rows[i].proto,
				    .icmp_type = rows[i].icmp_type};
	struct packet *p = bench_inner(b, &frame, rows[i].tunnel);
	struct setup s = {.ctx = &b->ctx, .p = p};
	uint16_t site = b->net->tunnels[rows[i].tunnel].site;
	struct flow_key key;
	enum drop drop;

	p->probe.key = (struct flow_key){
		htonl(HOST), htonl(SERVER), htons(5000), htons(53), site, rows[i].proto, 0};
	p->l4 = 20;
	p->tcp_flags = rows[i].tcp_flags;
	drop = start_check(&s);
	if (drop != rows[i].drop || (drop == DROP_NONE && s.flow.state != rows[i].state))
		fail_msg("row %zu: %s: %s", i, rows[i].why, drop_infos[drop].name);
	if (drop != DROP_NONE)
		return;
	flow_forward_key(&s.flow, &key);
	assert_memory_equal(&key, &p->probe.key, sizeof(key));
	assert_int_equal(s.flow.onramp, rows[i].tunnel);
}

static void test_rows(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(b, i);
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
