/*
 * Strangers and fragments: between the two fragments of each answer, strangers send fragments to
 * the same address. All answers still arrive.
 *
 *     berlin, madrid --- GRE ---+--- [ gateway ] uplink --- 192.0.2.80, and strangers
 */
#include "parcel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { UDP = 17, ANSWERS = 40, FLOOD = 60, SIZE = 1000, HALF = 504 };

#define FLOWS "flows: {capacity: 4096, timeouts: {udp: 18h}}\n"
#define LETS_IN                                                                                    \
	"ports:\n"                                                                                 \
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"                \
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"                  \
	"sites:\n"                                                                                 \
	"  - name: berlin\n"                                                                       \
	"    tunnels: [{name: b1, local: 198.51.100.1, remote: 198.51.100.10, port: underlay}]\n"  \
	"egress:\n"                                                                                \
	"  - {name: internet, port: uplink, mapping: endpoint-independent,\n"                      \
	"     filtering: endpoint-independent, addresses: [{address: 203.0.113.1, slices: "        \
	"[1]}]}\n"

static const char one[] = PARCEL_YAML(FLOWS), four[] = PARCEL_YAML(FLOWS "workers: 4\n");
static const char lets_in[] = FLOWS LETS_IN, lets_in_four[] = FLOWS "workers: 4\n" LETS_IN;

enum attack {
	FIRSTS, /* first fragments from anybody, to the answer's own port */
	LATERS, /* later fragments from anybody */
	FORGED, /* later fragments with the server's address as source */
	OUTERS, /* fragments of tunnel packets from anybody */
};

static const struct {
	const char *why;
	const char *yaml;
	enum attack attack;
	bool six; /* the answers */
	bool reversed; /* the second half of each answer comes first */
	bool reaches; /* fragments of the flood are held, up to the limits */
} rows[] = {
	{"first fragments", one, FIRSTS, false, false},
	{"first fragments, the answer reversed", one, FIRSTS, false, true},
	{"later fragments", one, LATERS, false, false},
	{"later fragments, the answer reversed", one, LATERS, false, true},
	{"later fragments in the server's name", one, FORGED, false, false, true},
	{"IPv6: first fragments", one, FIRSTS, true, false},
	{"IPv6: first fragments, the answer reversed", one, FIRSTS, true, true},
	{"IPv6: later fragments, the answer reversed", one, LATERS, true, true},
	{"IPv6: later fragments in the server's name", one, FORGED, true, false, true},
	{"tunnel packets from anybody", one, OUTERS, false, true},
	{"four workers: first fragments", four, FIRSTS, false, false},
	{"four workers: first fragments, the answer reversed", four, FIRSTS, false, true},
	{"four workers: later fragments, the answer reversed", four, LATERS, false, true},
	{"four workers: later fragments in the server's name", four, FORGED, false, false, true},
	{"four workers, IPv6: first fragments", four, FIRSTS, true, true},
	{"four workers, IPv6: later fragments in the server's name", four, FORGED, true, false,
	 true},
	{"where all are let in: first fragments", lets_in, FIRSTS, false, false, true},
	{"where all are let in: later fragments", lets_in, LATERS, false, false, true},
	{"where all are let in, four workers: first fragments", lets_in_four, FIRSTS, false, false,
	 true},
};

static uint32_t serial; /* of strangers and identifications; never used again */

static struct ip6 stranger6(void)
{
	struct ip6 addr = PARCEL_SERVER6;

	memcpy((uint8_t *)&addr + 8, &serial, sizeof(serial));
	return addr;
}

/* Sends one more fragment, from another sender. */
static void send_one(struct bed *bed, enum attack attack, const struct frame *answer)
{
	static struct parcel parcel;
	struct frame f = *answer;

	serial++;
	f.payload = SIZE;
	if (attack == OUTERS) {
		f = parcel_from_site(UDP, false, false);
		f.payload = SIZE;
		f.outer_src = IP(11, 0, 0, 0) | serial;
		parcel_pack(&parcel, &f, TUNNEL);
	} else {
		if (attack != FORGED) {
			f.src = IP(11, 0, 0, 0) | serial;
			f.src6 = stranger6();
		}
		parcel_pack(&parcel, &f, INTERNET);
	}
	parcel.id = 0x10000 + serial;
	if (attack == FIRSTS || (attack == OUTERS && serial % 2 == 0))
		parcel_send_fragment(bed, &parcel, 0, HALF);
	else
		parcel_send_fragment(bed, &parcel, HALF, parcel.len - parcel_front(&parcel));
}

static void send_half(struct bed *bed, const struct parcel *parcel, bool last)
{
	if (last)
		parcel_send_fragment(bed, parcel, HALF, parcel->len - parcel_front(parcel));
	else
		parcel_send_fragment(bed, parcel, 0, HALF);
}

static void check_row(unsigned i)
{
	static struct parcel parcel;
	static struct fragments fragments;
	struct bed *bed = bed_create(rows[i].yaml, 1);
	struct frame first = parcel_from_site(UDP, false, rows[i].six), out;
	struct frame answer = parcel_answer_to(bed, &first);
	enum drop drop = rows[i].attack == OUTERS ? DROP_GRE_UNKNOWN : DROP_NO_FLOW;
	const char *why = "";

	for (unsigned n = 0; n < ANSWERS; n++) {
		answer.token = n;
		answer.payload = SIZE;
		parcel_pack(&parcel, &answer, INTERNET);
		parcel.id = n;
		send_half(bed, &parcel, rows[i].reversed);
		for (unsigned k = 0; k < FLOOD; k++)
			send_one(bed, rows[i].attack, &answer);
		send_half(bed, &parcel, !rows[i].reversed);
		if (!fragments_take(bed, PARCEL_UNDERLAY, &fragments, &out, &why))
			fail_msg("%s: answer %u: %s", rows[i].why, n, why);
		assert_int_equal(out.token, n);
		assert_in_range(bed_counters(bed).held, 0, PARCEL_ALL * bed_workers(bed));
	}
	if (!rows[i].reaches)
		bed_expect_drops(bed, rows[i].why, drop, ANSWERS * FLOOD);
	for (unsigned w = 0; w < bed_workers(bed); w++)
		worker_advance_clock(bed_worker(bed, w), PARCEL_LIFE_S + 1);
	assert_int_equal(bed_counters(bed).held, 0);
	bed_check(bed);
	bed_destroy(bed);
}

static void every_row(void **state)
{
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(i);
}

/* A server sends incomplete answers to berlin. Its answers to madrid are still reassembled. */
static void sites_do_not_displace_each_other(void **state)
{
	static struct parcel unfinished, parcel;
	static struct fragments fragments;
	struct bed *bed = bed_create(one, 1);
	struct frame berlin = parcel_from_site(UDP, false, false), out;
	struct frame madrid = parcel_from_site(UDP, true, false);
	struct frame to_berlin = parcel_answer_to(bed, &berlin);
	struct frame to_madrid = parcel_answer_to(bed, &madrid);
	const char *why = "";

	to_berlin.payload = to_madrid.payload = SIZE;
	parcel_pack(&unfinished, &to_berlin, INTERNET);
	parcel_pack(&parcel, &to_madrid, INTERNET);
	for (unsigned n = 0; n < ANSWERS; n++) {
		parcel.id = 0x8000 + n;
		send_half(bed, &parcel, n % 2);
		for (unsigned k = 0; k < FLOOD; k++) {
			unfinished.id = ++serial & 0x7fff;
			send_half(bed, &unfinished, false);
		}
		send_half(bed, &parcel, n % 2 == 0);
		if (!fragments_take(bed, PARCEL_UNDERLAY, &fragments, &out, &why))
			fail_msg("answer %u: %s", n, why);
	}
	assert_int_equal(bed_counters(bed).held, PARCEL_PER_SITE);
	worker_advance_clock(bed_worker(bed, 0), PARCEL_LIFE_S + 1);
	bed_check(bed);
	bed_destroy(bed);
}

/* If strangers may open flows, their first packet may come in fragments, in any order. */
static void a_first_packet_in_fragments_is_let_in(void **state)
{
	static const char *const yamls[] = {lets_in, lets_in_four};
	static struct parcel parcel;
	static struct fragments fragments;

	for (unsigned i = 0; i < 4; i++) {
		struct bed *bed = bed_create(yamls[i / 2], 1);
		struct frame first = parcel_from_site(UDP, false, false), out;
		struct frame call = parcel_answer_to(bed, &first);
		const char *why = "";

		call.src = IP(11, 0, 0, 1);
		call.payload = SIZE;
		parcel_pack(&parcel, &call, INTERNET);
		send_half(bed, &parcel, i % 2);
		send_half(bed, &parcel, i % 2 == 0);
		if (!fragments_take(bed, PARCEL_UNDERLAY, &fragments, &out, &why))
			fail_msg("row %u: %s", i, why);
		bed_check(bed);
		bed_destroy(bed);
	}
}

/* When the last flow with a server has ended, its fragments are not held any more. */
static void nothing_is_held_of_whom_nobody_talks_to(void **state)
{
	static struct parcel parcel;

	for (unsigned six = 0; six < 2; six++) {
		struct bed *bed = bed_create(PARCEL_YAML("flows: {capacity: 4096}\n"), 1);
		struct frame first = parcel_from_site(UDP, false, six);
		struct frame answer = parcel_answer_to(bed, &first);

		answer.payload = SIZE;
		parcel_pack(&parcel, &answer, INTERNET);
		send_half(bed, &parcel, true);
		assert_int_equal(bed_counters(bed).held, 1);
		worker_advance_clock(bed_worker(bed, 0), 1000);
		while (bed_counters(bed).flows > 0)
			worker_turn(bed_worker(bed, 0));
		send_half(bed, &parcel, true);
		send_half(bed, &parcel, false);
		assert_int_equal(bed_counters(bed).drops[DROP_NO_FLOW], 2);
		assert_int_equal(bed_counters(bed).held, 0);
		bed_check(bed);
		bed_destroy(bed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(sites_do_not_displace_each_other),
		cmocka_unit_test(a_first_packet_in_fragments_is_let_in),
		cmocka_unit_test(nothing_is_held_of_whom_nobody_talks_to),
	};

	return cmocka_run_group_tests_name("strangers", tests, NULL, NULL);
}
