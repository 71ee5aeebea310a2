/*
 * The packets of probes, as another parser reads them: who sends what to whom, with right
 * checksums. An answer is read only if all of it is there.
 */
#include "frame.h"

#include "base/wire.h"
#include "control/health/probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define OURS IP(10, 255, 0, 1)
#define THEIRS IP(10, 255, 0, 2)

static const struct ip6 ours6 = IP6(0xfd00, 0, 0, 0, 0, 0, 0, 1);
static const struct ip6 theirs6 = IP6(0xfd00, 0, 0, 0, 0, 0, 0, 2);

static struct health_ends ends_of(bool six, bool reply)
{
	struct health_ends ends = {addr6_from_ipv4(htonl(OURS)), addr6_from_ipv4(htonl(THEIRS)),
				   reply};

	if (six) {
		ends.source = addr6_read(&ours6);
		ends.target = addr6_read(&theirs6);
	}
	return ends;
}

static void packets_are_right(void **state)
{
	const struct {
		const char *why;
		bool six, reply;
		uint8_t type;
	} rows[] = {
		{"a request of ours", false, false, 8},
		{"a reply of the target, to us", false, true, 0},
		{"a request over IPv6", true, false, 128},
		{"a reply over IPv6", true, true, 129},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct health_ends ends = ends_of(rows[i].six, rows[i].reply);
		const struct health_mark mark = {0x1122334455667788, 0x0203, 3, 0x0405};
		uint8_t bytes[ETHER_LEN + HEALTH_PROBE_SIZE] = {0};
		uint8_t *ip = bytes + ETHER_LEN;
		size_t len = health_probe_make(&ends, &mark, ip);
		struct health_mark read;
		const char *why = "";
		struct frame f;

		wire_put_be16(bytes + ETHER_TYPE, htons(rows[i].six ? ETHER_IPV6 : ETHER_IPV4));
		if (!frame_parse(bytes, ETHER_LEN + len, &f, &why))
			fail_msg("%s: %s is wrong", rows[i].why, why);
		assert_int_equal(f.icmp_type, rows[i].type);
		assert_int_equal(f.ttl, 64);
		if (rows[i].six) {
			assert_memory_equal(&f.src6, rows[i].reply ? &theirs6 : &ours6, 16);
			assert_memory_equal(&f.dst6, rows[i].reply ? &ours6 : &theirs6, 16);
		} else {
			assert_int_equal(f.src, rows[i].reply ? THEIRS : OURS);
			assert_int_equal(f.dst, rows[i].reply ? OURS : THEIRS);
		}
		ip[len - PROBE_LEN] = rows[i].six ? 129 : 0; /* the far end answers */
		assert_true(health_probe_read(ip + len - PROBE_LEN, PROBE_LEN, &read));
		assert_int_equal(read.number, mark.number);
		assert_int_equal(read.tunnel, mark.tunnel);
		assert_int_equal(read.slot, mark.slot);
		assert_int_equal(read.sequence, mark.sequence);
	}
}

static void what_is_no_answer(void **state)
{
	const struct {
		const char *why;
		uint8_t type, slot;
		uint64_t number;
		size_t len;
	} rows[] = {
		{"a request", 8, 0, 7, PROBE_LEN},
		{"too short", 0, 0, 7, PROBE_LEN - 1},
		{"nothing", 0, 0, 7, 0},
		{"no number", 0, 0, 0, PROBE_LEN},
		{"no slot", 0, PROBE_SLOTS, 7, PROBE_LEN},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t icmp[PROBE_LEN] = {rows[i].type};
		struct health_mark mark;

		memcpy(icmp + PROBE_NUMBER_AT, &rows[i].number, sizeof(rows[i].number));
		icmp[PROBE_SLOT_AT] = rows[i].slot;
		if (health_probe_read(icmp, rows[i].len, &mark))
			fail_msg("%s was read", rows[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_are_right),
		cmocka_unit_test(what_is_no_answer),
	};

	return cmocka_run_group_tests_name("health/probe", tests, NULL, NULL);
}
