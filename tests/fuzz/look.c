/* See look.h. Plain and slow on purpose. */
#include "look.h"

uint16_t look_16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t look_32(const uint8_t *p)
{
	return (uint32_t)look_16(p) << 16 | look_16(p + 2);
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

static enum look_l4 check_l4(const struct look *l, const uint8_t *l4, size_t len)
{
	uint32_t sum = 0;

	if (l->proto == 17 && look_16(l4 + 4) >= 8 && look_16(l4 + 4) <= len)
		len = look_16(l4 + 4);
	if (l->proto == 17 && look_16(l4 + 6) == 0)
		return LOOK_GOOD;
	if (l->proto != 1) {
		sum = sum16(l->proto + (uint32_t)len, l->ip + 12, 8);
	}
	return sum16(sum, l4, len) == 0xffff ? LOOK_GOOD : LOOK_BAD;
}

static void look_at_l4(struct look *l)
{
	const uint8_t *l4 = l->ip + l->header;
	size_t len = l->len - l->header;

	if (l->fragment || len < (l->proto == 6 ? 20 : 8) ||
	    (l->proto != 1 && l->proto != 6 && l->proto != 17))
		return;
	l->l4 = check_l4(l, l4, len);
	if (l->proto != 1) {
		l->sport = look_16(l4);
		l->dport = look_16(l4 + 2);
		return;
	}
	l->icmp_error = l4[0] != 0 && l4[0] != 8;
	if (!l->icmp_error)
		l->sport = l->dport = look_16(l4 + 4);
}

bool look_at(const uint8_t *ip, size_t len, struct look *out)
{
	*out = (struct look){.ip = ip};
	if (len < 20 || ip[0] >> 4 != 4)
		return false;
	out->header = (size_t)(ip[0] & 15) * 4;
	out->len = look_16(ip + 2);
	if (out->header < 20 || out->len < out->header || out->len > len ||
	    sum16(0, ip, out->header) != 0xffff)
		return false;
	out->proto = ip[9];
	out->src = look_32(ip + 12);
	out->dst = look_32(ip + 16);
	out->fragment = (look_16(ip + 6) & 0x3fff) != 0;
	look_at_l4(out);
	return true;
}

const uint8_t *look_into_gre(const uint8_t *frame, size_t len, size_t *room, uint32_t *key)
{
	struct look outer;
	const uint8_t *gre;
	size_t need = 4;

	if (len < 14 || look_16(frame + 12) != 0x0800 || !look_at(frame + 14, len - 14, &outer) ||
	    outer.fragment || outer.proto != 47 || outer.len < outer.header + 4)
		return NULL;
	gre = outer.ip + outer.header;
	need += (gre[0] & 0x80 ? 4 : 0) + (gre[0] & 0x20 ? 4 : 0) + (gre[0] & 0x10 ? 4 : 0);
	if (look_16(gre + 2) != 0x0800 || outer.len < outer.header + need)
		return NULL;
	*room = outer.len - outer.header - need;
	if (key != NULL)
		*key = gre[0] & 0x20 ? look_32(gre + (gre[0] & 0x80 ? 8 : 4)) : 0;
	return gre + need;
}

void look_fix_header(uint8_t *ip, size_t len)
{
	size_t header = len < 20 ? 0 : (size_t)(ip[0] & 15) * 4;
	uint32_t sum;

	if (header < 20 || header > len)
		return;
	ip[10] = ip[11] = 0;
	sum = ~sum16(0, ip, header);
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}
