/* TCP options, RFC 9293 section 3.1: a length that leads outside the header ends the walk. */
#pragma once

#include "base/wire.h"

enum {
	TCP_OPTION_END = 0,
	TCP_OPTION_NOP = 1,
	TCP_OPTION_MSS = 2,
	TCP_OPTION_MSS_LEN = 4,
	TCP_OPTION_SCALE = 3, /* RFC 7323 section 2.2 */
	TCP_OPTION_SCALE_LEN = 3,
};

/*
 * The first option at offset @at or behind it, in a header of @len bytes: its offset, or @len if
 * there is none. Its length, the byte behind its kind, is at least 2 and inside the header.
 */
static inline size_t tcp_option_at(const uint8_t *tcp, size_t len, size_t at)
{
	while (at + 1 < len && tcp[at] == TCP_OPTION_NOP)
		at++;
	if (at + 1 >= len || tcp[at] == TCP_OPTION_END || tcp[at + 1] < 2 || tcp[at + 1] > len - at)
		return len;
	return at;
}

/* The one behind that at @at. */
static inline size_t tcp_option_next(const uint8_t *tcp, size_t len, size_t at)
{
	return tcp_option_at(tcp, len, at + tcp[at + 1]);
}
