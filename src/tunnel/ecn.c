/*
 * ECN: figure 4 of RFC 6040 as a table, outer by inner.
 *
 * Encapsulation copies the field (section 4.1, normal mode). At decapsulation, a packet that was
 * marked inside the tunnel must carry the mark on, or be dropped, which signals the same.
 */
#include "tunnel/ecn.h"

#include "base/checksum.h"
#include "base/wire.h"

enum { NOT_ECT, ECT_1, ECT_0, CE, DROP };

/* clang-format off */
static const uint8_t leaving[4][4] = {
	/* inner:      Not-ECT  ECT(1)  ECT(0)  CE */
	[NOT_ECT] = { NOT_ECT, ECT_1,  ECT_0,  CE },
	[ECT_1]   = { NOT_ECT, ECT_1,  ECT_1,  CE },
	[ECT_0]   = { NOT_ECT, ECT_1,  ECT_0,  CE },
	[CE]      = { DROP,    CE,     CE,     CE },
};
/* clang-format on */

enum drop ecn_open(uint8_t outer_tos, uint8_t *inner, size_t len)
{
	be16_t before, after, checksum;
	unsigned shift;
	uint8_t ecn;

	if (len < IPV4_LEN) /* parse drops it */
		return DROP_NONE;
	/*
	 * The same byte in both families; in IPv6 the rest of the byte belongs to the flow label.
	 */
	shift = inner[IPV6_VERSION] >> 4 == 6 ? 4 : 0;
	ecn = leaving[outer_tos & IPV4_ECN][inner[IPV4_TOS] >> shift & IPV4_ECN];
	if (ecn == DROP)
		return DROP_ECN;
	before = wire_be16(inner);
	inner[IPV4_TOS] = (uint8_t)((inner[IPV4_TOS] & ~(IPV4_ECN << shift)) | ecn << shift);
	after = wire_be16(inner);
	if (after == before || shift != 0) /* IPv6 has no checksum */
		return DROP_NONE;
	checksum =
		checksum_apply(wire_be16(inner + IPV4_CHECKSUM), checksum_delta16(before, after));
	wire_put_be16(inner + IPV4_CHECKSUM, checksum);
	return DROP_NONE;
}
