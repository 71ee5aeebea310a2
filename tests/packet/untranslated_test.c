/*
 * Egress without translation, by a route (RFC 6888 REQ-6): sites with the same addresses ask a
 * server in front of the uplink, which sees the addresses of their hosts.
 *
 *     s0, s1, ...  10.0.1.0/24, all the same --- [ gateway ] --- uplink --- 192.0.2.80, 10.50.0.80
 *     routes: 192.0.2.0/24, 10.50.0.0/16 to egress, untranslated; 192.0.2.128/25 refuses collisions
 *
 * The first flow keeps its port, others get another one, and each answer is at home, with one, two
 * and four workers. Answers come by the uplink's only queue.
 */
#include "fragments.h"
#include "private_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SITES = 60, ICMP = 1, TCP = 6, UDP = 17, ESP = 50 };

#define SERVER IP(192, 0, 2, 80)
#define EGRESS IP(203, 0, 113, 1)

static struct bed *bed;
static struct frame asked[SITES]; /* as they came to the server, by site */
static enum { UNTRANSLATED, TRANSLATED, NO_ROUTE } shape;

static bool by_other_port; /* by a second pool, whose uplink is the underlay */

static void add_route(struct network_spec *spec, const char *prefix)
{
	bed_vnets_route(spec, 0, prefix, TARGET_EGRESS, by_other_port)->untranslated =
		shape == UNTRANSLATED;
}

static void add_pool(struct network_spec *spec)
{
	struct spec_pool *pool;

	spec->pools = realloc(spec->pools, (spec->n_pools + 1) * sizeof(*pool));
	assert_non_null(spec->pools);
	pool = &spec->pools[spec->n_pools++];
	*pool = (struct spec_pool){
		.name = "other", .port = PRIVATE_UNDERLAY, .slice_size = 2048, .n_addresses = 1};
	pool->addresses = calloc(1, sizeof(pool->addresses[0]));
	assert_non_null(pool->addresses);
	pool->addresses[0] = (struct spec_address){
		.addr = addr6_from_ipv4(htonl(IP(203, 0, 113, 9))), .slices = {2}};
}

static void edit(struct network_spec *spec)
{
	static const char *const names[] = {"default"};

	bed_vnets_make(spec, names, 1);
	bed_vnets_route(spec, 0, "10.66.0.0/16", TARGET_DROP, 0);
	if (shape == NO_ROUTE)
		return;
	if (by_other_port)
		add_pool(spec);
	add_route(spec, "192.0.2.0/24");
	add_route(spec, "10.50.0.0/16");
	add_route(spec, "192.0.2.128/25");
	spec->vnets[0].routes[spec->vnets[0].n_routes - 1].on_collision = COLLISION_REFUSE;
}

static void begin(unsigned workers, unsigned sites)
{
	char *yaml = private_yaml(workers, sites);

	shape = UNTRANSLATED;
	bed_edit = edit;
	bed = bed_create(yaml, 5);
	free(yaml);
	for (unsigned i = 0; i < workers; i++)
		worker_hold_clock(bed_worker(bed, i), 0);
}

static void end(void)
{
	uint8_t bytes[BED_FRAME_MAX];

	while (bed_take(bed, PRIVATE_UNDERLAY, bytes) > 0)
		continue; /* errors that the test does not look at */
	bed_check(bed);
	bed_destroy(bed);
	bed_edit = NULL;
}

static void for_workers(void (*test)(unsigned workers))
{
	static const unsigned workers[] = {1, 2, 4};

	for (unsigned w = 0; w < ARRAY_SIZE(workers); w++)
		test(workers[w]);
}

static struct frame ask_at(uint8_t proto, uint32_t dst)
{
	struct frame f = private_ask(proto, false);

	f.dst = dst;
	return f;
}

/* Sends @f, or what follows in @inner, from the Internet. */
static void send_back(const struct frame *f)
{
	uint8_t bytes[BED_FRAME_MAX];
	struct frame plain = *f;

	plain.outer_dst = 0;
	bed_send(bed, PRIVATE_UPLINK, bytes, frame_build(&plain, bytes));
}

/* The next frame at the uplink. False: there is none. */
static bool catch_out(struct frame *f)
{
	uint8_t bytes[BED_FRAME_MAX];
	size_t len = bed_take(bed, PRIVATE_UPLINK, bytes);
	const char *why = "";

	if (len > 0 && !frame_parse(bytes, len, f, &why))
		fail_msg("%s is wrong", why);
	return len > 0;
}

static void all_ask(uint8_t proto, uint32_t dst)
{
	for (unsigned i = 0; i < SITES; i++) {
		struct frame f = ask_at(proto, dst);

		f.token = i;
		private_send(bed, i, 0, f);
	}
	bed_run(bed);
}

/* Every question comes once from the host's own address, and no two from one port. */
static void server_hears_all(const struct frame *f)
{
	static bool used[65536];
	bool heard[SITES] = {false};
	unsigned kept = 0;
	struct frame out;

	memset(used, 0, sizeof(used));
	for (unsigned i = 0; i < SITES; i++) {
		assert_true(catch_out(&out));
		assert_int_equal(out.src, PRIVATE_HOST);
		assert_int_equal(out.dst, f->dst);
		assert_int_equal(out.ttl, 63);
		assert_true(out.token < SITES && !heard[out.token] && !used[out.sport]);
		heard[out.token] = used[out.sport] = true;
		kept += out.sport == f->sport;
		asked[out.token] = out;
	}
	assert_int_equal(kept, 1);
	assert_false(catch_out(&out));
}

static void all_come_home(uint8_t proto, const struct frame *f)
{
	const struct frame expected = private_answer(f);
	bool heard[SITES] = {false};
	unsigned site, tunnel;
	struct frame out;

	for (unsigned i = 0; i < SITES; i++) {
		struct frame a = private_answer(&asked[i]);

		send_back(&a);
	}
	bed_run(bed);
	for (unsigned i = 0; i < SITES; i++) {
		assert_true(private_catch(bed, &out, &site, &tunnel));
		assert_int_equal(site, out.token);
		assert_false(heard[site]);
		heard[site] = true;
		assert_int_equal(out.dst, PRIVATE_HOST);
		assert_int_equal(out.sport, expected.sport);
		assert_int_equal(out.dport, expected.dport);
	}
	assert_false(private_catch(bed, &out, &site, &tunnel));
}

static void same_five_tuple(unsigned workers, uint8_t proto, uint32_t dst)
{
	const struct frame f = ask_at(proto, dst);

	begin(workers, SITES);
	for (unsigned i = 0; i < 2; i++) {
		all_ask(proto, dst);
		server_hears_all(&f);
		all_come_home(proto, &f);
	}
	assert_int_equal(bed_counters(bed).flows_created, SITES);
	bed_expect_drops(bed, "nothing was lost", DROP_NONE, 0);
	end();
}

static void all_protocols(unsigned workers)
{
	same_five_tuple(workers, UDP, SERVER);
	same_five_tuple(workers, TCP, SERVER);
	same_five_tuple(workers, ICMP, SERVER);
	same_five_tuple(workers, UDP, IP(10, 50, 0, 80)); /* private, behind the uplink */
}

static void test_same_five_tuple(void **state)
{
	for_workers(all_protocols);
}

/* Other destinations are translated as ever, by the same hosts. */
static void test_only_by_route(void **state)
{
	struct frame out;

	begin(1, 2);
	private_send(bed, 0, 0, ask_at(UDP, IP(198, 51, 100, 1)));
	private_send(bed, 0, 0, ask_at(UDP, SERVER));
	bed_run(bed);
	assert_true(catch_out(&out));
	assert_int_equal(out.src, EGRESS);
	assert_true(catch_out(&out));
	assert_int_equal(out.src, PRIVATE_HOST);
	end();
}

static struct frame one_ask(unsigned site, struct frame f)
{
	struct frame out = {0};

	private_send(bed, site, 0, f);
	bed_run(bed);
	assert_true(catch_out(&out));
	return out;
}

static unsigned home_of(const struct frame *back)
{
	unsigned site, tunnel;
	struct frame out;

	send_back(back);
	bed_run(bed);
	if (!private_catch(bed, &out, &site, &tunnel))
		return SITES;
	return site;
}

/* --- odd packets ------------------------------------------------------------------------------ */

static void errors(unsigned workers)
{
	uint8_t quoted[2048];

	begin(workers, 2);
	for (unsigned site = 0; site < 2; site++) {
		struct frame out = one_ask(site, ask_at(UDP, SERVER)), inner = out;
		struct frame e = private_answer(&out);
		const uint8_t *error;
		const char *why = "";
		size_t len;

		inner.outer_dst = 0;
		e.proto = ICMP;
		e.icmp_type = e.icmp_code = 3;
		e.sport = e.dport = 0;
		e.payload = (uint16_t)frame_build_inner(&inner, quoted);
		e.data = quoted;
		assert_int_equal(home_of(&e), site);
		error = private_last(&len);
		if (!frame_parse_quote(error + 28, len - 28, &inner, &why))
			fail_msg("%s", why);
		assert_int_equal(inner.sport, private_ask(UDP, false).sport);
		assert_int_equal(inner.src, PRIVATE_HOST);
	}
	bed_expect_drops(bed, "all errors pass", DROP_NONE, 0);
	end();
}

static void test_errors(void **state)
{
	for_workers(errors);
}

static void fragments(unsigned workers)
{
	static uint8_t inner[FRAGMENTS_PACKET_MAX];
	static struct fragments p;

	begin(workers, 2);
	for (unsigned site = 0; site < 2; site++) {
		struct frame out = one_ask(site, ask_at(UDP, SERVER)), a = private_answer(&out);
		const char *why = "";
		size_t len;

		a.outer_dst = 0;
		a.payload = 4000;
		a.token = 100 + site;
		len = frame_build_inner(&a, inner);
		for (size_t at = 0; at < len - 20; at += 1200) {
			struct fragment part = {at, at + 1200 < len - 20 ? at + 1200 : len - 20};
			uint8_t one[2048], bytes[BED_FRAME_MAX];
			size_t n = fragment4_make(inner, len, &part, 77, one);

			bed_send(bed, PRIVATE_UPLINK, bytes, frame_wrap(&a, one, n, bytes));
		}
		bed_run(bed);
		if (!fragments_take(bed, PRIVATE_UNDERLAY, &p, &out, &why))
			fail_msg("%s", why);
		assert_int_equal(out.token, a.token);
		assert_int_equal(p.first.outer_dst, IP(198, 19, 0, 1) + site);
	}
	bed_expect_drops(bed, "no fragment is lost", DROP_NONE, 0);
	end();
}

static void test_fragments(void **state)
{
	for_workers(fragments);
}

static size_t make_esp(const struct frame *f, uint8_t *inner)
{
	size_t len = frame_build_inner(f, inner);

	inner[9] = ESP;
	frame_mend(inner);
	return len;
}

/* Protocols without ports: one flow for each site and pair of addresses. */
static void without_ports(unsigned workers)
{
	const struct frame f = ask_at(UDP, SERVER), a = private_answer(&f);
	uint8_t inner[2048], bytes[BED_FRAME_MAX];
	size_t len;

	begin(workers, 2);
	len = make_esp(&f, inner);
	private_send_inner(bed, 0, 0, &f, inner, len);
	bed_run(bed);
	len = bed_take(bed, PRIVATE_UPLINK, bytes);
	assert_true(len > 0);
	assert_memory_equal(frame_inner(bytes, &len) + 12, inner + 12, 8); /* both addresses */

	len = make_esp(&a, inner);
	bed_send(bed, PRIVATE_UPLINK, bytes, frame_wrap(&a, inner, len, bytes));
	bed_run(bed);
	assert_true(bed_take(bed, PRIVATE_UNDERLAY, bytes) > 0);

	len = make_esp(&f, inner);
	private_send_inner(bed, 1, 0, &f, inner, len);
	bed_run(bed);
	assert_int_equal(bed_take(bed, PRIVATE_UPLINK, bytes), 0);
	bed_expect_answer(bed, "told", ANSWER_PROTOCOL + 1);
	end();
}

static void test_without_ports(void **state)
{
	for_workers(without_ports);
}

/* What belongs to no flow, and what no route lets out. */
static void test_strangers(void **state)
{
	struct frame f = ask_at(UDP, SERVER), back = private_answer(&f), out;
	uint8_t inner[2048], bytes[BED_FRAME_MAX];
	size_t len;

	begin(4, 2);
	assert_int_equal(home_of(&back), SITES);
	bed_expect_drops(bed, "to a host that asked nothing", DROP_NO_FLOW, 1);
	end();

	begin(1, 2);
	len = make_esp(&back, inner);
	bed_send(bed, PRIVATE_UPLINK, bytes, frame_wrap(&back, inner, len, bytes));
	bed_run(bed);
	bed_expect_drops(bed, "another protocol", DROP_NO_FLOW, 1);
	end();

	begin(1, 2);
	back.dst = IP(10, 99, 0, 1);
	assert_int_equal(home_of(&back), SITES);
	bed_expect_drops(bed, "an address of no site", DROP_NOT_OURS, 1);
	end();

	begin(1, 2);
	f = ask_at(UDP, EGRESS);
	private_send(bed, 0, 0, f);
	bed_run(bed);
	assert_false(catch_out(&out));
	end();

	begin(1, 2);
	one_ask(0, ask_at(UDP, IP(192, 0, 2, 200)));
	private_send(bed, 1, 0, ask_at(UDP, IP(192, 0, 2, 200)));
	bed_run(bed);
	assert_false(catch_out(&out));
	bed_expect_answer(bed, "the route refuses collisions", ANSWER_EXHAUSTED + 1);
	end();
}

/* --- life ------------------------------------------------------------------------------------- */

/* When flows end, nothing of them stays: the next one of that five-tuple keeps its port. */
static void ends(unsigned workers)
{
	const struct frame f = ask_at(ICMP, SERVER);

	begin(workers, SITES);
	for (unsigned k = 0; k < 2; k++) {
		all_ask(ICMP, SERVER);
		server_hears_all(&f);
		for (unsigned i = 0; i < workers; i++)
			worker_advance_clock(bed_worker(bed, i), 100);
		for (unsigned i = 0; i < 1000; i++)
			bed_run(bed);
		assert_int_equal(bed_counters(bed).flows, 0);
	}
	end();
}

static void test_ends(void **state)
{
	for_workers(ends);
}

/* The uplink's routes lead to another neighbour: open flows follow, by the uplink of their pool. */
static void uplink_moves(unsigned port)
{
	uint8_t before[BED_FRAME_MAX], after[BED_FRAME_MAX];

	by_other_port = port == PRIVATE_UNDERLAY;
	begin(1, 2);
	by_other_port = false;
	private_send(bed, 0, 0, ask_at(UDP, SERVER));
	bed_run(bed);
	assert_true(bed_take(bed, port, before) > 0);
	bed_move(bed, BED_ANOTHER);
	private_send(bed, 0, 0, ask_at(UDP, SERVER));
	bed_run(bed);
	assert_true(bed_take(bed, port, after) > 0);
	assert_int_equal((uint8_t)~before[5], after[5]);
	assert_int_equal(bed_counters(bed).flows_created, 1);
	end();
}

static void test_uplink_moves(void **state)
{
	uplink_moves(PRIVATE_UPLINK);
	uplink_moves(PRIVATE_UNDERLAY);
}

/* A change of the route: docs/changes.md. */
static void change_to(unsigned workers, int to, enum ended ended)
{
	char *yaml = private_yaml(workers, 2);
	struct bed_change change = {.yaml = yaml};
	struct change_sweep sweep;
	struct frame out;

	begin(workers, 2);
	one_ask(0, ask_at(UDP, SERVER));
	one_ask(1, ask_at(UDP, SERVER));
	shape = to;
	sweep = bed_change(bed, &change);
	assert_int_equal(sweep.ended[ended], ended == ENDED_NOT ? 0 : 2);
	out = one_ask(0, ask_at(UDP, SERVER));
	assert_int_equal(out.src, to == UNTRANSLATED ? PRIVATE_HOST : EGRESS);
	out = private_answer(&out);
	assert_int_equal(home_of(&out), 0);
	free(yaml);
	end();
}

static void changes(unsigned workers)
{
	change_to(workers, UNTRANSLATED, ENDED_NOT);
	change_to(workers, TRANSLATED, ENDED_FAR_ROUTE_LOST);
	change_to(workers, NO_ROUTE, ENDED_FAR_ROUTE_LOST);
}

static void test_changes(void **state)
{
	for_workers(changes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_five_tuple),
		cmocka_unit_test(test_only_by_route),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_without_ports),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_uplink_moves),
		cmocka_unit_test(test_changes),
	};

	return cmocka_run_group_tests_name("packet/untranslated", tests, NULL, NULL);
}
