/*
 * MSS clamp: keeps both ends from sending TCP segments larger than the MTU of the flow's nexthops.
 *
 * Only SYN segments carry the option, so this is off the fast path.
 */
#include "out/mss.h"

#include "base/checksum.h"
#include "base/tcp_options.h"
#include "base/wire.h"
#include "path/resolve.h"

enum { MSS_MIN = 48 }; /* a smaller one counts as an attack (CVE-2019-11479) */

static void clamp_option(uint8_t *tcp, uint8_t *value, uint16_t mss)
{
	uint16_t old = wire_16(value);
	be16_t checksum = wire_be16(tcp + TCP_CHECKSUM);
	uint8_t before[4] = {0}, after[4] = {0};
	size_t word = (size_t)(value - tcp) & ~(size_t)1;
	size_t len = word == (size_t)(value - tcp) ? 2 : 4; /* at an odd offset: spans two words */

	if (old <= mss)
		return;
	memcpy(before, tcp + word, len);
	wire_put_be16(value, htons(mss));
	memcpy(after, tcp + word, len);
	checksum = checksum_apply(checksum, checksum_delta32(wire_be32(before), wire_be32(after)));
	wire_put_be16(tcp + TCP_CHECKSUM, checksum);
}

uint16_t mss_of(struct context *ctx, struct flow *f, const struct flow6 *six, uint16_t headers)
{
	uint16_t mtu = ctx->nexthops->at[f->onramp].mtu;
	const struct nexthop *out = resolve_offramp(ctx, f, six);

	if (out->mtu != 0 && out->mtu < mtu) /* 0: no route at the moment */
		mtu = out->mtu;
	return mtu > headers + MSS_MIN ? (uint16_t)(mtu - headers) : MSS_MIN;
}

void mss_clamp(uint8_t *tcp, size_t len, uint16_t mss)
{
	for (size_t at = tcp_option_at(tcp, len, TCP_LEN); at < len;
	     at = tcp_option_next(tcp, len, at)) {
		if (tcp[at] == TCP_OPTION_MSS && tcp[at + 1] == TCP_OPTION_MSS_LEN)
			clamp_option(tcp, tcp + at + 2, mss);
	}
}
