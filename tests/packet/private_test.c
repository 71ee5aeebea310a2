/*
 * Private destinations: 200 sites with the same addresses ask one server from the same port.
 *
 * The source keeps its address, and the first one its port. Every question is answered, and every
 * answer is at home, with one, two and four workers, over IPv4 and IPv6: private_bed.h draws it.
 */
#include "private_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SITES = 200, ICMP = 1, TCP = 6, UDP = 17 };

static const unsigned all_workers[] = {1, 2, 4};

static struct bed *bed;
static bool by_route; /* the data centre's second tunnel: its returns take a route */
static struct frame asked[SITES]; /* as they came to the server, by site */

static void edit(struct network_spec *spec)
{
	static const char *const names[] = {"default"};
	unsigned dc = bed_vnets_site(spec, "dc");

	bed_vnets_make(spec, names, 1);
	bed_vnets_route(spec, 0, "10.8.0.0/16", TARGET_SITE, dc);
	bed_vnets_route(spec, 0, "fd08::/16", TARGET_SITE, dc);
	spec->sites[dc].tunnels[1].no_arr = by_route;
}

static void begin(unsigned workers)
{
	char *yaml = private_yaml(workers, SITES);

	bed_edit = edit;
	bed = bed_create(yaml, 5);
	free(yaml);
	for (unsigned i = 0; i < workers; i++)
		worker_hold_clock(bed_worker(bed, i), 0);
}

static void end(void)
{
	bed_check(bed);
	bed_destroy(bed);
	bed_edit = NULL;
}

static bool same_address(const struct frame *f, uint32_t four, struct ip6 six)
{
	return f->six ? memcmp(&f->dst6, &six, sizeof(six)) == 0 : f->dst == four;
}

/* The port, or the identifier, that tells conversations apart. */
static uint16_t id_of(const struct frame *f)
{
	return f->sport;
}

/* All sites send the same packet, but for its token: the site's number. */
static void all_ask(uint8_t proto, bool six, unsigned tunnel)
{
	for (unsigned i = 0; i < SITES; i++) {
		struct frame f = private_ask(proto, six);

		f.token = i;
		private_send(bed, i, tunnel, f);
	}
	bed_run(bed);
}

/* Every question comes, once, from the host's own address; no two have one port. */
static void server_hears_all(uint8_t proto, bool six, unsigned n)
{
	const struct frame f = private_ask(proto, six);
	unsigned site, tunnel, kept = 0;
	struct frame out;
	bool heard[SITES] = {false};
	static bool used[65536];

	memset(used, 0, sizeof(used));
	for (unsigned i = 0; i < n; i++) {
		assert_true(private_catch(bed, &out, &site, &tunnel));
		assert_int_equal(site, PRIVATE_DC);
		assert_int_equal(tunnel, 0);
		assert_true(out.token < SITES && !heard[out.token]);
		heard[out.token] = true;
		assert_true(same_address(&out, PRIVATE_SERVER, (struct ip6)PRIVATE_SERVER6));
		if (six)
			assert_memory_equal(&out.src6, &f.src6, sizeof(f.src6));
		else
			assert_int_equal(out.src, PRIVATE_HOST);
		assert_int_equal(out.ttl, 63);
		assert_false(used[id_of(&out)]);
		used[id_of(&out)] = true;
		kept += id_of(&out) == id_of(&f);
		asked[out.token] = out;
	}
	assert_int_equal(kept, 1);
	assert_false(private_catch(bed, &out, &site, &tunnel));
}

/* The server answers all. Each answer goes to the site that asked, by @tunnel. */
static void all_come_home(uint8_t proto, bool six, unsigned tunnel)
{
	const struct frame f = private_ask(proto, six), expected = private_answer(&f);
	bool heard[SITES] = {false};
	unsigned site, by;
	struct frame out;

	for (unsigned i = 0; i < SITES; i++)
		private_send(bed, PRIVATE_DC, 0, private_answer(&asked[i]));
	bed_run(bed);
	for (unsigned i = 0; i < SITES; i++) {
		assert_true(private_catch(bed, &out, &site, &by));
		assert_int_equal(site, out.token);
		assert_int_equal(by, tunnel);
		assert_false(heard[site]);
		heard[site] = true;
		assert_true(same_address(&out, PRIVATE_HOST, (struct ip6)PRIVATE_HOST6));
		assert_int_equal(out.sport, expected.sport);
		assert_int_equal(out.dport, expected.dport);
	}
	assert_false(private_catch(bed, &out, &site, &by));
}

static void same_five_tuple(uint8_t proto, bool six, unsigned workers)
{
	begin(workers);
	all_ask(proto, six, 0);
	server_hears_all(proto, six, SITES);
	all_come_home(proto, six, 0);
	/* the same flows go on, with the same ports */
	all_ask(proto, six, 0);
	server_hears_all(proto, six, SITES);
	all_come_home(proto, six, 0);
	assert_int_equal(bed_counters(bed).flows_created, SITES);
	bed_expect_drops(bed, "nothing was lost", DROP_NONE, 0);
	end();
}

static void test_same_five_tuple(void **state)
{
	for (unsigned w = 0; w < ARRAY_SIZE(all_workers); w++) {
		for (unsigned six = 0; six < 2; six++) {
			same_five_tuple(UDP, six, all_workers[w]);
			same_five_tuple(TCP, six, all_workers[w]);
			same_five_tuple(ICMP, six, all_workers[w]);
		}
	}
}

/* Packets by the backup tunnel: returns follow. Those of another site move nothing. */
static void test_moves_in_mid_flow(void **state)
{
	struct frame f = private_ask(UDP, false), out;
	unsigned site, tunnel;

	for (unsigned w = 0; w < ARRAY_SIZE(all_workers); w++) {
		begin(all_workers[w]);
		all_ask(UDP, false, 0);
		server_hears_all(UDP, false, SITES);
		f.token = 3;
		private_send(bed, 3, 1, f);
		bed_run(bed);
		assert_true(private_catch(bed, &out, &site, &tunnel));
		assert_int_equal(out.sport, asked[3].sport);
		for (unsigned i = 0; i < SITES; i++) {
			private_send(bed, PRIVATE_DC, 0, private_answer(&asked[i]));
			bed_run(bed);
			assert_true(private_catch(bed, &out, &site, &tunnel));
			assert_int_equal(site, i);
			assert_int_equal(tunnel, i == 3);
		}
		all_ask(UDP, false, 1);
		server_hears_all(UDP, false, SITES);
		all_come_home(UDP, false, 1);
		end();
	}
}

/* The off-ramp is down: its substitute carries new and old flows; returns come by either. */
static void test_offramp_fails(void **state)
{
	struct frame out;
	unsigned site, tunnel;

	begin(1);
	all_ask(UDP, false, 0);
	server_hears_all(UDP, false, SITES);
	bed_fail(bed, private_tunnel(bed, PRIVATE_DC, 0), false,
		 private_tunnel(bed, PRIVATE_DC, 1));
	all_ask(UDP, false, 0);
	for (unsigned i = 0; i < SITES; i++) {
		assert_true(private_catch(bed, &out, &site, &tunnel));
		assert_int_equal(site, PRIVATE_DC);
		assert_int_equal(tunnel, 1);
		private_send(bed, PRIVATE_DC, 1, private_answer(&out));
	}
	bed_run(bed);
	for (unsigned i = 0; i < SITES; i++) {
		assert_true(private_catch(bed, &out, &site, &tunnel));
		assert_int_equal(site, out.token);
	}
	end();
}

/* Every site asks again; by which tunnel does the server hear it? */
static void server_hears_by(uint8_t proto, bool six, const unsigned *tunnels)
{
	unsigned site, tunnel;
	struct frame out;

	all_ask(proto, six, 0);
	for (unsigned i = 0; i < SITES; i++) {
		assert_true(private_catch(bed, &out, &site, &tunnel));
		assert_int_equal(site, PRIVATE_DC);
		assert_int_equal(tunnel, tunnels[out.token]);
	}
}

/*
 * The data centre answers by its other tunnel: forward packets of that flow follow, others stay.
 * The same packet from another site's tunnel moves nothing.
 */
static void offramp_follows(uint8_t proto, bool six, unsigned workers)
{
	static const unsigned none[SITES], one[SITES] = {[3] = 1};
	struct frame out;
	unsigned site, tunnel;

	begin(workers);
	all_ask(proto, six, 0);
	server_hears_all(proto, six, SITES);
	private_send(bed, 2, 1, private_answer(&asked[3]));
	bed_run(bed);
	while (private_catch(bed, &out, &site, &tunnel))
		continue; /* whatever becomes of it */
	server_hears_by(proto, six, none);

	private_send(bed, PRIVATE_DC, 1, private_answer(&asked[3]));
	bed_run(bed);
	assert_true(private_catch(bed, &out, &site, &tunnel));
	assert_int_equal(site, 3);
	server_hears_by(proto, six, one);

	private_send(bed, PRIVATE_DC, 0, private_answer(&asked[3])); /* its first tunnel is back */
	bed_run(bed);
	assert_true(private_catch(bed, &out, &site, &tunnel));
	assert_int_equal(site, 3);
	server_hears_by(proto, six, none);
	end();
}

static void test_offramp_follows(void **state)
{
	for (unsigned w = 0; w < ARRAY_SIZE(all_workers); w++) {
		for (unsigned six = 0; six < 2; six++) {
			offramp_follows(UDP, six, all_workers[w]);
			offramp_follows(ICMP, six, all_workers[w]);
		}
	}
}

/* Not by a tunnel whose returns take a route. */
static void test_offramp_stays(void **state)
{
	static const unsigned none[SITES];
	struct frame out;
	unsigned site, tunnel;

	by_route = true;
	begin(1);
	by_route = false;
	all_ask(UDP, false, 0);
	server_hears_all(UDP, false, SITES);
	private_send(bed, PRIVATE_DC, 1, private_answer(&asked[3]));
	bed_run(bed);
	assert_true(private_catch(bed, &out, &site, &tunnel));
	assert_int_equal(site, 3);
	server_hears_by(UDP, false, none);
	end();
}

/* When flows end, the next one of that five-tuple keeps its port again. */
static void test_ends(void **state)
{
	for (unsigned w = 0; w < ARRAY_SIZE(all_workers); w++) {
		begin(all_workers[w]);
		all_ask(ICMP, false, 0);
		server_hears_all(ICMP, false, SITES);
		for (unsigned i = 0; i < bed_workers(bed); i++)
			worker_advance_clock(bed_worker(bed, i), 100);
		for (unsigned i = 0; i < 1000; i++)
			bed_run(bed);
		assert_int_equal(bed_counters(bed).flows, 0);
		all_ask(ICMP, false, 0);
		server_hears_all(ICMP, false, SITES);
		all_come_home(ICMP, false, 0);
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_five_tuple), cmocka_unit_test(test_moves_in_mid_flow),
		cmocka_unit_test(test_offramp_fails),	cmocka_unit_test(test_offramp_follows),
		cmocka_unit_test(test_offramp_stays),	cmocka_unit_test(test_ends),
	};

	return cmocka_run_group_tests_name("packet/private", tests, NULL, NULL);
}
