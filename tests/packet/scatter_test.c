/*
 * Fragments, as a property: packets of both families, both sites and both directions are fragmented
 * at random, and their fragments are sent in random order, some twice.
 *
 * A packet leaves only when its last fragment has arrived, with the right content, to the right
 * host. A packet with a lost fragment or with overlapping ones never leaves. At the end nothing is
 * held, and every packet and buffer is accounted for (law 3).
 *
 * SCATTER_SEED=n repeats a run, SCATTER_ROUNDS=n makes it longer.
 */
#include "parcel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum {
	FLOWS = 12, /* two sites, two families, three protocols */
	PACKETS = 10, /* in flight at a time */
	FRAGMENTS = 100, /* of each */
	ROUNDS_DEFAULT = 150,
	MTU = 1500,
};

/* Timeouts are longer than the test. */
#define FLOWS_YAML                                                                                 \
	"flows: {capacity: 4096, timeouts: {icmp: 18h, udp: 18h, dns: 18h, dns-answered: 18h,\n"   \
	"  tcp-opening: 18h}}\n"

struct flow_model {
	struct frame out, back;
};

struct scattered {
	struct parcel parcel;
	struct frame frame; /* as it must come out, except for what is translated */
	bool returns, dead;
	size_t size; /* of fragments */
	unsigned n, left; /* fragments */
	bool sent[FRAGMENTS];
};

static struct {
	uint64_t random, token;
	struct bed *bed;
	struct flow_model flows[FLOWS];
	struct scattered packets[PACKETS];
	unsigned complete, lost;
} run;

static uint32_t random_below(uint32_t n)
{
	/* splitmix64 (Steele, Lea, Flood 2014) */
	uint64_t z = run.random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ z >> 31) % n);
}

static bool one_in(uint32_t n)
{
	return random_below(n) == 0;
}

static void open_flows(void)
{
	static const uint8_t protos[2][3] = {{1, 6, 17}, {58, 6, 17}};

	for (unsigned i = 0; i < FLOWS; i++) {
		struct flow_model *m = &run.flows[i];
		bool six = i / 2 % 2;

		m->out = parcel_from_site(protos[six][i / 4], i % 2, six);
		m->back = parcel_answer_to(run.bed, &m->out);
	}
}

/* Few or many fragments, of equal size; only their order is random. */
static void make_packet(struct scattered *s, unsigned serial)
{
	const struct flow_model *m = &run.flows[random_below(FLOWS)];
	size_t total;

	s->returns = one_in(2);
	s->frame = s->returns ? m->back : m->out;
	s->frame.token = ++run.token;
	s->size = 24 + 8 * random_below(one_in(3) ? 170 : 40);
	total = s->size * (1 + random_below(FRAGMENTS - 4)) + 1 + random_below((uint32_t)s->size);
	total = total > 60000 ? 60000 : total;
	parcel_size(&s->frame, 64 + total);
	parcel_pack(&s->parcel, &s->frame,
		    s->returns			 ? INTERNET
		    : !s->frame.six && one_in(3) ? TUNNEL
						 : SITE);
	s->parcel.id = serial;
	total = s->parcel.len - parcel_front(&s->parcel);
	s->n = s->left = (unsigned)((total + s->size - 1) / s->size);
	s->dead = one_in(5);
	memset(s->sent, 0, sizeof(s->sent));
}

/* Checks that exactly this packet came out. */
static void take_reassembled(const struct scattered *s)
{
	static struct fragments fragments;
	unsigned port = s->returns ? PARCEL_UNDERLAY : PARCEL_UPLINK;
	const struct frame *in = &s->frame;
	struct frame out;
	const char *why;
	uint8_t frame[BED_FRAME_MAX];

	if (!fragments_take(run.bed, port, &fragments, &out, &why))
		fail_msg("packet %u: %s", (unsigned)in->token, why);
	assert_int_equal(out.token, in->token);
	assert_int_equal(out.payload, in->payload);
	assert_int_equal(out.six, in->six);
	assert_int_equal(out.proto, in->proto);
	assert_in_range(fragments.largest, 0, s->returns ? MTU - 24 : MTU);
	if (s->returns) {
		for (unsigned i = 0; i < FLOWS; i++) {
			const struct flow_model *m = &run.flows[i];

			if (m->back.dport == in->dport && m->back.sport == in->sport &&
			    m->back.proto == in->proto && m->back.six == in->six)
				assert_int_equal(fragments.first.outer_dst, m->out.outer_src);
		}
	}
	assert_int_equal(bed_take(run.bed, PARCEL_UPLINK, frame), 0);
	assert_int_equal(bed_take(run.bed, PARCEL_UNDERLAY, frame), 0);
	run.complete++;
}

static void nothing_came(const struct scattered *s)
{
	uint8_t frame[BED_FRAME_MAX];

	if (bed_take(run.bed, PARCEL_UPLINK, frame) != 0 ||
	    bed_take(run.bed, PARCEL_UNDERLAY, frame) != 0)
		fail_msg("packet %u left with %u fragments missing", (unsigned)s->frame.token,
			 s->left);
}

static void send_fragment(const struct scattered *s, unsigned i, size_t shift)
{
	size_t total = s->parcel.len - parcel_front(&s->parcel);
	size_t at = i * s->size, end = at + s->size < total ? at + s->size : total;

	parcel_send_fragment(run.bed, &s->parcel, at + shift, end);
}

/* A random fragment of those that have not been sent. */
static unsigned next_fragment(struct scattered *s)
{
	unsigned i = random_below(s->n);

	while (s->sent[i])
		i = i + 1 < s->n ? i + 1 : 0;
	s->sent[i] = true;
	return i;
}

/*
 * Sends one more fragment of @s. A packet that must not arrive loses its last fragment, or two of
 * its fragments overlap.
 */
static void go_on(struct scattered *s)
{
	unsigned i = next_fragment(s);

	s->left--;
	if (s->left == 0 && s->dead) {
		run.lost++;
		return;
	}
	send_fragment(s, i, 0);
	if (s->left == 0) {
		take_reassembled(s);
		return;
	}
	nothing_came(s);
	if (one_in(8))
		send_fragment(s, i, 0); /* a duplicate does no harm */
	if (s->dead && one_in(4) && i + 1 < s->n) {
		send_fragment(s, i, 8);
		s->left = 0;
		run.lost++;
	}
	nothing_came(s);
}

/* Takes the errors about packets that were incomplete at their timeout. */
static void take_late(void)
{
	uint8_t frame[BED_FRAME_MAX];
	struct frame out;
	const char *why;
	size_t len;

	for (unsigned w = 0; w < bed_workers(run.bed); w++)
		worker_advance_clock(bed_worker(run.bed, w), PARCEL_LIFE_S + 1);
	bed_run(run.bed);
	assert_int_equal(bed_take(run.bed, PARCEL_UPLINK, frame), 0);
	while ((len = bed_take(run.bed, PARCEL_UNDERLAY, frame)) > 0) {
		if (!frame_parse(frame, len, &out, &why))
			fail_msg("an error: %s", why);
		assert_int_equal(out.icmp_type, out.six ? 3 : 11);
		assert_int_equal(out.icmp_code, 1);
	}
}

static void scatter(unsigned round)
{
	unsigned left = PACKETS;

	for (unsigned i = 0; i < PACKETS; i++)
		make_packet(&run.packets[i], round * PACKETS + i);
	while (left > 0) {
		struct scattered *s = &run.packets[random_below(PACKETS)];

		if (s->left == 0)
			continue;
		go_on(s);
		left -= s->left == 0;
	}
	take_late();
	assert_int_equal(bed_counters(run.bed).held, 0);
	bed_check(run.bed);
}

static unsigned setting(const char *name, unsigned otherwise)
{
	const char *value = getenv(name);

	return value != NULL ? (unsigned)strtoul(value, NULL, 10) : otherwise;
}

static void scatter_with(unsigned workers)
{
	unsigned seed = setting("SCATTER_SEED", (unsigned)time(NULL)), rounds;
	char yaml[2048];

	print_message("SCATTER_SEED=%u\n", seed);
	rounds = setting("SCATTER_ROUNDS", ROUNDS_DEFAULT);
	memset(&run, 0, sizeof(run));
	run.random = seed;
	snprintf(yaml, sizeof(yaml), PARCEL_YAML(FLOWS_YAML "workers: %u\n"), workers);
	run.bed = bed_create(yaml, seed);
	open_flows();
	for (unsigned i = 0; i < rounds; i++)
		scatter(i);
	assert_int_equal(run.complete + run.lost, rounds * PACKETS);
	assert_in_range(run.complete, rounds * PACKETS / 2, rounds * PACKETS);
	bed_destroy(run.bed);
}

static void with_one_worker(void **state)
{
	scatter_with(1);
}

static void with_four_workers(void **state)
{
	scatter_with(4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_one_worker),
		cmocka_unit_test(with_four_workers),
	};

	return cmocka_run_group_tests_name("scatter", tests, NULL, NULL);
}
