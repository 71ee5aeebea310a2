/*
 * Parcels for tests: a packet that is sent in fragments, of either family, by a site or from the
 * Internet.
 *
 *     berlin 10.0.1.0/24, fd00::/64 --- GRE 198.51.100.10, no key ---+
 *     madrid 10.0.1.0/24, fd00::/64 --- GRE 198.51.100.20, key 7 ----+--- 198.51.100.1 [ gateway ] uplink
 *     porto  10.0.1.0/24, fd00::/64 --- GRE 2001:db8:f::10, no key --+    2001:db8:f::1
 *     the gateway is 10.255.0.1 and fd00::1 in berlin           egress 203.0.113.1, 2001:db8:1::1, slice 1
 */
#pragma once

#include "bed.h"
#include "fragments.h"
#include "frame.h"

#define PARCEL_GATEWAY IP(198, 51, 100, 1)
#define PARCEL_BERLIN IP(198, 51, 100, 10)
#define PARCEL_SPAIN IP(198, 51, 100, 20)
#define PARCEL_HOST IP(10, 0, 1, 10)
#define PARCEL_INSIDE IP(10, 255, 0, 1)
#define PARCEL_SERVER IP(192, 0, 2, 80)
#define PARCEL_EGRESS IP(203, 0, 113, 1)
#define PARCEL_HOST6 IP6(0xfd00, 0, 0, 0, 0, 0, 0, 0x10)
#define PARCEL_INSIDE6 IP6(0xfd00, 0, 0, 0, 0, 0, 0, 1)
#define PARCEL_SERVER6 IP6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x80)
#define PARCEL_GATEWAY6 IP6(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 1)
#define PARCEL_PORTO6 IP6(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 0x10)
#define PARCEL_EGRESS6 IP6(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1)

/* @more: more settings, whole lines. */
#define PARCEL_NETWORK(more, more_addresses)                                                       \
	more "ports:\n"                                                                            \
	     "  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"           \
	     "  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"             \
	     "sites:\n"                                                                            \
	     "  - name: berlin\n"                                                                  \
	     "    prefixes: [10.0.1.0/24, 'fd00::/64']\n"                                          \
	     "    tunnels: [{name: b1, local: 198.51.100.1, remote: 198.51.100.10,\n"              \
	     "               port: underlay, address: 10.255.0.1, address6: 'fd00::1'}]\n"         \
	     "  - name: madrid\n"                                                                  \
	     "    prefixes: [10.0.1.0/24, 'fd00::/64']\n"                                          \
	     "    tunnels: [{name: m1, local: 198.51.100.1, remote: 198.51.100.20, key: 7,\n"      \
	     "               port: underlay}]\n"                                                   \
	     "  - name: porto\n"                                                                   \
	     "    prefixes: [10.0.1.0/24, 'fd00::/64']\n"                                          \
	     "    tunnels: [{name: p1, local: '2001:db8:f::1', remote: '2001:db8:f::10',\n"        \
	     "               port: underlay}]\n"                                                   \
	     "egress:\n"                                                                           \
	     "  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: "      \
	     "[1]}" more_addresses "]}\n"

#define PARCEL_YAML(more) PARCEL_NETWORK(more, ", {address: '2001:db8:1::1', slices: [1]}")
/* without an IPv6 egress address: no IPv6 flows */
#define PARCEL_YAML_NO_IPV6(more) PARCEL_NETWORK(more, "")

enum { PARCEL_UNDERLAY, PARCEL_UPLINK }; /* ports */
enum { PARCEL_LIFE_S = 5, PARCEL_PER_SITE = 16, PARCEL_ALL = 64 }; /* docs/odd-packets.md */

/* TUNNEL: the tunnel packet is fragmented, not the inner one */
enum whence { SITE, INTERNET, TUNNEL };

struct parcel {
	uint8_t packet[FRAGMENTS_PACKET_MAX]; /* the packet that is fragmented, */
	size_t len;
	struct frame around; /* and the outer headers of each fragment */
	unsigned port;
	uint32_t id;
};

/* A packet of @proto that opens a flow, from berlin's host or madrid's; the token says whose. */
struct frame parcel_from_site(uint8_t proto, bool madrid, bool six);

/* The same from porto, whose tunnel is over IPv6. */
struct frame parcel_from_porto(uint8_t proto, bool six);

/* Sends @first, which opens a flow. Returns the answer to it. */
struct frame parcel_answer_to(struct bed *bed, const struct frame *first);

/* Sets the payload of @f so that its inner packet has @size bytes. */
void parcel_size(struct frame *f, size_t size);

/* Makes the parcel of @f. Its identification is always the same. */
void parcel_pack(struct parcel *parcel, const struct frame *f, enum whence from);

/* The length of the headers that are not fragmented. */
size_t parcel_front(const struct parcel *parcel);

/* Writes the fragment that holds bytes @at to @end. Returns its length. */
size_t parcel_fragment(const struct parcel *parcel, size_t at, size_t end, uint8_t *packet);

/* Sends @packet by the parcel's port, with its outer headers, and runs the workers. */
void parcel_put(struct bed *bed, const struct parcel *parcel, const uint8_t *packet, size_t len);

/* Does both. */
void parcel_send_fragment(struct bed *bed, const struct parcel *parcel, size_t at, size_t end);

/* Sends the whole parcel, in order, in fragments of @size bytes. */
void parcel_send(struct bed *bed, const struct parcel *parcel, size_t size);
