/* Which key does the packet embedded in an ICMP error give, and which embedded packets give none? */
#include "in/embedded.h"

#include "base/checksum.h"
#include "base/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { EMBEDDED_MAX = 128 };

static const struct network nowhere; /* without sources that leave untranslated */

struct row {
	const char *why;
	uint8_t proto;
	uint8_t icmp_type;
	size_t options; /* bytes */
	size_t len; /* of the embedded packet */
	uint16_t fragment;
	enum drop drop;
	uint16_t sport, dport; /* of the key */
};

/* clang-format off */
static const struct row rows[] = {
	{"UDP", PROTO_UDP, 0, 0, 28, 0, DROP_NONE, 53, 5000},
	{"TCP", PROTO_TCP, 0, 0, 48, 0, DROP_NONE, 53, 5000},
	{"a request: the answer has the identifier as its destination",
	 PROTO_ICMP, ICMP_ECHO_REQUEST, 0, 28, 0, DROP_NONE, 0, 77},
	{"a reply: what it answers has the identifier as its source",
	 PROTO_ICMP, ICMP_ECHO_REPLY, 0, 28, 0, DROP_NONE, 77, 0},
	{"a timestamp request", PROTO_ICMP, ICMP_TIMESTAMP_REQUEST, 0, 28, 0, DROP_NONE, 0, 77},
	{"a timestamp reply", PROTO_ICMP, ICMP_TIMESTAMP_REPLY, 0, 28, 0, DROP_NONE, 77, 0},
	{"another ICMP query", PROTO_ICMP, 17, 0, 28, 0, DROP_ICMP_EMBEDDED},
	{"an error about an error", PROTO_ICMP, ICMP_UNREACHABLE, 0, 48, 0, DROP_ICMP_EMBEDDED},
	{"a protocol without ports, between sites", 50, 0, 0, 48, 0, DROP_NONE, 0, 0},
	{"behind options", PROTO_UDP, 0, 40, 68, 0, DROP_NONE, 53, 5000},
	{"behind options, cut", PROTO_UDP, 0, 40, 67, 0, DROP_ICMP_EMBEDDED},
	{"options cut", PROTO_UDP, 0, 40, 40, 0, DROP_ICMP_EMBEDDED},
	{"seven bytes", PROTO_UDP, 0, 0, 27, 0, DROP_ICMP_EMBEDDED},
	{"nothing at all", PROTO_UDP, 0, 0, 0, 0, DROP_ICMP_EMBEDDED},
	{"the first fragment of a packet", PROTO_UDP, 0, 0, 28, IPV4_MF, DROP_NONE, 53, 5000},
	{"don't fragment", PROTO_UDP, 0, 0, 28, IPV4_DF, DROP_NONE, 53, 5000},
	{"a later fragment", PROTO_UDP, 0, 0, 28, IPV4_MF | 185, DROP_ICMP_EMBEDDED},
	{"the last fragment", PROTO_UDP, 0, 0, 28, 185, DROP_ICMP_EMBEDDED},
};
/* clang-format on */

static void build(const struct row *row, uint8_t *ip)
{
	size_t header = IPV4_LEN + row->options;
	uint8_t *l4 = ip + header;

	memset(ip, 1, EMBEDDED_MAX); /* options: no operation */
	memset(ip, 0, IPV4_LEN);
	ip[IPV4_VERSION_IHL] = (uint8_t)(0x40 | header / 4);
	wire_put_be16(ip + IPV4_FRAGMENT, htons(row->fragment));
	ip[IPV4_PROTO] = row->proto;
	wire_put_be32(ip + IPV4_SRC, htonl(0xcb007101));
	wire_put_be32(ip + IPV4_DST, htonl(0xc0000250));
	wire_put_be16(ip + IPV4_CHECKSUM, checksum_make(ip, header));
	wire_put_be16(l4 + UDP_SPORT, htons(5000));
	wire_put_be16(l4 + UDP_DPORT, htons(53));
	if (row->proto == PROTO_ICMP) {
		l4[ICMP_TYPE] = row->icmp_type;
		wire_put_be16(l4 + ICMP_ID, htons(77));
	}
}

static void every_row(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		uint8_t ip[EMBEDDED_MAX];
		struct flow_key key;
		enum drop drop;

		build(row, ip);
		drop = embedded_key(&nowhere, ip, row->len, 9, &key);
		if (drop != row->drop)
			fail_msg("%s: %s", row->why, drop_infos[drop].name);
		if (drop != DROP_NONE)
			continue;
		assert_int_equal(key.src, htonl(0xc0000250));
		assert_int_equal(key.dst, htonl(0xcb007101));
		assert_int_equal(key.realm, 9);
		assert_int_equal(key.proto, row->proto);
		assert_int_equal(key.domain, 0);
		assert_int_equal(ntohs(key.sport), row->sport);
		assert_int_equal(ntohs(key.dport), row->dport);
	}
}

/* From the Internet only flows with ports are translated. */
static void without_ports(void **state)
{
	static const struct row row = {"without ports", 50, 0, 0, 48, 0, DROP_NONE, 0, 0};
	uint8_t ip[EMBEDDED_MAX];
	struct flow_key key;

	build(&row, ip);
	assert_int_equal(embedded_key(&nowhere, ip, row.len, 0, &key), DROP_ICMP_EMBEDDED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(without_ports),
	};

	return cmocka_run_group_tests_name("embedded", tests, NULL, NULL);
}
