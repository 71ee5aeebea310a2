/*
 * Any frames on a trunk, on a port of its own and from the Internet. A frame of a link causes frames
 * in its own VLAN and towards the Internet, and nowhere else; a frame in a VLAN of nobody, or with
 * two tags, causes none.
 *
 * The input is a list of frames: a byte whose two low bits name the port, two bytes of length, and
 * the frame. With FIX the IPv4 header behind Ethernet and its tags gets a right checksum. All sites
 * have the same addresses, so only VLAN and port tell their packets apart.
 */
#include "bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TRUNK, PLAIN, UPLINK, PORTS, FIX = 0x80, FRAMES_MAX = 32, FRAME_MAX = 1600, ETHERNET = 14 };
enum { VLAN_A = 100, VLAN_B = 200, UNTAGGED = 0, NO_LINK = 0xffff };

static const char yaml[] =
	"ports:\n"
	"  - {name: trunk, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
	"  - {name: plain, driver: memory, next-hop-mac: '02:00:00:00:00:ab'}\n"
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
	"sites:\n"
	"  - name: a\n"
	"    tunnels: [{name: a1, type: interconnect, port: trunk, vlan: 100, address: 192.0.2.0,\n"
	"               peer: 192.0.2.1, address6: 'fd01::', peer6: 'fd01::1'}]\n"
	"  - name: b\n"
	"    tunnels: [{name: b1, type: interconnect, port: trunk, vlan: 200, address: 192.0.2.0,\n"
	"               peer: 192.0.2.1, address6: 'fd01::', peer6: 'fd01::1'}]\n"
	"  - name: c\n"
	"    tunnels: [{name: c1, type: interconnect, port: plain, address: 192.0.2.0,\n"
	"               peer: 192.0.2.1, address6: 'fd01::', peer6: 'fd01::1'}]\n"
	"egress:\n"
	"  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: [1]},\n"
	"     {address: '2001:db8:1::1', slices: [1]}]}\n"
	"flows: {capacity: 1024, capacity-ipv6: 1024}\n";

static struct bed *bed;

/* Its tables are in pages that LeakSanitizer does not search for pointers. */
static void destroy_bed(void)
{
	bed_destroy(bed);
}

static void stop_if(bool wrong, const char *what)
{
	if (wrong) {
		fprintf(stderr, "%s\n", what);
		abort();
	}
}

/* Where the type of the payload stands: behind all tags of VLAN 0. */
static size_t skip_priority(const uint8_t *d, size_t len)
{
	size_t at = 12;

	for (int i = 0; i < 2 && at + 6 <= len; i++) {
		bool tag =
			(d[at] == 0x81 && d[at + 1] == 0) || (d[at] == 0x88 && d[at + 1] == 0xa8);

		if (!tag || (d[at + 2] & 0xf) != 0 || d[at + 3] != 0)
			break;
		at += 4;
	}
	return at;
}

/* The VLAN of a frame, by simple code; NO_LINK: it is in none of 802.1Q. */
static unsigned vlan_of(const uint8_t *d, size_t len)
{
	size_t at = skip_priority(d, len);

	if (at + 2 > len)
		return NO_LINK;
	if (d[at] == 0x88 && d[at + 1] == 0xa8)
		return NO_LINK;
	if (d[at] != 0x81 || d[at + 1] != 0)
		return UNTAGGED;
	return at + 6 > len ? NO_LINK : (unsigned)(d[at + 2] & 0xf) << 8 | d[at + 3];
}

static void fix(uint8_t *d, size_t len)
{
	size_t at = skip_priority(d, len) + 2, header;
	uint32_t sum = 0;

	if (at + 4 <= len && d[at - 2] == 0x81 && d[at - 1] == 0)
		at += 4;
	header = at < len ? (size_t)(d[at] & 15) * 4 : 0;
	if (header < 20 || at + header > len)
		return;
	d[at + 10] = d[at + 11] = 0;
	for (size_t i = 0; i < header; i += 2)
		sum += (uint32_t)d[at + i] << 8 | d[at + i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~(sum + (sum >> 16));
	d[at + 10] = (uint8_t)(sum >> 8);
	d[at + 11] = (uint8_t)sum;
}

/* Untagged frames of the trunk count as the Internet's: returns are accepted by every port. */
static void check_left(unsigned from, unsigned vlan, unsigned to, const uint8_t *d, size_t len)
{
	bool internet = from == UPLINK || (from == TRUNK && vlan == UNTAGGED);
	unsigned out = vlan_of(d, len);

	stop_if(len < ETHERNET, "less than a frame left");
	stop_if(to != TRUNK && out != UNTAGGED, "a tag left by a port without VLANs");
	if (internet)
		return;
	stop_if(from == TRUNK && vlan != VLAN_A && vlan != VLAN_B, "a frame of nobody caused one");
	if (to == UPLINK)
		return;
	stop_if(to != from, "a frame of one link left by another");
	stop_if(out != vlan, "a frame of one VLAN left in another");
}

static void one_frame(uint8_t how, const uint8_t *data, size_t len)
{
	unsigned from = how % 4 < PORTS ? how % 4 : TRUNK;
	uint8_t frame[FRAME_MAX], out[BED_FRAME_MAX];
	unsigned vlan;

	len = len < sizeof(frame) ? len : sizeof(frame);
	memcpy(frame, data, len);
	if (how & FIX)
		fix(frame, len);
	vlan = vlan_of(frame, len);
	bed_send(bed, from, frame, len);
	bed_run(bed);
	for (unsigned to = 0; to < PORTS; to++)
		for (size_t n; (n = bed_take(bed, to, out)) > 0;)
			check_left(from, vlan, to, out, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { LONGEST_S = 8000 };
	size_t at = 0;

	if (bed == NULL) {
		setenv("CMOCKA_TEST_ABORT", "1",
		       1); /* a failed assertion of the bed is a finding */
		bed = bed_create(yaml, 1);
		worker_hold_clock(bed_worker(bed, 0), UINT64_C(1000000000));
		atexit(destroy_bed);
	}
	for (unsigned i = 0; i < FRAMES_MAX && at + 3 <= size; i++) {
		size_t len = (size_t)data[at + 1] << 8 | data[at + 2];

		if (len > size - at - 3)
			len = size - at - 3;
		if (len > 0)
			one_frame(data[at], data + at + 3, len);
		at += 3 + len;
	}
	worker_advance_clock(bed_worker(bed, 0), LONGEST_S); /* flows and fragments end */
	for (unsigned i = 0; i < 64; i++)
		worker_turn(bed_worker(bed, 0));
	for (unsigned to = 0; to < PORTS; to++) {
		uint8_t out[BED_FRAME_MAX];

		while (bed_take(bed, to, out) > 0)
			continue;
	}
	bed_check(bed);
	return 0;
}
