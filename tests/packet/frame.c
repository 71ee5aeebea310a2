/* Frames for tests: see frame.h. Simple and slow on purpose. */
#include "frame.h"

#include <string.h>

enum { ISN = 0x01020304 };

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

/* The Internet checksum of RFC 1071 section 4.1, word by word in network order. */
static uint32_t sum16(uint32_t sum, const uint8_t *p, size_t len)
{
	for (; len > 1; p += 2, len -= 2)
		sum += get16(p);
	if (len > 0)
		sum += (uint32_t)p[0] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static uint32_t pseudo(uint32_t src, uint32_t dst, uint8_t proto, size_t len)
{
	uint8_t h[12] = {0};

	put32(h, src);
	put32(h + 4, dst);
	h[9] = proto;
	put16(h + 10, (uint32_t)len);
	return sum16(0, h, sizeof(h));
}

static uint32_t pseudo6(const struct ip6 *src, const struct ip6 *dst, uint8_t proto, size_t len)
{
	uint8_t h[40] = {0};

	memcpy(h, src, 16);
	memcpy(h + 16, dst, 16);
	put32(h + 32, (uint32_t)len);
	h[39] = proto;
	return sum16(0, h, sizeof(h));
}

static uint32_t pseudo_of(const struct frame *f, size_t len)
{
	if (f->six)
		return pseudo6(&f->src6, &f->dst6, f->proto, len);
	return f->proto == 1 ? 0 : pseudo(f->src, f->dst, f->proto, len);
}

static bool is_icmp(const struct frame *f)
{
	return f->proto == 1 || f->proto == 58;
}

/* Other protocols: only ports, at the place of those of UDP. */
static bool has_checksum(const struct frame *f)
{
	return f->proto == 6 || f->proto == 17 || is_icmp(f);
}

static bool is_error(const struct frame *f)
{
	uint8_t icmp_type = f->icmp_type;

	if (f->proto == 58)
		return icmp_type < 128;
	return icmp_type == 3 || icmp_type == 11 || icmp_type == 12;
}

/* The options' length. */
static size_t build_options(const struct frame *f, uint8_t *options)
{
	size_t n = 0;

	if (f->mss != 0) {
		options[0] = 2;
		options[1] = 4;
		put16(options + 2, f->mss);
		n = 4;
	}
	if (f->scale != 0) {
		options[n] = 1;
		options[n + 1] = 3;
		options[n + 2] = 3;
		options[n + 3] = f->scale - 1;
		n += 4;
	}
	return n;
}

static size_t build_l4(const struct frame *f, uint8_t *l4)
{
	size_t payload = f->payload < 8 && f->data == NULL ? 8 : f->payload, header = 8, at;

	if (f->proto == 6) {
		memset(l4, 0, 20);
		header = 20 + build_options(f, l4 + 20);
		put32(l4 + 4, f->seq != 0 ? f->seq : ISN + !(f->tcp_flags & 2));
		put32(l4 + 8, f->ack != 0 ? f->ack : f->tcp_flags & 16 ? ISN + 1 : 0);
		l4[12] = (uint8_t)(header / 4 << 4);
		l4[13] = f->tcp_flags;
		put16(l4 + 14, f->window != 0 ? f->window : 0xffff);
	} else {
		memset(l4, 0, header);
	}
	if (f->data != NULL) {
		memcpy(l4 + header, f->data, payload);
	} else {
		memset(l4 + header, 0x5a, payload);
		put32(l4 + header, (uint32_t)(f->token >> 32));
		put32(l4 + header + 4, (uint32_t)f->token);
	}
	at = f->proto == 6 ? 16 : f->proto == 17 ? 6 : 2;

	if (is_icmp(f)) {
		l4[0] = f->icmp_type;
		l4[1] = f->icmp_code;
		put16(l4 + 4, f->sport);
		if (is_error(f))
			put16(l4 + 6, f->dport);
		put16(l4 + at,
		      ~sum16(pseudo_of(f, header + payload), l4, header + payload) & 0xffff);
		return header + payload;
	}
	put16(l4, f->sport);
	put16(l4 + 2, f->dport);
	if (f->proto == 17)
		put16(l4 + 4, (uint32_t)(header + payload));
	if (!has_checksum(f) || (f->proto == 17 && f->udp_no_checksum))
		return header + payload;
	if (f->partial) {
		put16(l4 + at, pseudo_of(f, header + payload));
		return header + payload;
	}
	put16(l4 + at, ~sum16(pseudo_of(f, header + payload), l4, header + payload) & 0xffff);
	if (f->proto == 17 && get16(l4 + at) == 0)
		put16(l4 + at, 0xffff);
	return header + payload;
}

/* An IPv4 header of 20 bytes for @payload bytes behind it. */
static size_t build_ip(uint8_t *ip, uint32_t src, uint32_t dst, uint8_t proto, uint8_t ttl,
		       uint8_t tos, bool df, size_t payload)
{
	memset(ip, 0, 20);
	ip[0] = 0x45;
	ip[1] = tos;
	put16(ip + 2, (uint32_t)(20 + payload));
	put16(ip + 4, 0x1234);
	put16(ip + 6, df ? 0x4000 : 0);
	ip[8] = ttl;
	ip[9] = proto;
	put32(ip + 12, src);
	put32(ip + 16, dst);
	frame_mend(ip);
	return 20 + payload;
}

void frame_mend(uint8_t *ip)
{
	size_t header = (size_t)(ip[0] & 15) * 4;

	put16(ip + 10, 0);
	put16(ip + 10, ~sum16(0, ip, header) & 0xffff);
}

static size_t build_ip6(const struct frame *f, uint8_t *ip)
{
	size_t len;

	memset(ip, 0, 40);
	ip[0] = (uint8_t)(0x60 | f->tos >> 4);
	ip[1] = (uint8_t)(f->tos << 4);
	ip[6] = f->n_extensions > 0 ? f->next : f->proto;
	ip[7] = f->ttl == 0 ? 64 : f->ttl;
	memcpy(ip + 8, &f->src6, 16);
	memcpy(ip + 24, &f->dst6, 16);
	if (f->n_extensions > 0)
		memcpy(ip + 40, f->extensions, f->n_extensions);
	len = f->n_extensions + build_l4(f, ip + 40 + f->n_extensions);
	put16(ip + 4, (uint32_t)len);
	return 40 + len;
}

static size_t gre_len(const struct frame *f)
{
	return 4 + 4 * ((size_t)f->has_checksum + f->has_key + f->has_sequence);
}

size_t frame_build_inner(const struct frame *f, uint8_t *ip)
{
	size_t len;

	if (f->six)
		return build_ip6(f, ip);
	len = build_l4(f, ip + 20);
	return build_ip(ip, f->src, f->dst, f->proto, f->ttl == 0 ? 64 : f->ttl, f->tos, f->df,
			len);
}

/* The outer IP header and those behind it. */
static size_t outer_len(const struct frame *f)
{
	return f->outer_six ? 40u + f->n_outer_extensions : f->outer_dst != 0 ? 20 : 0;
}

static size_t build_outer6(const struct frame *f, uint8_t *ip, size_t payload)
{
	memset(ip, 0, 40);
	ip[0] = (uint8_t)(0x60 | f->outer_tos >> 4);
	ip[1] = (uint8_t)(f->outer_tos << 4);
	put16(ip + 4, (uint32_t)(f->n_outer_extensions + payload));
	ip[6] = f->n_outer_extensions > 0 ? f->outer_next : 47;
	ip[7] = 64;
	memcpy(ip + 8, &f->outer_src6, 16);
	memcpy(ip + 24, &f->outer_dst6, 16);
	if (f->n_outer_extensions > 0)
		memcpy(ip + 40, f->outer_extensions, f->n_outer_extensions);
	return outer_len(f) + payload;
}

size_t frame_wrap(const struct frame *f, const uint8_t *inner, size_t len, uint8_t *out)
{
	uint8_t *ip = out + 14, *gre = ip + outer_len(f);
	size_t outer = outer_len(f) > 0 ? outer_len(f) + gre_len(f) : 0, at = 4;

	memmove(ip + outer, inner, len);
	memcpy(out, "\x02\0\0\0\0\x01\x02\0\0\0\0\xfe\x08\0", 14);
	if (outer == 0) {
		put16(out + 12, f->six ? 0x86dd : 0x0800);
		return 14 + len;
	}

	memset(gre, 0, gre_len(f));
	gre[0] = (uint8_t)(f->has_checksum << 7 | f->has_key << 5 | f->has_sequence << 4);
	put16(gre + 2, f->six ? 0x86dd : 0x0800);
	at += f->has_checksum ? 4 : 0;
	if (f->has_key) {
		put32(gre + at, f->key);
		at += 4;
	}
	if (f->has_sequence)
		put32(gre + at, 7);
	if (f->has_checksum)
		put16(gre + 4, ~sum16(0, gre, gre_len(f) + len) & 0xffff);
	if (f->outer_six) {
		put16(out + 12, 0x86dd);
		return 14 + build_outer6(f, ip, gre_len(f) + len);
	}
	return 14 + build_ip(ip, f->outer_src, f->outer_dst, 47, 64, f->outer_tos, true,
			     gre_len(f) + len);
}

size_t frame_build(const struct frame *f, uint8_t *out)
{
	size_t outer = 14 + (outer_len(f) > 0 ? outer_len(f) + gre_len(f) : 0);

	return frame_wrap(f, out + outer, frame_build_inner(f, out + outer), out);
}

static bool parse_ip(const uint8_t *ip, size_t len, const char **why)
{
	*why = "IPv4 header";
	if (len < 20 || ip[0] != 0x45 || get16(ip + 2) != len)
		return false;
	*why = "IPv4 checksum";
	return sum16(0, ip, 20) == 0xffff;
}

/* Parses a transport header. @l4 has @len bytes. */
/* Only a reset has no payload. */
static bool is_reset(const struct frame *f, const uint8_t *l4, size_t len)
{
	return f->proto == 6 && len == 20 && l4[13] & 4;
}

static bool parse_l4(const uint8_t *l4, size_t len, struct frame *f, const char **why)
{
	size_t header = f->proto == 6 ? (size_t)(l4[12] >> 4) * 4 : 8;

	*why = "transport header";
	if (len < header + 8 && !is_reset(f, l4, len))
		return false;
	if (is_icmp(f)) {
		f->icmp_type = l4[0];
		f->icmp_code = l4[1];
		f->sport = get16(l4 + 4);
		f->dport = is_error(f) ? get16(l4 + 6) : 0;
	} else {
		f->sport = get16(l4);
		f->dport = get16(l4 + 2);
	}
	if (f->proto == 6) {
		f->seq = get32(l4 + 4);
		f->ack = get32(l4 + 8);
		f->tcp_flags = l4[13];
		f->mss = header >= 24 && l4[20] == 2 ? get16(l4 + 22) : 0;
	}
	f->payload = (uint16_t)(len - header);
	if (f->payload >= 8)
		f->token = (uint64_t)get32(l4 + header) << 32 | get32(l4 + header + 4);
	*why = "transport checksum";
	f->udp_no_checksum = f->proto == 17 && get16(l4 + 6) == 0;
	return f->udp_no_checksum || !has_checksum(f) ||
	       sum16(pseudo_of(f, len), l4, len) == 0xffff;
}

/* The transport header of an IPv6 packet, which may be truncated after @len bytes. */
static size_t parse_ip6(const uint8_t *ip, size_t len, struct frame *f)
{
	size_t at = 40;
	uint8_t next;

	if (len < 40 || ip[0] >> 4 != 6 || (ip[1] & 15) != 0)
		return 0;
	next = ip[6];
	while (next == 0 || next == 43 || next == 44 || next == 60) {
		if (at + 8 > len)
			return 0;
		next = ip[at];
		at += ((size_t)ip[at + 1] + 1) * 8;
	}
	f->six = true;
	f->proto = next;
	f->ttl = ip[7];
	f->tos = (uint8_t)(ip[0] << 4 | ip[1] >> 4);
	memcpy(&f->src6, ip + 8, 16);
	memcpy(&f->dst6, ip + 24, 16);
	return at + 8 <= len ? at : 0;
}

static bool parse_inner6(const uint8_t *ip, size_t len, struct frame *f, const char **why)
{
	size_t at = parse_ip6(ip, len, f);

	*why = "IPv6 header";
	if (at == 0 || 40u + get16(ip + 4) != len)
		return false;
	return parse_l4(ip + at, len - at, f, why);
}

/* Parses the outer header. Returns its length. */
static size_t parse_outer(const uint8_t *ip, struct frame *f)
{
	f->outer_six = ip[0] >> 4 == 6;
	if (f->outer_six) {
		f->outer_tos = (uint8_t)(get16(ip) >> 4);
		f->outer_label = get32(ip) & 0xfffff;
		f->outer_ttl = ip[7];
		memcpy(&f->outer_src6, ip + 8, 16);
		memcpy(&f->outer_dst6, ip + 24, 16);
		return 40;
	}
	f->outer_tos = ip[1];
	f->outer_ttl = ip[8];
	f->outer_df = get16(ip + 6) & 0x4000;
	f->outer_src = get32(ip + 12);
	f->outer_dst = get32(ip + 16);
	return 20;
}

static bool parse_gre(const uint8_t *ip, size_t len, struct frame *f, size_t *header,
		      const char **why)
{
	size_t outer = parse_outer(ip, f);
	const uint8_t *gre = ip + outer;

	f->has_key = gre[0] & 0x20;
	*header = outer + 4 + (f->has_key ? 4 : 0);
	*why = "GRE header";
	f->six = get16(gre + 2) == 0x86dd;
	if (len < *header + 20 || (gre[0] & ~0x20) != 0 || gre[1] != 0 ||
	    (get16(gre + 2) != 0x0800 && !f->six))
		return false;
	if (f->has_key)
		f->key = get32(gre + 4);
	return true;
}

/*
 * Is it a tunnel packet of the gateway? GRE that a host itself sends over IPv6 has another content.
 */
static bool is_gre(const uint8_t *in)
{
	const uint8_t *ip = in + 14, *gre = ip + 40;

	if (in[12] != 0x86)
		return ip[9] == 47;
	return ip[6] == 47 && (get16(gre + 2) == 0x0800 || get16(gre + 2) == 0x86dd);
}

bool frame_parse(const uint8_t *in, size_t len, struct frame *f, const char **why)
{
	const uint8_t *ip = in + 14;
	size_t header = 0;

	memset(f, 0, sizeof(*f));
	*why = "Ethernet";
	if (len < 34 || (get16(in + 12) != 0x0800 && get16(in + 12) != 0x86dd))
		return false;
	len -= 14;
	if (get16(in + 12) == 0x86dd) {
		*why = "outer IPv6 header";
		if (len < 40 || 40u + get16(ip + 4) != len)
			return false;
		if (!is_gre(in))
			return parse_inner6(ip, len, f, why);
	} else if (!parse_ip(ip, len, why)) {
		return false;
	}
	if (is_gre(in)) {
		if (!parse_gre(ip, len, f, &header, why))
			return false;
		ip += header;
		len -= header;
		if (f->six)
			return parse_inner6(ip, len, f, why);
		if (!parse_ip(ip, len, why))
			return false;
	}
	f->proto = ip[9];
	f->ttl = ip[8];
	f->tos = ip[1];
	f->src = get32(ip + 12);
	f->dst = get32(ip + 16);
	f->df = get16(ip + 6) & 0x4000;
	return parse_l4(ip + 20, len - 20, f, why);
}

const uint8_t *frame_inner(const uint8_t *in, size_t *len)
{
	size_t header = 14;

	if (is_gre(in)) {
		header += in[12] == 0x86 ? 40 : 20;
		header += 4 + (in[header] & 0x20 ? 4 : 0);
	}
	*len -= header;
	return in + header;
}

static void parse_quoted_ports(const uint8_t *l4, struct frame *f)
{
	f->sport = get16(l4 + (is_icmp(f) ? 4 : 0));
	f->dport = is_icmp(f) ? 0 : get16(l4 + 2);
}

static bool parse_quote6(const uint8_t *embedded, size_t len, struct frame *f, const char **why)
{
	size_t at;

	memset(f, 0, sizeof(*f));
	at = parse_ip6(embedded, len, f);
	*why = "embedded IPv6 header";
	if (at == 0)
		return false;
	if (40u + get16(embedded + 4) == len)
		return parse_l4(embedded + at, len - at, f, why);
	parse_quoted_ports(embedded + at, f);
	return true;
}

bool frame_parse_quote(const uint8_t *embedded, size_t len, struct frame *f, const char **why)
{
	const uint8_t *l4 = embedded + 20;

	if (len > 0 && embedded[0] >> 4 == 6)
		return parse_quote6(embedded, len, f, why);
	memset(f, 0, sizeof(*f));
	*why = "embedded IPv4 header";
	if (len < 28 || embedded[0] != 0x45)
		return false;
	*why = "embedded IPv4 checksum";
	if (sum16(0, embedded, 20) != 0xffff)
		return false;
	f->proto = embedded[9];
	f->ttl = embedded[8];
	f->src = get32(embedded + 12);
	f->dst = get32(embedded + 16);
	if (get16(embedded + 2) == len)
		return parse_l4(l4, len - 20, f, why);
	parse_quoted_ports(l4, f);
	return true;
}

void frame_parse_outer(const uint8_t *in, size_t len, struct frame *f)
{
	const char *why;
	size_t header;

	memset(f, 0, sizeof(*f));
	if (is_gre(in))
		parse_gre(in + 14, len - 14, f, &header, &why);
}
