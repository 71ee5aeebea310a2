/*
 * An embedded IPv6 packet is translated back to what its sender sent, with its checksums, as far as
 * it is embedded.
 */
#include "stage.h"

#include "out/rewrite_embedded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { SYN = 2, TCP = 6, UDP = 17, ICMP6 = 58, NAT_PORT = 2050 };

#define OUT .six = true, .src6 = HOST6, .dst6 = SERVER6, .sport = 5000, .dport = 53
#define OPTIONS                                                                                    \
	.next = 60, .n_extensions = 8, .extensions = (const uint8_t *)"\x11\0\x01\x04\0\0\0\0"

/* The packets as the site sends them. */
static const struct {
	const char *why;
	struct frame frame;
	size_t len; /* of the embedded packet; 0: the whole packet */
} rows[] = {
	{"UDP", {OUT, .proto = UDP}, 0},
	{"UDP without a checksum", {OUT, .proto = UDP, .udp_no_checksum = true}, 0},
	{"UDP, eight bytes of it", {OUT, .proto = UDP}, 48},
	{"UDP behind options", {OUT, .proto = UDP, OPTIONS}, 56},
	{"TCP", {OUT, .proto = TCP, .tcp_flags = SYN}, 0},
	{"TCP without its checksum", {OUT, .proto = TCP, .tcp_flags = SYN}, 48},
	{"TCP, half of its checksum", {OUT, .proto = TCP, .tcp_flags = SYN}, 57},
	{"ICMPv6", {OUT, .proto = ICMP6, .icmp_type = 128}, 0},
};

/* The same packet as seen in the Internet, or its return before and after the gateway. */
static struct frame seen(size_t i, enum flow_dir dir, bool outside)
{
	struct frame f = rows[i].frame;
	struct ip6 ours = outside ? (struct ip6)EGRESS6 : (struct ip6)HOST6;
	uint16_t port = outside ? NAT_PORT : 5000;

	/*
	 * An error in return direction is about a packet of the site; an error in forward direction
	 * is about a return.
	 */
	if (dir == FLOW_RETURN) {
		f.src6 = ours;
		f.sport = port;
		return f;
	}
	f.src6 = (struct ip6)SERVER6;
	f.dst6 = ours;
	f.sport = f.proto == ICMP6 ? port : 53;
	f.dport = port;
	f.icmp_type = f.proto == ICMP6 ? 129 : 0;
	return f;
}

static void check_row(size_t i, enum flow_dir dir)
{
	struct frame before = seen(i, dir, dir == FLOW_RETURN);
	struct frame after = seen(i, dir, dir == FLOW_FORWARD);
	const struct flow f = {
		.sport = htons(5000),
		.dport = htons(53),
		.nat_port = htons(NAT_PORT),
		.proto = rows[i].frame.proto,
	};
	const struct flow6 six = {
		.src = bench_addr6((struct ip6)HOST6),
		.dst = bench_addr6((struct ip6)SERVER6),
		.nat_src = bench_addr6((struct ip6)EGRESS6),
	};
	uint8_t embedded[512], wanted[512];
	size_t len = frame_build_inner(&before, embedded);

	frame_build_inner(&after, wanted);
	if (rows[i].len != 0) {
		memcpy(wanted + rows[i].len, embedded + rows[i].len, len - rows[i].len);
		if (rows[i].len == 57) /* half a checksum is not changed */
			wanted[56] = embedded[56];
	}
	rewrite_embedded6(embedded, rows[i].len != 0 ? rows[i].len : len, &f, &six, dir);
	if (memcmp(embedded, wanted, len) != 0)
		fail_msg("%s, direction %d: not what was sent", rows[i].why, dir);
}

static void every_row(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check_row(i, FLOW_RETURN);
		check_row(i, FLOW_FORWARD);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_row)};

	return cmocka_run_group_tests_name("out/rewrite_embedded6", tests, NULL, NULL);
}
