/* Numbers and names in a form for people: see text.h. */
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

struct text text_counted(uint64_t n, const char *one, const char *many)
{
	struct text t;

	snprintf(t.buf, sizeof(t.buf), "%.32s %s", text_count(n).buf, n == 1 ? one : many);
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

size_t text_width(const char *s)
{
	size_t width = 0;

	for (; *s != '\0'; s++)
		width += (*s & 0xc0) != 0x80;
	return width;
}
