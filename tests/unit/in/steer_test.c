/*
 * The steer program in the kernel, on frames to an address that is an end of IPsec tunnels and an
 * egress address, too: which ones it leaves to the kernel. What it takes is lost here, since no
 * socket listens.
 */
#include "in/steer.h"

#include "base/types.h"
#include "base/wire.h"
#include "steer.skel.h"

#include <bpf/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { FRAME = 100, ETHERNET = 14, PASS = XDP_PASS, TAKE = XDP_DROP };

#define BOTH "\xc0\x00\x02\x01"
#define GRE_END "\xc0\x00\x02\x02"
#define END "\xc0\x00\x02\x03"
#define ESP_BYTES "\xc0\x01\x00\x01"
#define MARKER "\0\0\0\0"

/* clang-format off */
static const struct {
	const char *why;
	const char *dst;
	uint8_t proto;
	uint16_t port, fragment;
	const char *payload;
	unsigned n; /* bytes of it */
	bool six;
	unsigned options; /* bytes in the IPv4 header */
	int verdict;
} rows[] = {
	{"protocol 50",                    END, PROTO_ESP, 0, 0, ESP_BYTES, 4, .verdict = TAKE},
	{"fragment of it",                 END, PROTO_ESP, 0, 100, ESP_BYTES, 4, .verdict = TAKE},
	{"ESP in UDP",                     END, PROTO_UDP, 4500, 0, ESP_BYTES, 4, .verdict = TAKE},
	{"the same behind IP options",     END, PROTO_UDP, 4500, 0, ESP_BYTES, 4, .options = 8, .verdict = TAKE},
	{"IKE",                            END, PROTO_UDP, 500, 0, ESP_BYTES, 4, .verdict = PASS},
	{"IKE with the non-ESP marker",    END, PROTO_UDP, 4500, 0, MARKER, 4, .verdict = PASS},
	{"the same behind IP options",     END, PROTO_UDP, 4500, 0, MARKER, 4, .options = 8, .verdict = PASS},
	{"keepalive",                      END, PROTO_UDP, 4500, 0, "\xff", 1, .verdict = TAKE},
	{"later fragment of UDP before its first", END, PROTO_UDP, 4500, 100, ESP_BYTES, 4, .verdict = PASS},
	{"first one, of IKE",              END, PROTO_UDP, 500, IPV4_MF, ESP_BYTES, 4, .verdict = PASS},
	{"later one",                      END, PROTO_UDP, 4500, 100, ESP_BYTES, 4, .verdict = PASS},
	{"first one, of ESP",              END, PROTO_UDP, 4500, IPV4_MF, ESP_BYTES, 4, .verdict = TAKE},
	{"later one",                      END, PROTO_UDP, 53, 100 | IPV4_MF, ESP_BYTES, 4, .verdict = TAKE},
	{"last one",                       END, PROTO_UDP, 53, 200, MARKER, 4, .verdict = TAKE},
	{"first one of IKE, id used again", END, PROTO_UDP, 500, IPV4_MF, ESP_BYTES, 4, .verdict = PASS},
	{"later one",                      END, PROTO_UDP, 53, 200, MARKER, 4, .verdict = PASS},
	{"of another packet",              BOTH, PROTO_UDP, 53, 200, MARKER, 4, .verdict = PASS},
	{"other UDP",                      END, PROTO_UDP, 53, 0, ESP_BYTES, 4, .verdict = PASS},
	{"TCP to port 4500",               END, PROTO_TCP, 4500, 0, ESP_BYTES, 4, .verdict = PASS},
	{"an egress address: ESP in UDP",  BOTH, PROTO_UDP, 4500, 0, ESP_BYTES, 4, .verdict = TAKE},
	{"IKE",                            BOTH, PROTO_UDP, 500, 0, ESP_BYTES, 4, .verdict = PASS},
	{"with the marker",                BOTH, PROTO_UDP, 4500, 0, MARKER, 4, .verdict = PASS},
	{"a return",                       BOTH, PROTO_UDP, 5000, 0, MARKER, 4, .verdict = TAKE},
	{"GRE alone: IKE is the kernel's", GRE_END, PROTO_UDP, 4500, 0, ESP_BYTES, 4, .verdict = PASS},
	{"GRE alone: ESP is the kernel's", GRE_END, PROTO_ESP, 0, 0, ESP_BYTES, 4, .verdict = PASS},
	{"GRE",                            GRE_END, PROTO_GRE, 0, 0, ESP_BYTES, 4, .verdict = TAKE},
	{"IPv6: protocol 50",              NULL, PROTO_ESP, 0, 0, ESP_BYTES, 4, true, .verdict = TAKE},
	{"ESP in UDP",                     NULL, PROTO_UDP, 4500, 0, ESP_BYTES, 4, true, .verdict = TAKE},
	{"the marker",                     NULL, PROTO_UDP, 4500, 0, MARKER, 4, true, .verdict = PASS},
	{"IKE",                            NULL, PROTO_UDP, 500, 0, MARKER, 4, true, .verdict = PASS},
	{"later fragment before its first", NULL, PROTO_UDP, 53, 800, MARKER, 4, true, .verdict = PASS},
	{"first one, of IKE",              NULL, PROTO_UDP, 500, 1, MARKER, 4, true, .verdict = PASS},
	{"later one",                      NULL, PROTO_UDP, 53, 800, MARKER, 4, true, .verdict = PASS},
	{"first one, of ESP",              NULL, PROTO_UDP, 4500, 1, ESP_BYTES, 4, true, .verdict = TAKE},
	{"later one",                      NULL, PROTO_UDP, 53, 800, MARKER, 4, true, .verdict = TAKE},
	{"first one of IKE, id used again", NULL, PROTO_UDP, 500, 1, MARKER, 4, true, .verdict = PASS},
	{"later one",                      NULL, PROTO_UDP, 53, 800, MARKER, 4, true, .verdict = PASS},
};
/* clang-format on */

static const uint8_t end6[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};

static void put_udp(uint8_t *udp, size_t i)
{
	wire_put_be16(udp + UDP_DPORT, htons(rows[i].port));
	wire_put_be16(udp + UDP_LENGTH, htons((uint16_t)(UDP_LEN + rows[i].n)));
	memcpy(udp + UDP_LEN, rows[i].payload, rows[i].n);
}

static size_t build(uint8_t *frame, size_t i)
{
	uint8_t *ip = frame + ETHERNET;
	size_t header = rows[i].six ? IPV6_LEN : IPV4_LEN + rows[i].options;

	memset(frame, 0, FRAME);
	wire_put_be16(frame + 12, htons(rows[i].six ? ETHER_IPV6 : ETHER_IPV4));
	if (rows[i].six) {
		ip[0] = 0x60;
		ip[IPV6_NEXT] = rows[i].proto;
		memcpy(ip + IPV6_DST, end6, sizeof(end6));
		if (rows[i].fragment != 0) {
			ip[IPV6_NEXT] = NEXT_FRAGMENT;
			ip[IPV6_LEN] = rows[i].proto;
			wire_put_be16(ip + IPV6_LEN + 2, htons(rows[i].fragment));
			header += 8;
		}
	} else {
		ip[0] = (uint8_t)(0x40 | header / 4);
		ip[IPV4_PROTO] = rows[i].proto;
		wire_put_be16(ip + IPV4_FRAGMENT, htons(rows[i].fragment));
		memcpy(ip + IPV4_DST, rows[i].dst, 4);
	}
	if (rows[i].proto == PROTO_ESP)
		memcpy(ip + header, rows[i].payload, rows[i].n);
	else
		put_udp(ip + header, i);
	return ETHERNET + header + UDP_LEN + rows[i].n;
}

static void set(struct bpf_map *map, const void *key, uint32_t flags)
{
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(map), key, &flags, BPF_ANY), 0);
}

static void test_rows(void **state)
{
	struct steer_bpf *bpf = steer_bpf__open_and_load();

	assert_non_null(bpf);
	set(bpf->maps.steer_addrs, BOTH, STEER_TUNNEL_END | STEER_IPSEC | STEER_EGRESS);
	set(bpf->maps.steer_addrs, GRE_END, STEER_TUNNEL_END);
	set(bpf->maps.steer_addrs, END, STEER_TUNNEL_END | STEER_IPSEC);
	set(bpf->maps.steer_addrs6, end6, STEER_TUNNEL_END | STEER_IPSEC);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t frame[FRAME];
		LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame,
			    .data_size_in = (uint32_t)build(frame, i));

		assert_int_equal(
			bpf_prog_test_run_opts(bpf_program__fd(bpf->progs.homeward_steer), &run),
			0);
		if ((int)run.retval != rows[i].verdict)
			fail_msg("%zu, %s: %u", i, rows[i].why, run.retval);
	}
	steer_bpf__destroy(bpf);
}

static uint8_t exchange; /* of build_ike() */

/* A first request; with @responder: a later packet of the same exchange. */
static size_t build_ike(uint8_t *frame, uint32_t src, bool six, bool nat, bool responder)
{
	uint8_t *ip = frame + ETHERNET, *ike = ip + (six ? IPV6_LEN : IPV4_LEN) + UDP_LEN;

	memset(frame, 0, FRAME);
	wire_put_be16(frame + 12, htons(six ? ETHER_IPV6 : ETHER_IPV4));
	if (six) {
		ip[0] = 0x60;
		ip[IPV6_NEXT] = PROTO_UDP;
		wire_put_be32(ip + IPV6_SRC, htonl(src));
		memcpy(ip + IPV6_DST, end6, sizeof(end6));
	} else {
		ip[0] = IPV4_PLAIN;
		ip[IPV4_PROTO] = PROTO_UDP;
		wire_put_be32(ip + IPV4_SRC, htonl(src));
		memcpy(ip + IPV4_DST, END, 4);
	}
	wire_put_be16(ike - UDP_LEN + UDP_DPORT, htons(nat ? 4500 : 500));
	wire_put_be16(ike - UDP_LEN + UDP_LENGTH, htons(40));
	ike += nat ? 4 : 0;
	ike[0] = 1;
	ike[15] = responder;
	ike[17] = 0x20;
	ike[18] = exchange;
	return (size_t)(ike + 28 - frame);
}

static bool passes(const struct steer_bpf *bpf, uint32_t src, bool six, bool nat, bool responder)
{
	uint8_t frame[FRAME];
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame,
		    .data_size_in = (uint32_t)build_ike(frame, src, six, nat, responder));

	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(bpf->progs.homeward_steer), &run),
			 0);
	return run.retval == XDP_PASS;
}

static struct steer_bpf *load(void)
{
	struct steer_bpf *bpf = steer_bpf__open_and_load();

	assert_non_null(bpf);
	set(bpf->maps.steer_addrs, END, STEER_TUNNEL_END | STEER_IPSEC);
	set(bpf->maps.steer_addrs6, end6, STEER_TUNNEL_END | STEER_IPSEC);
	return bpf;
}

static uint64_t limited(const struct steer_bpf *bpf)
{
	uint64_t *per_cpu = calloc((size_t)libbpf_num_possible_cpus(), sizeof(*per_cpu)), sum = 0;
	uint32_t what = STEER_IKE_LIMITED;

	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(bpf->maps.steer_counts), &what, per_cpu),
			 0);
	for (int i = 0; i < libbpf_num_possible_cpus(); i++)
		sum += per_cpu[i];
	free(per_cpu);
	return sum;
}

/*
 * One network floods: it gets its share of each second, however long that takes here; others and
 * exchanges that go on get all.
 */
static void test_one_network_floods(void **state)
{
	static const uint8_t exchanges[] = {34, 2, 4}; /* IKE_SA_INIT; IKEv1: main, aggressive */

	for (unsigned form = 0; form < 4 * ARRAY_SIZE(exchanges); form++) {
		struct steer_bpf *bpf = load();
		bool six = form & 1, nat = form & 2;
		uint32_t src = 0xcb007100 + (form << 24);
		unsigned passed = 0, n = 0;

		exchange = exchanges[form / 4];
		for (; n < 3 * STEER_IKE_SOURCE || (passed == n && n < 100 * STEER_IKE_SOURCE); n++)
			passed += passes(bpf, src + (six ? 0 : n % 256), six, nat, false);
		assert_in_range(passed, STEER_IKE_SOURCE, n - 1);
		assert_true(passes(bpf, src, six, nat, true)); /* it has a responder's SPI */
		assert_true(passes(bpf, src + 0x10000, six, nat, false)); /* another network */
		assert_true(limited(bpf) > 0);
		steer_bpf__destroy(bpf);
	}
}

/* Addresses are forged, each of another network: a far end that a tunnel names still gets in. */
static void test_strangers_flood(void **state)
{
	struct steer_bpf *bpf = load();
	be32_t peer = htonl(0xc6336401);
	uint32_t src = 0x20000000;
	unsigned passed = 0, n = 0;

	set(bpf->maps.steer_addrs, &peer, STEER_PEER);
	for (; n < 3 * STEER_IKE_STRANGERS || passed == n; n++, src += 0x100)
		passed += passes(bpf, src, false, false, false);
	assert_in_range(passed, STEER_IKE_STRANGERS, n - 1);
	assert_true(passes(bpf, ntohl(peer), false, false, false));
	steer_bpf__destroy(bpf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_one_network_floods),
		cmocka_unit_test(test_strangers_flood),
	};

	if (geteuid() != 0)
		return 77; /* only root may load programs */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
