/*
 * The answer stage: one list for both families, one rate limit for their errors, and the drop reason
 * of a packet that gets none. The messages are in icmp_test.c and icmp6_test.c.
 */
#include "answer/errors.h"
#include "answer/stages.h"

#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct packet *packet_of(struct stage_bench *b, bool six, enum answer answer)
{
	const struct frame four = {
		.src = HOST, .dst = SERVER, .sport = 5000, .dport = 53, .proto = PROTO_UDP};
	const struct frame f6 = {.six = true,
				 .src6 = HOST6,
				 .dst6 = SERVER6,
				 .sport = 5000,
				 .dport = 53,
				 .proto = PROTO_UDP};
	struct packet *p = bench_inner(b, six ? &f6 : &four, TUNNEL_B1);

	p->probe.key =
		(struct flow_key){.src = htonl(HOST), .dst = htonl(SERVER), .realm = SITE_BERLIN};
	*burst_key6(&b->burst, p) = (struct flow6_key){
		.src = bench_addr6((struct ip6)HOST6),
		.dst = bench_addr6((struct ip6)SERVER6),
		.realm = SITE_BERLIN,
	};
	p->l4 = six ? IPV6_LEN : IPV4_LEN;
	p->fragment_limit = 0;
	p->answer = answer;
	p->refusal = DROP_SITE_FLOWS;
	return p;
}

/* Packets of both families in turn: each goes on in its own family. */
static void test_mixed_burst(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);

	for (unsigned i = 0; i < 6; i++)
		burst_pass(&b->burst, STAGE_ANSWER, packet_of(b, i % 2, ANSWER_TTL_EXPIRED));
	stage_answer(&b->ctx, &b->burst);
	assert_int_equal(b->burst.n[STAGE_ENCAPSULATE], 3);
	assert_int_equal(b->burst.n[STAGE_ENCAPSULATE6], 3);
	assert_int_equal(b->ctx.counters.answers[ANSWER_TTL_EXPIRED], 6);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(b->burst.list[STAGE_ENCAPSULATE][i]->data[0] >> 4, 4);
		assert_int_equal(b->burst.list[STAGE_ENCAPSULATE6][i]->data[0] >> 4, 6);
	}
	bench_destroy(b);
}

/* Uses up the tokens of the site. */
static void exhaust(struct stage_bench *b)
{
	while (errors_may_send(&b->ctx, SITE_BERLIN))
		;
}

static void test_rate_limit(void **state)
{
	static const struct {
		const char *why;
		enum answer answer;
		enum drop drop;
	} rows[] = {
		{"an error", ANSWER_TTL_EXPIRED, DROP_TTL_EXPIRED},
		{"one that reports a drop", ANSWER_UNREACHABLE, DROP_SITE_FLOWS},
		{"a refusal: setup took its token", ANSWER_LIMITED, DROP_NONE},
	};

	for (unsigned i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
		struct stage_bench *b = bench_create(64, 16, 0, 1);
		struct packet *p = packet_of(b, i % 2, rows[i / 2].answer);
		enum stage to;

		exhaust(b);
		to = bench_run(b, STAGE_ANSWER, p);
		if ((to == STAGE_DROP) != (rows[i / 2].drop != DROP_NONE) ||
		    (to == STAGE_DROP && p->drop != rows[i / 2].drop))
			fail_msg("%s, family %u: stage %d", rows[i / 2].why, i % 2, to);
		bench_destroy(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mixed_burst),
		cmocka_unit_test(test_rate_limit),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
