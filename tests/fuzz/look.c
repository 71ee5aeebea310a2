/* See look.h. Simple and slow on purpose. */
#include "look.h"

#include <string.h>

enum { ICMP = 1, TCP = 6, UDP = 17, GRE = 47, ICMP6 = 58, DEPTH_MAX = 4 };

uint16_t look_16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t look_32(const uint8_t *p)
{
	return (uint32_t)look_16(p) << 16 | look_16(p + 2);
}

void look_put_16(uint8_t *p, unsigned value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

bool look_same(const struct look_addr *a, const struct look_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

struct look_addr look_ipv4(uint32_t a)
{
	return (struct look_addr){{[10] = 0xff,
				   0xff,
				   (uint8_t)(a >> 24),
				   (uint8_t)(a >> 16),
				   (uint8_t)(a >> 8),
				   (uint8_t)a}};
}

/* RFC 1071 section 4.1. */
static uint32_t sum16(uint32_t sum, const uint8_t *p, size_t len)
{
	for (; len > 1; p += 2, len -= 2)
		sum += look_16(p);
	if (len > 0)
		sum += (uint32_t)p[0] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Parses the extension headers (RFC 8200 section 4). False: a header is truncated. */
static bool walk(struct look *l, size_t room)
{
	l->proto = l->ip[6];
	l->header = 40;
	while (l->proto == 0 || l->proto == 43 || l->proto == 44 || l->proto == 60) {
		const uint8_t *h = l->ip + l->header;
		size_t len;

		if (l->header + 8 > room)
			return false;
		len = l->proto == 44 ? 8 : (h[1] + (size_t)1) * 8;
		if (l->header + len > room)
			return false;
		l->fragment = l->fragment || (l->proto == 44 && (look_16(h + 2) & 0xfff9) != 0);
		l->later = l->proto == 44 && (look_16(h + 2) & 0xfff8) != 0;
		l->proto = h[0];
		l->header += len;
		if (l->later)
			return true;
	}
	return true;
}

/* Parses the fields of the header without checks. False if there is none in @room bytes. */
static bool read_header(const uint8_t *ip, size_t room, struct look *l)
{
	*l = (struct look){.ip = ip};
	if (room >= 40 && ip[0] >> 4 == 6) {
		l->six = true;
		l->len = (size_t)40 + look_16(ip + 4);
		memcpy(&l->src, ip + 8, 16);
		memcpy(&l->dst, ip + 24, 16);
		return walk(l, room);
	}
	if (room < 20 || ip[0] >> 4 != 4)
		return false;
	l->header = (size_t)(ip[0] & 15) * 4;
	l->len = look_16(ip + 2);
	l->proto = ip[9];
	l->src = look_ipv4(look_32(ip + 12));
	l->dst = look_ipv4(look_32(ip + 16));
	l->fragment = (look_16(ip + 6) & 0x3fff) != 0;
	l->later = (look_16(ip + 6) & 0x1fff) != 0;
	return l->header >= 20 && l->header <= room;
}

static uint8_t icmp_of(const struct look *l)
{
	return l->six ? ICMP6 : ICMP;
}

static bool has_transport(const struct look *l, size_t room)
{
	return !l->later && room >= (l->proto == TCP ? 20 : 8) &&
	       (l->proto == icmp_of(l) || l->proto == TCP || l->proto == UDP);
}

/* The sum of the transport at @l4 and, except for ICMP, the addresses. */
static uint32_t sum_l4(const struct look *l, const uint8_t *l4, size_t len)
{
	uint32_t sum = 0;

	if (l->proto == UDP && look_16(l4 + 4) >= 8 && look_16(l4 + 4) <= len)
		len = look_16(l4 + 4);
	if (l->proto != ICMP)
		sum = sum16(l->proto + (uint32_t)len, l->ip + (l->six ? 8 : 12), l->six ? 32 : 8);
	return sum16(sum, l4, len);
}

static void look_at_ports(struct look *l, const uint8_t *l4)
{
	if (l->proto != icmp_of(l)) {
		l->sport = look_16(l4);
		l->dport = look_16(l4 + 2);
		return;
	}
	l->icmp = true;
	l->icmp_type = l4[0];
	l->icmp_request = l->six ? l4[0] == 128 : l4[0] == 8 || l4[0] == 13;
	l->icmp_error = l->six ? l4[0] < 128 : !l->icmp_request && l4[0] != 0 && l4[0] != 14;
	if (!l->icmp_error)
		l->sport = l->dport = look_16(l4 + 4);
}

bool look_at(const uint8_t *ip, size_t room, struct look *out)
{
	const uint8_t *l4 = ip;
	size_t len;

	if (!read_header(ip, room, out) || out->len > room || out->len < out->header ||
	    (!out->six && sum16(0, ip, out->header) != 0xffff))
		return false;
	len = out->len - out->header;
	l4 += out->header;
	if (!has_transport(out, len))
		return true;
	look_at_ports(out, l4);
	if (out->fragment)
		return true;
	if (out->proto == UDP && look_16(l4 + 6) == 0)
		out->l4 = LOOK_GOOD;
	else
		out->l4 = sum_l4(out, l4, len) == 0xffff ? LOOK_GOOD : LOOK_BAD;
	return true;
}

bool look_at_quote(const struct look *error, struct look *out)
{
	size_t room = error->len - error->header - 8;

	if (!read_header(error->ip + error->header + 8, room, out) || out->later ||
	    room < out->header + 8)
		return false;
	if (out->proto == icmp_of(out) || out->proto == TCP || out->proto == UDP)
		look_at_ports(out, out->ip + out->header);
	return true;
}

const uint8_t *look_ip_of(const uint8_t *frame, size_t len, size_t *room)
{
	uint16_t type = len < 14 ? 0 : look_16(frame + 12);

	*room = type == 0x0800 || type == 0x86dd ? len - 14 : 0;
	return *room > 0 ? frame + 14 : NULL;
}

/* Offset of the payload of the GRE header at @gre (RFC 2784, RFC 2890); 0: we do not accept it. */
static size_t gre_header(const uint8_t *gre, size_t room)
{
	size_t need = 4;

	if (room < 4 || (look_16(gre + 2) != 0x0800 && look_16(gre + 2) != 0x86dd))
		return 0;
	need += (gre[0] & 0x80 ? 4 : 0) + (gre[0] & 0x20 ? 4 : 0) + (gre[0] & 0x10 ? 4 : 0);
	return need <= room ? need : 0;
}

bool look_into_gre(const uint8_t *frame, size_t len, struct look_gre *out)
{
	size_t room, at;
	const uint8_t *ip = look_ip_of(frame, len, &room), *gre;

	if (ip == NULL || !look_at(ip, room, &out->outer) || out->outer.fragment ||
	    out->outer.proto != GRE)
		return false;
	gre = out->outer.ip + out->outer.header;
	at = gre_header(gre, out->outer.len - out->outer.header);
	if (at == 0)
		return false;
	out->key = gre[0] & 0x20 ? look_32(gre + (gre[0] & 0x80 ? 8 : 4)) : 0;
	out->ip = gre + at;
	out->room = out->outer.len - out->outer.header - at;
	return true;
}

static void put_sum(uint8_t *at, uint32_t sum)
{
	look_put_16(at, ~sum & 0xffff);
}

static void fix(uint8_t *ip, size_t room, bool all, unsigned depth);

static void fix_gre(uint8_t *gre, size_t len, bool all, unsigned depth)
{
	size_t at = gre_header(gre, len);

	if (at == 0)
		return;
	fix(gre + at, len - at, all, depth + 1);
	if (!all || !(gre[0] & 0x80))
		return;
	look_put_16(gre + 4, 0);
	put_sum(gre + 4, sum16(0, gre, len));
}

static void fix_l4(struct look *l, uint8_t *l4, size_t len, bool all, unsigned depth)
{
	uint8_t *at = l4 + (l->proto == TCP ? 16 : l->proto == UDP ? 6 : 2);

	look_at_ports(l, l4);
	if (l->icmp_error)
		fix(l4 + 8, len - 8, all, depth + 1);
	if (!all || l->fragment || (l->proto == UDP && look_16(at) == 0))
		return;
	look_put_16(at, 0);
	put_sum(at, sum_l4(l, l4, len));
	if (l->proto == UDP && look_16(at) == 0)
		look_put_16(at, 0xffff);
}

static void fix(uint8_t *ip, size_t room, bool all, unsigned depth)
{
	struct look l;
	size_t len;

	if (depth > DEPTH_MAX || !read_header(ip, room, &l))
		return;
	len = l.len < l.header ? 0 : (l.len < room ? l.len : room) - l.header;
	if (l.proto == GRE && !l.fragment)
		fix_gre(ip + l.header, len, all, depth);
	else if (has_transport(&l, len))
		fix_l4(&l, ip + l.header, len, all, depth);
	if (l.six)
		return;
	look_put_16(ip + 10, 0);
	put_sum(ip + 10, sum16(0, ip, l.header));
}

void look_fix(uint8_t *ip, size_t len, bool all)
{
	fix(ip, len, all, 0);
}
