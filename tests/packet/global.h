/*
 * The gateway of the tests of global prefixes, and packets with source and destination exchanged.
 *
 *     berlin fd00::/64, 2001:db8:b::/48, 2001:db8:b1::/64 --- GRE 198.51.100.10 ----+
 *                                                         \-- GRE 198.51.100.11 ----+
 *     madrid fd00::/64, 2001:db8:c::/48 ------------------ GRE 198.51.100.20, key 7 +-- [ gateway ] uplink
 *     lisbon any source, nothing global ------------------ GRE 198.51.100.20, key 8 +
 *     porto 10.0.1.0/24, 2001:db8:d::/56 ----------------- GRE 198.51.100.20, key 9 +
 *                                                              egress 2001:db8:1::1, slice 1
 */
#pragma once

#include "bed.h"
#include "frame.h"

#define GATEWAY IP(198, 51, 100, 1)
#define BERLIN IP(198, 51, 100, 10)
#define BERLIN_2 IP(198, 51, 100, 11)
#define SPAIN IP(198, 51, 100, 20)
#define HOST IP6(0x2001, 0xdb8, 0xb, 0, 0, 0, 0, 0x10)
#define ROUTER IP6(0x2001, 0xdb8, 0xb, 1, 0, 0, 0, 1)
#define ULA IP6(0xfd00, 0, 0, 0, 0, 0, 0, 0x10)
#define INSIDE IP6(0xfd00, 0, 0, 0, 0, 0, 0, 1)
#define MADRID_HOST IP6(0x2001, 0xdb8, 0xc, 0, 0, 0, 0, 0x10)
#define PORTO_HOST IP6(0x2001, 0xdb8, 0xd, 0, 0, 0, 0, 0x10)
#define SERVER IP6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x80)
#define FAR_ROUTER IP6(0x2001, 0xdb8, 0xff, 0, 0, 0, 0, 1)
#define EGRESS IP6(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1)

enum { UNDERLAY, UPLINK };

enum {
	SYN = 2,
	ACK = 16,
	TCP = 6,
	UDP = 17,
	ICMP6 = 58,
	SCTP = 132,
	ECHO = 128,
	REPLY = 129,
	IP_AT = 14 + 24, /* of the inner header in a frame from berlin */
	L4_AT = IP_AT + 40,
	HOPS_AT = 7, /* within the inner header */
};

#define BY_BERLIN .six = true, .outer_src = BERLIN, .outer_dst = GATEWAY
#define FROM_BERLIN BY_BERLIN, .src6 = HOST
#define FROM_SPAIN(k)                                                                              \
	.six = true, .outer_src = SPAIN, .outer_dst = GATEWAY, .has_key = true, .key = (k)
#define FROM_INTERNET .six = true, .src6 = SERVER, .dst6 = HOST
#define TO_SERVER .dst6 = SERVER, .sport = 5000, .dport = 53
#define UDP_TO_SERVER TO_SERVER, .proto = UDP
#define PING_SERVER .dst6 = SERVER, .sport = 77, .proto = ICMP6, .icmp_type = ECHO
/* Creates that gateway with @workers workers. */
struct bed *global_bed(unsigned workers);

/* Finds the transport header of the IPv6 packet @ip, behind options, and its protocol. */
size_t global_l4(const uint8_t *ip, uint8_t *proto);

bool global_has_ports(uint8_t proto);

/*
 * Turns the packet @ip into its own return. Its checksum may be wrong then; the gateway does not
 * check it.
 */
void global_turn_round(uint8_t *ip);

/* Sends the packet @ip from the Internet. */
void global_put(struct bed *bed, const uint8_t *ip, size_t len);
