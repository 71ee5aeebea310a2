/*
 * Text of others, made fit to be shown: see clean.h.
 *
 * It comes from a file, a client or a daemon. It may contain control sequences, which must not
 * reach a terminal.
 */
#include "base/clean.h"

#include <string.h>

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
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90)) /* not the shortest */
		return 0;
	if ((s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f)) /* no character */
		return 0;
	return len;
}

void clean_text(const char *in, char *out, size_t size)
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
