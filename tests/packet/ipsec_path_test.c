/*
 * IPsec tunnels on the ways that few packets take: several workers, sizes, fragments, congestion,
 * errors, failover.
 *
 *   berlin 10.0.1.0/24 === ESP === 198.51.100.10 ===+
 *                      --- GRE --- 198.51.100.10 ---+--- 198.51.100.1 [ bed ] --- server
 */
#include "ipsec_bed.h"

#include "base/wire.h"
#include "worker/inject.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { UNDERLAY, UPLINK, ICMP = 1, UDP = 17, SEALED = 1, BACKUP, ETHERNET = 14 };

#define HOST IP(10, 0, 1, 10)
#define SERVER IP(192, 0, 2, 80)
#define IPSEC_BLOCK ", ipsec: {psk: /none}"

#define YAML(workers)                                                                              \
	"workers: " workers "\n"                                                                   \
	"ports:\n"                                                                                 \
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"                \
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"                  \
	"sites:\n"                                                                                 \
	"  - name: berlin\n"                                                                       \
	"    tunnels:\n"                                                                           \
	"      - {name: b1, type: ipsec, local: 198.51.100.1, remote: 198.51.100.10,\n"            \
	"         address: 192.0.2.1, port: underlay" IPSEC_BLOCK "}\n"                            \
	"      - {name: b2, local: 198.51.100.1, remote: 198.51.100.10, port: underlay}\n"         \
	"egress:\n"                                                                                \
	"  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: [1-4]}]}\n" \
	"flows: {capacity: 4096}\n"

static const struct far_options gcm = {.suite = {ESP_AES_GCM_16, ESP_AEAD, 36, 0}};

static struct bed *bed;
static struct far far;

static void begin(const char *yaml)
{
	bed = bed_create(yaml, 7);
	far_make(&far, bed, &gcm);
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
		.src = HOST,
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

static struct frame reply_to(const struct frame *asked, uint16_t payload, bool df)
{
	return (struct frame){
		.src = asked->dst,
		.dst = asked->src,
		.proto = UDP,
		.sport = asked->dport,
		.dport = asked->sport,
		.ttl = 64,
		.token = asked->token,
		.payload = payload,
		.df = df,
	};
}

static void send_sealed_to(unsigned queue, const struct frame *f)
{
	uint8_t bytes[BED_FRAME_MAX];

	bed_send_to(bed, UNDERLAY, queue, bytes, far_seal(&far, f, bytes));
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

static size_t take_sealed_bytes(uint8_t *inner)
{
	uint8_t bytes[BED_FRAME_MAX];
	size_t len = bed_take(bed, UNDERLAY, bytes);

	assert_in_range(len, 1, ETHERNET + 1500);
	return far_open_bytes(&far, bytes, len, inner);
}

static void take_sealed(struct frame *f)
{
	uint8_t bytes[BED_FRAME_MAX];
	size_t len = bed_take(bed, UNDERLAY, bytes);

	assert_in_range(len, 1, ETHERNET + 1500);
	far_open(&far, bytes, len, f);
}

static void send_frame(unsigned port, unsigned queue, const struct frame *f)
{
	uint8_t bytes[BED_FRAME_MAX];

	bed_send_to(bed, port, queue, bytes, frame_build(f, bytes));
	bed_run(bed);
}

/* Each SA was used by one worker alone: that one has counted all packets of the tunnel. */
static void check_owners(void)
{
	const struct esp_sa *in = esp_place(far.ours, far.our_in);
	const struct esp_sa *out = esp_place(far.ours, far.our_out);

	for (unsigned w = 0; w < 2; w++) {
		struct tunnel_counters c;

		worker_read_tunnel(bed_worker(bed, w), SEALED, &c);
		assert_int_equal(c.rx_packets, in->owner == w + 1 ? 200 : 0);
		assert_int_equal(c.tx_packets, out->owner == w + 1 ? 200 : 0);
	}
}

/*
 * Packets of both directions come by both queues. The far end opens all, so no number was used
 * twice, and the bed opens all, so the window has one writer.
 */
static void test_two_workers(void **state)
{
	bed_queues = 2;
	begin(YAML("2"));
	for (uint16_t n = 0; n < 200; n++) {
		struct frame f = from_host((uint16_t)(5000 + n / 2)), out, back;

		send_sealed_to(n & 1, &f);
		take(UPLINK, &out, "the question");
		assert_int_equal(out.token, f.token);
		back = reply_to(&out, 30, true);
		send_frame(UPLINK, (n >> 1) & 1, &back);
		take_sealed(&back);
		assert_int_equal(back.dport, f.sport);
	}
	assert_int_equal(bed_counters(bed).flows, 100);
	assert_true(bed_counters(bed).handed_in >= 100);
	assert_int_equal(esp_place(far.ours, far.our_in)->packets, 200);
	assert_int_equal(esp_place(far.ours, far.our_out)->packets, 200);
	check_owners();
	end();
	bed_queues = 1;
}

/* 1,422 bytes fit whatever the suite; more are refused by ICMP, or fragmented and then sealed. */
static void test_sizes(void **state)
{
	enum { FITS = 1422 - 28 };
	uint8_t inner[BED_FRAME_MAX];
	struct frame f = from_host(5000), out, back, error;
	size_t len = 0, n = 0;

	begin(YAML("1"));
	send_sealed_to(0, &f);
	take(UPLINK, &out, "the question");
	back = reply_to(&out, FITS, true);
	send_frame(UPLINK, 0, &back);
	take_sealed(&back);
	assert_int_equal(back.payload, FITS);

	back = reply_to(&out, FITS + 1, true);
	send_frame(UPLINK, 0, &back);
	take(UPLINK, &error, "too big");
	assert_int_equal(error.proto, ICMP);
	assert_int_equal(error.dport, 1422);

	back = reply_to(&out, FITS + 1, false);
	send_frame(UPLINK, 0, &back);
	for (; n < 2; n++) {
		size_t part = take_sealed_bytes(inner);

		assert_true(part <= 1422);
		assert_int_equal(wire_16(inner + IPV4_FRAGMENT) & IPV4_MF, n == 0 ? IPV4_MF : 0);
		len += part - IPV4_LEN;
	}
	assert_int_equal(len, 8 + FITS + 1);
	end();
}

/* RFC 6040: a mark on the outer header reaches the inner one, or drops a packet that cannot tell. */
static void test_congestion(void **state)
{
	uint8_t bytes[BED_FRAME_MAX];
	struct frame f = from_host(5000), out;
	size_t len;

	begin(YAML("1"));
	f.tos = 2; /* ECT(0) */
	len = far_seal(&far, &f, bytes);
	assert_int_equal(bytes[ETHERNET + IPV4_TOS], 2);
	bytes[ETHERNET + IPV4_TOS] = 3;
	frame_mend(bytes + ETHERNET);
	bed_send(bed, UNDERLAY, bytes, len);
	bed_run(bed);
	take(UPLINK, &out, "marked");
	assert_int_equal(out.tos, 3);
	f.tos = 0;
	len = far_seal(&far, &f, bytes);
	bytes[ETHERNET + IPV4_TOS] = 3;
	frame_mend(bytes + ETHERNET);
	bed_send(bed, UNDERLAY, bytes, len);
	bed_run(bed);
	bed_expect_drops(bed, "cannot tell", DROP_ECN, 1);
	end();
}

/* An ICMP error grows in front of its packet and goes back sealed. */
static void test_error_into_the_tunnel(void **state)
{
	struct frame f = from_host(5000), error;

	begin(YAML("1"));
	f.ttl = 1;
	send_sealed_to(0, &f);
	take_sealed(&error);
	assert_int_equal(error.proto, ICMP);
	assert_int_equal(error.icmp_type, 11);
	assert_int_equal(error.src, IP(192, 0, 2, 1));
	assert_int_equal(error.dst, HOST);
	end();
}

/* The flow goes on by the other tunnel, both ways; a probe still goes into the tunnel that is down. */
static void test_failover(void **state)
{
	uint8_t probe[64], inner[BED_FRAME_MAX];
	struct frame f = from_host(5000), out, back;
	size_t len;

	begin(YAML("1"));
	send_sealed_to(0, &f);
	take(UPLINK, &out, "the question");
	bed_fail(bed, SEALED, false, BACKUP);
	back = reply_to(&out, 30, true);
	send_frame(UPLINK, 0, &back);
	take(UNDERLAY, &back, "by GRE");
	assert_int_equal(back.outer_dst, FAR_REMOTE);
	assert_int_equal(back.token, 5000);

	f = from_host(1);
	f.src = IP(192, 0, 2, 1);
	len = frame_build_inner(&f, probe);
	assert_true(worker_inject(bed_worker(bed, 0), INJECT_TUNNEL, SEALED, probe, len));
	bed_run(bed);
	assert_int_equal(take_sealed_bytes(inner), len);
	assert_memory_equal(inner, probe, len);

	bed_fail(bed, BACKUP, false, SEALED);
	f = from_host(6000);
	f.outer_src = FAR_REMOTE;
	f.outer_dst = FAR_LOCAL;
	send_frame(UNDERLAY, 0, &f);
	take(UPLINK, &out, "a flow by GRE");
	back = reply_to(&out, 30, true);
	send_frame(UPLINK, 0, &back);
	take_sealed(&back);
	assert_int_equal(back.token, 6000);
	end();
}

/* Without its tunnel an SA brings nothing: the tunnel was removed, or is of another kind. */
static void test_sa_of_no_tunnel(void **state)
{
	struct far_options options = gcm;
	struct frame f = from_host(5000);

	begin(YAML("1"));
	far_end(&far);
	options.tunnel = BACKUP;
	far_make(&far, bed, &options);
	send_sealed_to(0, &f);
	far_end(&far);
	options.tunnel = 999;
	far_make(&far, bed, &options);
	send_sealed_to(0, &f);
	bed_expect_drops(bed, "no tunnel", DROP_TUNNEL_GONE, 2);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_workers), cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_congestion),  cmocka_unit_test(test_error_into_the_tunnel),
		cmocka_unit_test(test_failover),    cmocka_unit_test(test_sa_of_no_tunnel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
