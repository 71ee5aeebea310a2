/* Fragments for tests: see pieces.h. Headers have no options. */
#include "pieces.h"

#include <string.h>

enum { MF = 0x2000, DF = 0x4000, OFFSET = 0x1fff };

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

size_t pieces_cut(const uint8_t *whole, size_t len, const struct piece *piece, uint16_t id,
		  uint8_t *out)
{
	size_t n = piece->end - piece->at;

	memcpy(out, whole, 20);
	memcpy(out + 20, whole + 20 + piece->at, n);
	put16(out + 2, 20 + n);
	put16(out + 4, id);
	put16(out + 6, piece->at / 8 | (20 + piece->end < len ? MF : 0));
	frame_mend(out);
	return 20 + n;
}

/* One more frame. False: it does not follow the ones before. */
static bool add(struct pieces *p, const uint8_t *frame, size_t len, const char **why)
{
	size_t n = len;
	const uint8_t *ip = frame_inner(frame, &n);
	uint8_t *whole = p->whole + 14;
	size_t at = (size_t)(get16(ip + 6) & OFFSET) * 8, have = p->n == 0 ? 0 : p->len;

	*why = "fragment's header";
	if (n < 20 || ip[0] != 0x45 || get16(ip + 2) != n || at + n > PIECES_PACKET_MAX)
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
		memcpy(p->whole, frame, 14);
		memcpy(whole, ip, 20);
		p->id = get16(ip + 4);
	}
	memcpy(whole + 20 + at, ip + 20, n - 20);
	p->len = at + n - 20;
	p->largest = n > p->largest ? n : p->largest;
	p->n++;
	return true;
}

/* The header checksum of the fragment as it came: frame_parse() looks at the whole's only. */
static bool sums_up(const uint8_t *ip)
{
	uint8_t copy[20];

	memcpy(copy, ip, 20);
	frame_mend(copy);
	return memcmp(copy, ip, 20) == 0;
}

bool pieces_take(struct bed *bed, unsigned port, struct pieces *p, struct frame *whole,
		 const char **why)
{
	uint8_t frame[BED_FRAME_MAX], *ip = p->whole + 14;
	bool more = true;
	size_t len;

	p->n = 0;
	p->len = p->largest = 0;
	*why = "nothing came out";
	for (; (len = bed_take(bed, port, frame)) > 0;) {
		size_t n = len;
		const uint8_t *inner = frame_inner(frame, &n);

		*why = "fragment's checksum";
		if (!sums_up(inner) || !sums_up(frame + 14))
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
	return frame_parse(p->whole, p->len, whole, why);
}
