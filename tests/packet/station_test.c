/*
 * Which frames are for us? A promiscuous port accepts frames to its own Ethernet address, and
 * broadcast or multicast frames that ask for an address of ours. On other ports the card filters
 * all other frames out.
 *
 *     underlay 02:00:00:00:00:01, its card filters frames
 *     uplink   02:00:00:00:00:02, promiscuous              egress 203.0.113.1, 2001:db8:1::1
 */
#include "bed.h"
#include "frame.h"

#include "base/icmp6.h"
#include "path/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { UNDERLAY, UPLINK, UDP = 17 };

static const char yaml[] =
	"ports:\n"
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
	"  - {name: uplink, driver: af_packet, interface: eth1}\n"
	"sites:\n"
	"  - name: berlin\n"
	"    tunnels:\n"
	"      - {name: b1, local: 198.51.100.1, remote: 198.51.100.10, port: underlay}\n"
	"egress:\n"
	"  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: [1]},\n"
	"     {address: '2001:db8:1::1', slices: [1]}]}\n"
	"flows: {capacity: 4096}\n";

#define OURS "\x02\0\0\0\0\x02"
#define ANOTHER "\x02\0\0\0\0\x03"
#define ALMOST "\x02\0\0\0\x01\x02"
#define ALL "\xff\xff\xff\xff\xff\xff"
#define GROUP4 "\x01\0\x5e\0\0\x01"
#define GROUP6 "\x33\x33\xff\0\0\x01"

enum kind { QUESTION, QUESTION6, ARP, SOLICITATION, SHORT };

static const struct row {
	const char *why;
	unsigned port;
	const char *mac;
	enum kind kind;
	enum drop drop; /* DROP_NONE: it is answered */
} rows[] = {
	{"to our address", UPLINK, OURS, QUESTION, DROP_NO_FLOW},
	{"to another station: a switch floods what it does not know", UPLINK, ANOTHER, QUESTION,
	 DROP_OTHER_HOST},
	{"one byte is another", UPLINK, ALMOST, QUESTION, DROP_OTHER_HOST},
	{"a packet sent to all asks nothing", UPLINK, ALL, QUESTION, DROP_OTHER_HOST},
	{"nor one sent to a group", UPLINK, GROUP4, QUESTION, DROP_OTHER_HOST},
	{"IPv6 to our address", UPLINK, OURS, QUESTION6, DROP_NO_FLOW},
	{"IPv6 to another station", UPLINK, ANOTHER, QUESTION6, DROP_OTHER_HOST},
	{"IPv6 for one host in a frame for a group", UPLINK, GROUP6, QUESTION6, DROP_OTHER_HOST},
	{"ARP asks all", UPLINK, ALL, ARP, DROP_NONE},
	{"ARP asks us, to see if we are still there", UPLINK, OURS, ARP, DROP_NONE},
	{"ARP asks another station", UPLINK, ANOTHER, ARP, DROP_OTHER_HOST},
	{"a solicitation asks its group", UPLINK, GROUP6, SOLICITATION, DROP_NONE},
	{"a solicitation asks us", UPLINK, OURS, SOLICITATION, DROP_NONE},
	{"a solicitation asks another station", UPLINK, ANOTHER, SOLICITATION, DROP_OTHER_HOST},
	{"too short to be for anybody", UPLINK, ALL, SHORT, DROP_NOT_IP},
	{"where the card sorts nobody looks", UNDERLAY, ANOTHER, QUESTION, DROP_NO_FLOW},
};

static size_t make_question(uint8_t *out, bool six)
{
	const struct frame f = {
		.six = six,
		.src = IP(192, 0, 2, 80),
		.dst = IP(203, 0, 113, 1),
		.src6 = IP6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x80),
		.dst6 = IP6(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1),
		.sport = 53,
		.dport = 2048,
		.proto = UDP,
	};

	return frame_build(&f, out);
}

static size_t make_arp(uint8_t *out)
{
	static const uint8_t arp[28] = {0,   1, 8,   0, 6, 4, 0, 1, 2, 0, 0,   0, 0,   0xbb,
					203, 0, 113, 9, 0, 0, 0, 0, 0, 0, 203, 0, 113, 1};

	memset(out, 0, 64);
	memcpy(out + ETHER_LEN, arp, sizeof(arp));
	out[12] = 8;
	out[13] = 6;
	return 64;
}

static size_t make_solicitation(uint8_t *out)
{
	static const uint8_t icmp[24] = {135, [8] = 0x20, 1, 0xd, 0xb8, 0, 1, [23] = 1};
	static const struct ip6 from = IP6(0x2001, 0xdb8, 1, 0, 0, 0, 0, 9);
	static const struct ip6 group = IP6(0xff02, 0, 0, 0, 0, 1, 0xff00, 1);
	struct addr6 src = addr6_read(&from), dst = addr6_read(&group);
	uint8_t *ip = out + ETHER_LEN;

	memset(out, 0, ETHER_LEN + IPV6_LEN);
	out[12] = 0x86;
	out[13] = 0xdd;
	ip[0] = 0x60;
	ip[5] = sizeof(icmp);
	ip[6] = 58;
	ip[7] = 255;
	memcpy(ip + 8, &from, 16);
	memcpy(ip + 24, &group, 16);
	memcpy(ip + 40, icmp, sizeof(icmp));
	icmp6_put_checksum(&src, &dst, ip + 40, sizeof(icmp));
	return ETHER_LEN + IPV6_LEN + sizeof(icmp);
}

static size_t make(const struct row *row, uint8_t *out)
{
	size_t len = row->kind == ARP		 ? make_arp(out)
		     : row->kind == SOLICITATION ? make_solicitation(out)
						 : make_question(out, row->kind == QUESTION6);

	memcpy(out, row->mac, 6);
	memcpy(out + 6, "\x02\0\0\0\0\xbb", 6);
	return row->kind == SHORT ? 10 : len;
}

static void test_rows(void **state)
{
	struct bed *bed = bed_create(yaml, 1);
	uint8_t in[BED_FRAME_MAX], out[BED_FRAME_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct worker_counters before = bed_counters(bed), after;
		size_t len = make(&rows[i], in);

		bed_send(bed, rows[i].port, in, len);
		bed_run(bed);
		after = bed_counters(bed);
		len = bed_take(bed, rows[i].port, out);
		if ((len > 0) != (rows[i].drop == DROP_NONE) ||
		    (len == 0 && after.drops[rows[i].drop] != before.drops[rows[i].drop] + 1))
			fail_msg("row %zu: %s", i, rows[i].why);
		if (len > 0)
			assert_memory_equal(out + 6, OURS, 6);
	}
	bed_check(bed);
	bed_destroy(bed);
}

/* The accepted frames keep their order, even with others between them. */
static void test_among_others(void **state)
{
	struct bed *bed = bed_create(yaml, 1);
	const struct row ours = {"", UPLINK, ALL, ARP, DROP_NONE};
	const struct row other = {"", UPLINK, ANOTHER, QUESTION, DROP_OTHER_HOST};
	uint8_t in[BED_FRAME_MAX], out[BED_FRAME_MAX];

	for (uint8_t i = 0; i < 60; i++) {
		size_t len = make(i % 3 == 0 ? &ours : &other, in);

		in[ETHER_LEN + 17] = i; /* the sender's address in the request */
		bed_send(bed, UPLINK, in, len);
	}
	bed_run(bed);
	for (uint8_t i = 0; i < 60; i += 3) {
		assert_true(bed_take(bed, UPLINK, out) > 0);
		assert_int_equal(out[ETHER_LEN + 27], i);
	}
	assert_int_equal(bed_counters(bed).drops[DROP_OTHER_HOST], 40);
	bed_check(bed);
	bed_destroy(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_among_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
