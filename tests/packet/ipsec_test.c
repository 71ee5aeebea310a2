/*
 * IPsec through the whole data plane: two sites with the same addresses, one by ESP, one by GRE.
 *
 *   berlin 10.0.1.0/24 --- ESP --- 198.51.100.10 ---+
 *                                                   +--- 198.51.100.1 [ bed ] 203.0.113.1 --- server
 *   madrid 10.0.1.0/24 --- GRE --- 198.51.100.10 ---+
 *
 * The outer addresses are the same, too: the protocol alone tells the two apart.
 */
#include "ipsec_bed.h"

#include "base/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { UNDERLAY, UPLINK, UDP = 17, BERLIN = 1, MADRID };
enum { ETHERNET = 14, AES_GCM = 1, AES_CBC = 3 };

#define SERVER IP(192, 0, 2, 80)
#define EGRESS IP(203, 0, 113, 1)

#define YAML(workers)                                                                              \
	"workers: " workers "\n"                                                                   \
	"ports:\n"                                                                                 \
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"                \
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"                  \
	"sites:\n"                                                                                 \
	"  - name: berlin\n"                                                                       \
	"    prefixes: [10.0.1.0/24]\n"                                                            \
	"    tunnels:\n"                                                                           \
	"      - {name: b1, type: ipsec, local: 198.51.100.1, remote: 198.51.100.10,\n"            \
	"         port: underlay" IPSEC_BLOCK "}\n"                                                \
	"  - name: madrid\n"                                                                       \
	"    prefixes: [10.0.1.0/24]\n"                                                            \
	"    tunnels:\n"                                                                           \
	"      - {name: m1, local: 198.51.100.1, remote: 198.51.100.10, port: underlay}\n"         \
	"egress:\n"                                                                                \
	"  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: [1-4]}]}\n" \
	"flows: {capacity: 4096}\n"

#define IPSEC_BLOCK ", ipsec: {psk: /none}"

static struct bed *bed;
static struct far far;

static void begin(const struct far_options *options)
{
	bed = bed_create(YAML("1"), 7);
	far_make(&far, bed, options);
}

static void end(void)
{
	bed_check(bed);
	far_end(&far);
	bed_destroy(bed);
}

static struct frame from_host(uint16_t sport)
{
	return (struct frame){
		.src = IP(10, 0, 1, 10),
		.dst = SERVER,
		.proto = UDP,
		.sport = sport,
		.dport = 53,
		.ttl = 64,
		.token = sport,
		.payload = 20,
		.df = true,
	};
}

static void send_frame(unsigned port, const uint8_t *bytes, size_t len)
{
	bed_send(bed, port, bytes, len);
	bed_run(bed);
}

static void take(unsigned port, struct frame *f, const char *why)
{
	uint8_t bytes[BED_FRAME_MAX];
	const char *wrong = "nothing came";
	size_t len = bed_take(bed, port, bytes);

	if (len == 0 || !frame_parse(bytes, len, f, &wrong))
		fail_msg("%s: %s", why, wrong);
}

static void send_sealed(uint16_t sport)
{
	struct frame f = from_host(sport);
	uint8_t bytes[BED_FRAME_MAX];

	send_frame(UNDERLAY, bytes, far_seal(&far, &f, bytes));
}

/* The server answers @asked. */
static void answer(const struct frame *asked, uint64_t token)
{
	struct frame f = {
		.src = asked->dst,
		.dst = asked->src,
		.proto = UDP,
		.sport = asked->dport,
		.dport = asked->sport,
		.ttl = 64,
		.token = token,
		.payload = 30,
		.df = true,
	};
	uint8_t bytes[BED_FRAME_MAX];

	send_frame(UPLINK, bytes, frame_build(&f, bytes));
}

static void take_sealed(struct frame *f)
{
	uint8_t bytes[BED_FRAME_MAX];
	size_t len = bed_take(bed, UNDERLAY, bytes);

	assert_true(len > 0);
	far_open(&far, bytes, len, f);
}

/* A question by the tunnel of IPsec, and its answer. */
static void talk(uint16_t sport)
{
	struct frame out, back;

	send_sealed(sport);
	take(UPLINK, &out, "the question");
	assert_int_equal(out.src, EGRESS);
	assert_int_equal(out.token, sport);
	answer(&out, 1000u + sport);
	take_sealed(&back);
	assert_int_equal(back.dst, IP(10, 0, 1, 10));
	assert_int_equal(back.dport, sport);
	assert_int_equal(back.token, 1000u + sport);
	assert_int_equal(back.ttl, 63);
}

static void test_every_suite_and_form(void **state)
{
	for (unsigned i = 0; i < FAR_SUITES * 4; i++) {
		begin(&(struct far_options){
			.suite = far_suites[i / 4], .udp = i & 1, .esn = i & 2});
		for (uint16_t n = 0; n < 5; n++)
			talk((uint16_t)(5000 + n));
		end();
	}
}

/* One five-tuple at once by ESP and by GRE: every answer goes home. */
static void test_two_sites_one_five_tuple(void **state)
{
	struct frame f = from_host(5000), by_gre, by_esp, home;
	uint8_t bytes[BED_FRAME_MAX];

	begin(&(struct far_options){.suite = far_suites[AES_GCM]});
	send_sealed(5000);
	take(UPLINK, &by_esp, "by ESP");
	f.outer_src = FAR_REMOTE;
	f.outer_dst = FAR_LOCAL;
	send_frame(UNDERLAY, bytes, frame_build(&f, bytes));
	take(UPLINK, &by_gre, "by GRE");
	assert_int_not_equal(by_esp.sport, by_gre.sport);
	answer(&by_gre, 1);
	take(UNDERLAY, &home, "home by GRE");
	assert_int_equal(home.outer_dst, FAR_REMOTE);
	assert_int_equal(home.token, 1);
	answer(&by_esp, 2);
	take_sealed(&home);
	assert_int_equal(home.token, 2);
	assert_int_equal(bed_counters(bed).flows, 2);
	end();
}

/* Both forms are accepted at any time; sent is as the SA says. */
static void test_the_other_form(void **state)
{
	struct frame out, back;
	struct far_options o = {.suite = far_suites[AES_GCM], .udp = true};
	struct esp_ends plain;
	uint8_t bytes[BED_FRAME_MAX];
	size_t len;

	begin(&o);
	plain = esp_place(far.table, far.out)->outer[0].ends;
	plain.udp = false;
	assert_int_equal(esp_update(far.table, far.out, &plain), 0);
	send_sealed(5000);
	take(UPLINK, &out, "protocol 50");
	answer(&out, 9);
	len = bed_take(bed, UNDERLAY, bytes);
	assert_int_equal(bytes[ETHERNET + IPV4_PROTO], PROTO_UDP);
	far_open(&far, bytes, len, &back);
	assert_int_equal(back.token, 9);
	end();
}

static void test_replay(void **state)
{
	struct frame f = from_host(5000), out;
	uint8_t bytes[BED_FRAME_MAX];
	size_t len;

	begin(&(struct far_options){.suite = far_suites[AES_GCM], .window = 64});
	len = far_seal(&far, &f, bytes);
	send_frame(UNDERLAY, bytes, len);
	take(UPLINK, &out, "the first");
	send_frame(UNDERLAY, bytes, len);
	bed_expect_drops(bed, "the same again", DROP_ESP_REPLAY, 1);
	len = far_seal(&far, &f, bytes); /* number 2 is kept back */
	for (unsigned n = 0; n < 64; n++) {
		send_sealed(5000);
		take(UPLINK, &out, "later ones");
	}
	send_frame(UNDERLAY, bytes, len);
	bed_expect_drops(bed, "older than the window", DROP_ESP_REPLAY, 2);
	end();
}

static unsigned dropped(void)
{
	struct worker_counters c = bed_counters(bed);
	unsigned n = 0;

	for (unsigned i = 1; i < DROP_COUNT; i++)
		n += (unsigned)c.drops[i];
	return n;
}

/* Nothing that was changed is delivered, and everything has a name. */
static void test_flipped_bits(void **state)
{
	struct frame f = from_host(5000), out;
	uint8_t bytes[BED_FRAME_MAX], copy[BED_FRAME_MAX];
	size_t len;

	for (unsigned udp = 0; udp < 2; udp++) {
		begin(&(struct far_options){.suite = far_suites[udp ? AES_CBC : AES_GCM],
					    .udp = udp});
		len = far_seal(&far, &f, bytes);
		for (unsigned at = ETHERNET; at < len; at++) {
			bool free_field = udp && at >= ETHERNET + IPV4_LEN &&
					  at < ETHERNET + IPV4_LEN + UDP_LEN;

			if (free_field) /* ports and checksum of UDP are not protected */
				continue;
			memcpy(copy, bytes, len);
			copy[at] ^= (uint8_t)(1u << at % 8);
			send_frame(UNDERLAY, copy, len);
			if (bed_take(bed, UPLINK, copy) != 0)
				fail_msg("byte %u", at);
		}
		assert_int_equal(bed_counters(bed).flows, 0);
		assert_int_equal(dropped(), bed_counters(bed).rx);
		send_frame(UNDERLAY, bytes, len);
		take(UPLINK, &out, "as it was");
		end();
	}
}

static void test_cut_at_every_length(void **state)
{
	struct frame f = from_host(5000), out;
	uint8_t bytes[BED_FRAME_MAX], copy[BED_FRAME_MAX];
	size_t len;

	begin(&(struct far_options){.suite = far_suites[AES_GCM], .udp = true});
	len = far_seal(&far, &f, bytes);
	for (unsigned cut = ETHERNET; cut < len; cut++) {
		memcpy(copy, bytes, cut);
		send_frame(UNDERLAY, copy, cut);
		if (cut < ETHERNET + IPV4_LEN + UDP_LEN)
			continue;
		/* and with headers that agree with it */
		wire_put_be16(copy + ETHERNET + IPV4_LENGTH, htons((uint16_t)(cut - ETHERNET)));
		wire_put_be16(copy + ETHERNET + IPV4_LEN + UDP_LENGTH,
			      htons((uint16_t)(cut - ETHERNET - IPV4_LEN)));
		frame_mend(copy + ETHERNET);
		send_frame(UNDERLAY, copy, cut);
	}
	assert_int_equal(bed_take(bed, UPLINK, copy), 0);
	assert_int_equal(dropped(), bed_counters(bed).rx);
	send_frame(UNDERLAY, bytes, len);
	take(UPLINK, &out, "as it was");
	end();
}

static void test_esn_over_the_border(void **state)
{
	begin(&(struct far_options){.suite = far_suites[AES_GCM], .esn = true});
	esp_place(far.table, far.out)->window.newest = UINT64_C(0x2fffffff0);
	esp_place(far.ours, far.our_in)->window.newest = UINT64_C(0x2fffffff0);
	esp_place(far.ours, far.our_out)->window.newest = UINT64_C(0x6fffffff8);
	esp_place(far.table, far.in)->window.newest = UINT64_C(0x6fffffff8);
	for (uint16_t n = 0; n < 40; n++)
		talk((uint16_t)(5000 + n));
	assert_int_equal(esp_place(far.ours, far.our_in)->window.newest, UINT64_C(0x300000018));
	end();
}

/* Make before break: packets by the old SA and by the new one. */
static void test_rekey(void **state)
{
	const struct far_options o = {.suite = far_suites[AES_GCM]};
	struct far old;
	struct frame out, f = from_host(5001);
	uint8_t bytes[BED_FRAME_MAX];

	begin(&o);
	talk(5000);
	far_rekey(&far, &o, &old);
	talk(5000);
	send_frame(UNDERLAY, bytes, far_seal(&old, &f, bytes));
	take(UPLINK, &out, "late, by the old one");
	assert_int_equal(esp_remove(far.ours, old.our_in), 0);
	assert_int_equal(esp_remove(far.ours, old.our_out), 0);
	send_frame(UNDERLAY, bytes, far_seal(&old, &f, bytes));
	bed_expect_drops(bed, "too late", DROP_ESP_UNKNOWN_SPI, 1);
	esp_reclaim(far.ours);
	talk(5000);
	end();
}

/* A peer's NAT gives it another port; an old packet, sent again from elsewhere, moves nothing. */
static void test_nat_moves(void **state)
{
	struct frame f = from_host(5000), out;
	uint8_t old[BED_FRAME_MAX], bytes[BED_FRAME_MAX];
	size_t old_len, len;
	struct esp_event e;

	begin(&(struct far_options){.suite = far_suites[AES_GCM], .udp = true});
	old_len = far_seal(&far, &f, old);
	len = far_seal(&far, &f, bytes);
	wire_put_be16(bytes + ETHERNET + IPV4_LEN, htons(40000));
	send_frame(UNDERLAY, bytes, len);
	take(UPLINK, &out, "from the new port");
	assert_true(esp_take_event(far.ours, &e));
	assert_int_equal(e.type, ESP_EVENT_MAPPING);
	assert_int_equal(e.ends.remote_port, 40000);
	wire_put_be32(old + ETHERNET + IPV4_SRC, htonl(IP(203, 0, 113, 66)));
	frame_mend(old + ETHERNET);
	send_frame(UNDERLAY, old, old_len);
	take(UPLINK, &out, "the old one is accepted");
	assert_false(esp_take_event(far.ours, &e));
	end();
}

static void send_udp(const uint8_t *payload, uint16_t n)
{
	struct frame f = {
		.src = FAR_REMOTE,
		.dst = FAR_LOCAL,
		.proto = UDP,
		.sport = 4500,
		.dport = 4500,
		.ttl = 64,
		.data = payload,
		.payload = n,
	};
	uint8_t bytes[BED_FRAME_MAX];

	send_frame(UNDERLAY, bytes, frame_build(&f, bytes));
}

static void test_port_4500(void **state)
{
	begin(&(struct far_options){.suite = far_suites[AES_GCM]});
	send_udp((const uint8_t *)"\xff", 1);
	bed_expect_drops(bed, "keepalive", DROP_ESP_KEEPALIVE, 1);
	end();
	begin(&(struct far_options){.suite = far_suites[AES_GCM]});
	send_udp((const uint8_t *)"\0\0\0\0IKE", 7);
	send_udp((const uint8_t *)"\1\2\3", 3);
	bed_expect_drops(bed, "IKE", DROP_NOT_OURS, 2);
	end();
	begin(&(struct far_options){.suite = far_suites[AES_GCM]});
	send_udp((const uint8_t *)"\1\2\3\4\5\6\7\10", 8);
	bed_expect_drops(bed, "unknown SPI", DROP_ESP_UNKNOWN_SPI, 1);
	end();
}

static void test_no_sa(void **state)
{
	struct frame out;
	struct esp_event e;
	uint8_t bytes[BED_FRAME_MAX];

	begin(&(struct far_options){.suite = far_suites[AES_GCM]});
	send_sealed(5000);
	take(UPLINK, &out, "the question");
	esp_use_none(far.ours, BERLIN);
	answer(&out, 1);
	answer(&out, 1);
	bed_expect_drops(bed, "no SA", DROP_ESP_NO_SA, 2);
	assert_int_equal(bed_take(bed, UNDERLAY, bytes), 0);
	assert_true(esp_take_event(far.ours, &e));
	assert_int_equal(e.type, ESP_EVENT_ACQUIRE);
	assert_int_equal(e.tunnel, BERLIN);
	assert_int_equal(addr6_to_ipv4(&e.src), htonl(SERVER));
	assert_int_equal(addr6_to_ipv4(&e.dst), htonl(IP(10, 0, 1, 10)));
	assert_int_equal(e.src_port, 53);
	assert_false(esp_take_event(far.ours, &e));
	end();
}

static void test_selectors(void **state)
{
	struct far_options o = {.suite = far_suites[AES_GCM], .remote_selectors.n = 1};
	struct esp_selector *s = &o.remote_selectors.at[0];

	s->first = addr6_from_ipv4(htonl(IP(10, 0, 1, 0)));
	s->last = addr6_from_ipv4(htonl(IP(10, 0, 1, 9)));
	s->last_port = UINT16_MAX;
	begin(&o);
	send_sealed(5000); /* from 10.0.1.10 */
	bed_expect_drops(bed, "outside", DROP_ESP_SELECTOR, 1);
	end();
	s->last = addr6_from_ipv4(htonl(IP(10, 0, 1, 10)));
	begin(&o);
	talk(5000);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_suite_and_form),
		cmocka_unit_test(test_two_sites_one_five_tuple),
		cmocka_unit_test(test_the_other_form),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_flipped_bits),
		cmocka_unit_test(test_cut_at_every_length),
		cmocka_unit_test(test_esn_over_the_border),
		cmocka_unit_test(test_rekey),
		cmocka_unit_test(test_nat_moves),
		cmocka_unit_test(test_port_4500),
		cmocka_unit_test(test_no_sa),
		cmocka_unit_test(test_selectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
