/*
 * MSS clamp: no segment that does not fit the tunnel is ever sent.
 *
 * Only SYN segments carry the option, so this is off the fast path. Options are walked as RFC 9293
 * section 3.1 has them; a length that leads outside the header ends the walk.
 */
#include "out/stages.h"

#include "base/checksum.h"
#include "base/wire.h"

enum {
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_MSS = 2,
	OPTION_MSS_LEN = 4,
};

static void clamp_option(uint8_t *tcp, uint8_t *value, uint16_t mss)
{
	uint16_t old = wire_16(value);
	be16_t checksum = wire_be16(tcp + TCP_CHECKSUM);
	uint8_t before[4] = {0}, after[4] = {0};
	size_t word = (size_t)(value - tcp) & ~(size_t)1;
	size_t len = word == (size_t)(value - tcp) ? 2 : 4; /* at an odd place it spans two words */

	if (old <= mss)
		return;
	memcpy(before, tcp + word, len);
	wire_put_be16(value, htons(mss));
	memcpy(after, tcp + word, len);
	checksum = checksum_apply(checksum, checksum_delta32(wire_be32(before), wire_be32(after)));
	wire_put_be16(tcp + TCP_CHECKSUM, checksum);
}

void mss_clamp(uint8_t *tcp, size_t len, uint16_t mss)
{
	size_t at = TCP_LEN;

	while (at + 1 < len && tcp[at] != OPTION_END) {
		if (tcp[at] == OPTION_NOP) {
			at++;
			continue;
		}
		if (tcp[at + 1] < 2 || tcp[at + 1] > len - at)
			return;
		if (tcp[at] == OPTION_MSS && tcp[at + 1] == OPTION_MSS_LEN)
			clamp_option(tcp, tcp + at + 2, mss);
		at += tcp[at + 1];
	}
}
