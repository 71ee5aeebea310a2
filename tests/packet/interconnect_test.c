/*
 * Interconnects through the whole data plane: two sites with the same addresses, one in a VLAN and
 * one on a port of its own.
 *
 *   berlin 10.0.1.0/24  fd00::/64 ---- VLAN 100 of port `trunk` ------+
 *          its backup: GRE over IPv6 with a key, on port `trunk`      +-- [ bed ] -- uplink
 *   oslo   10.0.1.0/24  fd00::/64 ---- port `plain`, untagged --------+
 *
 * `trunk` is promiscuous. Its Ethernet address is 02:00:00:00:00:01.
 */
#include "bed.h"
#include "frame.h"

#include "path/packet.h"
#include "worker/inject.h"
#include "worker/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TRUNK, PLAIN, UPLINK, UDP = 17, ICMP = 1, ICMP6 = 58 };
enum { BERLIN = 1, BACKUP, OSLO };
enum { VLAN = 100 };

static const char yaml[] =
	"ports:\n"
	"  - {name: trunk, driver: af_packet, interface: eth1}\n"
	"  - {name: plain, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
	"sites:\n"
	"  - name: berlin\n"
	"    prefixes: [10.0.1.0/24, 'fd00::/64']\n"
	"    tunnels:\n"
	"      - {name: b1, type: interconnect, port: trunk, vlan: 100, address: 192.0.2.0,\n"
	"         peer: 192.0.2.1, address6: 'fd01::', peer6: 'fd01::1'}\n"
	"      - {name: b2, local: '2001:db8:f::1', remote: '2001:db8:f::2', key: 7, port: trunk}\n"
	"  - name: oslo\n"
	"    prefixes: [10.0.1.0/24, 'fd00::/64']\n"
	"    tunnels:\n"
	"      - {name: o1, type: interconnect, port: plain, address: 192.0.2.0, peer: 192.0.2.1,\n"
	"         address6: 'fd01::', peer6: 'fd01::1', mtu: 1400}\n"
	"egress:\n"
	"  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: [1, 2]},\n"
	"     {address: '2001:db8:1::1', slices: [1]}]}\n"
	"flows: {capacity: 4096, capacity-ipv6: 4096}\n";

#define HOST IP(10, 0, 1, 10)
#define SERVER IP(192, 0, 2, 80)
#define EGRESS IP(203, 0, 113, 1)
#define LINK IP(192, 0, 2, 0)
#define HOST6 IP6(0xfd00, 0, 0, 0, 0, 0, 0, 0x10)
#define SERVER6 IP6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x80)
#define EGRESS6 IP6(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1)
#define LINK6 IP6(0xfd01, 0, 0, 0, 0, 0, 0, 0)

static struct frame from_host(bool six, uint16_t payload)
{
	return (struct frame){
		.six = six,
		.src = HOST,
		.dst = SERVER,
		.src6 = HOST6,
		.dst6 = SERVER6,
		.proto = UDP,
		.sport = 5000,
		.dport = 53,
		.token = 77,
		.payload = payload,
		.df = true,
	};
}

static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 1};

static size_t put_tag(uint8_t *bytes, size_t len, uint16_t vlan)
{
	memmove(bytes + 16, bytes + 12, len - 12);
	bytes[12] = 0x81;
	bytes[13] = 0;
	bytes[14] = (uint8_t)(vlan >> 8);
	bytes[15] = (uint8_t)vlan;
	return len + 4;
}

/* Sends @f to @port, tagged on the trunk, and lets the workers run. */
static void transfer(struct bed *bed, unsigned port, const struct frame *f)
{
	uint8_t bytes[BED_FRAME_MAX];
	size_t len = frame_build(f, bytes);

	if (port == TRUNK && f->outer_dst == 0 && !f->outer_six)
		len = put_tag(bytes, len, VLAN);
	if (port == TRUNK)
		memcpy(bytes, our_mac, sizeof(our_mac));
	bed_send(bed, port, bytes, len);
	bed_run(bed);
}

/* Takes the one frame that left by @port. Returns its VLAN; 0: it was untagged. */
static uint16_t take(struct bed *bed, unsigned port, struct frame *f, const char *why)
{
	uint8_t bytes[BED_FRAME_MAX], more[BED_FRAME_MAX];
	const char *wrong = "nothing came";
	size_t len = bed_take(bed, port, bytes);
	uint16_t vlan = 0;

	if (len > 16 && bytes[12] == 0x81 && bytes[13] == 0) {
		vlan = (uint16_t)(bytes[14] << 8 | bytes[15]);
		memmove(bytes + 12, bytes + 16, len - 16);
		len -= 4;
	}
	if (len == 0 || !frame_parse(bytes, len, f, &wrong))
		fail_msg("%s: %s", why, wrong);
	assert_int_equal(bed_take(bed, port, more), 0);
	return vlan;
}

/* The server's answer to what left by the uplink. */
static struct frame answer_to(const struct frame *out, uint16_t payload)
{
	struct frame f = *out;

	f.src = out->dst;
	f.dst = out->src;
	f.src6 = out->dst6;
	f.dst6 = out->src6;
	f.sport = out->dport;
	f.dport = out->sport;
	f.payload = payload;
	f.ttl = 0;
	return f;
}

/* Two sites open the same five-tuple. Both get their own answer, each by its own link. */
static void test_home(void **state)
{
	static const unsigned ports[] = {TRUNK, PLAIN};
	static const uint16_t vlans[] = {VLAN, 0};

	for (int six = 0; six < 2; six++) {
		struct bed *bed = bed_create(yaml, 1);
		struct frame out[2], back;

		for (int i = 0; i < 2; i++) {
			struct frame f = from_host(six, 32);

			f.token = (uint64_t)i;
			transfer(bed, ports[i], &f);
			assert_int_equal(take(bed, UPLINK, &out[i], "out"), 0);
			assert_int_equal(out[i].token, i);
		}
		assert_int_not_equal(out[0].sport, out[1].sport);
		for (int i = 0; i < 2; i++) {
			struct frame f = answer_to(&out[i], 32);
			uint8_t none[BED_FRAME_MAX];

			transfer(bed, UPLINK, &f);
			assert_int_equal(take(bed, ports[i], &back, "back"), vlans[i]);
			assert_int_equal(back.token, i);
			assert_int_equal(back.dport, 5000);
			assert_int_equal(back.dst, six ? 0 : HOST);
			assert_int_equal(bed_take(bed, ports[1 - i], none), 0);
		}
		bed_check(bed);
		bed_destroy(bed);
	}
}

/* A ping to our address on the link, in and outside of a VLAN. */
static void test_echo(void **state)
{
	for (int i = 0; i < 4; i++) {
		struct bed *bed = bed_create(yaml, 1);
		bool six = i & 1, tagged = i & 2;
		struct frame f = from_host(six, 32), back;

		f.proto = six ? ICMP6 : ICMP;
		f.icmp_type = six ? 128 : 8;
		f.dst = LINK;
		f.dst6 = (struct ip6)LINK6;
		transfer(bed, tagged ? TRUNK : PLAIN, &f);
		assert_int_equal(take(bed, tagged ? TRUNK : PLAIN, &back, "echo"),
				 tagged ? VLAN : 0);
		assert_int_equal(back.icmp_type, six ? 129 : 0);
		assert_int_equal(back.token, 77);
		bed_expect_answer(bed, "echo", ANSWER_ECHO + 1);
		bed_check(bed);
		bed_destroy(bed);
	}
}

/* The tag takes nothing of the MTU: 1,500 bytes fit the VLAN, 1,501 do not; oslo has 1,400. */
static void test_mtu(void **state)
{
	static const struct {
		unsigned port;
		uint16_t size;
		bool fits;
	} rows[] = {{TRUNK, 1500, true},
		    {TRUNK, 1501, false},
		    {PLAIN, 1400, true},
		    {PLAIN, 1401, false}};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (int six = 0; six < 2; six++) {
			uint16_t payload = (uint16_t)(rows[i].size - (six ? 40 : 20) - 8);
			struct bed *bed = bed_create(yaml, 1);
			struct frame f = from_host(six, 32), out, back;

			transfer(bed, rows[i].port, &f);
			take(bed, UPLINK, &out, "out");
			f = answer_to(&out, payload);
			f.df = true;
			transfer(bed, UPLINK, &f);
			if (rows[i].fits) {
				take(bed, rows[i].port, &back, "fits");
				assert_int_equal(back.payload, payload);
			} else {
				take(bed, UPLINK, &back, "too big");
				assert_int_equal(back.icmp_type, six ? 2 : 3);
				bed_expect_answer(bed, "mtu", ANSWER_TOO_BIG + 1);
			}
			bed_check(bed);
			bed_destroy(bed);
		}
}

/*
 * Berlin's link fails, and returns take its backup, with 66 bytes of headers: also an ICMP error
 * about a packet that came by the link, which had 18. Then all is well again.
 */
/* A probe goes into the link itself, also while the backup stands in for it. */
static void probe_link(struct bed *bed, int six)
{
	struct frame f = from_host(six, 32), out;
	uint8_t bytes[BED_FRAME_MAX];
	size_t len = frame_build_inner(&f, bytes);

	assert_true(worker_inject(bed_worker(bed, 0), INJECT_TUNNEL, BERLIN, bytes, len));
	bed_run(bed);
	assert_int_equal(take(bed, TRUNK, &out, "a probe by the link"), VLAN);
}

static void test_failover(void **state)
{
	for (int six = 0; six < 2; six++) {
		struct bed *bed = bed_create(yaml, 1);
		struct frame f = from_host(six, 1400), out, back;

		transfer(bed, TRUNK, &f);
		take(bed, UPLINK, &out, "out");
		bed_fail(bed, BERLIN, false, BACKUP);
		probe_link(bed, six);
		f = answer_to(&out, 32);
		transfer(bed, UPLINK, &f);
		assert_int_equal(take(bed, TRUNK, &back, "by the backup"), 0);
		assert_int_equal(back.key, 7);
		f = from_host(six, 1400);
		f.ttl = 1;
		transfer(bed, TRUNK, &f);
		assert_int_equal(take(bed, TRUNK, &back, "an error by the backup"), 0);
		assert_int_equal(back.key, 7);
		assert_int_equal(back.icmp_type, six ? 3 : 11);
		bed_fail(bed, 0, false, 0);
		f = answer_to(&out, 32);
		transfer(bed, UPLINK, &f);
		assert_int_equal(take(bed, TRUNK, &back, "by the link"), VLAN);
		bed_check(bed);
		bed_destroy(bed);
	}
}

/* Forward packets of a flow come by the backup: its returns follow, and back again. */
static void test_moves_between_kinds(void **state)
{
	struct bed *bed = bed_create(yaml, 1);
	struct frame f = from_host(false, 32), out, back;

	transfer(bed, TRUNK, &f);
	take(bed, UPLINK, &out, "out");
	f.outer_six = true;
	f.outer_src6 = (struct ip6)IP6(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 2);
	f.outer_dst6 = (struct ip6)IP6(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 1);
	f.has_key = true;
	f.key = 7;
	transfer(bed, TRUNK, &f);
	take(bed, UPLINK, &back, "the same flow");
	assert_int_equal(back.sport, out.sport);
	f = answer_to(&out, 32);
	transfer(bed, UPLINK, &f);
	assert_int_equal(take(bed, TRUNK, &back, "by GRE"), 0);
	assert_int_equal(back.key, 7);
	f = from_host(false, 32);
	transfer(bed, TRUNK, &f);
	take(bed, UPLINK, &back, "the same flow");
	f = answer_to(&out, 32);
	transfer(bed, UPLINK, &f);
	assert_int_equal(take(bed, TRUNK, &back, "by the VLAN"), VLAN);
	bed_check(bed);
	bed_destroy(bed);
}

/* clang-format off */
static const struct {
	const char *why;
	unsigned port;
	uint8_t mac[6]; /* last byte 0: ours */
	uint8_t tags[8];
	size_t n;
	enum drop drop;
} refused[] = {
	{"two tags",                     TRUNK, {0}, {0x81, 0, 0, VLAN, 0x81, 0, 0, 7}, 8, DROP_DOUBLE_TAG},
	{"a service tag",                TRUNK, {0}, {0x88, 0xa8, 0, VLAN}, 4, DROP_DOUBLE_TAG},
	{"a VLAN that nobody has",       TRUNK, {0}, {0x81, 0, 0, 101}, 4, DROP_VLAN_UNKNOWN},
	{"the VLAN on another port",     PLAIN, {0}, {0x81, 0, 0, VLAN}, 4, DROP_VLAN_UNKNOWN},
	{"for another station",          TRUNK, {2, 0, 0, 0, 0, 9}, {0x81, 0, 0, VLAN}, 4, DROP_OTHER_HOST},
	{"for all stations",             TRUNK, {255, 255, 255, 255, 255, 255}, {0x81, 0, 0, VLAN}, 4, DROP_OTHER_HOST},
	{"untagged on the trunk",        TRUNK, {0}, {0}, 0, DROP_NOT_OURS},
};
/* clang-format on */

static void test_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct bed *bed = bed_create(yaml, 1);
		uint8_t bytes[BED_FRAME_MAX];
		const struct frame f = from_host(false, 32);
		size_t len = frame_build(&f, bytes), n = refused[i].n;

		memcpy(bytes, refused[i].mac[5] == 0 ? our_mac : refused[i].mac, 6);
		memmove(bytes + 12 + n, bytes + 12, len - 12);
		memcpy(bytes + 12, refused[i].tags, n);
		bed_send(bed, refused[i].port, bytes, len + n);
		bed_run(bed);
		bed_expect_drops(bed, refused[i].why, refused[i].drop, 1);
		bed_check(bed);
		bed_destroy(bed);
	}
}

/* A tagged ARP request to all stations passes the filter of a promiscuous port. */
static void test_arp(void **state)
{
	static const uint8_t arp[] = {0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0,	  0, 0, 0,
				      0xbb, 192,  0, 2, 1, 0, 0, 0, 0, 0, 0, 192, 0, 2, 0};
	struct bed *bed = bed_create(yaml, 1);
	uint8_t bytes[BED_FRAME_MAX] = {0};
	size_t len;

	memset(bytes, 0xff, 6);
	memcpy(bytes + 12, arp, sizeof(arp));
	len = put_tag(bytes, 12 + sizeof(arp), VLAN);
	bed_send(bed, TRUNK, bytes, len);
	bed_run(bed);
	assert_int_equal(bed_take(bed, TRUNK, bytes), len);
	assert_int_equal(bytes[14] << 8 | bytes[15], VLAN);
	assert_memory_equal(bytes + 26, our_mac, 6);
	bed_expect_answer(bed, "ARP", ANSWER_ARP + 1);
	bed_check(bed);
	bed_destroy(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_home),
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_mtu),
		cmocka_unit_test(test_failover),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_arp),
		cmocka_unit_test(test_moves_between_kinds),
	};

	return cmocka_run_group_tests_name("interconnect", tests, NULL, NULL);
}
