/*
 * Why a packet was not delivered: every reason, one line each.
 *
 * The line is all there is to declare: counter, metric, trace, CLI and documentation read this
 * list. A packet that came in either goes out or is counted under exactly one of these (law 3).
 *
 * X(enum name, name for people, what it means and what to look at)
 */
#pragma once

#include <stdint.h>

#define DROP_LIST(X)                                                                               \
	X(NOT_IP, "not_ip", "neither IP nor an ARP request for one of our addresses")              \
	X(OTHER_HOST, "other_host", "sent to another station's Ethernet address, or to all")       \
	X(NOT_OURS, "not_ours", "addressed to no tunnel end and no egress address of ours")        \
	X(TRUNCATED, "truncated", "shorter than its IP header says: cut off on the way in")        \
	X(OUTER_MALFORMED, "outer_malformed", "outer IP header cut short or inconsistent")         \
	X(OUTER_CHECKSUM, "outer_checksum", "outer IPv4 header checksum is wrong")                 \
	X(OUTER_FRAGMENT, "outer_fragment", "fragment of a tunnel packet that is not for us")      \
	X(GRE_MALFORMED, "gre_malformed", "GRE header cut short, reserved bits or version set")    \
	X(GRE_CHECKSUM, "gre_checksum", "GRE checksum is wrong")                                   \
	X(GRE_PROTOCOL, "gre_protocol", "GRE payload is neither IPv4 nor IPv6")                    \
	X(KEEPALIVE, "keepalive", "answer to one of our GRE keepalives: it ends here")             \
	X(GRE_ETHERNET, "gre_ethernet",                                                            \
	  "Ethernet frames in GRE (gretap, NVGRE); give the far end a plain GRE tunnel")           \
	X(GRE_ERSPAN, "gre_erspan", "mirrored Ethernet frames (ERSPAN); they are for a monitor")   \
	X(GRE_EOIP, "gre_eoip",                                                                    \
	  "EoIP (MikroTik): Ethernet frames; give the far end a gre interface")                    \
	X(GRE_PPTP, "gre_pptp",                                                                    \
	  "PPTP (GRE version 1): PPP frames; give the far end a plain GRE tunnel")                 \
	X(GRE_UNKNOWN, "gre_unknown",                                                              \
	  "no tunnel has these addresses and key: homeward tunnels --unknown")                     \
	X(ECN, "ecn", "marked as congested on the way, and cannot carry the mark (RFC 6040)")      \
	X(INNER_MALFORMED, "inner_malformed", "inner IP or transport header inconsistent")         \
	X(INNER_CHECKSUM, "inner_checksum", "inner IPv4 header checksum is wrong")                 \
	X(SOURCE_ROUTE, "source_route", "IPv4 source route option (RFC 7126)")                     \
	X(FRAGMENT, "fragment", "fragment that overlaps, is tiny, repeated or contradicts others") \
	X(FRAGMENT_TIMEOUT, "fragment_timeout",                                                    \
	  "fragment of a packet that was not complete in time")                                    \
	X(FRAGMENT_LIMIT, "fragment_limit",                                                        \
	  "over a limit of packets in reassembly, or of fragments of one packet")                  \
	X(NO_IPV6, "no_ipv6", "IPv6, and flows.capacity-ipv6 is 0")                                \
	X(EXTENSION, "extension", "IPv6 extension headers out of order, too many or too long")     \
	X(ROUTING_HEADER, "routing_header",                                                        \
	  "IPv6 routing header of type 0, or not yet at its end")                                  \
	X(PROTOCOL, "protocol", "neither TCP, UDP, an ICMP query nor an ICMP error")               \
	X(ICMP_CHECKSUM, "icmp_checksum", "ICMP error whose checksum is wrong")                    \
	X(ICMP_EMBEDDED, "icmp_embedded", "ICMP error that does not say which flow it is about")   \
	X(NO_FLOW, "no_flow", "belongs to no flow and may not start one")                          \
	X(TCP_FLAGS, "tcp_flags", "TCP of no flow: SYN with FIN or RST, FIN without ACK, no flag") \
	X(SITE_FLOWS, "site_flows", "site has its limit of flows, or its share of a full table")   \
	X(HALF_OPEN, "half_open", "site has its limit of TCP connections not yet established")     \
	X(SOURCE_FLOWS, "source_flows",                                                            \
	  "host has its limit of the site's flows or half-open ones")                              \
	X(SITE_RATE, "site_rate", "site opens more flows per second than its limit")               \
	X(SOURCE, "source", "inner source is not among the site's prefixes")                       \
	X(MARTIAN, "martian", "inner address that may never be on the wire")                       \
	X(NO_ROUTE, "no_route", "no route to the destination")                                     \
	X(ROUTE_BLACKHOLE, "route_blackhole", "the kernel's route is a blackhole: nobody is told") \
	X(ROUTE_UNREACHABLE, "route_unreachable", "the kernel's route says: unreachable")          \
	X(ROUTE_PROHIBITED, "route_prohibited", "the kernel's route says: prohibited")             \
	X(NO_NEIGHBOUR, "no_neighbour",                                                            \
	  "nexthop is not resolved, or there is no route to the tunnel's far end")                 \
	X(EGRESS_EXHAUSTED, "egress_exhausted", "no egress port left towards this destination")    \
	X(TABLE_FULL, "table_full", "flow table at capacity; live flows are kept")                 \
	X(TTL_EXPIRED, "ttl_expired", "TTL ran out and could not be answered with ICMP")           \
	X(NO_BUFFER, "no_buffer", "no packet buffer left for fragments")                           \
	X(TOO_BIG, "too_big", "larger than the MTU of the nexthop, and may not be fragmented")     \
	X(HANDOVER_BUSY, "handover_busy", "the ring to the worker that owns the flow was full")    \
	X(PORT_BUSY, "port_busy", "the port's transmit ring was full")                             \
	X(PORT_DOWN, "port_down", "the port's interface is missing or down: see homeward status")

/* clang-format off */
enum drop {
	DROP_NONE, /* alive */
#define X(id, name, help) DROP_##id,
	DROP_LIST(X)
#undef X
	DROP_COUNT,
};
/* clang-format on */

struct drop_info {
	const char *name;
	const char *help;
};

extern const struct drop_info drop_infos[DROP_COUNT]; /* [DROP_NONE] is {"none", ...} */

/*
 * Answers: packets that went out as something else than they came in, because the gateway itself
 * replied. Not drops: the reply is made in the packet's own buffer and is its way out.
 */
#define ANSWER_LIST(X)                                                                             \
	X(ARP, "arp", "ARP requests for our addresses")                                            \
	X(NEIGHBOUR, "neighbour", "IPv6 neighbour solicitations for our addresses")                \
	X(ECHO, "echo", "pings to a tunnel's inner address")                                       \
	X(TTL_EXPIRED, "ttl_expired", "ICMP time exceeded")                                        \
	X(UNREACHABLE, "unreachable", "ICMP destination unreachable: no route")                    \
	X(ROUTE_UNREACHABLE, "route_unreachable", "ICMP host unreachable: the route says so")      \
	X(ROUTE_PROHIBITED, "route_prohibited", "ICMP prohibited: the route says so")              \
	X(TOO_BIG, "too_big", "ICMP fragmentation needed, or packet too big")                      \
	X(FRAGMENT_TIMEOUT, "fragment_timeout", "ICMP time exceeded: a fragment is missing")       \
	X(EXHAUSTED, "exhausted", "ICMP host unreachable: no egress port or no flow record left")  \
	X(LIMITED, "limited", "ICMP host unreachable: over a limit of the site")                   \
	X(PROHIBITED, "prohibited", "ICMP prohibited: source is not among the site's prefixes")    \
	X(PROTOCOL, "protocol", "ICMP protocol unreachable: the protocol is not translated")       \
	X(RESET, "reset", "TCP resets for segments of a site that belong to no flow")              \
	X(KEEPALIVE, "keepalive", "GRE keepalives, sent back")

/* clang-format off */
enum answer {
#define X(id, name, help) ANSWER_##id,
	ANSWER_LIST(X)
#undef X
	ANSWER_COUNT,
};
/* clang-format on */

extern const struct drop_info answer_infos[ANSWER_COUNT];
