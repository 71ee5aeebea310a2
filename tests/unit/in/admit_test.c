/*
 * Admission of fragments from the Internet: each row is a first fragment and its verdict. Later
 * fragments follow, which are judged by their addresses alone.
 */
#include "in/admit.h"

#include "base/wire.h"
#include "flow/remotes.h"
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { TCP = 6, UDP = 17, ICMP = 1, ICMP6 = 58, PORT = 2050, ERROR = 3, ERROR6 = 1 };

/* The flows of the bench: from berlin's host to port 53 of the server, of each protocol. */
static struct frame site_frame(uint8_t proto, bool six)
{
	return (struct frame){
		.six = six,
		.src = HOST,
		.dst = SERVER,
		.src6 = HOST6,
		.dst6 = SERVER6,
		.sport = 5000,
		.dport = proto == ICMP || proto == ICMP6 ? 0 : 53,
		.proto = proto,
		/* a multiple of eight bytes: more fragments follow */
		.payload = proto == TCP ? 68 : 64,
	};
}

static const struct row {
	const char *why;
	bool six;
	uint8_t proto;
	int16_t type; /* ICMP type, if it is not a reply */
	int16_t sport, dport; /* if they are not those of the flow */
	bool stranger; /* from another source */
	uint32_t dst; /* another destination, or another source of the embedded packet */
	enum drop drop;
} rows[] = {
	{"UDP", false, UDP},
	{"TCP", false, TCP},
	{"an echo reply", false, ICMP},
	{"IPv6: UDP", true, UDP},
	{"IPv6: TCP", true, TCP},
	{"IPv6: an echo reply", true, ICMP6},
	{"from another port", false, UDP, 0, 54, 0, false, 0, DROP_NO_FLOW},
	{"to another port", false, UDP, 0, 0, PORT + 1, false, 0, DROP_NO_FLOW},
	{"to another address of ours", false, UDP, 0, 0, 0, false, EGRESS_2, DROP_NO_FLOW},
	{"from somebody else", false, UDP, 0, 0, 0, true, 0, DROP_NO_FLOW},
	{"IPv6: from somebody else", true, UDP, 0, 0, 0, true, 0, DROP_NO_FLOW},
	{"IPv6: to another port", true, TCP, 0, 0, PORT + 1, false, 0, DROP_NO_FLOW},
	{"an echo request", false, ICMP, 8, 0, 0, false, 0, DROP_NO_FLOW},
	{"IPv6: an echo request", true, ICMP6, 128, 0, 0, false, 0, DROP_NO_FLOW},
	{"another echo", false, ICMP, 0, 0, 77, false, 0, DROP_NO_FLOW},
	{"a protocol that nobody has", false, 132, 0, 0, 0, false, 0, DROP_PROTOCOL},
	{"IPv6: a protocol that nobody has", true, 132, 0, 0, 0, false, 0, DROP_NO_FLOW},
	{"an ICMP error about nothing of ours", false, ICMP, ERROR, 0, 0, false, 0,
	 DROP_ICMP_EMBEDDED},
	{"IPv6: an ICMP error about nothing of ours", true, ICMP6, ERROR6, 0, 0, false, 0,
	 DROP_ICMP_EMBEDDED},
};

/* Builds the row's answer to the flow with port @nat. */
static struct frame row_frame(const struct row *row, uint16_t nat)
{
	struct frame f = site_frame(row->proto, row->six);
	bool icmp = row->proto == ICMP || row->proto == ICMP6;

	f.src = SERVER + row->stranger;
	f.src6 = (struct ip6)SERVER6;
	((uint8_t *)&f.src6)[15] += row->stranger;
	f.dst = row->dst != 0 ? row->dst : EGRESS;
	f.dst6 = (struct ip6)EGRESS6;
	f.sport = row->sport != 0 ? (uint16_t)row->sport : 53;
	f.dport = row->dport != 0 ? (uint16_t)row->dport : nat;
	f.icmp_type = row->type != 0 ? (uint8_t)row->type : row->six ? 129 : 0;
	if (icmp) {
		f.sport = f.dport;
		f.dport = 0;
	}
	return f;
}

/* Sets MF, as if more fragments followed. */
static enum drop read_fragment(struct packet *p, bool six, struct fragment *fragment)
{
	static uint8_t bytes[2048];

	if (!six) {
		wire_put_be16(p->data + IPV4_FRAGMENT, htons(IPV4_MF));
		return fragment_read(p->data, fragment);
	}
	memcpy(bytes, p->data, IPV6_LEN);
	bytes[IPV6_NEXT] = NEXT_FRAGMENT;
	wire_put_be16(bytes + IPV6_LENGTH, htons((uint16_t)(p->len - IPV6_LEN + 8)));
	memset(bytes + IPV6_LEN, 0, 8);
	bytes[IPV6_LEN] = p->data[IPV6_NEXT];
	bytes[IPV6_LEN + 3] = 1;
	memcpy(bytes + IPV6_LEN + 8, p->data + IPV6_LEN, p->len - IPV6_LEN);
	return fragment6_read(bytes, fragment);
}

static enum drop admit(struct stage_bench *b, const struct row *row, uint16_t *site)
{
	static const uint8_t protos[] = {TCP, UDP, ICMP};
	uint16_t nat = PORT;
	struct frame f;
	struct packet *p;
	struct fragment fragment;
	struct flow6_key six;
	enum drop drop;

	for (size_t i = 0; i < sizeof(protos); i++) {
		struct frame four = site_frame(protos[i], false);
		struct frame other = site_frame(protos[i] == ICMP ? ICMP6 : protos[i], true);

		bench_flow(b, &four, TUNNEL_B1, nat);
		bench_flow6(b, &other, TUNNEL_B1, nat);
	}
	f = row_frame(row, nat);
	p = bench_inner(b, &f, TUNNEL_NONE);
	assert_int_equal(read_fragment(p, row->six, &fragment), DROP_NONE);
	drop = admit_key(&b->ctx, p, &fragment, &six);
	return drop != DROP_NONE ? drop : admit_first(&b->ctx, p, &six, site);
}

static void every_row(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct stage_bench *b = bench_create(2048, 1024, 0, 1);
		uint16_t site = 0;
		enum drop drop = admit(b, &rows[i], &site);

		if (drop != rows[i].drop)
			fail_msg("%s: %s", rows[i].why, drop_infos[drop].name);
		if (drop == DROP_NONE)
			assert_int_equal(site, SITE_BERLIN);
		bench_destroy(b);
	}
}

/* A later fragment is held if its two addresses have a flow, in either family. */
static void later_ones(void **state)
{
	struct stage_bench *b = bench_create(2048, 1024, 0, 1);
	struct fragment four = {.key = {.src = addr6_from_ipv4(htonl(SERVER)),
					.dst = addr6_from_ipv4(htonl(EGRESS))}};
	struct fragment six = {.key = {.src = bench_addr6((struct ip6)SERVER6),
				       .dst = bench_addr6((struct ip6)EGRESS6)}};
	struct remotes *r = b->ctx.remotes;

	assert_false(admit_later(&b->ctx, &four));
	assert_false(admit_later(&b->ctx, &six));
	remotes_add(r, remotes_place(r, htonl(EGRESS), htonl(SERVER)));
	assert_true(admit_later(&b->ctx, &four));
	assert_false(admit_later(&b->ctx, &six));
	remotes_add(r, remotes_place6(r, &six.key.dst, &six.key.src));
	assert_true(admit_later(&b->ctx, &six));
	bench_destroy(b);
}

/* If no IPv6 flows are forwarded, no IPv6 fragment is held. */
static void without_ipv6(void **state)
{
	struct stage_bench *b = bench_create(2048, 1024, 0, 1);
	struct flow_table *flows6 = b->ctx.flows6;
	struct packet p = {.mbuf = NULL};
	struct fragment six = {.key = {.src = bench_addr6((struct ip6)SERVER6)}};
	struct flow6_key key;

	b->ctx.flows6 = NULL;
	assert_int_equal(admit_key(&b->ctx, &p, &six, &key), DROP_NO_IPV6);
	b->ctx.flows6 = flows6;
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(later_ones),
		cmocka_unit_test(without_ipv6),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
