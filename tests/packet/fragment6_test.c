/*
 * Fragments of IPv6: each row is a packet, how its source fragmented it, in which order the
 * fragments arrive, and what leaves. The topology is in parcel.h.
 */
#include "parcel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { UNDERLAY = PARCEL_UNDERLAY, UPLINK = PARCEL_UPLINK, LIFE_S = PARCEL_LIFE_S };
enum { TCP = 6, UDP = 17, ICMP6 = 58, HBH = 0, ROUTE = 43, FRAG = 44, DST = 60 };
enum { ARRIVALS_MAX = 8 };

static const char yaml[] = PARCEL_YAML("flows: {capacity: 4096}\n");

enum lie { TRUE, LAST, MORE, POISON, TOO_LONG, CUT_OFF, OTHER_NEXT, ATOMIC };

struct arrival {
	/* bytes behind the headers that are not fragmented; {0, 0}: no more fragments */
	size_t at, end;
	enum lie lie;
};

struct row {
	const char *why;
	enum whence from;
	uint8_t proto;
	size_t size; /* of the packet that is fragmented */
	struct arrival arrivals[ARRIVALS_MAX]; /* in the order of arrival */
	unsigned fragments; /* fragments that leave; 0: none */
	size_t largest; /* size of the largest, if several leave */
	enum drop drop; /* why packets were dropped at once, */
	unsigned dropped; /* and how many */
	unsigned held; /* wait, and are dropped as fragment_timeout later */
	bool told; /* except for the first fragment, which an ICMPv6 error answers */
	uint8_t next; /* first of the extension headers, if any */
	const char *extensions;
	uint8_t n_extensions;
	uint8_t icmp_type; /* 0: echo */
};

#define WITH(kind, bytes)                                                                          \
	.next = (kind), .extensions = (const char *)(bytes), .n_extensions = sizeof(bytes) - 1
#define PAD "\x01\x04\0\0\0\0"

/* clang-format off */
static const struct row rows[] = {
	{"two fragments from a site",       SITE, UDP, 1040, {{0, 504}, {504, 1000}}, 1},
	{"two fragments, last one first",   SITE, UDP, 1040, {{504, 1000}, {0, 504}}, 1},
	{"two fragments from the Internet", INTERNET, UDP, 1040, {{0, 504}, {504, 1000}}, 1},
	{"from the Internet, last one first", INTERNET, UDP, 1040, {{504, 1000}, {0, 504}}, 1},
	{"three fragments, 123",            SITE, UDP, 1040, {{0, 320}, {320, 640}, {640, 1000}}, 1},
	{"three fragments, 132",            SITE, UDP, 1040, {{0, 320}, {640, 1000}, {320, 640}}, 1},
	{"three fragments, 213",            SITE, UDP, 1040, {{320, 640}, {0, 320}, {640, 1000}}, 1},
	{"three fragments, 231",            SITE, UDP, 1040, {{320, 640}, {640, 1000}, {0, 320}}, 1},
	{"three fragments, 312",            SITE, UDP, 1040, {{640, 1000}, {0, 320}, {320, 640}}, 1},
	{"three fragments, 321",            SITE, UDP, 1040, {{640, 1000}, {320, 640}, {0, 320}}, 1},
	{"a TCP SYN in two",                SITE, TCP, 1040, {{0, 504}, {504, 1000}}, 1},
	{"a large ping",                    SITE, ICMP6, 1040, {{0, 504}, {504, 1000}}, 1},
	{"an answer to TCP in three",       INTERNET, TCP, 1040, {{0, 320}, {640, 1000}, {320, 640}}, 1},
	{"an answer to a ping in three",    INTERNET, ICMP6, 1040, {{0, 320}, {640, 1000}, {320, 640}}, 1},
	{"fragments of eight bytes",        SITE, UDP, 72, {{0, 8}, {24, 32}, {8, 16}, {16, 24}}, 1},
	{"a last fragment of one byte",     SITE, UDP, 1049, {{0, 1008}, {1008, 1009}}, 1},
	{"hop-by-hop options in front",     SITE, UDP, 1048, {{0, 504}, {504, 1000}}, 1, WITH(HBH, "\x11\0" PAD)},
	{"destination options behind",      SITE, UDP, 1048, {{0, 504}, {504, 1008}}, 1, WITH(DST, "\x11\0" PAD)},
	{"both",                            SITE, UDP, 1056, {{504, 1008}, {0, 504}}, 1,
	 WITH(HBH, "\x3c\0" PAD "\x11\0" PAD)},
	{"a later fragment that names another protocol: the first one counts",
	 SITE, UDP, 1040, {{0, 504}, {504, 1000, OTHER_NEXT}}, 1},

	{"larger than the uplink: leaves in fragments", SITE, UDP, 3040,
	 {{0, 1400}, {1400, 2800}, {2800, 3000}}, 3, 1448},
	{"in fragments of the size that came", SITE, UDP, 3040,
	 {{0, 1232}, {1232, 2464}, {2464, 3000}}, 3, 1280},
	{"it would fit the uplink, but its source believes in less: leaves as it came",
	 SITE, UDP, 1440, {{0, 1232}, {1232, 1400}}, 2, 1280},
	{"small fragments are joined up to 1,280 bytes, which any way takes (RFC 8200 section 5)",
	 SITE, UDP, 3040, {{0, 600}, {600, 1200}, {1200, 1800}, {1800, 2400}, {2400, 3000}}, 3, 1280},
	{"larger than the tunnel: leaves in fragments", INTERNET, UDP, 1640, {{0, 1448}, {1448, 1600}}, 2, 1472},
	{"a large answer to a ping",        INTERNET, ICMP6, 4048,
	 {{2800, 4008}, {0, 1400}, {1400, 2800}}, 3, 1448},
	{"with headers for the way, which every fragment has", SITE, UDP, 3056,
	 {{0, 1400}, {1400, 2800}, {2800, 3008}}, 3, 1456, WITH(HBH, "\x3c\0" PAD "\x11\0" PAD)},

	{"the same fragment again",         SITE, UDP, 1040, {{0, 504}, {0, 504}, {504, 1000}}, 1, 0,
	 DROP_FRAGMENT, 1},
	{"the last fragment again",         SITE, UDP, 1040, {{504, 1000}, {504, 1000}, {0, 504}}, 1, 0,
	 DROP_FRAGMENT, 1},
	{"the same place, other bytes (RFC 5722)", SITE, UDP, 1040, {{0, 504}, {0, 504, POISON}, {504, 1000}},
	 0, 0, DROP_FRAGMENT, 2, 1},
	{"overlaps the end of the first",   SITE, UDP, 1040, {{0, 504}, {496, 1000}}, 0, 0, DROP_FRAGMENT, 2},
	{"overlaps the beginning of the last", SITE, UDP, 1040, {{504, 1000}, {0, 512}}, 0, 0, DROP_FRAGMENT, 2},
	{"covers all that was there",       SITE, UDP, 1040, {{320, 640}, {0, 960}}, 0, 0, DROP_FRAGMENT, 2},
	{"lies within what was there",      SITE, UDP, 1040, {{0, 640}, {320, 480, POISON}}, 0, 0, DROP_FRAGMENT, 2},
	{"overlaps from the Internet",      INTERNET, UDP, 1040, {{0, 504}, {496, 1000}}, 0, 0, DROP_FRAGMENT, 2},
	{"two ends",                        SITE, UDP, 1040, {{504, 1000}, {320, 400, LAST}}, 0, 0,
	 DROP_FRAGMENT, 2},
	{"goes on behind the end",          SITE, UDP, 1040, {{320, 400, LAST}, {504, 1000}}, 0, 0,
	 DROP_FRAGMENT, 2},
	{"more behind the end",             SITE, UDP, 1040, {{8, 320, LAST}, {320, 640}}, 0, 0, DROP_FRAGMENT, 2},
	{"not the last, and no multiple of eight", SITE, UDP, 1040, {{0, 501, MORE}}, 0, 0, DROP_FRAGMENT, 1},
	{"a last one that says more follow", SITE, UDP, 1040, {{0, 504}, {504, 1000, MORE}}, 0, 0,
	 .held = 2, .told = true},
	{"an empty one",                    SITE, UDP, 1040, {{8, 8, MORE}}, 0, 0, DROP_FRAGMENT, 1},
	{"an empty last one",               SITE, UDP, 1040, {{8, 8, LAST}}, 0, 0, DROP_FRAGMENT, 1},
	{"longer than its packet",          SITE, UDP, 1040, {{0, 504, TOO_LONG}}, 0, 0, DROP_INNER_MALFORMED, 1},
	{"without all of its fragment header", SITE, UDP, 1040, {{0, 504, CUT_OFF}}, 0, 0,
	 DROP_INNER_MALFORMED, 1},
	{"an atomic one meanwhile is a packet of its own (RFC 6946)",
	 SITE, UDP, 1040, {{0, 504}, {0, 1000, ATOMIC}, {504, 1000}}, 1, 0},

	{"a TCP header cut in two (RFC 7112)", SITE, TCP, 1040, {{0, 16}, {16, 1000}}, 0, 0, DROP_FRAGMENT, 1, 1},
	{"a TCP header of just its length", SITE, TCP, 1040, {{0, 24}, {24, 1000}}, 1},
	{"tiny from the Internet",          INTERNET, TCP, 1040, {{0, 8}, {8, 1000}}, 0, 0, DROP_FRAGMENT, 1, 1},
	{"options in the first, UDP in the second", SITE, UDP, 1048, {{0, 8}, {8, 1008}}, 0, 0,
	 DROP_FRAGMENT, 1, 1, WITH(DST, "\x11\0" PAD)},
	{"options cut in two",              SITE, UDP, 1056, {{0, 8}, {8, 1016}}, 0, 0, DROP_FRAGMENT, 1, 1,
	 WITH(DST, "\x11\x01\x01\x0c\0\0\0\0\0\0\0\0\0\0\0\0")},
	{"a routing header with segments left, behind", SITE, UDP, 1048, {{0, 504}, {504, 1008}}, 0, 0,
	 DROP_ROUTING_HEADER, 1, 1, WITH(ROUTE, "\x11\0\x02\x01\0\0\0\0")},
	{"a fragment header behind the fragment header", SITE, UDP, 1048, {{0, 504}, {504, 1008}}, 0, 0,
	 DROP_EXTENSION, 1, 1, WITH(FRAG, "\x11\0\0\x01\0\0\0\x07")},
	{"neighbour discovery in fragments (RFC 6980)", SITE, ICMP6, 1040, {{0, 504}, {504, 1000}}, 0, 0,
	 DROP_PROTOCOL, 1, .icmp_type = 135},

	{"the first is missing",            SITE, UDP, 1040, {{504, 1000}}, 0, .held = 1},
	{"the last is missing",             SITE, UDP, 1040, {{0, 504}}, 0, .held = 1, .told = true},
	{"the middle is missing",           SITE, UDP, 1040, {{0, 320}, {640, 1000}}, 0, .held = 2, .told = true},
	{"the middle of a ping is missing", SITE, ICMP6, 1040, {{640, 1000}, {0, 320}}, 0, .held = 2, .told = true},
	{"of a large one",                  SITE, UDP, 3040, {{0, 1400}, {2800, 3000}}, 0, .held = 2, .told = true},
	{"of an error: nobody is told",     SITE, ICMP6, 1040, {{640, 1000}, {0, 320}}, 0, .held = 2, .icmp_type = 3},
	{"the middle is missing, from the Internet",
					    INTERNET, UDP, 1040, {{0, 320}, {640, 1000}}, 0, .held = 2},
};
/* clang-format on */

static size_t lie(const struct arrival *arrival, uint8_t *packet, size_t len)
{
	size_t front = len - 8 - (arrival->end - arrival->at);

	switch (arrival->lie) {
	case LAST:
		packet[front + 3] &= 0xfe;
		break;
	case MORE:
		packet[front + 3] |= 1;
		break;
	case POISON:
		packet[front + 8] ^= 9;
		break;
	case TOO_LONG:
		packet[4] = 0x7f;
		break;
	case CUT_OFF:
		packet[4] = 0;
		packet[5] = 7;
		return 47;
	case OTHER_NEXT:
		packet[front] = 132;
		break;
	default:
		break;
	}
	return len;
}

static void send_arrival(struct bed *bed, const struct parcel *parcel,
			 const struct arrival *arrival)
{
	uint8_t packet[BED_FRAME_MAX];
	size_t len = parcel_fragment(parcel, arrival->at, arrival->end, packet);
	struct frame out;
	const char *why;

	parcel_put(bed, parcel, packet, lie(arrival, packet, len));
	if (arrival->lie != ATOMIC)
		return;
	len = bed_take(bed, UPLINK, packet);
	assert_true(len > 0 && frame_parse(packet, len, &out, &why));
}

static struct parcel parcel;
static struct fragments fragments;

static void check_out(struct bed *bed, const struct row *row, const struct frame *in)
{
	static const struct ip6 host = PARCEL_HOST6, server = PARCEL_SERVER6,
				egress = PARCEL_EGRESS6;
	unsigned port = row->from == INTERNET ? UNDERLAY : UPLINK;
	bool back = row->from == INTERNET;
	uint8_t frame[BED_FRAME_MAX];
	struct frame out;
	const char *why;

	if (row->fragments == 0) {
		if (bed_take(bed, port, frame) != 0)
			fail_msg("%s: something went on", row->why);
		return;
	}
	if (!fragments_take(bed, port, &fragments, &out, &why))
		fail_msg("%s: %s", row->why, why);
	if (fragments.n != row->fragments ||
	    (row->fragments > 1 && fragments.largest != row->largest))
		fail_msg("%s: %u fragments, %zu bytes", row->why, fragments.n, fragments.largest);
	assert_int_equal(fragments.len - 14, row->size);
	assert_int_equal(out.token, in->token);
	assert_int_equal(out.payload, in->payload);
	assert_memory_equal(&out.dst6, back ? &host : &server, 16);
	assert_memory_equal(&out.src6, back ? &server : &egress, 16);
	assert_int_equal(fragments.first.outer_dst, back ? PARCEL_BERLIN : 0);
}

static void check_counters(struct bed *bed, const struct row *row, unsigned sent)
{
	struct worker_counters c = bed_counters(bed);

	bed_expect_drops(bed, row->why, row->drop, row->dropped);
	assert_int_equal(c.held, row->held);
	assert_int_equal(c.fragments_made, row->fragments > 0 ? row->fragments - 1 : 0);
	if (row->fragments > 0 && row->arrivals[1].lie != ATOMIC)
		assert_int_equal(c.fragments_joined, sent - row->dropped - 1);
	worker_advance_clock(bed_worker(bed, 0), LIFE_S);
	assert_int_equal(bed_counters(bed).held, row->held);
	worker_advance_clock(bed_worker(bed, 0), 1);
	c = bed_counters(bed);
	assert_int_equal(c.held, 0);
	assert_int_equal(c.drops[DROP_FRAGMENT_TIMEOUT], row->held - row->told);
	assert_int_equal(c.answers[ANSWER_FRAGMENT_TIMEOUT], row->told);
}

/* The error (RFC 4443 section 3.3) embeds as much of the first fragment as fits. */
static void check_told(struct bed *bed, const struct row *row)
{
	static const struct ip6 host = PARCEL_HOST6, inside = PARCEL_INSIDE6;
	uint8_t frame[BED_FRAME_MAX], packet[BED_FRAME_MAX];
	size_t len = bed_take(bed, UNDERLAY, frame), n = len, want;
	const uint8_t *embedded = frame_inner(frame, &n) + 48;
	const struct arrival *first = &row->arrivals[row->arrivals[0].at != 0];
	struct frame out;
	const char *why;

	if (!row->told) {
		assert_int_equal(len, 0);
		return;
	}
	if (!frame_parse(frame, len, &out, &why))
		fail_msg("%s: wrong %s", row->why, why);
	assert_int_equal(out.outer_dst, PARCEL_BERLIN);
	assert_memory_equal(&out.src6, &inside, 16);
	assert_memory_equal(&out.dst6, &host, 16);
	assert_int_equal(out.icmp_type, 3);
	assert_int_equal(out.icmp_code, 1);
	want = fragment6_make(parcel.packet, parcel.len, &(struct fragment){first->at, first->end},
			      parcel.id, packet);
	assert_int_equal(n, 48 + want < 1280 ? 48 + want : 1280);
	assert_memory_equal(embedded, packet, n - 48);
}

static void check_row(const struct row *row)
{
	struct bed *bed = bed_create(yaml, 1);
	struct frame f = parcel_from_site(row->proto, false, true);
	unsigned sent = 0;

	if (row->from == INTERNET)
		f = parcel_answer_to(bed, &f);
	if (row->icmp_type != 0)
		f.icmp_type = row->icmp_type;
	f.next = row->next;
	f.extensions = (const uint8_t *)row->extensions;
	f.n_extensions = row->n_extensions;
	parcel_size(&f, row->size);
	parcel_pack(&parcel, &f, row->from);
	assert_int_equal(parcel.len, row->size);
	for (; sent < ARRIVALS_MAX && row->arrivals[sent].end != 0; sent++)
		send_arrival(bed, &parcel, &row->arrivals[sent]);
	check_out(bed, row, &f);
	check_counters(bed, row, sent);
	check_told(bed, row);
	bed_check(bed);
	bed_destroy(bed);
}

static void every_row(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(&rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
	};

	return cmocka_run_group_tests_name("fragment6", tests, NULL, NULL);
}
