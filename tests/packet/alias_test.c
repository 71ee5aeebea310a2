/*
 * Aliases: a data centre opens flows to hosts of sites that have the same addresses.
 *
 *     s0  10.0.1.0/24 as 100.64.0.0/24, fd00::/64 as fd64::/64   ---+
 *     s1  10.0.1.0/24 as 100.64.1.0/24, fd00::/64 as fd64:1::/64 ---+--- [ gateway ] --- dc
 *     s2  10.0.1.0/24, no alias                                  ---+
 *
 * Over both families, with one, two and four workers.
 */
#include "private_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SITES = 3, ALIASED = 2, ICMP = 1, TCP = 6, UDP = 17, ICMPV6 = 58 };

static struct bed *bed;
static bool no_aliases;

static void add_alias(struct spec_site *site, const struct spec_alias *alias)
{
	site->aliases = realloc(site->aliases, (site->n_aliases + 1) * sizeof(*alias));
	assert_non_null(site->aliases);
	site->aliases[site->n_aliases++] = *alias;
}

static struct addr6 six_of(struct ip6 six)
{
	return addr6_read(&six);
}

static void edit(struct network_spec *spec)
{
	static const char *const names[] = {"default"};
	unsigned dc = bed_vnets_site(spec, "dc");

	bed_vnets_make(spec, names, 1);
	bed_vnets_route(spec, 0, "10.8.0.0/16", TARGET_SITE, dc);
	bed_vnets_route(spec, 0, "fd08::/16", TARGET_SITE, dc);
	for (unsigned i = 0; i < ALIASED && !no_aliases; i++) {
		const struct spec_alias four = {
			.alias = {addr6_from_ipv4(htonl(IP(100, 64, i, 0))), MAPPED_BITS + 24},
			.prefix = {addr6_from_ipv4(htonl(IP(10, 0, 1, 0))), MAPPED_BITS + 24},
		};
		const struct spec_alias six = {
			.alias = {six_of((struct ip6)IP6(0xfd64, i, 0, 0, 0, 0, 0, 0)), 64},
			.prefix = {six_of((struct ip6)IP6(0xfd00, 0, 0, 0, 0, 0, 0, 0)), 64},
		};

		add_alias(&spec->sites[i], &four);
		add_alias(&spec->sites[i], &six);
	}
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

static struct frame send_and_catch(unsigned from, struct frame f, unsigned at)
{
	struct frame out;
	unsigned site, tunnel;

	private_send(bed, from, 0, f);
	bed_run(bed);
	assert_true(private_catch(bed, &out, &site, &tunnel));
	assert_int_equal(site, at);
	return out;
}

static bool is_from(const struct frame *f, uint32_t four, struct ip6 six)
{
	return f->six ? memcmp(&f->src6, &six, sizeof(six)) == 0 : f->src == four;
}

static bool is_to(const struct frame *f, uint32_t four, struct ip6 six)
{
	return f->six ? memcmp(&f->dst6, &six, sizeof(six)) == 0 : f->dst == four;
}

static uint32_t alias4(unsigned site)
{
	return IP(100, 64, site, 10);
}

static struct ip6 alias6(unsigned site)
{
	return (struct ip6)IP6(0xfd64, site, 0, 0, 0, 0, 0, 0x10);
}

/* The data centre's server asks the alias of a site's host. */
static struct frame ask_alias(unsigned site, uint8_t proto, bool six)
{
	struct frame f = private_ask(proto, six);

	f.src = PRIVATE_SERVER;
	f.src6 = (struct ip6)PRIVATE_SERVER6;
	f.dst = alias4(site);
	f.dst6 = alias6(site);
	f.token = site;
	return f;
}

/* An ICMP error about @about, from its receiver. */
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
static struct frame embedded(bool six)
{
	size_t len, headers = (six ? 40 : 20) + 8;
	const uint8_t *error = private_last(&len);
	struct frame f = {0};
	const char *why = "";

	if (!frame_parse_quote(error + headers, len - headers, &f, &why))
		fail_msg("%s", why);
	return f;
}

/* Question and answer, four times: packets come by every worker's queue. */
static void converse(unsigned site, uint8_t proto, bool six)
{
	const struct frame f = ask_alias(site, proto, six);
	struct frame out;

	for (unsigned i = 0; i < 4; i++) {
		out = send_and_catch(PRIVATE_DC, f, site);
		assert_true(is_from(&out, PRIVATE_SERVER, (struct ip6)PRIVATE_SERVER6));
		assert_true(is_to(&out, PRIVATE_HOST, (struct ip6)PRIVATE_HOST6));
		assert_int_equal(out.sport, f.sport);
		assert_int_equal(out.token, site);
		out = send_and_catch(site, private_answer(&out), PRIVATE_DC);
		assert_true(is_from(&out, alias4(site), alias6(site)));
		assert_int_equal(out.token, site);
		assert_int_equal(proto == ICMP ? out.sport : out.dport, f.sport);
	}
}

static void errors(unsigned site, bool six)
{
	uint8_t quoted[2048];
	struct frame out, in;

	out = send_and_catch(PRIVATE_DC, ask_alias(site, UDP, six), site);
	out = send_and_catch(site, error_about(&out, quoted), PRIVATE_DC);
	assert_true(is_from(&out, alias4(site), alias6(site)));
	in = embedded(six);
	assert_true(is_to(&in, alias4(site), alias6(site)));
	out = send_and_catch(PRIVATE_DC, ask_alias(site, UDP, six), site);
	out = send_and_catch(site, private_answer(&out), PRIVATE_DC);
	send_and_catch(PRIVATE_DC, error_about(&out, quoted), site);
	in = embedded(six);
	assert_true(is_from(&in, PRIVATE_HOST, (struct ip6)PRIVATE_HOST6));
}

static void test_data_centre_asks(void **state)
{
	static const unsigned workers[] = {1, 2, 4};

	for (unsigned w = 0; w < ARRAY_SIZE(workers); w++) {
		for (unsigned six = 0; six < 2; six++) {
			begin(workers[w]);
			for (unsigned site = 0; site < ALIASED; site++) {
				converse(site, UDP, six);
				converse(site, TCP, six);
				converse(site, ICMP, six);
				errors(site, six);
			}
			assert_int_equal(bed_counters(bed).flows_created, 3 * ALIASED);
			bed_expect_drops(bed, "nothing is lost", DROP_NONE, 0);
			end();
		}
	}
}

/* What the site begins is seen from its alias, with its own port: no two collide. */
static void test_sites_ask(void **state)
{
	for (unsigned six = 0; six < 2; six++) {
		begin(2);
		for (unsigned site = 0; site < SITES; site++) {
			const struct frame f = private_ask(UDP, six);
			struct frame out = send_and_catch(site, f, PRIVATE_DC);

			if (site < ALIASED)
				assert_true(is_from(&out, alias4(site), alias6(site)));
			else
				assert_true(is_from(&out, PRIVATE_HOST, (struct ip6)PRIVATE_HOST6));
			assert_int_equal(out.sport, f.sport);
			out = send_and_catch(PRIVATE_DC, private_answer(&out), site);
			assert_true(is_to(&out, PRIVATE_HOST, (struct ip6)PRIVATE_HOST6));
		}
		end();
	}
}

static void send_alone(unsigned from, struct frame f)
{
	private_send(bed, from, 0, f);
	bed_run(bed);
}

static void test_refusals(void **state)
{
	struct frame f = ask_alias(0, UDP, false);

	begin(1);
	send_alone(PRIVATE_DC, (f.src = IP(9, 9, 9, 9), f));
	bed_expect_drops(bed, "a source that dc may not use", DROP_SOURCE, 1);
	end();

	begin(1);
	f = ask_alias(0, UDP, false);
	f.src = PRIVATE_HOST;
	send_alone(0, f);
	bed_expect_drops(bed, "its own alias", DROP_OWN_SITE, 1);
	end();

	begin(1);
	f = ask_alias(0, TCP, false);
	f.tcp_flags = 16;
	send_alone(PRIVATE_DC, f);
	bed_expect_drops(bed, "no SYN", DROP_NO_FLOW, 1);
	end();
}

/* Flows that are translated by an alias end with it. */
static void test_alias_removed(void **state)
{
	static const uint16_t sites[] = {1, 2, 3, 4}, tunnels[] = {1, 2, 3, 4, 5, 6, 7, 8};
	struct bed_change change = {.ids = {.sites = sites, .tunnels = tunnels}};
	struct change_sweep sweep;
	char *yaml = private_yaml(1, SITES);

	change.yaml = yaml;
	begin(1);
	converse(0, UDP, false);
	send_and_catch(1, private_ask(UDP, false), PRIVATE_DC);
	send_and_catch(2, private_ask(UDP, false), PRIVATE_DC);
	sweep = bed_change(bed, &change);
	assert_int_equal(sweep.moved, 0);
	assert_int_equal(bed_counters(bed).flows, 3);
	no_aliases = true;
	sweep = bed_change(bed, &change);
	no_aliases = false;
	assert_int_equal(sweep.ended[ENDED_ALIAS_LOST], 2);
	assert_int_equal(bed_counters(bed).flows, 1);
	end();
	free(yaml);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_data_centre_asks),
		cmocka_unit_test(test_sites_ask),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_alias_removed),
	};

	return cmocka_run_group_tests_name("packet/alias", tests, NULL, NULL);
}
