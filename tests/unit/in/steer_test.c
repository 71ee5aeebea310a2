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
	{"first fragment of UDP",          END, PROTO_UDP, 4500, IPV4_MF, ESP_BYTES, 4, .verdict = PASS},
	{"later one",                      END, PROTO_UDP, 4500, 100, ESP_BYTES, 4, .verdict = PASS},
	{"other UDP",                      END, PROTO_UDP, 53, 0, ESP_BYTES, 4, .verdict = PASS},
	{"TCP to port 4500",               END, PROTO_TCP, 4500, 0, ESP_BYTES, 4, .verdict = PASS},
	{"an egress address: ESP in UDP",  BOTH, PROTO_UDP, 4500, 0, ESP_BYTES, 4, .verdict = TAKE},
	{"IKE",                            BOTH, PROTO_UDP, 500, 0, ESP_BYTES, 4, .verdict = PASS},
	{"with the marker",                BOTH, PROTO_UDP, 4500, 0, MARKER, 4, .verdict = PASS},
	{"a return",                       BOTH, PROTO_UDP, 5000, 0, MARKER, 4, .verdict = TAKE},
	{"GRE alone: IKE is the kernel's", GRE_END, PROTO_UDP, 4500, 0, ESP_BYTES, 4, .verdict = PASS},
	{"GRE",                            GRE_END, PROTO_GRE, 0, 0, ESP_BYTES, 4, .verdict = TAKE},
	{"IPv6: protocol 50",              NULL, PROTO_ESP, 0, 0, ESP_BYTES, 4, true, .verdict = TAKE},
	{"ESP in UDP",                     NULL, PROTO_UDP, 4500, 0, ESP_BYTES, 4, true, .verdict = TAKE},
	{"the marker",                     NULL, PROTO_UDP, 4500, 0, MARKER, 4, true, .verdict = PASS},
	{"IKE",                            NULL, PROTO_UDP, 500, 0, MARKER, 4, true, .verdict = PASS},
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

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

	if (geteuid() != 0)
		return 77; /* only root may load programs */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
