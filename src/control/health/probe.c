/*
 * Health probes: see probe.h and path/probes.h.
 *
 * A request goes from us to the target, which answers it. A reply is made as if
 * the target had answered already: the far end needs only to forward it back to
 * us. So routers that limit or refuse pings can be probed. Both test both
 * directions.
 */
#include "control/health/probe.h"

#include "base/checksum.h"
#include "base/icmp6.h"
#include "base/wire.h"

enum { IDENTIFIER_SHIFT = 48, DONT_FRAGMENT = 0x4000 };

static void make_icmp(uint8_t *icmp, uint8_t type, const struct health_mark *mark)
{
	memset(icmp, 0, PROBE_LEN);
	icmp[ICMP_TYPE] = type;
	wire_put_be16(icmp + ICMP_ID, (be16_t)(mark->number >> IDENTIFIER_SHIFT));
	wire_put_be16(icmp + ICMP_ID + 2, htons(mark->sequence));
	memcpy(icmp + PROBE_NUMBER_AT, &mark->number, sizeof(mark->number));
	wire_put_be16(icmp + PROBE_TUNNEL_AT, htons(mark->tunnel));
	icmp[PROBE_SLOT_AT] = mark->slot;
}

static size_t make4(const struct addr6 *src, const struct addr6 *dst, bool reply,
		    const struct health_mark *mark, uint8_t *out)
{
	uint8_t *icmp = out + IPV4_LEN;

	memset(out, 0, IPV4_LEN);
	out[IPV4_VERSION_IHL] = IPV4_PLAIN;
	out[IPV4_TTL] = IP_HOPS_DEFAULT;
	out[IPV4_PROTO] = PROTO_ICMP;
	wire_put_be16(out + IPV4_LENGTH, htons(IPV4_LEN + PROBE_LEN));
	wire_put_be16(out + IPV4_FRAGMENT, htons(DONT_FRAGMENT));
	wire_put_be32(out + IPV4_SRC, addr6_to_ipv4(src));
	wire_put_be32(out + IPV4_DST, addr6_to_ipv4(dst));
	wire_put_be16(out + IPV4_CHECKSUM, checksum_make(out, IPV4_LEN));
	make_icmp(icmp, reply ? ICMP_ECHO_REPLY : ICMP_ECHO_REQUEST, mark);
	wire_put_be16(icmp + ICMP_CHECKSUM, checksum_make(icmp, PROBE_LEN));
	return IPV4_LEN + PROBE_LEN;
}

static size_t make6(const struct addr6 *src, const struct addr6 *dst, bool reply,
		    const struct health_mark *mark, uint8_t *out)
{
	uint8_t *icmp = out + IPV6_LEN;

	memset(out, 0, IPV6_LEN);
	out[IPV6_VERSION] = 6 << 4;
	out[IPV6_NEXT] = PROTO_ICMPV6;
	out[IPV6_HOPS] = IP_HOPS_DEFAULT;
	wire_put_be16(out + IPV6_LENGTH, htons(PROBE_LEN));
	memcpy(out + IPV6_SRC, src, sizeof(*src));
	memcpy(out + IPV6_DST, dst, sizeof(*dst));
	make_icmp(icmp, reply ? ICMPV6_ECHO_REPLY : ICMPV6_ECHO_REQUEST, mark);
	icmp6_put_checksum(src, dst, icmp, PROBE_LEN);
	return IPV6_LEN + PROBE_LEN;
}

size_t health_probe_make(const struct health_ends *ends, const struct health_mark *mark,
			 uint8_t out[HEALTH_PROBE_SIZE])
{
	const struct addr6 *src = ends->reply ? &ends->target : &ends->source;
	const struct addr6 *dst = ends->reply ? &ends->source : &ends->target;

	return addr6_is_mapped(src) ? make4(src, dst, ends->reply, mark, out)
				    : make6(src, dst, ends->reply, mark, out);
}

bool health_probe_read(const uint8_t *icmp, size_t len, struct health_mark *mark)
{
	if (len < PROBE_LEN ||
	    (icmp[ICMP_TYPE] != ICMP_ECHO_REPLY && icmp[ICMP_TYPE] != ICMPV6_ECHO_REPLY))
		return false;
	memcpy(&mark->number, icmp + PROBE_NUMBER_AT, sizeof(mark->number));
	mark->tunnel = wire_16(icmp + PROBE_TUNNEL_AT);
	mark->slot = icmp[PROBE_SLOT_AT];
	mark->sequence = wire_16(icmp + ICMP_ID + 2);
	return mark->number != 0 && mark->slot < PROBE_SLOTS;
}
