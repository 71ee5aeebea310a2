/*
 * Odd packets between sites: ICMP errors in both directions, fragments, protocols without ports,
 * refusals, and a data centre that asks a site. Over both families, with one, two and four workers.
 *
 *     s0, s1  10.0.1.0/24, fd00::/64, the same hosts ---+
 *     s2      the same, and 10.0.9.0/24 by route     ---+--- [ gateway ] --- dc 10.8.0.0/16, fd08::/16
 */
#include "fragments.h"
#include "private_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SITES = 3, ICMP = 1, TCP = 6, UDP = 17, ESP = 50, ICMPV6 = 58 };

static struct bed *bed;

static void edit(struct network_spec *spec)
{
	static const char *const names[] = {"default"};
	unsigned dc = bed_vnets_site(spec, "dc");

	bed_vnets_make(spec, names, 1);
	bed_vnets_route(spec, 0, "10.8.0.0/16", TARGET_SITE, dc);
	bed_vnets_route(spec, 0, "fd08::/16", TARGET_SITE, dc);
	bed_vnets_route(spec, 0, "10.8.1.0/24", TARGET_DROP, 0);
	bed_vnets_route(spec, 0, "10.0.9.0/24", TARGET_SITE, bed_vnets_site(spec, "s2"));
	bed_vnets_route(spec, 0, "10.8.2.0/24", TARGET_SITE, dc);
	spec->vnets[0].routes[spec->vnets[0].n_routes - 1].on_collision = COLLISION_REFUSE;
}

static void begin(unsigned workers)
{
	char *yaml = private_yaml(workers, SITES);

	bed_edit = edit;
	bed = bed_create(yaml, 5);
	free(yaml);
}

static void end(void)
{
	bed_check(bed);
	bed_destroy(bed);
	bed_edit = NULL;
}

static struct frame catch_at(unsigned site)
{
	struct frame out;
	unsigned at, tunnel;

	assert_true(private_catch(bed, &out, &at, &tunnel));
	assert_int_equal(at, site);
	assert_false(private_catch(bed, &(struct frame){0}, &(unsigned){0}, &tunnel));
	return out;
}

static struct frame send_and_catch(unsigned from, struct frame f, unsigned at)
{
	private_send(bed, from, 0, f);
	bed_run(bed);
	return catch_at(at);
}

static void for_all(void (*test)(bool six))
{
	static const unsigned workers[] = {1, 2, 4};

	for (unsigned w = 0; w < ARRAY_SIZE(workers); w++) {
		for (unsigned six = 0; six < 2; six++) {
			begin(workers[w]);
			test(six);
			end();
		}
	}
}

/* An ICMP error about @about, as its receiver or a router before it sends it. */
static struct frame error_about(const struct frame *about, uint8_t *quoted)
{
	struct frame inner = *about, e = private_answer(about);

	inner.outer_dst = 0;
	e.proto = about->six ? ICMPV6 : ICMP;
	e.icmp_type = about->six ? 1 : 3;
	e.icmp_code = about->six ? 4 : 3;
	e.sport = e.dport = 0;
	e.payload = (uint16_t)frame_build_inner(&inner, quoted);
	e.data = quoted;
	return e;
}

/* What the error that was caught last embeds. */
static struct frame quote(bool six)
{
	size_t len, headers = (six ? 40 : 20) + 8;
	const uint8_t *error = private_last(&len);
	struct frame embedded = {0};
	const char *why = "";

	if (!frame_parse_quote(error + headers, len - headers, &embedded, &why))
		fail_msg("%s", why);
	return embedded;
}

/* Both sites ask from one port. Errors about either's question, and about the answers. */
static void errors(bool six)
{
	uint8_t quoted[2048];

	for (unsigned site = 0; site < 2; site++) {
		const struct frame asks = private_ask(UDP, six);
		struct frame asked = send_and_catch(site, asks, PRIVATE_DC), embedded, answer;

		assert_int_equal(asked.sport == asks.sport, site == 0);
		send_and_catch(PRIVATE_DC, error_about(&asked, quoted), site);
		embedded = quote(six);
		assert_int_equal(embedded.sport, asks.sport);
		assert_int_equal(embedded.dport, asks.dport);
		answer = private_answer(&asked);
		answer = send_and_catch(PRIVATE_DC, answer, site);
		send_and_catch(site, error_about(&answer, quoted), PRIVATE_DC);
		embedded = quote(six);
		assert_int_equal(embedded.sport, asks.dport);
		assert_int_equal(embedded.dport, asked.sport);
	}
	bed_expect_drops(bed, "all errors pass", DROP_NONE, 0);
}

static void test_errors(void **state)
{
	for_all(errors);
}

/* Large questions and answers in fragments. */
static void send_fragments(unsigned from, const struct frame *f)
{
	uint8_t inner[FRAGMENTS_PACKET_MAX], out[2048];
	size_t len = frame_build_inner(f, inner);
	size_t front = f->six ? 40 : 20, all = len - front;

	for (size_t at = 0; at < all; at += 1200) {
		struct fragment part = {at, at + 1200 < all ? at + 1200 : all};
		size_t n = f->six ? fragment6_make(inner, len, &part, 77, out)
				  : fragment4_make(inner, len, &part, 77, out);

		private_send_inner(bed, from, 0, f, out, n);
	}
	bed_run(bed);
}

/* The reassembled packet; its outer destination in @outer. */
static struct frame catch_fragments(uint32_t *outer)
{
	static struct fragments p;
	struct frame whole = {0};
	const char *why = "";

	if (!fragments_take(bed, PRIVATE_UNDERLAY, &p, &whole, &why))
		fail_msg("%s", why);
	*outer = p.first.outer_dst;
	return whole;
}

static void fragments(bool six)
{
	for (unsigned site = 0; site < 2; site++) {
		struct frame f = private_ask(UDP, six), asked, answer;
		uint32_t outer;

		f.payload = 4000;
		f.token = 100 + site;
		send_fragments(site, &f);
		asked = catch_fragments(&outer);
		assert_int_equal(asked.token, f.token);
		assert_int_equal(outer, IP(198, 21, 0, 1));
		assert_int_equal(asked.sport == f.sport, site == 0);
		answer = private_answer(&asked);
		send_fragments(PRIVATE_DC, &answer);
		answer = catch_fragments(&outer);
		assert_int_equal(answer.token, f.token);
		assert_int_equal(outer, IP(198, 19, 0, 1) + site);
		assert_int_equal(answer.dport, f.sport);
	}
	bed_expect_drops(bed, "no fragment is lost", DROP_NONE, 0);
}

static void test_fragments(void **state)
{
	for_all(fragments);
}

static void send_esp(unsigned from, bool back, bool six)
{
	struct frame f = private_ask(UDP, six);
	uint8_t inner[2048];
	size_t len;

	if (back)
		f = private_answer(&f);
	len = frame_build_inner(&f, inner);
	if (six) {
		inner[6] = ESP;
	} else {
		inner[9] = ESP;
		frame_mend(inner);
	}
	private_send_inner(bed, from, 0, &f, inner, len);
	bed_run(bed);
}

/* Where the next frame goes, whatever is in it. SITES: nowhere. */
static unsigned goes_to(void)
{
	uint8_t bytes[BED_FRAME_MAX];
	size_t len = bed_take(bed, PRIVATE_UNDERLAY, bytes);
	struct frame f = {0};

	if (len == 0)
		return SITES;
	frame_parse_outer(bytes, len, &f);
	return f.outer_dst == IP(198, 21, 0, 1) ? (unsigned)PRIVATE_DC
						: f.outer_dst - IP(198, 19, 0, 1);
}

/* One flow for each site and pair of addresses; the second site is refused by name. */
static void without_ports(bool six)
{
	send_esp(0, false, six);
	assert_int_equal(goes_to(), PRIVATE_DC);
	send_esp(PRIVATE_DC, true, six);
	assert_int_equal(goes_to(), 0);
	send_esp(1, false, six);
	assert_int_equal(goes_to(), 1); /* an ICMP error */
	bed_expect_answer(bed, "told", ANSWER_PROTOCOL + 1);
	send_esp(0, false, six);
	assert_int_equal(goes_to(), PRIVATE_DC);
}

static void test_without_ports(void **state)
{
	for_all(without_ports);
}

static struct frame ask_at(uint32_t dst)
{
	struct frame f = private_ask(UDP, false);

	f.dst = dst;
	return f;
}

static void test_refusals(void **state)
{
	struct frame out;

	begin(1);
	private_send(bed, 0, 0, ask_at(IP(10, 8, 1, 1)));
	bed_run(bed);
	bed_expect_drops(bed, "the route says drop", DROP_ROUTE_DROP, 1);
	end();

	begin(1);
	out = send_and_catch(2, ask_at(IP(10, 0, 9, 1)), 2);
	assert_int_equal(out.icmp_type, 3);
	bed_expect_answer(bed, "back to its own site", ANSWER_UNREACHABLE + 1);
	end();

	begin(1);
	out = send_and_catch(0, ask_at(IP(10, 77, 0, 1)), 0);
	bed_expect_answer(bed, "a private destination without a route", ANSWER_UNREACHABLE + 1);
	end();

	begin(1);
	out = send_and_catch(0, ask_at(IP(10, 8, 2, 1)), PRIVATE_DC);
	out = send_and_catch(1, ask_at(IP(10, 8, 2, 1)), 1);
	assert_int_equal(out.icmp_type, 3);
	bed_expect_answer(bed, "the route refuses collisions", ANSWER_EXHAUSTED + 1);
	end();
}

/* The data centre opens a flow to the only site that has the prefix; each packet comes home. */
static void test_data_centre_asks(void **state)
{
	static const unsigned workers[] = {1, 2, 4};

	for (unsigned w = 0; w < ARRAY_SIZE(workers); w++) {
		struct frame f = private_ask(TCP, false), out;

		begin(workers[w]);
		f.src = PRIVATE_SERVER;
		f.dst = IP(10, 0, 9, 5);
		for (unsigned i = 0; i < 4; i++) {
			out = send_and_catch(PRIVATE_DC, f, 2);
			assert_int_equal(out.src, PRIVATE_SERVER);
			out = send_and_catch(2, private_answer(&out), PRIVATE_DC);
			assert_int_equal(out.dport, f.sport);
		}
		assert_int_equal(bed_counters(bed).flows_created, 1);
		end();
	}
}

/* The smaller MTU of the two tunnels counts, in both directions, and for the MSS. */
static void test_mtu(void **state)
{
	struct frame f = private_ask(TCP, false), out;

	begin(1);
	f.mss = 1460;
	bed_narrow(bed, private_tunnel(bed, PRIVATE_DC, 0), 1300);
	out = send_and_catch(0, f, PRIVATE_DC);
	assert_int_equal(out.mss, 1260);
	f = private_answer(&out);
	f.mss = 1460;
	out = send_and_catch(PRIVATE_DC, f, 0);
	assert_int_equal(out.mss, 1260);
	f = private_ask(UDP, false);
	f.df = true;
	f.payload = 1300 - 27;
	out = send_and_catch(0, f, 0);
	assert_int_equal(out.icmp_type, 3);
	assert_int_equal(out.icmp_code, 4);
	assert_int_equal(out.dport, 1300);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors),		 cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_without_ports),	 cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_data_centre_asks), cmocka_unit_test(test_mtu),
	};

	return cmocka_run_group_tests_name("packet/private_odd", tests, NULL, NULL);
}
