/* Sites in front of a data centre: see private_bed.h. */
#include "private_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TCP = 6, UDP = 17, ICMP = 1, ICMPV6 = 58, SYN = 2, SYN_ACK = 18 };

static void add_tunnel(FILE *f, const char *site, unsigned tunnel, uint32_t remote)
{
	fprintf(f,
		"      - {name: %s-%c, local: 198.18.0.1, remote: %u.%u.%u.%u, port: underlay,\n"
		"         address: 10.255.0.1, address6: 'fd00::1'}\n",
		site, 'a' + tunnel, remote >> 24, remote >> 16 & 255, remote >> 8 & 255,
		remote & 255);
}

/* The far outer address of a tunnel. */
static uint32_t remote_of(unsigned site, unsigned tunnel)
{
	if (site == PRIVATE_DC)
		return IP(198, 21, 0, 1) + tunnel;
	return (tunnel == 0 ? IP(198, 19, 0, 1) : IP(198, 20, 0, 1)) + site;
}

char *private_yaml(unsigned workers, unsigned sites)
{
	char *text = NULL, name[16];
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	fprintf(f,
		"workers: %u\n"
		"flows: {capacity: 16384, capacity-ipv6: 16384}\n"
		"ports:\n"
		"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
		"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
		"egress:\n"
		"  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: "
		"[1-8]},\n"
		"     {address: '2001:db8:1::1', slices: [1-8]}]}\n"
		"sites:\n",
		workers);
	for (unsigned i = 0; i <= sites; i++) {
		unsigned number = i < sites ? i : PRIVATE_DC;

		snprintf(name, sizeof(name), i < sites ? "s%u" : "dc", i);
		fprintf(f, "  - name: %s\n    prefixes: [%s]\n    tunnels:\n", name,
			i < sites ? "10.0.1.0/24, 'fd00::/64'" : "10.8.0.0/16, 'fd08::/16'");
		for (unsigned t = 0; t < 2; t++)
			add_tunnel(f, name, t, remote_of(number, t));
	}
	fclose(f);
	return text;
}

uint16_t private_site(struct bed *bed, unsigned site)
{
	char name[16];

	snprintf(name, sizeof(name), site == PRIVATE_DC ? "dc" : "s%u", site);
	return network_find_site(bed_network(bed), name);
}

uint16_t private_tunnel(struct bed *bed, unsigned site, unsigned tunnel)
{
	return bed_network(bed)->sites[private_site(bed, site)].tunnels[tunnel];
}

static void set_outer(struct frame *f, unsigned site, unsigned tunnel)
{
	f->outer_src = remote_of(site, tunnel);
	f->outer_dst = PRIVATE_GATEWAY;
}

void private_send(struct bed *bed, unsigned site, unsigned tunnel, struct frame f)
{
	uint8_t bytes[BED_FRAME_MAX];

	set_outer(&f, site, tunnel);
	bed_send(bed, PRIVATE_UNDERLAY, bytes, frame_build(&f, bytes));
}

void private_send_inner(struct bed *bed, unsigned site, unsigned tunnel, const struct frame *f,
			const uint8_t *inner, size_t len)
{
	uint8_t bytes[BED_FRAME_MAX];
	struct frame around = *f;

	set_outer(&around, site, tunnel);
	bed_send(bed, PRIVATE_UNDERLAY, bytes, frame_wrap(&around, inner, len, bytes));
}

static void find_remote(uint32_t remote, unsigned *site, unsigned *tunnel)
{
	*tunnel = remote >> 16 == IP(198, 20, 0, 0) >> 16;
	*site = (remote & 0xffff) - 1;
	if (remote >> 16 != IP(198, 21, 0, 0) >> 16)
		return;
	*tunnel = *site;
	*site = PRIVATE_DC;
}

static uint8_t bytes[BED_FRAME_MAX]; /* the last frame caught */
static size_t bytes_len;

const uint8_t *private_last(size_t *len)
{
	*len = bytes_len;
	return frame_inner(bytes, len);
}

bool private_catch(struct bed *bed, struct frame *f, unsigned *site, unsigned *tunnel)
{
	size_t len = bed_take(bed, PRIVATE_UNDERLAY, bytes);
	const char *why = "";

	if (len == 0)
		return false;
	if (!frame_parse(bytes, len, f, &why))
		fail_msg("%s is wrong", why);
	bytes_len = len;
	assert_int_equal(f->outer_src, PRIVATE_GATEWAY);
	find_remote(f->outer_dst, site, tunnel);
	return true;
}

struct frame private_ask(uint8_t proto, bool six)
{
	return (struct frame){
		.six = six,
		.src = PRIVATE_HOST,
		.dst = PRIVATE_SERVER,
		.src6 = PRIVATE_HOST6,
		.dst6 = PRIVATE_SERVER6,
		.proto = proto == ICMP && six ? ICMPV6 : proto,
		.sport = 40000,
		.dport = proto == ICMP ? 0 : 53,
		.ttl = 64,
		.tcp_flags = proto == TCP ? SYN : 0,
		.icmp_type = six ? 128 : 8,
		.payload = 16,
	};
}

struct frame private_answer(const struct frame *f)
{
	struct frame a = *f;

	a.src = f->dst;
	a.dst = f->src;
	a.src6 = f->dst6;
	a.dst6 = f->src6;
	a.ttl = 64;
	if (f->proto == ICMP || f->proto == ICMPV6) {
		a.icmp_type = f->proto == ICMP ? 0 : 129;
		return a;
	}
	a.sport = f->dport;
	a.dport = f->sport;
	if (f->proto == TCP)
		a.tcp_flags = f->tcp_flags == SYN ? SYN_ACK : 16;
	return a;
}
