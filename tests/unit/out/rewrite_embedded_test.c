/* The embedded packet is translated. Translated back it is unchanged. */
#include "out/rewrite_embedded.h"

#include "base/checksum.h"
#include "base/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { EMBEDDED_MAX = 80 };

static const struct row {
	const char *why;
	uint8_t proto;
	size_t len;
	uint16_t checksum; /* of the embedded transport header */
} rows[] = {
	{"UDP, eight bytes", PROTO_UDP, 28, 0x1234},
	{"UDP without checksum", PROTO_UDP, 28, 0},
	{"UDP, checksum all ones", PROTO_UDP, 28, 0xffff},
	{"TCP, eight bytes", PROTO_TCP, 28, 0},
	{"TCP, the checksum is cut in half", PROTO_TCP, 37, 0x1234},
	{"TCP, just with its checksum", PROTO_TCP, 38, 0x1234},
	{"ICMP", PROTO_ICMP, 28, 0x1234},
	{"behind options", PROTO_UDP, 68, 0x1234},
};

static size_t header_of(const struct row *row)
{
	return row->len == 68 ? 60 : IPV4_LEN;
}

static void build(const struct row *row, const struct flow *f, uint8_t *ip)
{
	size_t header = header_of(row);
	uint8_t *l4 = ip + header;

	memset(ip, 1, EMBEDDED_MAX);
	memset(ip, 0, IPV4_LEN);
	ip[IPV4_VERSION_IHL] = (uint8_t)(0x40 | header / 4);
	ip[IPV4_PROTO] = row->proto;
	wire_put_be32(ip + IPV4_SRC, f->nat_src);
	wire_put_be32(ip + IPV4_DST, f->dst);
	wire_put_be16(ip + IPV4_CHECKSUM, checksum_make(ip, header));
	if (row->proto == PROTO_ICMP) {
		wire_put_be16(l4 + ICMP_ID, f->nat_port);
		wire_put_be16(l4 + ICMP_CHECKSUM, row->checksum);
		return;
	}
	wire_put_be16(l4 + TCP_SPORT, f->nat_port);
	wire_put_be16(l4 + TCP_DPORT, f->dport);
	wire_put_be16(l4 + (row->proto == PROTO_UDP ? UDP_CHECKSUM : TCP_CHECKSUM), row->checksum);
}

static void there_and_back(void **state)
{
	const struct flow f = {
		.src = htonl(0x0a00010a),
		.dst = htonl(0xc0000250),
		.sport = htons(5000),
		.dport = htons(53),
		.nat_src = htonl(0xcb007101),
		.nat_port = htons(2050),
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		struct flow as = f, undo = f;
		uint8_t embedded[EMBEDDED_MAX], before[EMBEDDED_MAX];

		as.proto = undo.proto = row->proto;
		undo.src = f.nat_src;
		undo.sport = f.nat_port;
		undo.nat_src = f.src;
		undo.nat_port = f.sport;
		build(row, &f, embedded);
		memcpy(before, embedded, sizeof(embedded));

		rewrite_embedded(embedded, row->len, &as, FLOW_RETURN);
		assert_int_equal(wire_be32(embedded + IPV4_SRC), f.src);
		assert_true(checksum_ok(embedded, header_of(row)));
		if (memcmp(embedded + row->len, before + row->len, EMBEDDED_MAX - row->len) != 0)
			fail_msg("%s: wrote behind the embedded packet", row->why);
		rewrite_embedded(embedded, row->len, &undo, FLOW_RETURN);
		if (memcmp(embedded, before, sizeof(embedded)) != 0)
			fail_msg("%s: there and back is not the same", row->why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
	};

	return cmocka_run_group_tests_name("rewrite_embedded", tests, NULL, NULL);
}
