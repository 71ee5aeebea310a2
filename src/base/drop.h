/*
 * Why a packet was not delivered: every reason, one line each.
 *
 * The line is all there is to declare: the counter, the API and the command line read this list. A
 * packet that came in either goes out or is counted under exactly one of these (law 3).
 *
 * X(enum name, name for people, what it means and what to look at)
 */
#pragma once

#include <stdint.h>

#define DROP_LIST(X)                                                                               \
	X(NOT_IP, "not_ip", "neither IP nor an ARP request for one of our addresses")              \
	X(VLAN_UNKNOWN, "vlan_unknown", "in a VLAN that no interconnect of its port has")          \
	X(DOUBLE_TAG, "double_tag",                                                                \
	  "two VLAN tags, or a service tag (QinQ): give it one 802.1Q tag")                        \
	X(OTHER_HOST, "other_host", "sent to another station's Ethernet address, or to all")       \
	X(NOT_OURS, "not_ours", "addressed to no tunnel end and no egress address of ours")        \
	X(TRUNCATED, "truncated", "shorter than its IP header says: cut off on the way in")        \
	X(OUTER_MALFORMED, "outer_malformed", "outer IP header cut short or inconsistent")         \
	X(OUTER_CHECKSUM, "outer_checksum", "outer IPv4 header checksum is wrong")                 \
	X(OUTER_FRAGMENT, "outer_fragment", "fragment of a tunnel packet that is not for us")      \
	X(GRE_MALFORMED, "gre_malformed", "GRE header cut short, reserved bits or version set")    \
	X(GRE_CHECKSUM, "gre_checksum", "GRE checksum is wrong")                                   \
	X(GRE_PROTOCOL, "gre_protocol", "GRE payload is neither IPv4 nor IPv6")                    \
	X(PEER, "peer",                                                                            \
	  "ARP or ND by which an interconnect's peer tells its address: it ends here")             \
	X(KEEPALIVE, "keepalive", "answer to one of our GRE keepalives: it ends here")             \
	X(PROBE, "probe", "answer to one of our health probes: it ends here")                      \
	X(GRE_ETHERNET, "gre_ethernet",                                                            \
	  "Ethernet frames in GRE (gretap, NVGRE); give the far end a plain GRE tunnel")           \
	X(GRE_ERSPAN, "gre_erspan", "mirrored Ethernet frames (ERSPAN); they are for a monitor")   \
	X(GRE_EOIP, "gre_eoip",                                                                    \
	  "EoIP (MikroTik): Ethernet frames; give the far end a gre interface")                    \
	X(GRE_PPTP, "gre_pptp",                                                                    \
	  "PPTP (GRE version 1): PPP frames; give the far end a plain GRE tunnel")                 \
	X(GRE_UNKNOWN, "gre_unknown",                                                              \
	  "no tunnel has these addresses and key: homeward tunnels --unknown")                     \
	X(ESP_UNKNOWN_SPI, "esp_unknown_spi", "ESP with an SPI that no SA has")                    \
	X(ESP_SHORT, "esp_short", "ESP cut short, or not of whole blocks")                         \
	X(ESP_REPLAY, "esp_replay", "ESP number seen before, or older than the replay window")     \
	X(ESP_AUTH, "esp_auth", "ESP that was changed on the way, or of another key")              \
	X(ESP_LIMIT, "esp_limit", "its SA has sent or received all that it may")                   \
	X(ESP_PADDING, "esp_padding", "ESP whose padding is not 1, 2, 3 ...")                      \
	X(ESP_NEXT_HEADER, "esp_next_header", "ESP with neither IPv4 nor IPv6 inside")             \
	X(ESP_DUMMY, "esp_dummy", "ESP dummy packet, sent to hide how much is sent: it ends here") \
	X(ESP_SELECTOR, "esp_selector", "inner packet that the SA's traffic selectors forbid")     \
	X(ESP_NO_SA, "esp_no_sa", "its IPsec tunnel has no SA to send by")                         \
	X(ESP_KEEPALIVE, "esp_keepalive", "NAT keepalive of an IPsec peer: it ends here")          \
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
	X(ROUTE_DROP, "route_drop", "the route of its virtual network says: drop")                 \
	X(OWN_SITE, "own_site", "the route leads back to the site that it came from")              \
	X(RETURN_ROUTE, "return_route",                                                            \
	  "automatic return routing is off, and no route leads to its site alone")                 \
	X(COLLISION, "collision",                                                                  \
	  "another site has its five-tuple, and the route refuses it or no port is left")          \
	X(PROTOCOL_BUSY, "protocol_busy",                                                          \
	  "of a protocol without ports: another site uses the two addresses already")              \
	X(ROUTE_BLACKHOLE, "route_blackhole", "the kernel's route is a blackhole: nobody is told") \
	X(ROUTE_UNREACHABLE, "route_unreachable", "the kernel's route says: unreachable")          \
	X(ROUTE_PROHIBITED, "route_prohibited", "the kernel's route says: prohibited")             \
	X(NO_NEIGHBOUR, "no_neighbour",                                                            \
	  "nexthop is not resolved, or there is no route to the tunnel's far end")                 \
	X(TUNNEL_GONE, "tunnel_gone", "its tunnel was removed, and none stands in for it")         \
	X(EGRESS_EXHAUSTED, "egress_exhausted", "no egress port left towards this destination")    \
	X(TABLE_FULL, "table_full", "flow table at capacity; live flows are kept")                 \
	X(TTL_EXPIRED, "ttl_expired", "TTL ran out and could not be answered with ICMP")           \
	X(NO_BUFFER, "no_buffer", "no packet buffer left for fragments")                           \
	X(TOO_BIG, "too_big", "larger than the MTU of the nexthop, and may not be fragmented")     \
	X(HANDOVER_BUSY, "handover_busy", "the ring to the worker that owns the flow was full")    \
	X(BGP_DELIVERED, "bgp_delivered",                                                          \
	  "BGP or BFD of a tunnel's far end: given to this machine's routing daemon")              \
	X(BGP_SOURCE, "bgp_source", "BGP or BFD whose source is not the tunnel's `peer`")          \
	X(BGP_BUSY, "bgp_busy", "BGP or BFD, and the ring to the routing daemon was full")         \
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
 * Answers: packets to which the gateway itself replied. They are not drops: the reply is made in
 * the packet's own buffer and leaves in its place.
 *
 * X(enum name, name for people, what it is, its ICMP type and code, its ICMPv6 type and code, the
 *   drop reason if it cannot be sent)
 *
 * Zeros: it is no ICMP message. NONE: no drop reason, or that of the refusal which it reports.
 */
/* clang-format off */
#define ANSWER_LIST(X)                                                                             \
	X(ARP, "arp", "ARP requests for our addresses",                                            \
	  0, 0, 0, 0, NONE)                                                                        \
	X(NEIGHBOUR, "neighbour", "IPv6 neighbour solicitations for our addresses",                \
	  0, 0, 0, 0, NONE)                                                                        \
	X(ECHO, "echo", "pings to a tunnel's inner address",                                       \
	  ICMP_ECHO_REPLY, 0, ICMPV6_ECHO_REPLY, 0, NO_NEIGHBOUR)                                  \
	X(TTL_EXPIRED, "ttl_expired", "ICMP time exceeded",                                        \
	  ICMP_TIME_EXCEEDED, 0, ICMPV6_TIME_EXCEEDED, 0, TTL_EXPIRED)                             \
	X(UNREACHABLE, "unreachable", "ICMP destination unreachable: no route",                    \
	  ICMP_UNREACHABLE, ICMP_CODE_NET, ICMPV6_UNREACHABLE, 0, NO_ROUTE)                        \
	X(ROUTE_UNREACHABLE, "route_unreachable", "ICMP host unreachable: the route says so",      \
	  ICMP_UNREACHABLE, ICMP_CODE_HOST, ICMPV6_UNREACHABLE, 0, ROUTE_UNREACHABLE)              \
	X(ROUTE_PROHIBITED, "route_prohibited", "ICMP prohibited: the route says so",              \
	  ICMP_UNREACHABLE, ICMP_CODE_PROHIBITED, ICMPV6_UNREACHABLE, ICMPV6_CODE_PROHIBITED,      \
	  ROUTE_PROHIBITED)                                                                        \
	X(TOO_BIG, "too_big", "ICMP fragmentation needed, or packet too big",                      \
	  ICMP_UNREACHABLE, ICMP_CODE_TOO_BIG, ICMPV6_TOO_BIG, 0, TOO_BIG)                         \
	X(FRAGMENT_TIMEOUT, "fragment_timeout", "ICMP time exceeded: a fragment is missing",       \
	  ICMP_TIME_EXCEEDED, ICMP_CODE_REASSEMBLY, ICMPV6_TIME_EXCEEDED, ICMP_CODE_REASSEMBLY,    \
	  FRAGMENT_TIMEOUT)                                                                        \
	X(EXHAUSTED, "exhausted", "ICMP host unreachable: no egress port or no flow record left",  \
	  ICMP_UNREACHABLE, ICMP_CODE_HOST, ICMPV6_UNREACHABLE, ICMPV6_CODE_ADDRESS, NONE)         \
	X(LIMITED, "limited", "ICMP host unreachable: over a limit of the site",                   \
	  ICMP_UNREACHABLE, ICMP_CODE_HOST, ICMPV6_UNREACHABLE, ICMPV6_CODE_ADDRESS, NONE)         \
	X(PROHIBITED, "prohibited", "ICMP prohibited: source is not among the site's prefixes",    \
	  ICMP_UNREACHABLE, ICMP_CODE_PROHIBITED, ICMPV6_UNREACHABLE, ICMPV6_CODE_PROHIBITED, NONE)\
	X(PROTOCOL, "protocol", "ICMP protocol unreachable: the protocol is not translated",       \
	  ICMP_UNREACHABLE, ICMP_CODE_PROTOCOL, ICMPV6_PARAMETER, ICMPV6_CODE_NEXT_HEADER, NONE)   \
	X(RESET, "reset", "TCP resets for segments of a site that belong to no flow",              \
	  0, 0, 0, 0, NONE)                                                                        \
	X(KEEPALIVE, "keepalive", "GRE keepalives, sent back",                                     \
	  0, 0, 0, 0, NONE)

enum answer {
#define X(id, ...) ANSWER_##id,
	ANSWER_LIST(X)
#undef X
	ANSWER_COUNT,
};
/* clang-format on */

struct icmp_kind {
	uint8_t type, code;
};

struct answer_info {
	struct drop_info info;
	struct icmp_kind icmp, icmpv6;
	enum drop drop; /* if it cannot be sent; DROP_NONE: what the packet was refused for */
};

extern const struct answer_info answer_infos[ANSWER_COUNT];
