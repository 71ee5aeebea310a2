/*
 * The configuration changes while fragments wait for the rest of their packet.
 *
 *     berlin --- GRE 198.51.100.10 (b1) and .11 (b2) ---+
 *     madrid --- GRE 198.51.100.20, key 7 (m1) ---------+--- 198.51.100.1 [ gateway ] --- uplink
 *
 * Two of three fragments have come by b1. If b1 is removed, nobody gets an ICMP error for them, and
 * they are dropped when their time is over. The last fragment may still come by b2.
 */
#include "parcel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { UDP = 17, SIZE = 1020, BERLIN_ID = 1, B1_ID = 1, B2_ID = 2 };

#define PORTS                                                                                      \
	"flows: {capacity: 4096}\n"                                                                \
	"ports:\n"                                                                                 \
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"                \
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"                  \
	"egress:\n"                                                                                \
	"  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: [1]},\n"    \
	"     {address: '2001:db8:1::1', slices: [1]}]}\n"                                         \
	"sites:\n"
#define TUNNEL_TO(name, rest)                                                                      \
	"{name: " name ", port: underlay, local: 198.51.100.1, remote: 198.51.100." rest "}"
#define B1 TUNNEL_TO("b1", "10, address: 10.255.0.1, address6: 'fd00::1'")
#define B2 TUNNEL_TO("b2", "11")
#define M1 TUNNEL_TO("m1", "20, key: 7")
#define SITE_OF(name, tunnels)                                                                     \
	"  - {name: " name ", prefixes: [10.0.1.0/24, 'fd00::/64'], tunnels: [" tunnels "]}\n"
#define BEFORE PORTS SITE_OF("berlin", B1 ", " B2) SITE_OF("madrid", M1)

static const struct row {
	const char *why;
	const char *after; /* NULL: nothing changes */
	uint16_t sites[2], tunnels[3];
	bool told; /* the site gets an ICMP error when the time is over */
} rows[] = {
	{"nothing changes", NULL, {0}, {0}, true},
	{"another site is removed", PORTS SITE_OF("berlin", B1 ", " B2), {1}, {1, 2}, true},
	{"another tunnel is removed",
	 PORTS SITE_OF("berlin", B1) SITE_OF("madrid", M1),
	 {1, 2},
	 {1, 3},
	 true},
	{"the tunnel is removed",
	 PORTS SITE_OF("berlin", B2) SITE_OF("madrid", M1),
	 {1, 2},
	 {2, 3},
	 false},
	{"the site is removed", PORTS SITE_OF("madrid", M1), {2}, {3}, false},
};

static const struct row *const tunnel_removed = &rows[3];

static void change(struct bed *bed, const struct row *row)
{
	const struct retired_tunnel retired = {.id = B1_ID, .site = BERLIN_ID, .successor = B2_ID};
	const struct bed_change change = {
		.yaml = row->after,
		.ids = {.sites = row->sites,
			.tunnels = row->tunnels,
			.retired = &retired,
			.n_retired = row == tunnel_removed},
	};

	if (row->after != NULL)
		bed_change(bed, &change);
}

/* The first two fragments of a packet of berlin's. */
static struct bed *begin(struct parcel *parcel, bool six)
{
	struct frame f = parcel_from_site(UDP, false, six);
	struct bed *bed = bed_create(BEFORE, 1);

	parcel_size(&f, SIZE);
	parcel_pack(parcel, &f, SITE);
	parcel_send_fragment(bed, parcel, 0, 320);
	parcel_send_fragment(bed, parcel, 320, 640);
	assert_int_equal(bed_counters(bed).held, 2);
	return bed;
}

static void expired(const struct row *row, bool six)
{
	static struct parcel parcel;
	struct bed *bed = begin(&parcel, six);
	uint8_t frame[BED_FRAME_MAX];

	change(bed, row);
	worker_advance_clock(bed_worker(bed, 0), PARCEL_LIFE_S + 1);
	bed_run(bed);
	if ((bed_take(bed, PARCEL_UNDERLAY, frame) > 0) != row->told)
		fail_msg("%s, IPv%d: %s", row->why, six ? 6 : 4, row->told ? "silent" : "told");
	assert_int_equal(bed_counters(bed).held, 0);
	assert_int_equal(bed_counters(bed).drops[DROP_FRAGMENT_TIMEOUT], 2 - row->told);
	assert_int_equal(bed_counters(bed).answers[ANSWER_FRAGMENT_TIMEOUT], row->told);
	bed_check(bed);
	bed_destroy(bed);
}

static void every_row(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		expired(&rows[i], false);
		expired(&rows[i], true);
	}
}

/* A packet belongs to its site: the last fragment completes it, by whichever tunnel it comes. */
static void completed_by_the_other_tunnel(void **state)
{
	static struct parcel parcel;
	struct bed *bed = begin(&parcel, false);
	uint8_t frame[BED_FRAME_MAX];
	struct frame out;
	const char *why;
	size_t len;

	change(bed, tunnel_removed);
	parcel.around.outer_src = IP(198, 51, 100, 11);
	parcel_send_fragment(bed, &parcel, 640, SIZE - 20);
	len = bed_take(bed, PARCEL_UPLINK, frame);
	assert_int_equal(len, 14 + SIZE);
	assert_true(frame_parse(frame, len, &out, &why));
	assert_int_equal(bed_counters(bed).held, 0);
	bed_check(bed);
	bed_destroy(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(completed_by_the_other_tunnel),
	};

	return cmocka_run_group_tests_name("fragment_change", tests, NULL, NULL);
}
