/* Fragments for tests: see fragments.h. IPv4 headers have no options. */
#include "fragments.h"

#include <string.h>

enum { MF = 0x2000, DF = 0x4000, OFFSET = 0x1fff, MORE6 = 1, OFFSET6 = 0xfff8, FRAGMENT6 = 44 };

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

size_t fragment4_make(const uint8_t *packet, size_t len, const struct fragment *fragment,
		      uint16_t id, uint8_t *out)
{
	size_t n = fragment->end - fragment->at;

	memcpy(out, packet, 20);
	memcpy(out + 20, packet + 20 + fragment->at, n);
	put16(out + 2, 20 + n);
	put16(out + 4, id);
	put16(out + 6, fragment->at / 8 | (20 + fragment->end < len ? MF : 0));
	frame_mend(out);
	return 20 + n;
}

/*
 * Where the headers of an IPv6 packet that are not fragmented end, and which byte names the next
 * header.
 */
static size_t front_of(const uint8_t *ip, size_t *name)
{
	*name = ip[6] == 0 ? 40 : 6;
	return ip[6] == 0 ? 40 + ((size_t)ip[41] + 1) * 8 : 40;
}

size_t fragment6_front(const uint8_t *packet)
{
	size_t name;

	return front_of(packet, &name);
}

size_t fragment6_make(const uint8_t *packet, size_t len, const struct fragment *fragment,
		      uint32_t id, uint8_t *out)
{
	size_t n = fragment->end - fragment->at, name, front = front_of(packet, &name);

	memcpy(out, packet, front);
	memset(out + front, 0, 8);
	out[front] = packet[name];
	out[name] = FRAGMENT6;
	put16(out + 4, front - 40 + 8 + n);
	put16(out + front + 2, fragment->at | (front + fragment->end < len ? MORE6 : 0));
	put16(out + front + 4, id >> 16);
	put16(out + front + 6, id);
	memcpy(out + front + 8, packet + front + fragment->at, n);
	return front + 8 + n;
}

/* Adds the fragment at @ip of an IPv6 packet. False: it does not follow the previous ones. */
static bool add6(struct fragments *p, const uint8_t *ip, size_t len, bool *more, const char **why)
{
	uint8_t *packet = p->packet + 14;
	size_t name, front = front_of(ip, &name), header = front, at = 0;
	uint32_t id = 0;

	*why = "fragment's header";
	if (len < 48 || ip[0] >> 4 != 6 || 40u + get16(ip + 4) != len || front + 8 > len)
		return false;
	*more = false;
	if (ip[name] == FRAGMENT6) {
		header = front + 8;
		at = get16(ip + front + 2) & OFFSET6;
		*more = get16(ip + front + 2) & MORE6;
		id = (uint32_t)get16(ip + front + 4) << 16 | get16(ip + front + 6);
	}
	*why = "fragment's offset";
	if (at != (p->n == 0 ? 0 : p->len - front) || (p->n > 0 && id != p->id) ||
	    front + at + len - header > FRAGMENTS_PACKET_MAX)
		return false;
	*why = "fragment's length";
	if (*more && (len - header) % 8 != 0)
		return false;
	if (p->n == 0) {
		memcpy(packet, ip, front);
		packet[name] = ip[name] == FRAGMENT6 ? ip[front] : ip[name];
		p->id = id;
	}
	memcpy(packet + front + at, ip + header, len - header);
	p->len = front + at + len - header;
	p->largest = len > p->largest ? len : p->largest;
	p->n++;
	return true;
}

/* The rest of fragments_take(), which has taken the first frame of @len bytes. */
static bool take6(struct bed *bed, unsigned port, uint8_t *frame, size_t len, struct fragments *p,
		  struct frame *reassembled, const char **why)
{
	bool more = true;

	frame_parse_outer(frame, len, &p->first);
	memcpy(p->packet, frame, 12);
	put16(p->packet + 12, 0x86dd);
	for (; len > 0; len = bed_take(bed, port, frame)) {
		size_t n = len;
		const uint8_t *ip = frame_inner(frame, &n);

		*why = "fragment behind the last one";
		if (!more || !add6(p, ip, n, &more, why))
			return false;
	}
	*why = "last fragment: it is missing";
	if (more)
		return false;
	put16(p->packet + 14 + 4, p->len - 40);
	p->len += 14;
	return frame_parse(p->packet, p->len, reassembled, why);
}

/* Adds a frame. False: it does not follow the previous ones. */
static bool add(struct fragments *p, const uint8_t *frame, size_t len, const char **why)
{
	size_t n = len;
	const uint8_t *ip = frame_inner(frame, &n);
	uint8_t *packet = p->packet + 14;
	size_t at = (size_t)(get16(ip + 6) & OFFSET) * 8, have = p->n == 0 ? 0 : p->len;

	*why = "fragment's header";
	if (n < 20 || ip[0] != 0x45 || get16(ip + 2) != n || at + n > FRAGMENTS_PACKET_MAX)
		return false;
	*why = "fragment's offset";
	if (at != have || (p->n > 0 && get16(ip + 4) != p->id))
		return false;
	*why = "fragment's length";
	if (get16(ip + 6) & MF && (n - 20) % 8 != 0)
		return false;
	*why = "don't fragment on a fragment";
	if (get16(ip + 6) & DF && get16(ip + 6) & (MF | OFFSET))
		return false;
	if (p->n == 0) {
		memcpy(p->packet, frame, 14);
		/* the tunnel may be over IPv6, the inner packet is IPv4 */
		put16(p->packet + 12, 0x0800);
		memcpy(packet, ip, 20);
		p->id = get16(ip + 4);
	}
	memcpy(packet + 20 + at, ip + 20, n - 20);
	p->len = at + n - 20;
	p->largest = n > p->largest ? n : p->largest;
	p->n++;
	return true;
}

/*
 * Checks the header checksum of a fragment: frame_parse() checks only that of the reassembled
 * packet.
 */
static bool sums_up(const uint8_t *ip)
{
	uint8_t copy[20];

	memcpy(copy, ip, 20);
	frame_mend(copy);
	return memcmp(copy, ip, 20) == 0;
}

bool fragments_take(struct bed *bed, unsigned port, struct fragments *p, struct frame *reassembled,
		    const char **why)
{
	uint8_t frame[BED_FRAME_MAX], *ip = p->packet + 14;
	bool more = true;
	size_t len;

	p->n = 0;
	p->len = p->largest = 0;
	*why = "nothing came out";
	for (; (len = bed_take(bed, port, frame)) > 0;) {
		size_t n = len;
		const uint8_t *inner = frame_inner(frame, &n);

		if (p->n == 0 && inner[0] >> 4 == 6)
			return take6(bed, port, frame, len, p, reassembled, why);
		*why = "fragment's checksum";
		if (!sums_up(inner) || (frame[14] >> 4 == 4 && !sums_up(frame + 14)))
			return false;
		more = get16(inner + 6) & MF;
		if (p->n == 0)
			frame_parse_outer(frame, len, &p->first);
		if (!add(p, frame, len, why))
			return false;
	}
	if (p->n == 0 || more) {
		*why = p->n == 0 ? *why : "last fragment: it is missing";
		return false;
	}
	put16(ip + 2, 20 + p->len);
	put16(ip + 6, p->n == 1 ? get16(ip + 6) : 0);
	frame_mend(ip);
	p->len += 14 + 20;
	return frame_parse(p->packet, p->len, reassembled, why);
}
