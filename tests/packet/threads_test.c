/*
 * Two workers as two threads: what they share while they hand packets to each other.
 *
 *     berlin --- GRE ---+--- [ worker 0 | worker 1 ] --- uplink      a queue for each worker at
 *     madrid --- GRE ---+        two threads                         either port
 *
 * A third thread, this one, sends and takes frames, and publishes networks and nexthops meanwhile.
 * Each packet of a flow comes by any queue. So each worker asks the other's table while that one
 * begins and ends flows, and packets go through the rings in both directions. Every packet
 * comes out, by the egress port of its flow.
 *
 * `tests/run tsan` runs it under ThreadSanitizer, which fails it if two threads touch anything
 * without an order between them.
 */
#include "base/mono.h"
#include "parcel.h"
#include "plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum {
	UNDERLAY = PARCEL_UNDERLAY,
	UPLINK = PARCEL_UPLINK,
	UDP = 17,
	WORKERS = 2,
	HOSTS = 64, /* flows of each site and family */
	ROUNDS = 14,
	PATIENCE_MS = 20000,
	FIRST_PORT = 6000,
	BERLIN = 0,
	MADRID = 1,
};

/* Small tables, so that keys of different flows share buckets. */
#define MORE "flows: {capacity: 1024}\nworkers: 2\n"

static const char yaml[] = PARCEL_YAML(MORE);

/* Without madrid; porto is not used. */
static const char without[] =
	MORE "ports:\n"
	     "  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
	     "  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
	     "sites:\n"
	     "  - name: berlin\n"
	     "    prefixes: [10.0.1.0/24, 'fd00::/64']\n"
	     "    tunnels: [{name: b1, local: 198.51.100.1, remote: 198.51.100.10,\n"
	     "               port: underlay, address: 10.255.0.1, address6: 'fd00::1'}]\n"
	     "egress:\n"
	     "  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: [1]},\n"
	     "     {address: '2001:db8:1::1', slices: [1]}]}\n";

struct scene {
	struct bed *bed;
	uint64_t random;
	uint16_t ports[2][2][HOSTS]; /* of each site's flows, IPv4 and IPv6; 0: not known yet */
	unsigned waiting; /* frames that are on their way */
};

static int setup(void **state)
{
	static struct scene s;

	bed_first_queues = bed_queues = WORKERS;
	s = (struct scene){.bed = bed_create(yaml, 3), .random = 11};
	bed_start(s.bed);
	*state = &s;
	return 0;
}

/* Law 3 and every buffer, when the threads have ended. */
static int teardown(void **state)
{
	struct scene *s = *state;

	bed_stop(s->bed);
	bed_check(s->bed);
	bed_destroy(s->bed);
	bed_queues = 1;
	return 0;
}

static unsigned any_queue(struct scene *s)
{
	return plan_random(&s->random, WORKERS);
}

static void send_one(struct scene *s, unsigned port, const struct frame *f)
{
	uint8_t bytes[BED_FRAME_MAX];

	bed_send_to(s->bed, port, any_queue(s), bytes, frame_build(f, bytes));
	s->waiting++;
}

/* Takes the next frame, which another thread is still working on. */
static struct frame take(struct scene *s, unsigned port)
{
	const struct timespec rest = {.tv_nsec = 10000};
	uint8_t bytes[BED_FRAME_MAX];
	struct frame out = {0};
	uint64_t begin = mono_ms();
	size_t len = 0;
	const char *why;

	while (len == 0 && mono_ms() - begin < PATIENCE_MS) {
		len = bed_take(s->bed, port, bytes);
		if (len == 0)
			nanosleep(&rest, NULL);
	}
	if (len == 0)
		fail_msg("%u frames did not come out of port %u", s->waiting, port);
	if (!frame_parse(bytes, len, &out, &why))
		fail_msg("%s", why);
	s->waiting--;
	return out;
}

/* The flow of a frame at the uplink keeps its egress port. Its answer comes by any queue. */
static void answer(struct scene *s, const struct frame *out)
{
	unsigned host = out->token % HOSTS, madrid = out->token / HOSTS;
	uint16_t *port = &s->ports[madrid][out->six][host];
	struct frame back = {
		.six = out->six,
		.src = out->dst,
		.dst = out->src,
		.src6 = out->dst6,
		.dst6 = out->src6,
		.sport = out->dport,
		.dport = out->sport,
		.proto = UDP,
		.token = out->token,
	};

	assert_true(*port == 0 || *port == out->sport);
	*port = out->sport;
	send_one(s, UPLINK, &back);
}

/* One packet of each flow of a site, and its answer. */
static void go_out(struct scene *s, unsigned site)
{
	for (unsigned i = 0; i < 2 * HOSTS; i++) {
		struct frame f = parcel_from_site(UDP, site == MADRID, i % 2);

		f.sport = (uint16_t)(FIRST_PORT + i / 2);
		f.token = site * HOSTS + i / 2;
		send_one(s, UNDERLAY, &f);
	}
}

static void come_home(struct scene *s)
{
	unsigned n = s->waiting;

	for (unsigned i = 0; i < n; i++) {
		struct frame out = take(s, UPLINK);

		answer(s, &out);
	}
	for (unsigned i = 0; i < n; i++) {
		struct frame out = take(s, UNDERLAY);
		unsigned madrid = out.token / HOSTS;

		assert_int_equal(out.outer_dst, madrid ? PARCEL_SPAIN : PARCEL_BERLIN);
		assert_int_equal(out.dport, FIRST_PORT + out.token % HOSTS);
	}
}

static void publish_network(struct scene *s, const char *text)
{
	static const uint16_t sites[] = {1, 2, 3}, tunnels[] = {1, 2, 3};

	bed_change(s->bed,
		   &(struct bed_change){.yaml = text, .ids = {.sites = sites, .tunnels = tunnels}});
}

/* Flows of two sites, and new nexthops while their packets are on the way. */
static void test_flows_change_queues(void **state)
{
	struct scene *s = *state;

	for (unsigned round = 0; round < ROUNDS; round++) {
		go_out(s, BERLIN);
		go_out(s, MADRID);
		bed_narrow(s->bed, 1, (uint16_t)(1300 + round));
		come_home(s);
	}
	bed_stop(s->bed);
	assert_int_equal(bed_counters(s->bed).flows, 4 * HOSTS);
	assert_true(bed_counters(s->bed).handed_in > ROUNDS * HOSTS);
	assert_true(bed_counters(s->bed).asked > ROUNDS * HOSTS);
}

/* A site goes, with all its flows, and comes again, while packets of the other one change queues. */
static void test_flows_begin_and_end(void **state)
{
	struct scene *s = *state;

	for (unsigned round = 0; round < ROUNDS; round++) {
		go_out(s, BERLIN);
		go_out(s, MADRID);
		come_home(s);
		go_out(s, BERLIN);
		publish_network(s, without);
		come_home(s);
		memset(s->ports[MADRID], 0, sizeof(s->ports[MADRID]));
		publish_network(s, yaml);
	}
	bed_stop(s->bed);
	assert_int_equal(bed_counters(s->bed).flows, 2 * HOSTS);
	assert_int_equal(bed_counters(s->bed).flows_created, (2 + 2 * ROUNDS) * HOSTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_flows_change_queues, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flows_begin_and_end, setup, teardown),
	};

	return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
