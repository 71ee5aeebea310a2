/* See make.h. Bytes out of range also have a meaning, so every input is used. */
#include "make.h"

#include <string.h>

enum { ICMP = 1, TCP = 6, UDP = 17, GRE = 47, ESP = 50, ICMP6 = 58, SCTP = 132 };

const char make_yaml[] =
	"workers: %u\n"
	"flows: {capacity: 1024, capacity-ipv6: 1024, timeouts: {tcp-established: 10s,\n"
	"        tcp-half-closed: 10s, tcp-opening: 4s, tcp-closed: 4s, udp: 5s,\n"
	"        dns: 3s, dns-answered: 2s, icmp: 2s}}\n"
	"ports:\n"
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
	"  - {name: uplink, driver: memory, mtu: 1400, next-hop-mac: '02:00:00:00:00:bb'}\n"
	"sites:\n"
	"  - name: berlin\n"
	"    prefixes: [10.0.1.0/24, 'fd00::/64']\n"
	"    tunnels:\n"
	"      - {name: b1, local: 198.51.100.1, remote: 198.51.100.10, port: underlay,\n"
	"         address: 10.255.0.1, address6: 'fd00:ff::1', mtu: 1280}\n"
	"  - name: madrid\n"
	"    prefixes: [10.0.1.0/24, 'fd00::/64']\n"
	"    limits: {flows: 64, half-open: 8, new-flows-per-second: 100}\n"
	"    tunnels:\n"
	"      - {name: m1, local: 198.51.100.1, remote: 198.51.100.20, key: 7, port: underlay}\n"
	"  - name: lisbon\n"
	"    global-prefixes: ['2001:db8:7::/48']\n"
	"    tunnels:\n"
	"      - {name: l1, local: 198.51.100.1, remote: 198.51.100.20, key: 8, port: underlay,\n"
	"         address6: 'fd00:ff::2', outer-df: false}\n"
	"  - name: porto\n"
	"    prefixes: [10.0.1.0/24]\n"
	"    tunnels:\n"
	"      - {name: p1, local: 198.51.100.1, remote: 198.51.100.20, key: 9, port: underlay,\n"
	"         address: 10.255.0.4, mtu: 600}\n"
	"      - {name: p2, local: 198.51.100.1, remote: 198.51.100.30, port: underlay}\n"
	"  - name: oslo\n"
	"    prefixes: [10.0.1.0/24, 'fd00::/64']\n"
	"    tunnels:\n"
	"      - {name: o1, local: '2001:db8:a::1', remote: '2001:db8:a::10', key: 10,\n"
	"         port: underlay, address: 10.255.0.5, address6: 'fd00:ff::5'}\n"
	"egress:\n"
	"  - {name: internet, port: uplink, mapping: %s, filtering: %s, slice-size: 64,\n"
	"     addresses: [{address: 203.0.113.1, slices: [32, 34]},\n"
	"                 {address: 203.0.113.2, slices: [32, 34]}]}\n"
	"  - {name: internet6, port: uplink, slice-size: 64,\n"
	"     addresses: [{address: '2001:db8:1::1', slices: [32, 34]},\n"
	"                 {address: '2001:db8:1::2', slices: [32, 34]}]}\n";

struct tunnel {
	uint8_t site;
	uint32_t remote, key; /* remote 0: remote6; key 0: none */
};

static const struct tunnel tunnels[MAKE_TUNNELS] = {
	{BERLIN, 0xc633640a, 0}, {1, 0xc6336414, 7}, {2, 0xc6336414, 8},
	{3, 0xc6336414, 9},	 {3, 0xc633641e, 0}, {4, 0, 10},
};

#define LOCAL 0xc6336401u
#define SIX(a, b, c, last)                                                                         \
	{                                                                                          \
		{                                                                                  \
			(a) >> 8, (a)&255, (b) >> 8, (b)&255, (c) >> 8, (c)&255, [15] = (last)     \
		}                                                                                  \
	}

static const struct look_addr local6 = SIX(0x2001, 0xdb8, 0xa, 1);
static const struct look_addr remote6 = SIX(0x2001, 0xdb8, 0xa, 0x10);
static const struct look_addr egress6[] = {SIX(0x2001, 0xdb8, 1, 1), SIX(0x2001, 0xdb8, 1, 2)};

static const uint32_t hosts[] = {0x0a00010a, 0x0a00010b, 0x0a000201, 0x7f000001};
static const struct look_addr hosts6[] = {SIX(0xfd00, 0, 0, 0x10), SIX(0xfd00, 0, 0, 0x11),
					  SIX(0x2001, 0xdb8, 7, 1), SIX(0xfe80, 0, 0, 1)};
static const uint32_t servers[] = {0xc0000250, 0xc0000251, 0xcb007101, 0xcb007102,
				   0x0aff0001, LOCAL,	   0xc0a80101, 0xe0000001};
static const struct look_addr servers6[] = {
	SIX(0x2001, 0xdb8, 0, 0x80), SIX(0x2001, 0xdb8, 0, 0x81), SIX(0x2001, 0xdb8, 1, 1),
	SIX(0x2001, 0xdb8, 1, 2),    SIX(0xfd00, 0xff, 0, 1),	  SIX(0xfd00, 0xff, 0, 2),
	SIX(0xfd01, 0, 0, 1),	     SIX(0xff02, 0, 0, 1),
};

bool make_is_egress(const struct look_addr *a)
{
	struct look_addr one = look_ipv4(servers[2]), two = look_ipv4(servers[3]);

	return look_same(a, &one) || look_same(a, &two) || look_same(a, &egress6[0]) ||
	       look_same(a, &egress6[1]);
}

bool make_is_global(const struct look_addr *a)
{
	return memcmp(a, &hosts6[2], 6) == 0;
}

bool make_is_local(const struct look_addr *a)
{
	struct look_addr local = look_ipv4(LOCAL);

	return look_same(a, &local) || look_same(a, &local6);
}

bool make_is_port(uint16_t port)
{
	return port / 64 == 32 || port / 64 == 34;
}

uint8_t make_site_of(const struct look_addr *remote, uint32_t key)
{
	for (unsigned i = 0; i < MAKE_TUNNELS; i++) {
		struct look_addr end =
			tunnels[i].remote == 0 ? remote6 : look_ipv4(tunnels[i].remote);

		if (look_same(remote, &end) && key == tunnels[i].key)
			return tunnels[i].site;
	}
	return INTERNET;
}

void make_ethernet(unsigned port, struct frame_bytes *f)
{
	memcpy(f->bytes, "\x02\0\0\0\0\x01\x02\0\0\0\0\xfe", 12);
	f->bytes[5] = (uint8_t)(port + 1);
}

static void put_32(uint8_t *p, uint32_t value)
{
	look_put_16(p, value >> 16);
	look_put_16(p + 2, value);
}

/* op[1] */
static uint8_t proto_of(unsigned kind, bool six)
{
	static const uint8_t protos[] = {UDP, TCP, ICMP, ICMP, UDP, SCTP, ESP, GRE};
	uint8_t proto = protos[kind % 8];

	return proto == ICMP && six ? ICMP6 : proto;
}

/* Writes the transport header and op[6] * 8 bytes behind it. Returns their length. */
static size_t make_l4(const uint8_t *op, uint8_t proto, uint16_t sport, uint16_t dport, uint8_t *l4)
{
	size_t header = proto == TCP ? (op[7] & 0x80 ? 24 : 20) : 8, len = header + op[6] * 5u;

	memset(l4, 0, header);
	memset(l4 + header, 'x', len - header);
	look_put_16(l4, sport);
	look_put_16(l4 + 2, dport);
	if (proto == UDP) {
		look_put_16(l4 + 4, (unsigned)len);
		/* none, or one that is corrected later */
		look_put_16(l4 + 6, op[5] & 0x40 ? 0 : 1);
	} else if (proto == TCP) {
		put_32(l4 + 4, 1000);
		put_32(l4 + 8, 1000);
		l4[12] = (uint8_t)(header << 2);
		l4[13] = op[4];
		if (header > 20)
			memcpy(l4 + 20, "\x02\x04\x05\xb4", 4);
	} else if (proto == ICMP || proto == ICMP6) {
		bool reply = op[1] % 8 == 3;

		look_put_16(l4 + 2, 0);
		look_put_16(l4 + 4, reply ? dport : sport);
		l4[0] = proto == ICMP6 ? 128 + reply : reply ? 0 : 8;
		l4[1] = 0;
		if (op[4] & 0x80)
			l4[0] = op[4] & 0x7f;
	}
	return len;
}

static size_t make_header4(const uint8_t *op, uint8_t proto, uint32_t src, uint32_t dst,
			   uint8_t *ip)
{
	size_t header = 20 + (op[7] & 3u) * 4;

	memset(ip, 0, 20);
	memset(ip + 20, 1, header - 20); /* no operation */
	ip[0] = (uint8_t)(0x40 | header / 4);
	ip[1] = op[2] >> 5;
	ip[6] = (op[5] & 0x80 ? 0x40 : 0) | (op[7] & 4 ? 0x20 : 0);
	ip[7] = op[7] >> 4 & 7;
	ip[8] = op[5] & 0x3f ? op[5] & 0x3f : 64;
	ip[9] = proto;
	put_32(ip + 12, src);
	put_32(ip + 16, dst);
	return header;
}

/* Writes the extension headers that op[7] names, in the order of RFC 8200 section 4.1. */
static size_t make_header6(const uint8_t *op, uint8_t proto, const struct look_addr *src,
			   const struct look_addr *dst, uint8_t *ip)
{
	static const uint8_t kinds[] = {0, 60, 43, 44, 60};
	uint8_t *next = ip + 6;
	size_t header = 40;

	memset(ip, 0, 40);
	ip[0] = 6 << 4 | op[2] >> 5;
	ip[7] = op[5] & 0x3f ? op[5] & 0x3f : 64;
	memcpy(ip + 8, src, 16);
	memcpy(ip + 24, dst, 16);
	for (unsigned i = 0; i < sizeof(kinds); i++) {
		uint8_t *h = ip + header;

		if (!(op[7] & 1 << i))
			continue;
		*next = kinds[i];
		memcpy(h, "\0\0\x01\x04\0\0\0\0", 8);
		if (kinds[i] == 43)
			memcpy(h + 2, "\x02\0", 2);
		if (kinds[i] == 44) {
			h[2] = 0;
			h[3] = (uint8_t)((op[7] >> 5 & 3) << 3 | (op[5] >> 7));
			h[7] = op[3];
		}
		next = h;
		header += 8;
	}
	*next = proto;
	return header;
}

/* Writes a packet from its inner header on; @at has room for the largest. */
static size_t make_ip(const uint8_t *op, bool inside, uint16_t port, unsigned nth, uint8_t *at)
{
	bool six = op[0] & 0x80;
	uint8_t proto = proto_of(op[1], six);
	unsigned host = op[2] & 3, server = op[2] >> 2 & 7;
	uint16_t sport = (uint16_t)(nth + (inside ? 5000 + (op[3] & 15) : 50 + (op[3] >> 4)));
	uint16_t dport = inside ? 50 + (op[3] >> 4) : (uint16_t)(port + (op[3] & 15));
	size_t header, len;

	if (six)
		header = make_header6(op, proto, inside ? &hosts6[host] : &servers6[server],
				      inside	  ? &servers6[server]
				      : host == 2 ? &hosts6[2]
						  : &egress6[host & 1],
				      at);
	else
		header = make_header4(op, proto, inside ? hosts[host] : servers[server],
				      inside ? servers[server] : servers[2 + (host & 1)], at);
	len = header + make_l4(op, proto, sport, dport, at + header);
	look_put_16(at + (six ? 4 : 2), (unsigned)(six ? len - 40 : len));
	if (!six)
		look_put_16(at + 4, op[3] + nth);
	return len;
}

/* Writes the outer header and GRE directly in front of the @len bytes at @inner. */
static uint8_t *make_gre(const uint8_t *op, const struct tunnel *t, uint8_t *inner, size_t len)
{
	size_t need = 4 + (op[0] & 0x40 ? 4 : 0) + (t->key != 0 ? 4 : 0) + (op[0] & 0x20 ? 4 : 0);
	uint8_t *gre = inner - need, *ip = gre - 20;

	memset(gre, 0, need);
	gre[0] = (op[0] & 0x40 ? 0x80 : 0) | (t->key != 0 ? 0x20 : 0) | (op[0] & 0x20 ? 0x10 : 0);
	look_put_16(gre + 2, op[0] & 0x80 ? 0x86dd : 0x0800);
	if (t->key != 0)
		put_32(gre + (op[0] & 0x40 ? 8 : 4), t->key);
	if (t->remote == 0) {
		ip = gre - 40;
		make_header6((const uint8_t[MAKE_BYTES]){[2] = op[4] & 0xe0}, GRE, &remote6,
			     &local6, ip);
		look_put_16(ip + 4, (unsigned)(need + len));
		return ip;
	}
	make_header4((const uint8_t[MAKE_BYTES]){[2] = op[4] & 0xe0}, GRE, t->remote, LOCAL, ip);
	look_put_16(ip + 2, (unsigned)(20 + need + len));
	return ip;
}

unsigned make_packet(const uint8_t op[MAKE_BYTES], uint16_t port, unsigned nth,
		     struct frame_bytes *out)
{
	uint8_t room[4096], *ip = room + 128;
	unsigned from = (op[0] & 0x1f) % (MAKE_TUNNELS + 1);
	bool inside = from < MAKE_TUNNELS;
	size_t len = make_ip(op, inside, port, nth, ip);
	bool six = inside ? tunnels[from].remote == 0 : op[0] & 0x80;

	if (inside) {
		uint8_t *inner = ip;

		ip = make_gre(op, &tunnels[from], inner, len);
		len += (size_t)(inner - ip);
	}
	if (len > FRAME_MAX - 14)
		len = FRAME_MAX - 14;
	make_ethernet(inside ? UNDERLAY : UPLINK, out);
	look_put_16(out->bytes + 12, six ? 0x86dd : 0x0800);
	memcpy(out->bytes + 14, ip, len);
	out->len = 14 + len;
	look_fix(out->bytes + 14, len, true);
	return inside ? UNDERLAY : UPLINK;
}

static void swap(uint8_t *a, uint8_t *b, size_t n)
{
	uint8_t keep[16];

	memcpy(keep, a, n);
	memcpy(a, b, n);
	memcpy(b, keep, n);
}

/* Writes an error about @l to @at; op[1] chooses its source. Returns its length. */
static size_t write_error(const uint8_t *op, const struct look *l, size_t room, uint8_t *at)
{
	static const uint8_t types[] = {3, 11, 12, 4}, types6[] = {1, 2, 3, 4};
	size_t header = l->six ? 40 : 20, embedded = l->len < room ? l->len : room;
	uint8_t *icmp = at + header;

	if (op[2] != 0 && op[2] < embedded)
		embedded = op[2];
	memmove(icmp + 8, l->ip, embedded);
	memset(at, 0, header + 8);
	at[0] = l->six ? 0x60 : 0x45;
	look_put_16(at + (l->six ? 4 : 2), (unsigned)(8 + embedded + (l->six ? 0 : header)));
	at[l->six ? 6 : 9] = l->six ? ICMP6 : ICMP;
	at[l->six ? 7 : 8] = 60;
	icmp[0] = l->six ? types6[op[0] & 3] : types[op[0] & 3];
	icmp[1] = op[1] & 15;
	look_put_16(icmp + 6, op[3] * 8u);
	memcpy(at + (l->six ? 8 : 12), l->ip + (l->six ? 24 : 16), l->six ? 16 : 4);
	memcpy(at + (l->six ? 24 : 16), l->ip + (l->six ? 8 : 12), l->six ? 16 : 4);
	at[l->six ? 23 : 15] ^= op[1] >> 4; /* usually a router on the path */
	return header + 8 + embedded;
}

void make_error(const uint8_t op[4], const struct frame_bytes *about, struct frame_bytes *out)
{
	const uint8_t *frame = about->bytes, *ip;
	struct look_gre gre;
	struct look l;
	size_t room, front = 14, len;

	out->len = 0;
	if (look_into_gre(frame, about->len, &gre)) {
		front = (size_t)(gre.ip - frame);
		ip = gre.ip;
		room = gre.room;
	} else {
		ip = look_ip_of(frame, about->len, &room);
	}
	if (ip == NULL || !look_at(ip, room, &l))
		return;
	memcpy(out->bytes, frame, front);
	len = write_error(op, &l, FRAME_MAX - front - 48, out->bytes + front);
	out->len = front + len;
	swap(out->bytes, out->bytes + 6, 6);
	if (front > 14) {
		bool outer6 = out->bytes[14] >> 4 == 6;

		swap(out->bytes + (outer6 ? 22 : 26), out->bytes + (outer6 ? 38 : 30),
		     outer6 ? 16 : 4);
		look_put_16(out->bytes + (outer6 ? 18 : 16),
			    (unsigned)(out->len - (outer6 ? 54 : 14)));
	}
	look_fix(out->bytes + 14, out->len - 14, true);
}
