/*
 * Only the answer to a probe of ours is taken for one: by its number, from a tunnel of the same
 * site, to the inner address of the probed tunnel.
 */
#include "answer/probe.h"

#include "stage.h"

#include "path/probes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { SLOT = 2, NUMBER = 0x77, ICMP = 1, ICMPV6 = 58, ECHO6 = 129, PING6 = 128 };

static struct probe_row rows_by_tunnel[TUNNEL_M1 + 1];

struct reply {
	const char *why;
	bool six;
	uint16_t onramp, tunnel;
	uint64_t number;
	uint32_t dst;
	uint8_t slot;
	uint8_t type;
	uint8_t cut; /* bytes that are missing */
	bool heard;
};

static const struct reply replies[] = {
	{"an answer", false, TUNNEL_B1, TUNNEL_B1, NUMBER, BERLIN_INSIDE, SLOT, 0, 0, true},
	{"by another tunnel of the site", false, TUNNEL_B2, TUNNEL_B1, NUMBER, BERLIN_INSIDE, SLOT,
	 0, 0, true},
	{"by a tunnel of another site", false, TUNNEL_M1, TUNNEL_B1, NUMBER, BERLIN_INSIDE, SLOT, 0,
	 0, false},
	{"another number", false, TUNNEL_B1, TUNNEL_B1, NUMBER + 1, BERLIN_INSIDE, SLOT, 0, 0,
	 false},
	{"the number nobody has", false, TUNNEL_B1, TUNNEL_B1, 0, BERLIN_INSIDE, SLOT + 1, 0, 0,
	 false},
	{"another slot", false, TUNNEL_B1, TUNNEL_B1, NUMBER, BERLIN_INSIDE, SLOT + 1, 0, 0, false},
	{"no slot", false, TUNNEL_B1, TUNNEL_B1, NUMBER, BERLIN_INSIDE, PROBE_SLOTS, 0, 0, false},
	{"another tunnel", false, TUNNEL_B1, TUNNEL_B2, NUMBER, BERLIN_INSIDE, SLOT, 0, 0, false},
	{"no tunnel", false, TUNNEL_B1, TUNNEL_M1 + 1, NUMBER, BERLIN_INSIDE, SLOT, 0, 0, false},
	{"another address", false, TUNNEL_B1, TUNNEL_B1, NUMBER, SERVER, SLOT, 0, 0, false},
	{"too short", false, TUNNEL_B1, TUNNEL_B1, NUMBER, BERLIN_INSIDE, SLOT, 0, 8, false},
	{"IPv6", true, TUNNEL_B1, TUNNEL_B1, NUMBER, 0, SLOT, ECHO6, 0, true},
	{"IPv6, another address", true, TUNNEL_B1, TUNNEL_B1, NUMBER, SERVER, SLOT, ECHO6, 0,
	 false},
	{"IPv6, a tunnel without one", true, TUNNEL_B2, TUNNEL_B2, NUMBER, 0, SLOT, ECHO6, 0,
	 false},
};

static struct packet *packet_of(struct stage_bench *b, const struct reply *a)
{
	uint8_t data[PROBE_LEN - 8] = {0};
	struct frame f = {.src = HOST,
			  .dst = a->dst,
			  .six = a->six,
			  .src6 = HOST6,
			  .dst6 = a->dst == 0 ? (struct ip6)INSIDE6 : (struct ip6)SERVER6,
			  .sport = 9,
			  .proto = a->six ? ICMPV6 : ICMP,
			  .icmp_type = a->type,
			  .ttl = 64,
			  .data = data,
			  .payload = (uint16_t)(sizeof(data) - a->cut)};

	memcpy(data, &a->number, sizeof(a->number));
	data[PROBE_TUNNEL_AT - 8] = (uint8_t)(a->tunnel >> 8);
	data[PROBE_TUNNEL_AT - 7] = (uint8_t)a->tunnel;
	data[PROBE_SLOT_AT - 8] = a->slot;
	return bench_inner(b, &f, a->onramp);
}

static void only_answers_are_heard(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(replies); i++) {
		const struct reply *a = &replies[i];
		struct stage_bench *b = bench_create(2048, 64, 0, 1);
		struct packet *p = packet_of(b, a);
		const struct addr6 *dst6 = a->six ? &burst_key6(&b->burst, p)->dst : NULL;
		uint64_t at;
		bool heard;

		memset(rows_by_tunnel, 0, sizeof(rows_by_tunnel));
		probe_await(&rows_by_tunnel[TUNNEL_B1], SLOT, NUMBER);
		b->ctx.probes = rows_by_tunnel;
		assert_int_equal(bench_run(b, a->six ? STAGE_PARSE6 : STAGE_PARSE, p),
				 a->six ? STAGE_LOOKUP6 : STAGE_LOOKUP);
		heard = probe_heard(&b->ctx, p, dst6);
		at = probe_answered(&rows_by_tunnel[TUNNEL_B1], SLOT, NUMBER);
		if (heard != a->heard || (at != 0) != a->heard)
			fail_msg("%s: heard %d, at %lu", a->why, heard, (unsigned long)at);
		bench_destroy(b);
	}
}

/* Without rows, as in other tests and tools, nothing is awaited. */
static void nobody_waits(void **state)
{
	struct stage_bench *b = bench_create(2048, 64, 0, 1);
	struct packet *p = packet_of(b, &replies[0]);

	assert_int_equal(bench_run(b, STAGE_PARSE, p), STAGE_LOOKUP);
	assert_false(probe_heard(&b->ctx, p, NULL));
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_answers_are_heard),
		cmocka_unit_test(nobody_waits),
	};

	return cmocka_run_group_tests_name("probe", tests, bench_start_dpdk, bench_stop_dpdk);
}
