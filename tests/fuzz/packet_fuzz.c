/*
 * Any frames into the whole data plane: the input is a short story of what comes in by which port.
 *
 * Each step of a story is a byte that says what it is, then its operands:
 *
 *   0 UNDERLAY  length (2), frame        something comes in from the sites' side
 *   1 UPLINK    length (2), frame        something comes in from the Internet
 *   2 ANSWER    n (1), n * {at, xor}     what left last comes back, turned round and damaged so
 *   3 AGAIN     n (1), n * {at, xor}     what a site sent last is sent again, damaged so
 *   4 WAIT      seconds (1)              the clock moves, flows age
 *   5 CUT       how (1), at (1)          ANSWER, or AGAIN, in two fragments cut at 8 * at; how: bit 0
 *                                        which, bit 1 the later one first, bit 2 only the first one
 *
 * A byte with FIX set has its IPv4 header checksums made right before it is sent, so that damage
 * gets past the first check. With INDEPENDENT set in the first byte, the pool is
 * endpoint-independent. Flows live to the end of the story; then all of them must age out.
 *
 * What must hold whatever comes in: every packet is accounted for and every buffer given back
 * (bed_check); nothing reads behind a frame (the bed poisons what is there); every frame that leaves
 * is sound, leaves from an address of ours with a port of our slices, or goes into one of our
 * tunnels; a transport checksum that was right is right; and an answer goes into the tunnel that the
 * question came out of.
 */
#include "bed.h"
#include "look.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { UNDERLAY, UPLINK, ANSWER, AGAIN, WAIT, CUT, STEPS };
enum {
	FIX = 0x80,
	INDEPENDENT = 0x40,
	WHAT = 0x3f,
	FRAME_MAX = 1514,
	MAPPINGS_MAX = 64,
	LONGEST_TIMEOUT_S = 10
};

static const char yaml[] =
	"flows: {capacity: 4096, timeouts: {tcp-established: 10s, tcp-opening: 4s,\n"
	"        tcp-half-closed: 10s, tcp-closed: 4s, udp: 5s, icmp: 2s}}\n"
	"ports:\n"
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
	"sites:\n"
	"  - name: berlin\n"
	"    prefixes: [10.0.1.0/24]\n"
	"    tunnels:\n"
	"      - {name: b1, local: 198.51.100.1, remote: 198.51.100.10, port: underlay,\n"
	"         address: 10.255.0.1, mtu: 600}\n"
	"  - name: madrid\n"
	"    prefixes: [10.0.1.0/24]\n"
	"    tunnels:\n"
	"      - {name: m1, local: 198.51.100.1, remote: 198.51.100.20, key: 7, port: underlay}\n"
	"  - name: lisbon\n"
	"    tunnels:\n"
	"      - {name: l1, local: 198.51.100.1, remote: 198.51.100.20, key: 8, port: underlay}\n"
	"egress:\n"
	"  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: [1, 3]}],\n"
	"     mapping: %s}\n";

static const uint32_t gateway = 0xc6336401, egress = 0xcb007101;

struct frame_bytes {
	size_t len;
	uint8_t bytes[FRAME_MAX];
};

/* Which tunnel a conversation came out of, as seen at the uplink. */
struct mapping {
	uint32_t remote, key; /* the tunnel */
	bool any_key; /* it came in fragments: the last one did not say */
	uint32_t server;
	uint16_t server_port, egress_port;
	uint8_t proto;
};

static struct {
	struct bed *bed;
	struct frame_bytes sent; /* by a site, last */
	struct frame_bytes left; /* by the uplink, last */
	struct mapping mappings[MAPPINGS_MAX];
	unsigned n_mappings;
} story;

/* @wrong is something no input may bring about. */
static void stop_if(bool wrong, const char *what)
{
	if (wrong) {
		fprintf(stderr, "%s\n", what);
		abort();
	}
}

/* The two beds stay until the process ends. */
static struct bed *bed_with(bool independent)
{
	static struct bed *beds[2];
	char text[2048];

	if (beds[independent] != NULL)
		return beds[independent];
	setenv("CMOCKA_TEST_ABORT", "1", 1); /* what the bed asserts is a finding */
	snprintf(text, sizeof(text), yaml,
		 independent ? "endpoint-independent" : "address-and-port-dependent");
	beds[independent] = bed_create(text, 1);
	return beds[independent];
}

/* The transport checksum of what a frame carries. */
static enum look_l4 checksum_of(unsigned port, const uint8_t *frame, size_t len)
{
	const uint8_t *ip = frame + 14;
	size_t room = len < 14 ? 0 : len - 14;
	struct look l;

	if (port == UNDERLAY)
		ip = look_into_gre(frame, len, &room, NULL);
	return ip != NULL && look_at(ip, room, &l) ? l.l4 : LOOK_NONE;
}

/* Whose is it? Not by port: what a tunnel carries may arrive anywhere, as the kernel has it. */
static unsigned side_of(const struct frame_bytes *f)
{
	return f->len >= 34 && look_32(f->bytes + 14 + 16) == egress ? UPLINK : UNDERLAY;
}

static bool is_our_port(uint16_t port)
{
	return port / 2048 == 1 || port / 2048 == 3;
}

/* From here on this conversation's answers must go into the tunnel that @in came out of. */
static void remember(const struct frame_bytes *in, const struct look *out)
{
	struct mapping *m = &story.mappings[story.n_mappings % MAPPINGS_MAX];

	*m = (struct mapping){
		.remote = look_32(in->bytes + 14 + 12),
		.server = out->dst,
		.server_port = out->proto == 1 ? 0 : out->dport,
		.egress_port = out->sport,
		.proto = out->proto,
	};
	m->any_key = look_into_gre(in->bytes, in->len, &(size_t){0}, &m->key) == NULL;
	story.n_mappings++;
}

static void check_uplink(const uint8_t *frame, size_t len, const struct frame_bytes *in,
			 unsigned from)
{
	struct look l;

	stop_if(memcmp(frame, "\x02\0\0\0\0\xbb", 6) != 0, "uplink: to somebody else");
	stop_if(!look_at(frame + 14, len - 14, &l), "uplink: no sound IPv4 header");
	stop_if(l.len != len - 14, "uplink: longer than its packet");
	stop_if(l.src != egress, "uplink: not from our address");
	if (l.fragment)
		return;
	stop_if(l.proto != 1 && l.proto != 6 && l.proto != 17, "uplink: a protocol nobody let in");
	if (l.icmp_error)
		return;
	stop_if(!is_our_port(l.sport), "uplink: a port outside our slices");
	if (from == UNDERLAY)
		remember(in, &l);
	story.left.len = len;
	memcpy(story.left.bytes, frame, len);
}

/* A return, as it came: is it delivered to who asked? @whole: it came in one piece. */
static void check_home(const struct look *in, bool whole, uint32_t remote, uint32_t key)
{
	uint16_t server_port = in->proto == 1 ? 0 : in->sport;

	for (unsigned i = story.n_mappings < MAPPINGS_MAX ? 0 : story.n_mappings - MAPPINGS_MAX;
	     i < story.n_mappings; i++) {
		const struct mapping *m = &story.mappings[i % MAPPINGS_MAX];

		if (m->proto == in->proto && m->server == in->src &&
		    m->server_port == server_port && (!whole || m->egress_port == in->dport) &&
		    m->remote == remote && (m->any_key || m->key == key))
			return;
	}
	stop_if(story.n_mappings < MAPPINGS_MAX, "a return went to a site that did not ask");
}

static void check_underlay(const uint8_t *frame, size_t len, const struct frame_bytes *in,
			   unsigned from)
{
	size_t room = 0;
	uint32_t key, remote, asked_key = 0;
	const uint8_t *ip = look_into_gre(frame, len, &room, &key);
	struct look l, asked;

	stop_if(memcmp(frame, "\x02\0\0\0\0\xaa", 6) != 0, "underlay: to somebody else");
	stop_if(ip == NULL, "underlay: no GRE packet");
	stop_if(look_16(frame + 16) != len - 14, "underlay: longer than its packet");
	stop_if(look_32(frame + 14 + 12) != gateway, "underlay: not from our end");
	stop_if(!look_at(ip, room, &l) || l.len != room, "underlay: no sound inner packet");
	remote = look_32(frame + 14 + 16);
	if (from == UNDERLAY) { /* the gateway's own answer */
		if (look_into_gre(in->bytes, in->len, &room, &asked_key) == NULL)
			asked_key = key;
		stop_if(remote != look_32(in->bytes + 14 + 12) || key != asked_key,
			"an answer went into another tunnel");
	} else if (!l.fragment && !l.icmp_error && look_at(in->bytes + 14, in->len - 14, &asked)) {
		check_home(asked.fragment ? &l : &asked, !asked.fragment, remote, key);
	}
}

static void check_out(unsigned port, const uint8_t *frame, size_t len, const struct frame_bytes *in,
		      unsigned from)
{
	stop_if(len < 34, "a frame without a packet");
	if (look_16(frame + 12) == 0x0806) {
		stop_if(look_16(frame + 20) != 2, "ARP, but no answer");
		return;
	}
	stop_if(look_16(frame + 12) != 0x0800, "neither IPv4 nor ARP");
	if (port == UPLINK)
		check_uplink(frame, len, in, from);
	else
		check_underlay(frame, len, in, from);
	if (checksum_of(from, in->bytes, in->len) == LOOK_GOOD)
		stop_if(checksum_of(port, frame, len) == LOOK_BAD, "a checksum went wrong");
}

static void fix(unsigned port, struct frame_bytes *f)
{
	const uint8_t *inner;
	size_t room;

	if (f->len < 14)
		return;
	look_fix_header(f->bytes + 14, f->len - 14);
	inner = port == UNDERLAY ? look_into_gre(f->bytes, f->len, &room, NULL) : NULL;
	if (inner != NULL)
		look_fix_header(f->bytes + (inner - f->bytes), room);
}

static void send_frame(unsigned port, struct frame_bytes *f, bool fixed)
{
	uint8_t out[BED_FRAME_MAX];
	size_t len;

	if (f->len == 0)
		return;
	if (fixed)
		fix(port, f);
	bed_send(story.bed, port, f->bytes, f->len);
	bed_run(story.bed);
	for (unsigned to = UNDERLAY; to <= UPLINK; to++) {
		while ((len = bed_take(story.bed, to, out)) > 0)
			check_out(to, out, len, f, side_of(f));
	}
	if (port == UNDERLAY)
		story.sent = *f;
}

/* Reads operands of the form {at, xor}; returns how many bytes they took. */
static size_t damage(struct frame_bytes *f, const uint8_t *p, size_t size)
{
	size_t n = size == 0 ? 0 : p[0] % 16, at = 1;

	for (; n > 0 && at + 1 < size; n--, at += 2) {
		if (p[at] < f->len)
			f->bytes[p[at]] ^= p[at + 1];
	}
	return at < size ? at : size;
}

/* Addresses and ports change places; a ping becomes its reply. */
static void turn_round(struct frame_bytes *f)
{
	uint8_t *ip = f->bytes + 14, *l4 = ip + (size_t)(ip[0] & 15) * 4, swap[4];

	if (f->len == 0)
		return;
	memcpy(swap, ip + 12, 4);
	memcpy(ip + 12, ip + 16, 4);
	memcpy(ip + 16, swap, 4);
	if (ip[9] == 1) {
		l4[2] = (uint8_t)(l4[2] + (l4[0] == 8 ? 8 : 0));
		l4[0] = 0;
		return;
	}
	memcpy(swap, l4, 2);
	memcpy(l4, l4 + 2, 2);
	memcpy(l4 + 2, swap, 2);
}

/* The fragment of @whole's packet at @ip from @from to @to, offsets into its payload. */
static struct frame_bytes fragment_of(const struct frame_bytes *whole, size_t ip, size_t from,
				      size_t to)
{
	struct frame_bytes f = {0};
	size_t header = (size_t)(whole->bytes[ip] & 15) * 4, len = header + to - from;
	size_t end = look_16(whole->bytes + ip + 2) - header;
	unsigned word = (unsigned)from / 8 | (to < end ? 0x2000 : 0);

	memcpy(f.bytes, whole->bytes, ip + header);
	memcpy(f.bytes + ip + header, whole->bytes + ip + header + from, to - from);
	f.bytes[ip + 2] = (uint8_t)(len >> 8);
	f.bytes[ip + 3] = (uint8_t)len;
	f.bytes[ip + 6] = (uint8_t)(word >> 8);
	f.bytes[ip + 7] = (uint8_t)word;
	if (ip > 14) { /* the outer header, too */
		f.bytes[16] = (uint8_t)((ip - 14 + len) >> 8);
		f.bytes[17] = (uint8_t)(ip - 14 + len);
	}
	f.len = ip + len;
	return f;
}

/* Cuts what ANSWER or AGAIN would send; leaves alone what is no whole packet. */
static void send_cut(unsigned how, unsigned at)
{
	bool answer = how & 1;
	struct frame_bytes whole = answer ? story.left : story.sent, sent = story.sent, f;
	const uint8_t *ip = whole.bytes + 14;
	size_t room = whole.len < 34 ? 0 : whole.len - 14, cut = 8 * (1 + at), end;
	struct look l;

	if (answer)
		turn_round(&whole);
	else
		ip = look_into_gre(whole.bytes, whole.len, &room, NULL);
	if (ip == NULL || room == 0)
		return;
	look_fix_header(whole.bytes + (ip - whole.bytes), room);
	if (!look_at(ip, room, &l) || l.fragment || cut >= l.len - l.header)
		return;
	end = l.len - l.header;
	for (unsigned i = 0; i < (how & 4 ? 1 : 2); i++) {
		bool first = (i == 0) == !(how & 2);

		f = fragment_of(&whole, (size_t)(ip - whole.bytes), first ? 0 : cut,
				first ? cut : end);
		send_frame(answer ? UPLINK : UNDERLAY, &f, true);
	}
	story.sent = sent; /* a fragment is not what AGAIN is for */
}

static size_t step_frame(unsigned port, bool fixed, const uint8_t *p, size_t size)
{
	struct frame_bytes f = {0};
	size_t want = size < 2 ? 0 : look_16(p) % (FRAME_MAX + 1);

	if (size < 2)
		return size;
	f.len = want < size - 2 ? want : size - 2;
	memcpy(f.bytes, p + 2, f.len);
	send_frame(port, &f, fixed);
	return 2 + f.len;
}

/* One step of the story; returns how many bytes it took. */
static size_t step(const uint8_t *p, size_t size)
{
	unsigned what = (p[0] & WHAT) % STEPS;
	bool fixed = p[0] & FIX;
	struct frame_bytes f;
	size_t took;

	switch (what) {
	case ANSWER:
	case AGAIN:
		f = what == ANSWER ? story.left : story.sent;
		if (what == ANSWER)
			turn_round(&f);
		took = damage(&f, p + 1, size - 1);
		send_frame(what == ANSWER ? UPLINK : UNDERLAY, &f, fixed);
		return 1 + took;
	case CUT:
		send_cut(size > 1 ? p[1] : 0, size > 2 ? p[2] : 0);
		return 3;
	case WAIT:
		worker_advance_clock(bed_worker(story.bed, 0), size > 1 ? p[1] % 16 : 0);
		bed_run(story.bed);
		return 2;
	default:
		return 1 + step_frame(what, fixed, p + 1, size - 1);
	}
}

/* Every flow ends, and gives back what it took. */
static void age_out(void)
{
	const struct network *net = bed_network(story.bed);
	struct slice_counters slice;

	worker_advance_clock(bed_worker(story.bed, 0), LONGEST_TIMEOUT_S + 1);
	for (unsigned i = 0; i < 64 && bed_counters(story.bed).flows > 0; i++)
		bed_run(story.bed);
	stop_if(bed_counters(story.bed).flows > 0, "a flow that does not age");
	for (uint32_t i = 0; i < net->n_slices; i++) {
		worker_read_slice(bed_worker(story.bed, 0), i, &slice);
		stop_if(slice.flows != 0 || slice.ports != 0, "a port that was not given back");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t at = 0;

	story.bed = bed_with(size > 0 && data[0] & INDEPENDENT);
	story.n_mappings = 0;
	story.sent.len = story.left.len = 0;
	for (unsigned steps = 0; at < size && steps < 64; steps++)
		at += step(data + at, size - at);
	age_out();
	bed_check(story.bed);
	return 0;
}
