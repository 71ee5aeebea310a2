/*
 * A query finds the flows that match its filter, of both families, each once, page by page. It does
 * no more work in a turn than allowed, waits for its reader, and takes turns with others.
 */
#include "stage.h"

#include "worker/query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { TCP = 6, UDP = 17, ICMP6 = 58, ALL = 1 << 20, CAPACITY = 1024 };

static const struct flow_timers timers = {
	.state_s = {[FLOW_UDP] = 300, [FLOW_ICMP] = 3, [FLOW_TCP_ESTABLISHED] = 7200}};

/* Makes flows 0 to 5, in the order of the table; those of IPv6 come last. */
static void fill(struct stage_bench *b)
{
	const struct frame udp = {
		.src = HOST, .dst = SERVER, .sport = 5000, .dport = 53, .proto = UDP};
	const struct frame tcp = {
		.src = HOST + 1, .dst = SERVER, .sport = 5001, .dport = 443, .proto = TCP};
	const struct frame six = {.six = true,
				  .src6 = HOST6,
				  .dst6 = SERVER6,
				  .sport = 5000,
				  .dport = 53,
				  .proto = UDP};
	const struct frame ping = {
		.six = true, .src6 = INSIDE6, .dst6 = SERVER6, .sport = 77, .proto = ICMP6};

	bench_flow(b, &udp, TUNNEL_B1, 2048);
	bench_flow(b, &udp, TUNNEL_M1, 2049);
	bench_flow(b, &tcp, TUNNEL_B2, 2050);
	bench_flow6(b, &six, TUNNEL_B1, 2048);
	bench_flow6(b, &six, TUNNEL_M1, 2051);
	bench_flow6(b, &ping, TUNNEL_B1, 2052);
}

static struct prefix6 net4(uint32_t addr, uint8_t len)
{
	return (struct prefix6){addr6_from_ipv4(htonl(addr)), (uint8_t)(MAPPED_BITS + len)};
}

#define NET6(last, bits)                                                                           \
	{                                                                                          \
		bench_addr6((struct ip6)IP6(0xfd00, 0, 0, 0, 0, 0, 0, last)), bits                 \
	}

/* Returns the found flows: bit i is flow i. */
static void test_filter(void **state)
{
	const struct {
		const char *why;
		struct flow_filter filter;
		unsigned found;
	} rows[] = {
		{"everything", {0}, 0x3f},
		{"a site, both families", {.has_site = true, .site = SITE_MADRID}, 0x12},
		{"a site nobody is", {.has_site = true, .site = 9}, 0},
		{"one of a site's tunnels", {.has_tunnel = true, .tunnel = TUNNEL_B2}, 0x04},
		{"a protocol", {.has_proto = true, .proto = UDP}, 0x1b},
		{"a source port", {.has_port = true, .port = 5001}, 0x04},
		{"a destination port", {.has_port = true, .port = 53}, 0x1b},
		{"an egress port", {.has_port = true, .port = 2048}, 0x09},
		{"an identifier", {.has_port = true, .port = 77}, 0x20},
		{"a source", {.has_address = true, .address = net4(HOST, 32)}, 0x03},
		{"a network of sources",
		 {.has_address = true, .address = net4(IP(10, 0, 1, 0), 24)},
		 0x07},
		{"a destination", {.has_address = true, .address = net4(SERVER, 32)}, 0x07},
		{"an egress address", {.has_address = true, .address = net4(EGRESS, 32)}, 0x07},
		{"all of IPv4 and nothing else",
		 {.has_address = true, .address = net4(0, 0)},
		 0x07},
		{"an IPv6 source", {.has_address = true, .address = NET6(0x10, 128)}, 0x18},
		{"an IPv6 network", {.has_address = true, .address = NET6(0, 64)}, 0x38},
		{"all fields must match",
		 {.has_site = true,
		  .site = SITE_BERLIN,
		  .has_proto = true,
		  .proto = TCP,
		  .has_port = true,
		  .port = 443},
		 0x04},
		{"and one does not",
		 {.has_site = true, .site = SITE_MADRID, .has_proto = true, .proto = TCP},
		 0},
	};
	struct stage_bench *b = bench_create(2048, CAPACITY, 0, 1);

	fill(b);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		static struct flow_query q;
		const struct flow_view *views;
		unsigned found = 0;
		uint32_t n;

		q = (struct flow_query){.filter = rows[i].filter};
		assert_true(query_step(&b->ctx, &timers, &q, ALL));
		assert_int_equal(q.cursor, 0);
		views = query_peek(&q, &n);
		for (uint32_t k = 0; k < n; k++) {
			uint32_t at = ntohs(views[k].flow.nat_port);

			if (at == 2048)
				found |= views[k].is_six ? 1u << 3 : 1u << 0;
			else
				found |= 1u << (at == 2051 || at == 2052 ? at - 2047 : at - 2048);
		}
		if (found != rows[i].found)
			fail_msg("%s: flows %#x instead of %#x", rows[i].why, found, rows[i].found);
	}
	bench_destroy(b);
}

static void test_view(void **state)
{
	static struct flow_query q;
	struct stage_bench *b = bench_create(2048, CAPACITY, 0, 1);
	struct addr6 inside = bench_addr6((struct ip6)INSIDE6);
	const struct flow_view *views;
	uint32_t n;

	fill(b);
	assert_true(query_step(&b->ctx, &timers, &q, ALL));
	views = query_peek(&q, &n);
	assert_int_equal(n, 6);
	assert_false(views[0].is_six);
	assert_int_equal(views[0].idle_s, 5);
	assert_int_equal(views[0].expires_s, 295);
	assert_int_equal(views[2].expires_s, 7195);
	assert_true(views[5].is_six);
	assert_true(addr6_equal(&views[5].six.src, &inside));
	assert_int_equal(views[5].expires_s, 0); /* expired: the sweep has not visited it yet */
	bench_destroy(b);
}

static bool seen[2][UINT16_MAX + 1]; /* by family and egress port */

/* Takes what was found, @most flows; no flow twice. */
static uint32_t take(struct flow_query *q, uint32_t most)
{
	uint32_t n, taken = 0;

	do {
		const struct flow_view *views = query_peek(q, &n);

		n = n < most - taken ? n : most - taken;
		for (uint32_t i = 0; i < n; i++) {
			bool *one = &seen[views[i].is_six][ntohs(views[i].flow.nat_port)];

			assert_false(*one);
			*one = true;
		}
		query_take(q, n);
		taken += n;
	} while (n > 0);
	return taken;
}

/* Pages of @limit flows, @budget a step. Each flow once; the number of pages. */
static unsigned read_pages(struct stage_bench *b, uint32_t limit, unsigned budget, uint32_t flows)
{
	static struct flow_query q;
	static struct queries unused;
	uint32_t n = 0;
	unsigned pages = 0;

	memset(seen, 0, sizeof(seen));
	q = (struct flow_query){.limit = limit};
	do {
		unsigned steps = 0;
		uint32_t found = 0;

		queries_add(&unused, &q); /* begins it */
		while (!query_step(&b->ctx, &timers, &q, budget)) {
			assert_in_range(++steps, 1, 8 * CAPACITY);
			found += take(&q, UINT32_MAX);
		}
		found += take(&q, UINT32_MAX);
		assert_true(limit == 0 || found <= limit);
		n += found;
		pages++;
	} while (q.cursor != 0);
	assert_int_equal(n, flows);
	return pages;
}

/* @n flows of each family. */
static void fill_many(struct stage_bench *b, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		const struct frame f = {
			.src = HOST, .dst = SERVER, .sport = i, .dport = 53, .proto = UDP};
		const struct frame six = {.six = true,
					  .src6 = HOST6,
					  .dst6 = SERVER6,
					  .sport = i,
					  .dport = 53,
					  .proto = UDP};

		bench_flow(b, &f, TUNNEL_B1, (uint16_t)(2048 + i));
		bench_flow6(b, &six, TUNNEL_B1, (uint16_t)(2048 + i));
	}
}

static void test_pages(void **state)
{
	struct stage_bench *b = bench_create(2048, CAPACITY, 0, 1);

	fill_many(b, 100);
	assert_int_equal(read_pages(b, 0, 256, 200), 1);
	assert_in_range(read_pages(b, 50, 256, 200), 4, 5); /* the last page may be empty */
	assert_in_range(read_pages(b, 7, 3, 200), 29, 30);
	assert_in_range(read_pages(b, 1, 1, 200), 200, 201);
	bench_destroy(b);
}

static void test_without_ipv6(void **state)
{
	struct stage_bench *b = bench_create(2048, CAPACITY, 0, 1);
	struct flow_table *six = b->ctx.flows6;

	fill(b);
	b->ctx.flows6 = NULL;
	assert_int_equal(read_pages(b, 2, 256, 3), 2);
	b->ctx.flows6 = six;
	bench_destroy(b);
}

static void test_empty(void **state)
{
	struct stage_bench *b = bench_create(2048, CAPACITY, 0, 1);

	assert_int_equal(read_pages(b, 10, 1, 0), 1);
	bench_destroy(b);
}

/* A step looks at as many records, and copies as many flows, as its budget pays for. */
static void test_bounded(void **state)
{
	static struct flow_query q;
	struct stage_bench *b = bench_create(2048, CAPACITY, 0, 1);

	fill(b);
	assert_false(query_step(&b->ctx, &timers, &q, 2 * FLOW_QUERY_COPY));
	assert_int_equal(take(&q, UINT32_MAX), 2);
	assert_int_equal(q.cursor, 3);
	assert_false(query_step(&b->ctx, &timers, &q, 2 * FLOW_QUERY_COPY));
	assert_int_equal(take(&q, UINT32_MAX), 2);
	assert_true(query_step(&b->ctx, &timers, &q, 2 * FLOW_QUERY_COPY));

	/* flows that do not match cost a look each */
	q = (struct flow_query){.filter = {.has_site = true, .site = 9}};
	assert_false(query_step(&b->ctx, &timers, &q, 2));
	assert_int_equal(q.cursor, 3);
	bench_destroy(b);
}

/*
 * The reader sets the pace: with a full ring the query rests, and goes on where it was. Flows that
 * live are found once each, although others end and begin meanwhile.
 */
static void test_slow_reader(void **state)
{
	enum { EACH = 400, STEPS = 100 };
	static struct flow_query q;
	static struct queries qs;
	struct stage_bench *b = bench_create(2048, CAPACITY, 0, 1);
	uint32_t n, found = 0;

	fill_many(b, EACH);
	memset(seen, 0, sizeof(seen));
	queries_add(&qs, &q);
	for (unsigned i = 0; i < STEPS; i++)
		queries_step(&qs, &b->ctx, &timers);
	query_peek(&q, &n);
	assert_int_equal(n, FLOW_QUERY_ROOM);
	assert_false(queries_step(&qs, &b->ctx, &timers)); /* nothing to do: the worker may sleep */
	while (!query_ended(&q)) {
		uint32_t i = found % EACH;

		found += take(&q, 3);
		queries_step(&qs, &b->ctx, &timers);
		if (i < 100 && flow_table_at(b->ctx.flows, i)->state != FLOW_FREE) {
			const struct frame f = {.src = HOST + 2,
						.dst = SERVER,
						.sport = (uint16_t)i,
						.dport = 53,
						.proto = UDP};

			flow_table_remove(b->ctx.flows, i);
			bench_flow(b, &f, TUNNEL_B1, (uint16_t)(30000 + i));
		}
	}
	take(&q, UINT32_MAX);
	for (uint16_t i = 0; i < EACH; i++)
		assert_true(i < 100 || (seen[0][2048 + i] && seen[1][2048 + i]));
	bench_destroy(b);
}

/* One step of one query a turn; each has its turn, and those that rest delay no other. */
static void test_several(void **state)
{
	enum { QUERIES = 20, RESTING = 12, EACH = 500, TURNS = 1000 };
	static struct flow_query q[QUERIES];
	static struct queries qs;
	struct stage_bench *b = bench_create(2048, CAPACITY, 0, 1);
	uint32_t n, before = 0, after = 0;
	unsigned turns = 0;

	fill_many(b, EACH);
	for (size_t i = 0; i < QUERIES; i++)
		queries_add(&qs, &q[i]);
	assert_true(queries_step(&qs, &b->ctx, &timers));
	for (size_t i = 0; i < QUERIES; i++)
		before += q[i].put;
	assert_int_equal(before, FLOW_QUERY_BUDGET / FLOW_QUERY_COPY);
	for (size_t i = 0; i < QUERIES; i++)
		assert_true(queries_step(&qs, &b->ctx, &timers));
	for (size_t i = 0; i < QUERIES; i++) {
		assert_true(q[i].put > 0);
		after += q[i].put;
	}
	assert_int_equal(after, (QUERIES + 1) * before);

	/* the first ones are not read: the others end nevertheless */
	for (; turns < TURNS && !query_ended(&q[QUERIES - 1]); turns++) {
		for (size_t i = RESTING; i < QUERIES; i++) {
			query_peek(&q[i], &n);
			query_take(&q[i], n);
		}
		queries_step(&qs, &b->ctx, &timers);
	}
	assert_in_range(turns, 1,
			2 * (QUERIES - RESTING) * 2 * EACH * FLOW_QUERY_COPY / FLOW_QUERY_BUDGET);
	for (size_t i = 0; i < RESTING; i++) {
		assert_false(query_ended(&q[i]));
		query_cancel(&q[i]);
	}
	for (turns = 0; turns < TURNS; turns++)
		for (size_t i = RESTING; i < QUERIES; i++) {
			queries_step(&qs, &b->ctx, &timers);
			query_peek(&q[i], &n);
			query_take(&q[i], n);
		}
	for (size_t i = 0; i < QUERIES; i++)
		assert_true(query_ended(&q[i]));
	assert_false(queries_are_there(&qs));
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filter),	    cmocka_unit_test(test_view),
		cmocka_unit_test(test_pages),	    cmocka_unit_test(test_without_ipv6),
		cmocka_unit_test(test_empty),	    cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_slow_reader), cmocka_unit_test(test_several),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
