/* The gateway of the tests of global prefixes: see global.h. */
#include "global.h"

#include <stdio.h>
#include <string.h>

static const char yaml[] =
	"ports:\n"
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
	"sites:\n"
	"  - name: berlin\n"
	"    prefixes: ['fd00::/64']\n"
	"    global-prefixes: ['2001:db8:b::/48', '2001:db8:b1::/64']\n"
	"    tunnels:\n"
	"      - {name: b1, local: 198.51.100.1, remote: 198.51.100.10, port: underlay,\n"
	"         address6: 'fd00::1'}\n"
	"      - {name: b2, local: 198.51.100.1, remote: 198.51.100.11, port: underlay,\n"
	"         address6: '2001:db8:b:ff::1', mtu: 1300}\n"
	"  - name: madrid\n"
	"    prefixes: ['fd00::/64']\n"
	"    global-prefixes: ['2001:db8:c::/48']\n"
	"    tunnels:\n"
	"      - {name: m1, local: 198.51.100.1, remote: 198.51.100.20, key: 7, port: underlay}\n"
	"  - name: lisbon\n"
	"    tunnels:\n"
	"      - {name: l1, local: 198.51.100.1, remote: 198.51.100.20, key: 8, port: underlay}\n"
	"  - name: porto\n"
	"    prefixes: [10.0.1.0/24]\n"
	"    global-prefixes: ['2001:db8:d::/56']\n"
	"    limits: {flows: 2}\n"
	"    tunnels:\n"
	"      - {name: p1, local: 198.51.100.1, remote: 198.51.100.20, key: 9, port: underlay}\n"
	"egress:\n"
	"  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: [1]},\n"
	"     {address: '2001:db8:1::1', slices: [1]}]}\n"
	"flows: {capacity: 4096}\n";

struct bed *global_bed(unsigned workers)
{
	char text[sizeof(yaml) + 32];

	snprintf(text, sizeof(text), "workers: %u\n%s", workers, yaml);
	return bed_create(text, 1);
}

size_t global_l4(const uint8_t *ip, uint8_t *proto)
{
	size_t at = 40;

	*proto = ip[6];
	while (*proto == 0 || *proto == 44 || *proto == 60) {
		*proto = ip[at];
		at += 8;
	}
	return at;
}

static void swap_bytes(uint8_t *a, uint8_t *b, size_t n)
{
	for (; n > 0; n--, a++, b++) {
		uint8_t x = *a;

		*a = *b;
		*b = x;
	}
}

bool global_has_ports(uint8_t proto)
{
	return proto == TCP || proto == UDP || proto == SCTP;
}

void global_turn_round(uint8_t *ip)
{
	uint8_t proto;
	uint8_t *l4 = ip + global_l4(ip, &proto);

	swap_bytes(ip + 8, ip + 24, 16);
	ip[HOPS_AT] = 61;
	if (global_has_ports(proto))
		swap_bytes(l4, l4 + 2, 2);
	else if (proto == ICMP6)
		l4[0] = REPLY;
}

void global_put(struct bed *bed, const uint8_t *ip, size_t len)
{
	uint8_t frame[BED_FRAME_MAX];
	const struct frame plain = {.six = true};

	bed_send(bed, UPLINK, frame, frame_wrap(&plain, ip, len, frame));
	bed_run(bed);
}
