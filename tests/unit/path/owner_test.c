/*
 * Owner: the port of a return names its worker, a packet of a site has no port that does, and a
 * fragment has the same owner wherever it arrives. in/ask_test.c asks other workers.
 */
#include "path/owner.h"

#include "path/share.h"
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { WORKERS = 4, SLICE = 64 };

static void test_by_port(void **state)
{
	static const struct {
		const char *why;
		uint32_t dst;
		uint16_t port, realm;
		bool is_ours;
	} rows[] = {
		{"slice 1 of the first address", EGRESS, SLICE + 1, SITE_INTERNET, true},
		{"its end", EGRESS, 2 * SLICE - 1, SITE_INTERNET, true},
		{"slice 2 is not ours", EGRESS, 2 * SLICE, SITE_INTERNET, false},
		{"another address", EGRESS_2, 3 * SLICE + 17, SITE_INTERNET, true},
		{"no egress address", SERVER, SLICE + 1, SITE_INTERNET, false},
		{"from a site: a flow's first packet decides", EGRESS, SLICE + 1, SITE_BERLIN,
		 false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unsigned others = 0;

		for (uint16_t index = 0; index < WORKERS; index++) {
			struct stage_bench *b = bench_create(SLICE, 16, index, WORKERS);
			struct packet p = {
				.probe.key = {.dst = htonl(rows[i].dst),
					      .dport = htons(rows[i].port),
					      .realm = rows[i].realm},
				.owner = 99,
			};
			bool other = owner_by_port(&b->ctx, &p);

			assert_int_equal(p.owner,
					 other ? share_owner(rows[i].port, SLICE, WORKERS) : 99);
			assert_true(!other || p.owner != index);
			others += other;
			bench_destroy(b);
		}
		if (others != (rows[i].is_ours ? WORKERS - 1 : 0))
			fail_msg("%s: %u", rows[i].why, others);
	}
}

static void test_by_port6(void **state)
{
	struct stage_bench *b = bench_create(SLICE, 16, 0, WORKERS);
	struct flow6_key key = {
		.dst = bench_addr6((struct ip6)EGRESS6),
		.dport = htons(2 * SLICE - 1),
	};
	struct packet p;

	assert_true(owner_by_port6(&b->ctx, &p, &key));
	assert_int_equal(p.owner, WORKERS - 1);
	key.dport = htons(SLICE);
	assert_false(owner_by_port6(&b->ctx, &p, &key)); /* ours */
	key.dst = bench_addr6((struct ip6)GLOBAL6);
	key.dport = htons(2 * SLICE - 1);
	assert_false(owner_by_port6(&b->ctx, &p, &key)); /* a global prefix has no ports */
	assert_int_equal(owner_site6(&b->ctx, &key), SITE_BERLIN);
	key.dst = bench_addr6((struct ip6)SERVER6);
	assert_int_equal(owner_site6(&b->ctx, &key), OWNER_NOBODY);
	bench_destroy(b);
}

/* Who is asked for a packet that names no worker? */
static void test_site(void **state)
{
	struct stage_bench *b = bench_create(SLICE, 16, 0, WORKERS);
	struct packet p = {.probe.key = {.dst = htonl(HOST), .realm = SITE_INTERNET}};

	assert_int_equal(owner_site(&b->ctx, &p), OWNER_NOBODY);
	b->net->untranslated[0] = (struct prefix6){addr6_from_ipv4(htonl(HOST)), 128};
	b->net->n_untranslated = 1;
	assert_int_equal(owner_site(&b->ctx, &p), SITE_INTERNET);
	p.probe.key.dst = htonl(EGRESS);
	assert_int_equal(owner_site(&b->ctx, &p), OWNER_NOBODY);
	p.probe.key.realm = SITE_BERLIN;
	assert_int_equal(owner_site(&b->ctx, &p), SITE_BERLIN);
	bench_destroy(b);
}

/* All workers agree, and each has its part. */
static void test_by_fragment(void **state)
{
	struct stage_bench *b[WORKERS];
	unsigned met[WORKERS] = {0};

	for (uint16_t index = 0; index < WORKERS; index++)
		b[index] = bench_create(SLICE, 16, index, WORKERS);
	for (uint16_t i = 0; i < 400; i++) {
		struct flow6_key key = {.sport = i, .proto = 17};
		unsigned owner = WORKERS, stay = 0;

		for (uint16_t index = 0; index < WORKERS; index++) {
			struct packet p;

			if (!owner_by_fragment(&b[index]->ctx, &p, &key)) {
				owner = index;
				stay++;
			}
		}
		assert_int_equal(stay, 1);
		met[owner]++;
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		assert_in_range(met[i], 50, 150);
		bench_destroy(b[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_port),
		cmocka_unit_test(test_by_port6),
		cmocka_unit_test(test_site),
		cmocka_unit_test(test_by_fragment),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
