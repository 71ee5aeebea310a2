/*
 * Any frames into the whole data plane: the input is a list of steps, most of which send a frame.
 *
 * The first byte says which bed: a pool that shares ports, an endpoint-independent one, one that
 * lets everybody in; 3 to 5 the same with three workers. Then each step is a byte that says what it
 * is, and its operands:
 *
 *   0 UNDERLAY  length (2), frame        a frame comes in from the sites' side
 *   1 UPLINK    length (2), frame        a frame comes in from the Internet
 *   2 ANSWER    damage                   the last frame that left comes back, reversed
 *   3 AGAIN     damage                   the last frame of a site is sent again
 *   4 WAIT      seconds (1)              the clock advances, flows age
 *   5 CUT       how (1), at (1)          ANSWER, or AGAIN, in two fragments, divided at 8 * at; how: bit
 *                                        0 which, bit 1 the later one first, bit 2 only the first
 *   6 PACKET    what (8), damage         a valid packet of the network in make.h
 *   7 ERROR     what (4), damage         an ICMP error about the last frame that left by the uplink or,
 *                                        if bit 7 of the first byte is set, about the last one to a site
 *   8 MANY      what (8), how many (1)   the same packet from several source ports, in bursts
 *
 * Damage is n (1), n * {at, xor}. A byte with FIX set has IPv4 header checksums made right before
 * its frame is sent, so that damage gets past the first check; with MEND all checksums. What has
 * HOLD set waits, and comes in with the next frame as one burst.
 *
 * Flows live to the end of the story; then all of them must age out. The judge (judge.h) looks at
 * whatever leaves. Every packet is accounted for and every buffer given back (bed_check); nothing
 * reads behind a frame (the bed poisons what is there).
 */
#include "bed.h"
#include "judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RAW_UNDERLAY, RAW_UPLINK, ANSWER, AGAIN, WAIT, CUT, PACKET, ERROR, MANY, STEPS };
enum {
	FIX = 0x80,
	MEND = 0x40,
	HOLD = 0x20,
	WHAT = 0x1f,
	BED_INDEPENDENT = 1,
	BED_OPEN = 2,
	BED_WORKERS = 3, /* added for three workers */
	BEDS = 6,
	BURST = 16,
	STEPS_MAX = 64,
	MANY_MAX = 192,
	LONGEST_TIMEOUT_S = 10,
};

static struct {
	struct bed *bed;
	unsigned workers;
	struct frame_bytes sent; /* the last frame of a site */
	struct frame_bytes left; /* the last frame that left by the uplink */
	struct frame_bytes home; /* the last frame to a site */
	struct frame_bytes burst[BURST]; /* frames that came in and are not processed yet */
	unsigned n_burst;
} story;

/* The beds exist until the process ends. */
static struct bed *beds[BEDS];

/* Their tables are in pages that LeakSanitizer does not search for pointers. */
static void destroy_beds(void)
{
	for (unsigned i = 0; i < BEDS; i++)
		if (beds[i] != NULL)
			bed_destroy(beds[i]);
}

static struct bed *bed_of(unsigned kind)
{
	static bool begun;
	char text[4096];

	story.workers = kind >= BED_WORKERS ? 3 : 1;
	if (beds[kind] != NULL)
		return beds[kind];
	if (!begun)
		atexit(destroy_beds);
	begun = true;
	setenv("CMOCKA_TEST_ABORT", "1", 1); /* a failed assertion of the bed is a finding */
	snprintf(text, sizeof(text), make_yaml, story.workers,
		 kind % BED_WORKERS != 0 ? "endpoint-independent" : "address-and-port-dependent",
		 kind % BED_WORKERS == BED_OPEN ? "endpoint-independent"
						: "address-and-port-dependent");
	beds[kind] = bed_create(text, 1);
	for (unsigned i = 0; i < story.workers; i++) /* only WAIT advances the clock */
		worker_hold_clock(bed_worker(beds[kind], i), UINT64_C(1000000000));
	return beds[kind];
}

static void keep(struct frame_bytes *as, const uint8_t *frame, size_t len)
{
	as->len = len < FRAME_MAX ? len : FRAME_MAX;
	memcpy(as->bytes, frame, as->len);
}

/* All waiting frames come in as one burst. */
static void run(void)
{
	unsigned asked = 0, left = 0;
	uint8_t out[BED_FRAME_MAX];
	size_t len;

	for (unsigned i = 0; i < story.n_burst; i++)
		asked += judge_is_tunnelled(&story.burst[i]);
	bed_run(story.bed);
	for (unsigned i = 0; i < 2; i++) {
		unsigned to = i == 0 ? UPLINK : UNDERLAY; /* first packets, then answers */

		while ((len = bed_take(story.bed, to, out)) > 0) {
			judge_frame(to, out, len, story.burst, story.n_burst);
			keep(to == UPLINK ? &story.left : &story.home, out, len);
			left += to == UPLINK;
		}
		if (to == UPLINK && left < asked)
			judge_unseen(story.burst, story.n_burst);
	}
	story.n_burst = 0;
}

static void send_frame(unsigned port, struct frame_bytes *f, unsigned how)
{
	size_t room;

	if (f->len == 0)
		return;
	if (how & (FIX | MEND) && look_ip_of(f->bytes, f->len, &room) != NULL)
		look_fix(f->bytes + 14, room, how & MEND);
	bed_send(story.bed, port, f->bytes, f->len);
	story.burst[story.n_burst++] = *f;
	if (port == UNDERLAY)
		story.sent = *f;
	if (!(how & HOLD) || story.n_burst == BURST)
		run();
}

/* Reads operands of the form {at, xor}. Returns the number of their bytes. */
static size_t damage(struct frame_bytes *f, const uint8_t *p, size_t size)
{
	size_t n = size == 0 ? 0 : p[0] % 16, at = 1;

	for (; n > 0 && at + 1 < size; n--, at += 2) {
		if (p[at] < f->len)
			f->bytes[p[at]] ^= p[at + 1];
	}
	return at < size ? at : size;
}

static void swap(uint8_t *a, uint8_t *b, size_t n)
{
	uint8_t keep[16];

	memcpy(keep, a, n);
	memcpy(a, b, n);
	memcpy(b, keep, n);
}

/* Exchanges MACs, addresses and ports. A ping becomes its reply. */
static void turn_round(struct frame_bytes *f)
{
	struct look l;
	size_t room;
	const uint8_t *ip = look_ip_of(f->bytes, f->len, &room);
	uint8_t *at = f->bytes + 14, *l4;

	if (ip == NULL || !look_at(ip, room, &l))
		return;
	swap(f->bytes, f->bytes + 6, 6);
	l4 = at + l.header;
	if (l.six)
		swap(at + 8, at + 24, 16);
	else
		swap(at + 12, at + 16, 4);
	if (l.later || l.len < l.header + 8)
		return;
	if (l.icmp && !l.icmp_error)
		l4[0] = l.six ? 129 : l4[0] > 8 ? 14 : 0;
	else
		swap(l4, l4 + 2, 2);
	if (l.l4 == LOOK_GOOD)
		look_fix(at, room, true);
}

/* Makes the fragment of the packet at @ip in @whole that holds payload bytes @from to @to. */
static struct frame_bytes fragment_of(const struct frame_bytes *whole, size_t ip, size_t from,
				      size_t to)
{
	struct frame_bytes f = {0};
	size_t header = (size_t)(whole->bytes[ip] & 15) * 4, len = header + to - from;
	size_t end = look_16(whole->bytes + ip + 2) - header;
	unsigned word = (unsigned)from / 8 | (to < end ? 0x2000 : 0);

	memcpy(f.bytes, whole->bytes, ip + header);
	memcpy(f.bytes + ip + header, whole->bytes + ip + header + from, to - from);
	look_put_16(f.bytes + ip + 2, (unsigned)len);
	look_put_16(f.bytes + ip + 6, word);
	if (ip > 14) /* the outer header, too */
		look_put_16(f.bytes + 16, (unsigned)(ip - 14 + len));
	f.len = ip + len;
	return f;
}

/* Fragments the frame of ANSWER or AGAIN, if it is a complete packet. */
static void send_arrival(unsigned how, unsigned at)
{
	bool answer = how & 1;
	struct frame_bytes whole = answer ? story.left : story.sent, sent = story.sent, f;
	size_t room, cut = 8 * (1 + at), end;
	struct look_gre gre;
	const uint8_t *ip;
	struct look l;

	if (answer)
		turn_round(&whole);
	ip = look_ip_of(whole.bytes, whole.len, &room);
	if (!answer && look_into_gre(whole.bytes, whole.len, &gre) && !gre.outer.six) {
		ip = gre.ip;
		room = gre.room;
	}
	if (ip == NULL || !look_at(ip, room, &l) || l.six || l.fragment || cut >= l.len - l.header)
		return;
	end = l.len - l.header;
	for (unsigned i = 0; i < (how & 4 ? 1 : 2); i++) {
		bool first = (i == 0) == !(how & 2);

		f = fragment_of(&whole, (size_t)(ip - whole.bytes), first ? 0 : cut,
				first ? cut : end);
		send_frame(answer ? UPLINK : UNDERLAY, &f, FIX);
	}
	story.sent = sent; /* AGAIN does not repeat fragments */
}

static size_t step_raw(unsigned port, unsigned how, const uint8_t *p, size_t size)
{
	struct frame_bytes f = {0};
	size_t want = size < 2 ? 0 : look_16(p) % (FRAME_MAX + 1);

	if (size < 2)
		return size;
	f.len = want < size - 2 ? want : size - 2;
	memcpy(f.bytes, p + 2, f.len);
	send_frame(port, &f, how);
	return 2 + f.len;
}

static size_t step_turn(unsigned how, const uint8_t *p, size_t size)
{
	bool answer = (how & WHAT) % STEPS == ANSWER;
	struct frame_bytes f = answer ? story.left : story.sent;
	size_t took;

	if (answer)
		turn_round(&f);
	took = damage(&f, p, size);
	send_frame(answer ? UPLINK : UNDERLAY, &f, how);
	return took;
}

static size_t step_packet(unsigned how, const uint8_t *p, size_t size)
{
	uint8_t op[MAKE_BYTES] = {0};
	size_t n = size < MAKE_BYTES ? size : MAKE_BYTES, room;
	const uint8_t *ip = look_ip_of(story.left.bytes, story.left.len, &room);
	struct frame_bytes f = {0};
	uint16_t port = FIRST_PORT;
	unsigned in, many;
	struct look l;

	if (ip != NULL && look_at(ip, room, &l))
		port = l.sport;
	memcpy(op, p, n);
	if ((how & WHAT) % STEPS == MANY) {
		many = n < size ? p[n] % MANY_MAX : 0;
		/* Sends them in bursts: a run of the workers for each frame would take too long. */
		for (unsigned i = 0; i < many; i++) {
			in = make_packet(op, port, i, &f);
			send_frame(in, &f, i + 1 < many ? how | HOLD : how);
		}
		return n + 1;
	}
	in = make_packet(op, port, 0, &f);
	n += damage(&f, p + n, size - n);
	send_frame(in, &f, how);
	return n;
}

static size_t step_error(unsigned how, const uint8_t *p, size_t size)
{
	uint8_t op[4] = {0};
	size_t n = size < sizeof(op) ? size : sizeof(op);
	struct frame_bytes f = {0};

	memcpy(op, p, n);
	make_error(op, op[0] & 0x80 ? &story.home : &story.left, &f);
	n += damage(&f, p + n, size - n);
	send_frame(op[0] & 0x80 ? UNDERLAY : UPLINK, &f, how);
	return n;
}

static void wait_for(uint32_t seconds)
{
	uint8_t out[BED_FRAME_MAX];
	size_t len;

	run();
	for (unsigned i = 0; i < story.workers; i++)
		worker_advance_clock(bed_worker(story.bed, i), seconds);
	bed_run(story.bed);
	for (unsigned to = 0; to < 2; to++) {
		while ((len = bed_take(story.bed, to, out)) > 0)
			judge_late(to, out, len);
	}
}

/* Runs one step. Returns the number of its bytes. */
static size_t step(const uint8_t *p, size_t size)
{
	unsigned what = (p[0] & WHAT) % STEPS;

	switch (what) {
	case ANSWER:
	case AGAIN:
		return 1 + step_turn(p[0], p + 1, size - 1);
	case WAIT:
		wait_for(size > 1 ? p[1] % 16 : 0);
		return 2;
	case CUT:
		send_arrival(size > 1 ? p[1] : 0, size > 2 ? p[2] : 0);
		return 3;
	case PACKET:
	case MANY:
		return 1 + step_packet(p[0], p + 1, size - 1);
	case ERROR:
		return 1 + step_error(p[0], p + 1, size - 1);
	default:
		return 1 + step_raw(what == RAW_UPLINK ? UPLINK : UNDERLAY, p[0], p + 1, size - 1);
	}
}

/* Ends all flows, and checks that they free all that they took. */
static void age_out(void)
{
	const struct network *net = bed_network(story.bed);
	struct slice_counters slice;

	wait_for(LONGEST_TIMEOUT_S + 1);
	for (unsigned i = 0; i < 128 && bed_counters(story.bed).flows > 0; i++)
		bed_run(story.bed);
	judge_stop_if(bed_counters(story.bed).flows > 0, "a flow that does not age");
	for (uint32_t i = 0; i < net->n_slices * story.workers; i++) {
		worker_read_slice(bed_worker(story.bed, i / net->n_slices), i % net->n_slices,
				  &slice);
		judge_stop_if(slice.flows != 0 || slice.ports != 0,
			      "a port that was not given back");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t at = 1;

	if (size == 0)
		return 0;
	story.bed = bed_of(data[0] % BEDS);
	story.sent.len = story.left.len = story.home.len = 0;
	judge_reset(data[0] % BEDS % BED_WORKERS == BED_OPEN);
	for (unsigned steps = 0; at < size && steps < STEPS_MAX; steps++)
		at += step(data + at, size - at);
	age_out();
	bed_check(story.bed);
	return 0;
}
