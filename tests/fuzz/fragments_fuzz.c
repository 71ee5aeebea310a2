/*
 * Fragments in any order into the whole data plane: the input is a list of steps, each of which
 * sends a fragment of a packet.
 *
 * The first byte chooses the bed: bit 0: three workers. Then each step is a byte and its operands:
 *
 *   0 to 7     how (1), at (2), length (1), damage     a fragment of that packet: see packets[] below
 *   8, 9       seconds (1)                             the clock moves
 *   others     from (1), length (1), bytes             any IP packet, with correct IPv4 checksums
 *
 * A fragment begins at 8 * at and has 8 * length bytes. How: which of two identifications, a wrong
 * MF flag, a changed byte, a truncated frame, or damage: n (1), n * {at, xor}, in its headers.
 *
 * For any input: every packet is accounted for and every buffer is freed (bed_check), nothing is
 * held longer than allowed, and every packet that leaves is valid. If every fragment was correct,
 * every packet that leaves is one of the packets with its content, and an answer goes to its site.
 */
#include "look.h"
#include "parcel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	OTHER_ID = 1,
	MORE = 2,
	LAST = 4,
	POISON = 8,
	SHORT = 16,
	DAMAGE = 32,

	PACKETS = 8,
	WAIT = PACKETS,
	STEPS_MAX = 256,
	PIECE_MAX = 1400,
	WAIT_MAX_S = 8,
};

static const char yaml[] = PARCEL_YAML("flows: {capacity: 4096, timeouts: {icmp: 18h, udp: 18h, "
				       "dns: 18h, dns-answered: 18h, "
				       "tcp-opening: 18h}}\nworkers: %u\n");

/* clang-format off */
static const struct {
	uint8_t proto;
	bool madrid, porto, six;
	enum whence from;
	size_t size;
} packets[PACKETS] = {
	{17, false, false, false, SITE,     1500},
	{17, true,  false, true,  SITE,     3000},
	{6,  false, false, true,  SITE,     2000},
	{58, false, false, true,  SITE,     60000},
	{1,  true,  false, false, INTERNET, 4000},
	{17, false, false, true,  INTERNET, 2500},
	{17, true,  false, true,  TUNNEL,   1400},
	{17, false, true,  false, TUNNEL,   1800},
};
/* clang-format on */

struct scene {
	struct bed *bed;
	struct frame frames[PACKETS], asked[PACKETS]; /* asked: the request of an answer */
	struct parcel parcels[PACKETS];
};

static struct {
	struct scene *scene;
	bool untrue; /* a fragment was sent that differs from its packet */
} story;

static void stop_if(bool wrong, const char *what)
{
	if (wrong) {
		fprintf(stderr, "%s\n", what);
		abort();
	}
}

static void drain(struct bed *bed)
{
	uint8_t frame[BED_FRAME_MAX];

	for (unsigned port = PARCEL_UNDERLAY; port <= PARCEL_UPLINK; port++)
		while (bed_take(bed, port, frame) > 0)
			;
}

/* Packets of open flows. The beds exist until the process ends. */
static struct scene *scenes[2];

/* Their tables are in pages that LeakSanitizer does not search for pointers. */
static void destroy_scenes(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(scenes); i++) {
		if (scenes[i] != NULL)
			bed_destroy(scenes[i]->bed);
		free(scenes[i]);
	}
}

static struct scene *scene_of(unsigned kind)
{
	static bool begun;
	struct scene *s = scenes[kind];
	char text[4096];

	if (s != NULL)
		return s;
	if (!begun)
		atexit(destroy_scenes);
	begun = true;
	setenv("CMOCKA_TEST_ABORT", "1", 1); /* a failed assertion of the bed is a finding */
	s = scenes[kind] = calloc(1, sizeof(*s));
	stop_if(s == NULL, "no memory");
	snprintf(text, sizeof(text), yaml, kind == 0 ? 1 : 3);
	s->bed = bed_create(text, 1);
	for (unsigned i = 0; i < bed_workers(s->bed); i++) /* only WAIT advances the clock */
		worker_hold_clock(bed_worker(s->bed, i), UINT64_C(1000000000));
	for (unsigned i = 0; i < PACKETS; i++) {
		struct frame *f = &s->frames[i];

		*f = packets[i].porto ? parcel_from_porto(packets[i].proto, packets[i].six)
				      : parcel_from_site(packets[i].proto, packets[i].madrid,
							 packets[i].six);
		f->sport = (uint16_t)(1000 + i);
		s->asked[i] = *f;
		if (packets[i].from == INTERNET)
			*f = parcel_answer_to(s->bed, &s->asked[i]);
		f->token = i;
		parcel_size(f, packets[i].size);
		parcel_pack(&s->parcels[i], f, packets[i].from);
	}
	drain(s->bed);
	return s;
}

/* Keeps the flows alive between inputs. */
static void refresh(struct scene *s)
{
	uint8_t frame[BED_FRAME_MAX];

	for (unsigned i = 0; i < PACKETS; i++) {
		bed_send(s->bed, PARCEL_UNDERLAY, frame, frame_build(&s->asked[i], frame));
		bed_run(s->bed);
	}
	drain(s->bed);
}

/* Is it one of the packets, as it should leave? */
static void check_reassembled(const struct frame *out, const struct frame *outer, unsigned port)
{
	const struct scene *s = story.scene;
	const struct frame *in = &s->frames[out->token % PACKETS];
	const struct frame *asked = &s->asked[out->token % PACKETS];
	bool back = packets[out->token % PACKETS].from == INTERNET;

	stop_if(out->token >= PACKETS, "a packet that nobody sent");
	stop_if(out->payload != in->payload || out->proto != in->proto || out->six != in->six,
		"a packet of another size or kind");
	stop_if(back != (port == PARCEL_UNDERLAY), "a packet left by the wrong port");
	stop_if(back && (outer->outer_dst != asked->outer_src || outer->key != asked->key),
		"an answer went to another site");
}

/* An ICMP error of the gateway about one of the packets. */
static bool is_error(const uint8_t *frame, size_t len)
{
	struct look_gre gre;
	struct look l;

	return look_into_gre(frame, len, &gre) && look_at(gre.ip, gre.room, &l) && l.icmp_error &&
	       l.l4 == LOOK_GOOD;
}

static void check_sound(const uint8_t *frame, size_t len, unsigned port)
{
	struct look_gre gre;
	struct look l;
	size_t room;
	const uint8_t *ip = look_ip_of(frame, len, &room);

	if (port == PARCEL_UNDERLAY) {
		stop_if(!look_into_gre(frame, len, &gre), "underlay: no GRE packet");
		ip = gre.ip;
		room = gre.room;
	}
	stop_if(ip == NULL || !look_at(ip, room, &l) || l.len != room, "no sound packet");
}

/* Checks the packets that left after one step. */
static void take_all(bool late)
{
	static struct fragments fragments;
	struct bed *bed = story.scene->bed;
	uint8_t frame[BED_FRAME_MAX];
	const char *why = "";
	struct frame out;
	size_t len;

	for (unsigned port = PARCEL_UNDERLAY; port <= PARCEL_UPLINK; port++) {
		if (!late && !story.untrue) {
			bool complete = fragments_take(bed, port, &fragments, &out, &why);

			stop_if(!complete && fragments.n > 0, why);
			if (complete)
				check_reassembled(&out, &fragments.first, port);
			continue;
		}
		while ((len = bed_take(bed, port, frame)) > 0) {
			check_sound(frame, len, port);
			stop_if(late && (port == PARCEL_UPLINK || !is_error(frame, len)),
				"something left by itself");
		}
	}
}

static void wait_for(uint32_t seconds)
{
	for (unsigned i = 0; i < bed_workers(story.scene->bed); i++)
		worker_advance_clock(bed_worker(story.scene->bed, i), seconds);
	bed_run(story.scene->bed);
	take_all(true);
}

static void mend(uint8_t *packet, size_t len)
{
	if (len >= 20 && packet[0] >> 4 == 4 && (size_t)(packet[0] & 15) * 4 <= len &&
	    (packet[0] & 15) >= 5)
		frame_mend(packet);
}

/* Reads operands of the form {at, xor}. Returns the number of their bytes. */
static size_t damage(uint8_t *packet, size_t len, const uint8_t *p, size_t size)
{
	size_t n = size == 0 ? 0 : p[0] % 8, at = 1;

	for (; n > 0 && at + 1 < size; n--, at += 2) {
		if (p[at] < len)
			packet[p[at]] ^= p[at + 1];
	}
	return at < size ? at : size;
}

/* The MF bit of either family. */
static uint8_t *more_bit(uint8_t *packet, uint8_t *bit)
{
	bool six = packet[0] >> 4 == 6;

	*bit = six ? 1 : 0x20;
	return packet + (six ? fragment6_front(packet) + 3 : 6);
}

static size_t step_fragment(unsigned which, const uint8_t *p, size_t size)
{
	struct parcel *parcel = &story.scene->parcels[which];
	size_t total = parcel->len - parcel_front(parcel), at, end, len, took = 4;
	uint8_t packet[BED_FRAME_MAX], how, bit, *more;

	if (size < 4)
		return size;
	how = p[0];
	at = (size_t)look_16(p + 1) * 8 % total & ~(size_t)7;
	end = at + (p[3] == 0 ? PIECE_MAX : (size_t)p[3] * 8 % PIECE_MAX);
	end = end <= at ? at + 8 : end;
	end = end < total ? end : total;
	parcel->id = 0x10000 + which + (how & OTHER_ID ? 100 : 0);
	len = parcel_fragment(parcel, at, end, packet);
	more = more_bit(packet, &bit);
	*more = (uint8_t)(how & MORE ? *more | bit : how & LAST ? *more & ~bit : *more);
	packet[len - 1] ^= how & POISON ? 1 : 0;
	if (how & DAMAGE)
		took += damage(packet, len, p + 4, size - 4);
	if (how & (MORE | LAST | POISON | SHORT | DAMAGE))
		story.untrue = true;
	mend(packet, len);
	parcel_put(story.scene->bed, parcel, packet, how & SHORT ? len - 1 : len);
	return took;
}

static size_t step_raw(const uint8_t *p, size_t size)
{
	struct parcel *parcel;
	uint8_t packet[256] = {0};
	struct frame around;
	size_t len;

	if (size < 2)
		return size;
	parcel = &story.scene->parcels[p[0] % PACKETS];
	len = p[1] < size - 2 ? p[1] : size - 2;
	memcpy(packet, p + 2, len);
	mend(packet, len);
	story.untrue = true;
	around = parcel->around;
	parcel->around.six = len > 0 && packet[0] >> 4 == 6;
	parcel_put(story.scene->bed, parcel, packet, len);
	parcel->around = around;
	return 2 + len;
}

/* Runs one step. Returns the number of its bytes. */
static size_t step(const uint8_t *p, size_t size)
{
	unsigned what = p[0] & 15;
	size_t took;

	if (what == WAIT || what == WAIT + 1) {
		wait_for(size > 1 ? p[1] % WAIT_MAX_S : 0);
		return 2;
	}
	took = what < PACKETS ? step_fragment(what, p + 1, size - 1) : step_raw(p + 1, size - 1);
	take_all(false);
	return 1 + took;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t at = 1;

	if (size == 0)
		return 0;
	story.scene = scene_of(data[0] & 1);
	story.untrue = false;
	refresh(story.scene);
	for (unsigned steps = 0; at < size && steps < STEPS_MAX; steps++)
		at += step(data + at, size - at);
	wait_for(PARCEL_LIFE_S + 1);
	stop_if(bed_counters(story.scene->bed).held > 0, "something waits too long");
	bed_check(story.scene->bed);
	return 0;
}
