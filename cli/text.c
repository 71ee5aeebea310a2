/*
 * Numbers and names as people like to read them: see text.h.
 *
 * Names come from the daemon, which has them from a file: whatever is in them, a terminal must not
 * be made to do things by it.
 */
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct text text_count(uint64_t n)
{
	char digits[24];
	struct text t;
	size_t len = snprintf(digits, sizeof(digits), "%" PRIu64, n), at = 0;

	for (size_t i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			t.buf[at++] = ',';
		t.buf[at++] = digits[i];
	}
	t.buf[at] = '\0';
	return t;
}

struct text text_bytes(uint64_t bytes)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	struct text t;
	double value = bytes;
	size_t unit = 0;

	while (value >= (unit == 0 ? 1000 : 999.5)) {
		value /= 1000;
		unit++;
	}
	snprintf(t.buf, sizeof(t.buf), "%.*f %s", unit > 0 && value < 99.95 ? 1 : 0, value,
		 units[unit]);
	return t;
}

struct text text_duration(uint64_t seconds)
{
	uint64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
	struct text t;

	if (days > 0)
		snprintf(t.buf, sizeof(t.buf), "%" PRIu64 " d %02" PRIu64 " h", days, hours % 24);
	else if (hours > 0)
		snprintf(t.buf, sizeof(t.buf), "%" PRIu64 " h %02" PRIu64 " min", hours,
			 minutes % 60);
	else if (minutes > 0)
		snprintf(t.buf, sizeof(t.buf), "%" PRIu64 " min %02" PRIu64 " s", minutes,
			 seconds % 60);
	else
		snprintf(t.buf, sizeof(t.buf), "%" PRIu64 " s", seconds);
	return t;
}

struct text text_share(uint64_t part, uint64_t whole)
{
	double share = whole > 0 ? 100.0 * (double)part / (double)whole : 0;
	struct text t;

	if (part == 0 || whole == 0)
		snprintf(t.buf, sizeof(t.buf), "0 %%");
	else if (share < 0.1)
		snprintf(t.buf, sizeof(t.buf), "<0.1 %%");
	else
		snprintf(t.buf, sizeof(t.buf), "%.1f %%", share);
	return t;
}

/* Bytes of the character at @s if it is whole and may be shown; 0 if not. */
static size_t printable(const unsigned char *s)
{
	size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if (s[0] < 0x20 || s[0] == 0x7f || s[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if (s[0] == 0xc2 && s[1] < 0xa0) /* C1: what ESC [ is for old terminals */
		return 0;
	return len;
}

void text_clean(const char *in, char *out, size_t size)
{
	const unsigned char *s = (const unsigned char *)in;
	size_t at = 0;

	while (*s != '\0') {
		size_t len = printable(s), take = len > 0 ? len : 1;

		if (at + take >= size)
			break;
		if (len > 0)
			memcpy(out + at, s, len);
		else
			out[at] = '?';
		at += take;
		s += take;
	}
	out[at] = '\0';
}

size_t text_width(const char *s)
{
	size_t width = 0;

	for (; *s != '\0'; s++)
		width += (*s & 0xc0) != 0x80;
	return width;
}
