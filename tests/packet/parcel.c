/* Parcels for tests: see parcel.h. */
#include "parcel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { SYN = 2, ACK = 16, ICMP = 1, TCP = 6, ICMP6 = 58 };

static bool is_icmp(const struct frame *f)
{
	return f->proto == ICMP || f->proto == ICMP6;
}

struct frame parcel_from_site(uint8_t proto, bool madrid, bool six)
{
	struct frame f = {
		.six = six,
		.outer_src = madrid ? PARCEL_SPAIN : PARCEL_BERLIN,
		.outer_dst = PARCEL_GATEWAY,
		.has_key = madrid,
		.key = madrid ? 7 : 0,
		.src = PARCEL_HOST,
		.dst = PARCEL_SERVER,
		.src6 = PARCEL_HOST6,
		.dst6 = PARCEL_SERVER6,
		.sport = 5000,
		.proto = proto,
		.tcp_flags = SYN,
		.icmp_type = six ? 128 : 8,
		.token = 0x1234 + madrid,
	};

	f.dport = is_icmp(&f) ? 0 : 53;
	return f;
}

struct frame parcel_from_porto(uint8_t proto, bool six)
{
	static const struct ip6 porto = PARCEL_PORTO6, gateway = PARCEL_GATEWAY6;
	struct frame f = parcel_from_site(proto, false, six);

	f.outer_dst = 0;
	f.outer_six = true;
	f.outer_src6 = porto;
	f.outer_dst6 = gateway;
	return f;
}

struct frame parcel_answer_to(struct bed *bed, const struct frame *first)
{
	uint8_t frame[BED_FRAME_MAX];
	struct frame mapped;
	const char *why;
	size_t len;

	bed_send(bed, PARCEL_UNDERLAY, frame, frame_build(first, frame));
	bed_run(bed);
	len = bed_take(bed, PARCEL_UPLINK, frame);
	assert_true(len > 0 && frame_parse(frame, len, &mapped, &why));
	return (struct frame){
		.six = first->six,
		.src = first->dst,
		.dst = PARCEL_EGRESS,
		.src6 = first->dst6,
		.dst6 = PARCEL_EGRESS6,
		.sport = is_icmp(first) ? mapped.sport : mapped.dport,
		.dport = is_icmp(first) ? 0 : mapped.sport,
		.proto = first->proto,
		.tcp_flags = SYN | ACK,
		.icmp_type = first->six ? 129 : 0,
		.token = 0x4321,
	};
}

void parcel_size(struct frame *f, size_t size)
{
	size_t headers = (f->six ? 40u + f->n_extensions : 20) + (f->proto == TCP ? 20 : 8);

	f->payload = (uint16_t)(size - headers);
}

void parcel_pack(struct parcel *parcel, const struct frame *f, enum whence from)
{
	static uint8_t bytes[FRAGMENTS_PACKET_MAX + 64];

	parcel->around = *f;
	parcel->port = from == INTERNET ? PARCEL_UPLINK : PARCEL_UNDERLAY;
	parcel->id = 0x5151;
	parcel->len = frame_build_inner(f, parcel->packet);
	if (from != TUNNEL)
		return;
	parcel->len = frame_wrap(f, parcel->packet, parcel->len, bytes) - 14;
	memcpy(parcel->packet, bytes + 14, parcel->len);
	parcel->around.outer_dst = 0;
	parcel->around.outer_six = false;
	parcel->around.six = f->outer_six;
}

static bool is_six(const struct parcel *parcel)
{
	return parcel->packet[0] >> 4 == 6;
}

size_t parcel_front(const struct parcel *parcel)
{
	return is_six(parcel) ? fragment6_front(parcel->packet) : 20;
}

size_t parcel_fragment(const struct parcel *parcel, size_t at, size_t end, uint8_t *packet)
{
	const struct fragment fragment = {at, end};

	if (is_six(parcel))
		return fragment6_make(parcel->packet, parcel->len, &fragment, parcel->id, packet);
	return fragment4_make(parcel->packet, parcel->len, &fragment, (uint16_t)parcel->id, packet);
}

void parcel_put(struct bed *bed, const struct parcel *parcel, const uint8_t *packet, size_t len)
{
	uint8_t frame[BED_FRAME_MAX];

	bed_send(bed, parcel->port, frame, frame_wrap(&parcel->around, packet, len, frame));
	bed_run(bed);
}

void parcel_send_fragment(struct bed *bed, const struct parcel *parcel, size_t at, size_t end)
{
	uint8_t packet[BED_FRAME_MAX];

	parcel_put(bed, parcel, packet, parcel_fragment(parcel, at, end, packet));
}

void parcel_send(struct bed *bed, const struct parcel *parcel, size_t size)
{
	size_t total = parcel->len - parcel_front(parcel);

	for (size_t at = 0; at < total; at += size)
		parcel_send_fragment(bed, parcel, at, at + size < total ? at + size : total);
}
