/*
 * What a change does to a flow: the table of docs/changes.md, row by row.
 *
 *     berlin 10.0.1.0/24 --- GRE 198.51.100.10 (b1) and .11, key 7 (b2) ---+
 *     madrid 10.0.1.0/24 --- GRE 198.51.100.20 (m1) -----------------------+--- [ gateway ] --- uplink
 *     pool internet: 203.0.113.1, slice 1                                                   --- other
 *
 * Berlin's host sends to the server by b1. Then the configuration changes, and the server answers.
 * By which tunnel does the answer go, or why did the flow end? By which port does the next packet
 * leave?
 */
#include "bed.h"
#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define GATEWAY IP(198, 51, 100, 1)
#define BERLIN IP(198, 51, 100, 10)
#define BERLIN_2 IP(198, 51, 100, 11)
#define MADRID IP(198, 51, 100, 20)
#define ELSEWHERE IP(198, 51, 100, 30)
#define HOST IP(10, 0, 1, 10)
#define SERVER IP(192, 0, 2, 80)
#define EGRESS IP(203, 0, 113, 1)

enum { UNDERLAY, UPLINK, OTHER };
enum { BERLIN_ID = 1, MADRID_ID = 2, UDP = 17, TOKEN = 99 };

#define TUNNEL(name, rest)                                                                         \
	"      - {name: " name ", local: 198.51.100.1, port: underlay, remote: 198.51.100." rest   \
	"}\n"
#define B1 TUNNEL("b1", "10")
#define B2 TUNNEL("b2", "11, key: 7")
#define SITE(name, settings, tunnels) "  - name: " name "\n" settings "    tunnels:\n" tunnels
#define PREFIX "    prefixes: [10.0.1.0/24]\n"
#define S_BERLIN SITE("berlin", PREFIX, B1 B2)
#define S_MADRID SITE("madrid", PREFIX, TUNNEL("m1", "20"))
#define POOL(name, settings, addresses)                                                            \
	"  - {name: " name ", " settings ", addresses: [" addresses "]}\n"
#define A1 "{address: 203.0.113.1, slices: [1]}"
#define A2 "{address: 203.0.113.2, slices: [1]}"
#define INTERNET POOL("internet", "port: uplink", A1)
#define OWN_PORTS "port: uplink, mapping: endpoint-independent"

static const struct row {
	const char *sites, *pools;
	uint16_t site_ids[2], tunnel_ids[3];
	uint32_t home; /* outer destination of the answer; 0: no answer arrives */
	enum ended ended;
	unsigned workers; /* 0: one */
	unsigned out; /* port of the next packet; 0: the uplink */
	const char *why;
} rows[] = {
	{S_BERLIN S_MADRID, INTERNET, {1, 2}, {1, 2, 3}, BERLIN, .why = "nothing changed"},
	{S_MADRID, INTERNET, {2}, {3}, 0, ENDED_SITE_REMOVED, .why = "site removed"},
	{S_BERLIN, INTERNET, {1}, {1, 2}, BERLIN, .why = "another site removed"},
	{SITE("berlin", PREFIX, B2) S_MADRID,
	 INTERNET,
	 {1, 2},
	 {2, 3},
	 BERLIN_2,
	 .why = "tunnel removed: the site's next one"},
	{SITE("berlin", PREFIX, B2) SITE("madrid", PREFIX, TUNNEL("m1", "20") B1),
	 INTERNET,
	 {1, 2},
	 {2, 3, 4},
	 BERLIN_2,
	 .why = "tunnel is another site's now"},
	{SITE("berlin", "    prefixes: [10.0.1.128/25]\n", B1 B2) S_MADRID,
	 INTERNET,
	 {1, 2},
	 {1, 2, 3},
	 0,
	 ENDED_SOURCE_REMOVED,
	 .why = "source is outside of the prefixes"},
	{SITE("berlin", "", B1 B2) S_MADRID,
	 INTERNET,
	 {1, 2},
	 {1, 2, 3},
	 BERLIN,
	 .why = "prefixes wider"},
	{S_BERLIN S_MADRID,
	 POOL("internet", "port: uplink", A2),
	 {1, 2},
	 {1, 2, 3},
	 0,
	 ENDED_SLICE_LOST,
	 .why = "address removed"},
	{S_BERLIN S_MADRID,
	 POOL("internet", "port: uplink", "{address: 203.0.113.1, slices: [2]}"),
	 {1, 2},
	 {1, 2, 3},
	 0,
	 ENDED_SLICE_LOST,
	 .why = "slice removed"},
	{S_BERLIN S_MADRID,
	 POOL("internet", "port: uplink, slice-size: 1024", A1),
	 {1, 2},
	 {1, 2, 3},
	 0,
	 ENDED_SLICE_LOST,
	 .why = "slices of another size"},
	{S_BERLIN S_MADRID,
	 POOL("internet", OWN_PORTS, A1),
	 {1, 2},
	 {1, 2, 3},
	 0,
	 ENDED_SLICE_LOST,
	 .why = "mapping changed"},
	{S_BERLIN S_MADRID,
	 POOL("internet", "port: uplink", A2 ", " A1),
	 {1, 2},
	 {1, 2, 3},
	 BERLIN,
	 .why = "more addresses"},
	{S_BERLIN S_MADRID,
	 POOL("fresh", "port: uplink", A1),
	 {1, 2},
	 {1, 2, 3},
	 BERLIN,
	 .why = "another pool has the address now"},
	{S_BERLIN S_MADRID,
	 POOL("fresh", "port: uplink", A2) INTERNET,
	 {1, 2},
	 {1, 2, 3},
	 BERLIN,
	 .why = "another pool comes first"},
	{S_BERLIN S_MADRID,
	 POOL("fresh", OWN_PORTS, A2) INTERNET,
	 {1, 2},
	 {1, 2, 3},
	 0,
	 ENDED_MAPPING_CHANGED,
	 .workers = 2,
	 .why = "with another mapping, and two workers"},
	{S_BERLIN S_MADRID,
	 POOL("fresh", OWN_PORTS, A2) INTERNET,
	 {1, 2},
	 {1, 2, 3},
	 BERLIN,
	 .why = "with another mapping, and one"},
	{S_BERLIN S_MADRID,
	 POOL("internet", "port: uplink", A1 ", {address: 192.0.2.80, slices: [1]}"),
	 {1, 2},
	 {1, 2, 3},
	 0,
	 ENDED_ROUTE_LOST,
	 .why = "the server's address is ours"},
	{SITE("berlin", PREFIX, TUNNEL("b1", "30, key: 5, mtu: 1400") B2) S_MADRID,
	 INTERNET,
	 {1, 2},
	 {1, 2, 3},
	 ELSEWHERE,
	 .why = "other tunnel ends"},
	{S_BERLIN S_MADRID,
	 POOL("internet", "port: other", A1),
	 {1, 2},
	 {1, 2, 3},
	 BERLIN,
	 .out = OTHER,
	 .why = "the pool's port"},
	{SITE("berlin", PREFIX "    limits: {flows: 1}\n", B1 B2) S_MADRID,
	 INTERNET,
	 {1, 2},
	 {1, 2, 3},
	 BERLIN,
	 .why = "limits lower"},
	{SITE("bonn", PREFIX, TUNNEL("x1", "10") B2) S_MADRID,
	 POOL("www", "port: uplink", A1),
	 {1, 2},
	 {1, 2, 3},
	 BERLIN,
	 .why = "other names"},
	{S_MADRID SITE("berlin", PREFIX, B2 B1),
	 INTERNET,
	 {2, 1},
	 {3, 2, 1},
	 BERLIN,
	 .why = "another order"},
};

static void write_yaml(char *yaml, size_t size, const char *sites, const char *pools,
		       unsigned workers)
{
	snprintf(yaml, size,
		 "workers: %u\n"
		 "flows: {capacity: 4096}\n"
		 "ports:\n"
		 "  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
		 "  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
		 "  - {name: other, driver: memory, next-hop-mac: '02:00:00:00:00:cc'}\n"
		 "sites:\n%segress:\n%s",
		 workers, sites, pools);
}

static void send_frame(struct bed *bed, unsigned port, const struct frame *f)
{
	uint8_t bytes[BED_FRAME_MAX];

	bed_send(bed, port, bytes, frame_build(f, bytes));
}

static bool take_frame(struct bed *bed, unsigned port, struct frame *f)
{
	uint8_t bytes[BED_FRAME_MAX];
	size_t len = bed_take(bed, port, bytes);
	const char *why;

	if (len > 0 && !frame_parse(bytes, len, f, &why))
		fail_msg("out by port %u: wrong %s", port, why);
	return len > 0;
}

static const struct frame first = {
	.outer_src = BERLIN,
	.outer_dst = GATEWAY,
	.src = HOST,
	.dst = SERVER,
	.sport = 5000,
	.dport = 443,
	.proto = UDP,
	.token = TOKEN,
	.payload = 8,
};

static struct frame answer_to(const struct frame *out)
{
	return (struct frame){
		.src = out->dst,
		.dst = out->src,
		.sport = out->dport,
		.dport = out->sport,
		.proto = UDP,
		.token = TOKEN,
		.payload = 8,
	};
}

/* A tunnel that moves to another site gets another id. */
static struct change_sweep apply(struct bed *bed, const struct row *row)
{
	const struct retired_tunnel retired = {.id = 1, .site = BERLIN_ID, .successor = 2};
	struct bed_change change = {.ids = {.sites = row->site_ids, .tunnels = row->tunnel_ids}};
	bool stays = false;
	char yaml[4096];

	for (unsigned i = 0; i < 3; i++)
		stays = stays || row->tunnel_ids[i] == 1;
	if (!stays && row->site_ids[0] == BERLIN_ID) {
		change.ids.retired = &retired;
		change.ids.n_retired = 1;
	}
	write_yaml(yaml, sizeof(yaml), row->sites, row->pools, bed_workers(bed));
	change.yaml = yaml;
	return bed_change(bed, &change);
}

static void check_home(struct bed *bed, const struct row *row, const struct frame *out)
{
	const struct frame answer = answer_to(out);
	struct frame home;

	send_frame(bed, out->dst == SERVER ? UPLINK : OTHER, &answer);
	bed_run(bed);
	if (!take_frame(bed, UNDERLAY, &home)) {
		if (row->home != 0)
			fail_msg("%s: the answer does not come home", row->why);
		return;
	}
	if (home.outer_dst != row->home || home.dst != HOST || home.dport != 5000)
		fail_msg("%s: the answer goes to %08x", row->why, home.outer_dst);
}

/* The next packet belongs to the same flow as before. */
static void check_next(struct bed *bed, const struct row *row, const struct frame *out)
{
	uint64_t created = bed_counters(bed).flows_created;
	struct frame f = first, next;

	f.outer_src = row->home;
	f.has_key = row->home == BERLIN_2 || row->home == ELSEWHERE;
	f.key = row->home == BERLIN_2 ? 7 : f.has_key ? 5 : 0;
	send_frame(bed, UNDERLAY, &f);
	bed_run(bed);
	if (!take_frame(bed, row->out != 0 ? row->out : UPLINK, &next))
		fail_msg("%s: the next packet does not leave", row->why);
	if (next.src != out->src || next.sport != out->sport ||
	    bed_counters(bed).flows_created != created)
		fail_msg("%s: the next packet is of another flow", row->why);
}

static void run_row(const struct row *row)
{
	unsigned workers = row->workers == 0 ? 1 : row->workers;
	struct change_sweep sum;
	struct frame out;
	struct bed *bed;
	char yaml[4096];

	write_yaml(yaml, sizeof(yaml), S_BERLIN S_MADRID, INTERNET, workers);
	bed = bed_create(yaml, 1);
	send_frame(bed, UNDERLAY, &first);
	bed_run(bed);
	assert_true(take_frame(bed, UPLINK, &out));
	assert_int_equal(out.src, EGRESS);
	sum = apply(bed, row);
	for (unsigned r = ENDED_NOT + 1; r < ENDED_COUNT; r++)
		if (sum.ended[r] != (r == (unsigned)row->ended))
			fail_msg("%s: %u flows ended as %s", row->why, (unsigned)sum.ended[r],
				 ended_infos[r].name);
	check_home(bed, row, &out);
	if (row->ended == ENDED_NOT)
		check_next(bed, row, &out);
	else
		assert_int_equal(bed_counters(bed).flows, 0);
	bed_check(bed);
	bed_destroy(bed);
}

static void rows_of_the_table(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		run_row(&rows[i]);
}

/* A packet waits in a ring between workers while its tunnel is removed. It must open no flow. */
static void on_the_way_between_workers(void **state)
{
	static const struct row removed = {
		SITE("berlin", PREFIX, B2) S_MADRID, INTERNET, {1, 2}, {2, 3}, .why = "b1 removed"};
	enum { FLOWS = 16 };
	uint8_t bytes[BED_FRAME_MAX];
	struct worker_counters before;
	struct frame f = first;
	struct bed *bed;
	char yaml[4096];

	write_yaml(yaml, sizeof(yaml), S_BERLIN S_MADRID, INTERNET, 2);
	bed = bed_create(yaml, 1);
	for (unsigned queue = 0; queue < 2; queue++) { /* the flows of worker 0 change queues */
		for (unsigned i = 0; i < FLOWS; i++) {
			f.sport = (uint16_t)(5000 + i);
			bed_send_to(bed, UNDERLAY, queue, bytes, frame_build(&f, bytes));
		}
		worker_turn(bed_worker(bed, queue)); /* worker 0 has not come to its rings again */
	}
	worker_read_counters(bed_worker(bed, 1), &before);
	assert_int_equal(before.handed_out, FLOWS);
	apply(bed, &removed);
	bed_run(bed);
	assert_int_equal(bed_counters(bed).flows_created, FLOWS);
	assert_int_equal(bed_counters(bed).drops[DROP_TUNNEL_GONE], FLOWS);
	while (take_frame(bed, UPLINK, &f))
		;
	bed_check(bed);
	bed_destroy(bed);
}

struct meantime {
	struct bed *bed;
	uint16_t sport;
	unsigned drops[2]; /* after the first publication, and after the second one */
	unsigned calls;
};

/* A host opens another flow. */
static void open_flow(void *arg)
{
	struct meantime *m = arg;
	struct frame f = first;

	assert_true(m->calls < ARRAY_SIZE(m->drops));
	f.sport = m->sport++;
	send_frame(m->bed, UNDERLAY, &f);
	bed_run(m->bed);
	m->drops[m->calls++] = (unsigned)bed_counters(m->bed).drops[DROP_NO_ROUTE];
}

/*
 * While its slices get another size, the only egress address is away. New flows wait for it: their
 * first packets are dropped, and no ICMP error makes a host give up.
 */
static void no_error_while_the_address_is_away(void **state)
{
	const uint16_t sites[] = {1, 2}, tunnels[] = {1, 2, 3};
	struct meantime m = {.sport = 6000};
	struct bed_change change = {
		.ids = {.sites = sites, .tunnels = tunnels}, .meanwhile = open_flow, .arg = &m};
	char yaml[4096];
	struct frame f;

	write_yaml(yaml, sizeof(yaml), S_BERLIN S_MADRID, INTERNET, 1);
	m.bed = bed_create(yaml, 1);
	write_yaml(yaml, sizeof(yaml), S_BERLIN S_MADRID,
		   POOL("internet", "port: uplink, slice-size: 1024", A1), 1);
	change.yaml = yaml;
	bed_change(m.bed, &change);
	assert_int_equal(m.calls, 2);
	assert_int_equal(m.drops[0], 1);
	assert_int_equal(m.drops[1], 1);
	assert_true(take_frame(m.bed, UPLINK, &f));
	assert_false(take_frame(m.bed, UPLINK, &f));
	assert_false(take_frame(m.bed, UNDERLAY, &f));
	assert_int_equal(bed_counters(m.bed).answers[ANSWER_UNREACHABLE], 0);
	bed_check(m.bed);
	bed_destroy(m.bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_of_the_table),
		cmocka_unit_test(on_the_way_between_workers),
		cmocka_unit_test(no_error_while_the_address_is_away),
	};

	return cmocka_run_group_tests_name("change_rows", tests, NULL, NULL);
}
