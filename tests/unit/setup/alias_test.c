/*
 * A packet to an alias opens a flow of the site that has the alias; any other packet is left alone.
 *
 *     berlin 10.0.1.0/24, seen as 100.64.17.0/24        madrid asks
 */
#include "setup/setup.h"

#include "base/wire.h"
#include "path/family.h"
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { UDP = 17, TCP = 6, SYN = 2 };

#define ALIAS IP(100, 64, 17, 10)

static struct stage_bench *b;

static int create(void **state)
{
	struct prefix6 alias = {addr6_from_ipv4(htonl(IP(100, 64, 17, 0))), MAPPED_BITS + 24};
	struct prefix6 prefix = {addr6_from_ipv4(htonl(IP(10, 0, 1, 0))), MAPPED_BITS + 24};

	b = bench_create(64, 16, 0, 1);
	b->net->aliases[0] = (struct alias){{alias, prefix}, SITE_BERLIN};
	b->net->n_aliases = 1;
	return trie_set(&b->net->vnets[0].aliases, &alias, 0);
}

static int destroy(void **state)
{
	bench_destroy(b);
	return 0;
}

/* clang-format off */
static const struct {
	uint32_t dst;
	uint8_t proto, tcp_flags;
	uint16_t tunnel;
	bool taken;
	enum drop drop;
	const char *why;
} rows[] = {
	{ ALIAS,                UDP, 0,   TUNNEL_M1, true,  DROP_NONE,     "UDP" },
	{ ALIAS,                TCP, SYN, TUNNEL_M1, true,  DROP_NONE,     "TCP" },
	{ ALIAS,                TCP, 16,  TUNNEL_M1, true,  DROP_NO_FLOW,  "no SYN" },
	{ ALIAS,                UDP, 0,   TUNNEL_B1, true,  DROP_OWN_SITE, "from the site itself" },
	{ IP(100, 64, 18, 10),  UDP, 0,   TUNNEL_M1, false, DROP_NONE,     "just outside the alias" },
};
/* clang-format on */

static void every_row(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct frame f = {.src = rows[i].tunnel == TUNNEL_B1 ? HOST : SERVER,
					.dst = rows[i].dst,
					.sport = (uint16_t)(5000 + i),
					.dport = 53,
					.proto = rows[i].proto,
					.tcp_flags = rows[i].tcp_flags,
					.ttl = 64};
		struct packet *p = bench_inner(b, &f, rows[i].tunnel);
		struct flow_probe *probe = &p->probe;
		struct flow *flow;

		if (bench_run(b, STAGE_PARSE, p) != STAGE_LOOKUP)
			fail_msg("%s: not parsed", rows[i].why);
		flow_table_lookup(b->ctx.flows, &probe, 1);
		memset(b->burst.n, 0, sizeof(b->burst.n));
		if (alias_open(&b->ctx, &b->burst, p, &family4) != rows[i].taken)
			fail_msg("%s", rows[i].why);
		if (!rows[i].taken)
			continue;
		if (b->burst.n[STAGE_DROP] != (rows[i].drop != DROP_NONE))
			fail_msg("%s: %s", rows[i].why, drop_infos[p->drop].name);
		if (rows[i].drop != DROP_NONE) {
			assert_int_equal(p->drop, rows[i].drop);
			continue;
		}
		assert_int_equal(b->burst.n[STAGE_FORWARD], 1);
		assert_int_equal(p->probe.dir, FLOW_RETURN);
		flow = flow_table_at(b->ctx.flows, p->probe.record);
		assert_int_equal(flow->way, FLOW_WAY_INWARD);
		assert_int_equal(flow->site, SITE_BERLIN);
		assert_int_equal(flow->far, SITE_MADRID);
		assert_int_equal(flow->src, htonl(HOST));
		assert_int_equal(flow->nat_src, htonl(ALIAS));
		assert_int_equal(flow->offramp, TUNNEL_M1);
		assert_int_equal(flow->onramp, TUNNEL_B1);
		assert_int_equal(ntohs(flow->sport), 53);
	}
	assert_int_equal(b->ctx.sites[SITE_BERLIN].counters.flows, 2);
	assert_int_equal(b->ctx.sites[SITE_MADRID].far_flows, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_row, create, destroy),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
