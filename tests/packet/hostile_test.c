/*
 * Bad input: wrong lengths, headers beyond the packet, source routes, martians, land packets,
 * checksums, expired TTLs, broadcasts, tunnels in tunnels. Each row is a packet, and the reason
 * under which it is dropped, or the answer that the RFCs require. IPv4 first, then IPv6.
 *
 *     berlin 10.0.1.0/24, fd00::/64 --- GRE 198.51.100.10, no key --+
 *     lisbon (any source) ------------- GRE 198.51.100.20, key 8 ---+--- [ gateway ] --- uplink
 *                                       198.51.100.1                     203.0.113.1, 2001:db8:1::1
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
#define LISBON IP(198, 51, 100, 20)
#define HOST IP(10, 0, 1, 10)
#define SERVER IP(192, 0, 2, 80)
#define EGRESS IP(203, 0, 113, 1)
#define HOST6 IP6(0xfd00, 0, 0, 0, 0, 0, 0, 0x10)
#define INSIDE6 IP6(0xfd00, 0, 0, 0, 0, 0, 0, 1)
#define SERVER6 IP6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x80)
#define EGRESS6 IP6(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1)

enum { UNDERLAY, UPLINK };
enum { ICMP = 1, IPIP = 4, TCP = 6, UDP = 17, IP6IP = 41, GRE = 47, ICMP6 = 58, SYN = 2 };
enum { FRAME_MAX = 512 };

static const char yaml[] =
	"ports:\n"
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
	"sites:\n"
	"  - name: berlin\n"
	"    prefixes: [10.0.1.0/24, 'fd00::/64']\n"
	"    tunnels:\n"
	"      - {name: b1, local: 198.51.100.1, remote: 198.51.100.10, port: underlay,\n"
	"         address: 10.255.0.1, address6: 'fd00::1'}\n"
	"  - name: lisbon\n"
	"    tunnels:\n"
	"      - {name: l1, local: 198.51.100.1, remote: 198.51.100.20, key: 8, port: underlay}\n"
	"egress:\n"
	"  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: [1]},\n"
	"     {address: '2001:db8:1::1', slices: [1]}]}\n"
	"flows: {capacity: 4096}\n";

/* A byte that differs from what frame.c builds: @at counts from one, 0 is none. */
struct poke {
	uint8_t at, value;
};

#define POKE(offset, byte)                                                                         \
	{                                                                                          \
		(offset) + 1, (byte)                                                               \
	}

struct row {
	const char *why;
	struct frame frame;
	unsigned port;
	struct poke inner[3]; /* from the inner IP header on */
	struct poke outer[2]; /* from the outer IPv4 header on */
	const char *options; /* of the inner IPv4 header, four bytes or a multiple */
	uint8_t n_options;
	bool mend; /* the checksums of both IPv4 headers are corrected afterwards */
	bool damaged; /* it leaves, and frame_parse() finds the same fault before and after */
	size_t len; /* to which the frame is truncated; 0: all of it */
	enum drop drop; /* DROP_NONE: it leaves */
	int answer; /* 1 + enum answer: it is answered by this; 0: it is not answered */
};

#define ANSWERED(a) (1 + ANSWER_##a)
#define BERLIN_GRE .outer_src = BERLIN, .outer_dst = GATEWAY
#define LISBON_GRE .outer_src = LISBON, .outer_dst = GATEWAY, .has_key = true, .key = 8
#define PORTS .sport = 5000, .dport = 53
#define FROM_BERLIN BERLIN_GRE, .src = HOST, .dst = SERVER, PORTS
#define FROM_LISBON(a) LISBON_GRE, .src = (a), .dst = SERVER, PORTS
#define TO(a) BERLIN_GRE, .src = HOST, .dst = (a), PORTS
#define INTERNET(a) .src = (a), .dst = EGRESS, .sport = 53, .dport = 2048
#define FROM_BERLIN6 .six = true, BERLIN_GRE, .src6 = HOST6, .dst6 = SERVER6, PORTS
#define INTERNET6(a) .six = true, .src6 = a, .dst6 = EGRESS6, .sport = 53, .dport = 2048
#define OPTIONS(bytes) .options = (bytes), .n_options = sizeof(bytes) - 1

/* clang-format off */
static const struct row rows[] = {
	/* wrong lengths */
	{"no Ethernet header",              {FROM_BERLIN, .proto = UDP}, .len = 13, .drop = DROP_NOT_IP},
	{"Ethernet and nothing behind",     {FROM_BERLIN, .proto = UDP}, .len = 14, .drop = DROP_OUTER_MALFORMED},
	{"one byte of outer header",        {FROM_BERLIN, .proto = UDP}, .len = 15, .drop = DROP_OUTER_MALFORMED},
	{"all but a byte of outer header",  {FROM_BERLIN, .proto = UDP}, .len = 33, .drop = DROP_OUTER_MALFORMED},
	{"outer packet longer than the frame", {FROM_BERLIN, .proto = UDP}, .outer = {POKE(2, 1)}, .mend = true,
	 .drop = DROP_TRUNCATED},
	{"outer packet shorter than its header", {FROM_BERLIN, .proto = UDP}, .outer = {POKE(3, 19)}, .mend = true,
	 .drop = DROP_OUTER_MALFORMED},
	{"outer header of 16 bytes",        {FROM_BERLIN, .proto = UDP}, .outer = {POKE(0, 0x44)}, .drop = DROP_OUTER_MALFORMED},
	{"outer header of 60 bytes, of which there are 60: then GRE is something else",
	 {FROM_BERLIN, .proto = UDP}, .outer = {POKE(0, 0x4f)}, .mend = true, .drop = DROP_GRE_MALFORMED},
	{"outer packet ends within GRE",    {FROM_BERLIN, .proto = UDP}, .outer = {POKE(3, 23)}, .mend = true,
	 .drop = DROP_GRE_MALFORMED},
	{"outer packet ends within the key", {LISBON_GRE, .src = HOST, .dst = SERVER, PORTS, .proto = UDP},
	 .outer = {POKE(3, 27)}, .mend = true, .drop = DROP_GRE_MALFORMED},
	{"GRE and nothing inside",          {FROM_BERLIN, .proto = UDP}, .outer = {POKE(3, 24)}, .mend = true,
	 .drop = DROP_INNER_MALFORMED},
	{"one byte inside",                 {FROM_BERLIN, .proto = UDP}, .outer = {POKE(3, 25)}, .mend = true,
	 .drop = DROP_INNER_MALFORMED},
	{"all but a byte of inner header",  {FROM_BERLIN, .proto = UDP}, .outer = {POKE(3, 43)}, .mend = true,
	 .drop = DROP_INNER_MALFORMED},
	{"inner packet longer than the outer one", {FROM_BERLIN, .proto = UDP}, .inner = {POKE(3, 37)}, .mend = true,
	 .drop = DROP_INNER_MALFORMED},
	{"inner packet of 65,535 bytes",    {FROM_BERLIN, .proto = UDP}, .inner = {POKE(2, 255), POKE(3, 255)}, .mend = true,
	 .drop = DROP_INNER_MALFORMED},
	{"inner packet of no bytes",        {FROM_BERLIN, .proto = UDP}, .inner = {POKE(3, 0)}, .mend = true,
	 .drop = DROP_INNER_MALFORMED},
	{"inner packet shorter than its header", {FROM_BERLIN, .proto = UDP}, .inner = {POKE(3, 19)}, .mend = true,
	 .drop = DROP_INNER_MALFORMED},
	{"inner header of no bytes",        {FROM_BERLIN, .proto = UDP}, .inner = {POKE(0, 0x40)}, .drop = DROP_INNER_MALFORMED},
	{"inner header of 60 bytes, and there are 36", {FROM_BERLIN, .proto = UDP}, .inner = {POKE(0, 0x4f)},
	 .drop = DROP_INNER_MALFORMED},
	{"inner version 0",                 {FROM_BERLIN, .proto = UDP}, .inner = {POKE(0, 0x05)}, .mend = true,
	 .drop = DROP_INNER_MALFORMED},
	{"IPv6 where GRE says IPv4",        {FROM_BERLIN, .proto = UDP}, .inner = {POKE(0, 0x65)}, .mend = true,
	 .drop = DROP_INNER_MALFORMED},
	{"what stands behind the inner packet is padding", {FROM_BERLIN, .proto = UDP, .payload = 20,
	 .udp_no_checksum = true}, .inner = {POKE(3, 36), POKE(25, 16)}, .mend = true},

	/* headers beyond the packet */
	{"no room for UDP",                 {FROM_BERLIN, .proto = UDP}, .inner = {POKE(3, 27)}, .mend = true,
	 .drop = DROP_INNER_MALFORMED},
	{"UDP shorter than its header",     {FROM_BERLIN, .proto = UDP}, .inner = {POKE(25, 7)}, .drop = DROP_INNER_MALFORMED},
	{"UDP of no bytes, which only IPv6 knows", {FROM_BERLIN, .proto = UDP}, .inner = {POKE(25, 0)},
	 .drop = DROP_INNER_MALFORMED},
	{"UDP longer than IPv4 says",       {FROM_BERLIN, .proto = UDP}, .inner = {POKE(25, 17)}, .drop = DROP_INNER_MALFORMED},
	{"no room for TCP",                 {FROM_BERLIN, .proto = TCP, .tcp_flags = SYN}, .inner = {POKE(3, 39)}, .mend = true,
	 .drop = DROP_INNER_MALFORMED},
	{"TCP header of 16 bytes",          {FROM_BERLIN, .proto = TCP, .tcp_flags = SYN}, .inner = {POKE(32, 0x40)},
	 .drop = DROP_INNER_MALFORMED},
	{"TCP header of no bytes",          {FROM_BERLIN, .proto = TCP, .tcp_flags = SYN}, .inner = {POKE(32, 0)},
	 .drop = DROP_INNER_MALFORMED},
	{"TCP options beyond the packet",   {FROM_BERLIN, .proto = TCP, .tcp_flags = SYN}, .inner = {POKE(32, 0x80)},
	 .drop = DROP_INNER_MALFORMED},
	{"a TCP option of no bytes ends the walk", {FROM_BERLIN, .proto = TCP, .tcp_flags = SYN, .mss = 9000},
	 .inner = {POKE(40, 3), POKE(41, 0)}, .damaged = true},
	{"an MSS option beyond the header", {FROM_BERLIN, .proto = TCP, .tcp_flags = SYN, .mss = 9000},
	 .inner = {POKE(40, 1), POKE(41, 2), POKE(42, 4)}, .damaged = true},
	{"no room for ICMP",                {FROM_BERLIN, .proto = ICMP, .icmp_type = 8}, .inner = {POKE(3, 27)}, .mend = true,
	 .drop = DROP_INNER_MALFORMED},
	{"an ICMP error about nothing",     {FROM_BERLIN, .proto = ICMP, .icmp_type = 3}, .drop = DROP_ICMP_EMBEDDED},

	/* source routes and other options */
	{"loose source route (RFC 7126)",   {FROM_BERLIN, .proto = UDP}, OPTIONS("\x83\x07\x04\x0a\x01\x01\x01\0"),
	 .drop = DROP_SOURCE_ROUTE},
	{"loose source route at its end",   {FROM_BERLIN, .proto = UDP}, OPTIONS("\x83\x07\x08\x0a\x01\x01\x01\0"),
	 .drop = DROP_SOURCE_ROUTE},
	{"strict source route",             {FROM_BERLIN, .proto = UDP}, OPTIONS("\x89\x07\x04\x0a\x01\x01\x01\0"),
	 .drop = DROP_SOURCE_ROUTE},
	{"a source route behind others",    {FROM_BERLIN, .proto = UDP}, OPTIONS("\x01\x94\x04\0\0\x83\x03\x04"),
	 .drop = DROP_SOURCE_ROUTE},
	{"a source route from the Internet", {INTERNET(SERVER), .proto = UDP}, UPLINK, OPTIONS("\x83\x07\x04\x0a\x01\x01\x01\0"),
	 .drop = DROP_SOURCE_ROUTE},
	{"a source route on a fragment",    {FROM_BERLIN, .proto = UDP}, .inner = {POKE(6, 0x20)},
	 OPTIONS("\x83\x07\x04\x0a\x01\x01\x01\0"), .drop = DROP_SOURCE_ROUTE},
	{"behind the end of options nothing counts", {FROM_BERLIN, .proto = UDP}, OPTIONS("\0\x83\x03\x04"), .damaged = true},
	{"an option longer than the header", {FROM_BERLIN, .proto = UDP}, OPTIONS("\x44\x05\0\0"), .drop = DROP_INNER_MALFORMED},
	{"an option of one byte",           {FROM_BERLIN, .proto = UDP}, OPTIONS("\x44\x01\0\0"), .drop = DROP_INNER_MALFORMED},
	{"an option of no bytes",           {FROM_BERLIN, .proto = UDP}, OPTIONS("\x44\0\0\0"), .drop = DROP_INNER_MALFORMED},
	{"an option without a length",      {FROM_BERLIN, .proto = UDP}, OPTIONS("\x01\x01\x01\x44"), .drop = DROP_INNER_MALFORMED},
	{"router alert passes",             {FROM_BERLIN, .proto = UDP}, OPTIONS("\x94\x04\0\0"), .damaged = true},
	{"forty bytes of nothing pass",     {FROM_BERLIN, .proto = UDP},
	 OPTIONS("\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1"), .damaged = true},

	/* martians, from a site that may use any source */
	{"source 0.0.0.0",                  {FROM_LISBON(IP(0, 0, 0, 0)), .proto = UDP}, .drop = DROP_MARTIAN},
	{"source 0.1.2.3",                  {FROM_LISBON(IP(0, 1, 2, 3)), .proto = UDP}, .drop = DROP_MARTIAN},
	{"source 127.0.0.1",                {FROM_LISBON(IP(127, 0, 0, 1)), .proto = UDP}, .drop = DROP_MARTIAN},
	{"source 127.255.255.255",          {FROM_LISBON(IP(127, 255, 255, 255)), .proto = UDP}, .drop = DROP_MARTIAN},
	{"source is link-local (RFC 3927)", {FROM_LISBON(IP(169, 254, 1, 1)), .proto = UDP}, .drop = DROP_MARTIAN},
	{"source is multicast",             {FROM_LISBON(IP(224, 0, 0, 1)), .proto = UDP}, .drop = DROP_MARTIAN},
	{"source is reserved",              {FROM_LISBON(IP(240, 0, 0, 1)), .proto = UDP}, .drop = DROP_MARTIAN},
	{"source is broadcast",             {FROM_LISBON(IP(255, 255, 255, 255)), .proto = UDP}, .drop = DROP_MARTIAN},
	{"destination 0.0.0.0",             {TO(IP(0, 0, 0, 0)), .proto = UDP}, .drop = DROP_MARTIAN},
	{"destination 127.0.0.1",           {TO(IP(127, 0, 0, 1)), .proto = UDP}, .drop = DROP_MARTIAN},
	{"destination is link-local",       {TO(IP(169, 254, 169, 254)), .proto = UDP}, .answer = ANSWERED(UNREACHABLE)},
	{"destination is multicast",        {TO(IP(239, 255, 255, 250)), .proto = UDP}, .drop = DROP_MARTIAN},
	{"destination is multicast, by ICMP", {TO(IP(224, 0, 0, 1)), .proto = ICMP, .icmp_type = 8}, .drop = DROP_MARTIAN},
	{"destination is reserved",         {TO(IP(250, 0, 0, 1)), .proto = UDP}, .drop = DROP_MARTIAN},
	{"destination is broadcast",        {TO(IP(255, 255, 255, 255)), .proto = UDP}, .drop = DROP_MARTIAN},
	{"destination is broadcast, by TCP", {TO(IP(255, 255, 255, 255)), .proto = TCP, .tcp_flags = SYN}, .drop = DROP_MARTIAN},
	{"from the Internet, source 127.0.0.1", {INTERNET(IP(127, 0, 0, 1)), .proto = UDP}, UPLINK, .drop = DROP_NO_FLOW},
	{"from the Internet, source 0.0.0.0", {INTERNET(IP(0, 0, 0, 0)), .proto = UDP}, UPLINK, .drop = DROP_NO_FLOW},
	{"from the Internet, source is broadcast", {INTERNET(IP(255, 255, 255, 255)), .proto = UDP}, UPLINK,
	 .drop = DROP_NO_FLOW},
	{"from the Internet, source is private", {INTERNET(HOST), .proto = UDP}, UPLINK, .drop = DROP_NO_FLOW},
	{"from the Internet, to the broadcast address", {.src = SERVER, .dst = IP(255, 255, 255, 255), .proto = UDP}, UPLINK,
	 .drop = DROP_NOT_OURS},
	{"from the Internet, to a private host", {.src = SERVER, .dst = HOST, .proto = UDP}, UPLINK, .drop = DROP_NOT_OURS},
	{"a tunnel packet to the broadcast address",
	 {.outer_src = BERLIN, .outer_dst = IP(255, 255, 255, 255), .src = HOST, .dst = SERVER, PORTS, .proto = UDP},
	 .drop = DROP_NOT_OURS},
	{"a tunnel packet to a multicast group",
	 {.outer_src = BERLIN, .outer_dst = IP(224, 0, 0, 5), .src = HOST, .dst = SERVER, PORTS, .proto = UDP},
	 .drop = DROP_NOT_OURS},

	/* land */
	{"land, UDP",                       {TO(HOST), .proto = UDP}, .drop = DROP_MARTIAN},
	{"land, a TCP SYN with equal ports", {BERLIN_GRE, .src = HOST, .dst = HOST, .sport = 139, .dport = 139, .proto = TCP,
	 .tcp_flags = SYN}, .drop = DROP_MARTIAN},
	{"land, a ping",                    {TO(HOST), .proto = ICMP, .icmp_type = 8}, .drop = DROP_MARTIAN},
	{"land of a tunnel: from our own end to it",
	 {.outer_src = GATEWAY, .outer_dst = GATEWAY, .src = HOST, .dst = SERVER, PORTS, .proto = UDP},
	 .drop = DROP_GRE_UNKNOWN},
	{"land from the Internet",          {INTERNET(EGRESS), .proto = UDP}, UPLINK, .drop = DROP_NO_FLOW},
	{"land from the Internet, a TCP SYN", {.src = EGRESS, .dst = EGRESS, .sport = 2048, .dport = 2048, .proto = TCP,
	 .tcp_flags = SYN}, UPLINK, .drop = DROP_NO_FLOW},

	/* checksums */
	{"outer checksum",                  {FROM_BERLIN, .proto = UDP}, .outer = {POKE(10, 0xaa)}, .drop = DROP_OUTER_CHECKSUM},
	{"GRE checksum",                    {FROM_BERLIN, .proto = UDP, .has_checksum = true}, .outer = {POKE(24, 0xaa)},
	 .drop = DROP_GRE_CHECKSUM},
	{"inner checksum",                  {FROM_BERLIN, .proto = UDP}, .inner = {POKE(10, 0xaa)}, .drop = DROP_INNER_CHECKSUM},
	{"inner checksum of zero",          {FROM_BERLIN, .proto = UDP}, .inner = {POKE(10, 0), POKE(11, 0)},
	 .drop = DROP_INNER_CHECKSUM},
	{"inner checksum, from the Internet", {INTERNET(SERVER), .proto = UDP}, UPLINK, .inner = {POKE(10, 0xaa)},
	 .drop = DROP_INNER_CHECKSUM},
	{"UDP's is for the server to see",  {FROM_BERLIN, .proto = UDP}, .inner = {POKE(26, 0xaa)}, .damaged = true},
	{"TCP's is for the server to see",  {FROM_BERLIN, .proto = TCP, .tcp_flags = SYN}, .inner = {POKE(36, 0xaa)},
	 .damaged = true},
	{"a ping's is for the server to see", {FROM_BERLIN, .proto = ICMP, .icmp_type = 8}, .inner = {POKE(22, 0xaa)},
	 .damaged = true},
	{"an ICMP error's is for us to see", {FROM_BERLIN, .proto = ICMP, .icmp_type = 3, .payload = 40}, .inner = {POKE(22, 0xaa)},
	 .drop = DROP_ICMP_CHECKSUM},

	/* hops */
	{"TTL 0",                           {FROM_BERLIN, .proto = UDP}, .inner = {POKE(8, 0)}, .mend = true,
	 .answer = ANSWERED(TTL_EXPIRED)},
	{"TTL 1",                           {FROM_BERLIN, .proto = UDP}, .inner = {POKE(8, 1)}, .mend = true,
	 .answer = ANSWERED(TTL_EXPIRED)},
	{"TTL 2 is enough",                 {FROM_BERLIN, .proto = UDP}, .inner = {POKE(8, 2)}, .mend = true},
	{"TTL 0 outside: the packet has arrived", {FROM_BERLIN, .proto = UDP}, .outer = {POKE(8, 0)}, .mend = true},
	{"TTL 0, to a crowd: nobody is told", {TO(IP(224, 0, 0, 1)), .proto = UDP}, .inner = {POKE(8, 0)}, .mend = true,
	 .drop = DROP_TTL_EXPIRED},
	{"TTL 0, an ICMP error: nobody is told", {FROM_BERLIN, .proto = ICMP, .icmp_type = 3, .payload = 40},
	 .inner = {POKE(8, 0)}, .mend = true, .drop = DROP_ICMP_EMBEDDED},
	{"TTL 0, from the Internet and of no flow", {INTERNET(SERVER), .proto = UDP}, UPLINK, .inner = {POKE(8, 0)},
	 .mend = true, .drop = DROP_NO_FLOW},

	/* tunnels in tunnels */
	{"GRE in GRE",                      {FROM_BERLIN, .proto = GRE}, .inner = {POKE(20, 0), POKE(22, 8), POKE(23, 0)},
	 .answer = ANSWERED(PROTOCOL)},
	{"IPv4 in IPv4 in GRE",             {FROM_BERLIN, .proto = IPIP}, .answer = ANSWERED(PROTOCOL)},
	{"IPv6 in IPv4 in GRE",             {FROM_BERLIN, .proto = IP6IP}, .answer = ANSWERED(PROTOCOL)},
	{"a tunnel inside itself",          {BERLIN_GRE, .src = BERLIN, .dst = GATEWAY, .proto = GRE}, .drop = DROP_PROTOCOL},
	{"a tunnel inside another's",       {LISBON_GRE, .src = BERLIN, .dst = GATEWAY, .proto = GRE}, .answer = ANSWERED(PROTOCOL)},
	{"a site's packet to the tunnel's end", {TO(GATEWAY), .proto = UDP}, .answer = ANSWERED(UNREACHABLE)},
	{"GRE to an egress address, of no tunnel", {.outer_src = BERLIN, .outer_dst = EGRESS, .src = HOST, .dst = SERVER,
	 PORTS, .proto = UDP}, .drop = DROP_PROTOCOL},
	{"IPv4 in IPv4 to the tunnel's end", {.src = BERLIN, .dst = GATEWAY, .proto = IPIP}, .drop = DROP_NOT_OURS},
	{"GRE in GRE as Ethernet (RFC 7637)", {FROM_BERLIN, .proto = UDP}, .outer = {POKE(22, 0x65), POKE(23, 0x58)},
	 .drop = DROP_GRE_ETHERNET},
	{"GRE with the answer to a keepalive", {FROM_BERLIN, .proto = UDP}, .outer = {POKE(22, 0), POKE(23, 0)},
	 .drop = DROP_KEEPALIVE},

	/* the same in IPv6 */
	{"v6: GRE and nothing inside",      {FROM_BERLIN6, .proto = UDP}, .outer = {POKE(3, 24)}, .mend = true,
	 .drop = DROP_INNER_MALFORMED},
	{"v6: all but a byte of the header", {FROM_BERLIN6, .proto = UDP}, .outer = {POKE(3, 24 + 39)}, .mend = true,
	 .drop = DROP_INNER_MALFORMED},
	{"v6: one byte longer than the outer packet", {FROM_BERLIN6, .proto = UDP}, .inner = {POKE(5, 17)},
	 .drop = DROP_INNER_MALFORMED},
	{"v6: of 65,535 bytes",             {FROM_BERLIN6, .proto = UDP}, .inner = {POKE(4, 255), POKE(5, 255)},
	 .drop = DROP_INNER_MALFORMED},
	{"v6: IPv4 where GRE says IPv6",    {FROM_BERLIN6, .proto = UDP}, .inner = {POKE(0, 0x45)}, .drop = DROP_INNER_MALFORMED},
	{"v6: no room for UDP",             {FROM_BERLIN6, .proto = UDP}, .inner = {POKE(5, 7)}, .drop = DROP_INNER_MALFORMED},
	{"v6: UDP of no bytes, which only jumbograms may have", {FROM_BERLIN6, .proto = UDP}, .inner = {POKE(45, 0)},
	 .drop = DROP_INNER_MALFORMED},
	{"v6: UDP longer than IPv6 says",   {FROM_BERLIN6, .proto = UDP}, .inner = {POKE(45, 17)}, .drop = DROP_INNER_MALFORMED},
	{"v6: no room for TCP",             {FROM_BERLIN6, .proto = TCP, .tcp_flags = SYN}, .inner = {POKE(5, 19)},
	 .drop = DROP_INNER_MALFORMED},
	{"v6: TCP options beyond the packet", {FROM_BERLIN6, .proto = TCP, .tcp_flags = SYN}, .inner = {POKE(52, 0x80)},
	 .drop = DROP_INNER_MALFORMED},
	{"v6: no room for ICMPv6",          {FROM_BERLIN6, .proto = ICMP6, .icmp_type = 128}, .inner = {POKE(5, 7)},
	 .drop = DROP_INNER_MALFORMED},
	{"v6: an ICMPv6 error about nothing", {FROM_BERLIN6, .proto = ICMP6, .icmp_type = 1}, .drop = DROP_ICMP_EMBEDDED},
	{"v6: source is documentation, which a site may not use", {.six = true, BERLIN_GRE, .src6 = SERVER6,
	 .dst6 = IP6(0x2001, 0xdb8, 5, 0, 0, 0, 0, 1), PORTS, .proto = UDP}, .answer = ANSWERED(PROHIBITED)},
	{"v6: destination is unspecified",  {.six = true, BERLIN_GRE, .src6 = HOST6, .dst6 = IP6(0, 0, 0, 0, 0, 0, 0, 0),
	 PORTS, .proto = UDP}, .drop = DROP_MARTIAN},
	{"v6: destination is all nodes of the link", {.six = true, BERLIN_GRE, .src6 = HOST6,
	 .dst6 = IP6(0xff02, 0, 0, 0, 0, 0, 0, 1), PORTS, .proto = UDP}, .drop = DROP_MARTIAN},
	{"v6: land, a TCP SYN",             {.six = true, BERLIN_GRE, .src6 = HOST6, .dst6 = HOST6, .sport = 139, .dport = 139,
	 .proto = TCP, .tcp_flags = SYN}, .drop = DROP_MARTIAN},
	{"v6: land from the Internet",      {INTERNET6(EGRESS6), .proto = UDP}, UPLINK, .drop = DROP_NO_FLOW},
	{"v6: from the Internet, source is loopback", {INTERNET6(IP6(0, 0, 0, 0, 0, 0, 0, 1)), .proto = UDP}, UPLINK,
	 .drop = DROP_NO_FLOW},
	{"v6: from the Internet, source is multicast", {INTERNET6(IP6(0xff0e, 0, 0, 0, 0, 0, 0, 1)), .proto = UDP}, UPLINK,
	 .drop = DROP_NO_FLOW},
	{"v6: from the Internet, to all nodes of the link", {.six = true, .src6 = SERVER6, .dst6 = IP6(0xff02, 0, 0, 0, 0, 0, 0, 1),
	 .proto = UDP}, UPLINK, .drop = DROP_NOT_OURS},
	{"v6: source route (RFC 5095), from the Internet", {INTERNET6(SERVER6), .proto = UDP, .next = 43,
	 .extensions = (const uint8_t *)"\x11\0\0\x01\0\0\0\0", .n_extensions = 8}, UPLINK, .drop = DROP_ROUTING_HEADER},
	{"v6: UDP's checksum is for the server to see", {FROM_BERLIN6, .proto = UDP}, .inner = {POKE(46, 0xaa)}, .damaged = true},
	{"v6: TCP's checksum is for the server to see", {FROM_BERLIN6, .proto = TCP, .tcp_flags = SYN}, .inner = {POKE(56, 0xaa)},
	 .damaged = true},
	{"v6: an ICMPv6 error's is for us to see", {FROM_BERLIN6, .proto = ICMP6, .icmp_type = 1, .payload = 60},
	 .inner = {POKE(42, 0xaa)}, .drop = DROP_ICMP_CHECKSUM},
	{"v6: hop limit 0",                 {FROM_BERLIN6, .proto = UDP}, .inner = {POKE(7, 0)}, .answer = ANSWERED(TTL_EXPIRED)},
	{"v6: hop limit 1",                 {FROM_BERLIN6, .proto = UDP}, .inner = {POKE(7, 1)}, .answer = ANSWERED(TTL_EXPIRED)},
	{"v6: hop limit 2 is enough",       {FROM_BERLIN6, .proto = UDP}, .inner = {POKE(7, 2)}},
	{"v6: GRE in GRE",                  {FROM_BERLIN6, .proto = GRE}, .answer = ANSWERED(PROTOCOL)},
	{"v6: IPv4 in IPv6 in GRE",         {FROM_BERLIN6, .proto = IPIP}, .answer = ANSWERED(PROTOCOL)},
	{"v6: IPv6 in IPv6 in GRE",         {FROM_BERLIN6, .proto = IP6IP}, .answer = ANSWERED(PROTOCOL)},
	{"v6: GRE to an egress address, of no tunnel", {INTERNET6(SERVER6), .proto = GRE}, UPLINK, .drop = DROP_PROTOCOL},
};
/* clang-format on */

static void poke(uint8_t *bytes, const struct poke *pokes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (pokes[i].at != 0)
			bytes[pokes[i].at - 1] = pokes[i].value;
}

/* Inserts options between the IPv4 header and its payload. */
static size_t insert_options(const struct row *row, uint8_t *ip, size_t len)
{
	memmove(ip + 20 + row->n_options, ip + 20, len - 20);
	memcpy(ip + 20, row->options, row->n_options);
	len += row->n_options;
	ip[0] = (uint8_t)(0x45 + row->n_options / 4);
	ip[2] = (uint8_t)(len >> 8);
	ip[3] = (uint8_t)len;
	frame_mend(ip);
	return len;
}

static size_t build_row(const struct row *row, uint8_t *frame)
{
	uint8_t inner[FRAME_MAX];
	size_t len = frame_build_inner(&row->frame, inner);

	poke(inner, row->inner, ARRAY_SIZE(row->inner));
	if (row->mend && !row->frame.six)
		frame_mend(inner);
	if (row->n_options > 0)
		len = insert_options(row, inner, len);
	len = frame_wrap(&row->frame, inner, len, frame);
	poke(frame + 14, row->outer, ARRAY_SIZE(row->outer));
	if (row->mend && row->frame.outer_dst != 0)
		frame_mend(frame + 14);
	return row->len != 0 ? row->len : len;
}

/* The packet must leave as correct, or as wrong, as it came in. */
static void check_sound(const struct row *row, const uint8_t *out, size_t out_len)
{
	const char *why_in = "", *why_out = "";
	uint8_t in[FRAME_MAX];
	size_t in_len = build_row(row, in);
	struct frame f;

	if (frame_parse(out, out_len, &f, &why_out) == row->damaged)
		fail_msg("%s: what came out has %s %s", row->why,
			 row->damaged ? "no more a wrong" : "a wrong", why_out);
	if (row->damaged)
		assert_false(frame_parse(in, in_len, &f, &why_in));
	if (row->damaged && strcmp(why_in, why_out) != 0)
		fail_msg("%s: came with a wrong %s, left with a wrong %s", row->why, why_in,
			 why_out);
}

/* Checks that the packet comes out where it should, and nowhere else. */
static void check_out(struct bed *bed, const struct row *row)
{
	unsigned port = row->answer != 0 ? UNDERLAY : UPLINK;
	uint8_t frame[BED_FRAME_MAX];

	if (row->drop == DROP_NONE) {
		size_t len = bed_take(bed, port, frame);

		if (len == 0)
			fail_msg("%s: nothing came out", row->why);
		check_sound(row, frame, len);
	}
	if (bed_take(bed, UNDERLAY, frame) != 0 || bed_take(bed, UPLINK, frame) != 0)
		fail_msg("%s: something came out that should not", row->why);
}

static void check_row(const struct row *row)
{
	struct bed *bed = bed_create(yaml, 1);
	uint8_t frame[FRAME_MAX];

	bed_send(bed, row->port, frame, build_row(row, frame));
	bed_run(bed);
	check_out(bed, row);
	bed_expect_drops(bed, row->why, row->drop, 1);
	bed_expect_answer(bed, row->why, row->answer);
	bed_check(bed);
	bed_destroy(bed);
}

static void every_row(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(&rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
	};

	return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
