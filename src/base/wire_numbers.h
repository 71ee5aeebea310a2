/*
 * Numbers that stand in headers: types, protocols, codes, flags.
 *
 * Included by BPF programs, which have no C library: constants only.
 */
#pragma once

enum {
	ETHER_IPV4 = 0x0800,
	ETHER_ARP = 0x0806,
	ETHER_IPV6 = 0x86dd,
	ETHER_TAG = 0x8100, /* IEEE 802.1Q section 9.5 */
	ETHER_TAG_SERVICE = 0x88a8, /* the same of providers, once 802.1ad */
	ETHER_TAG_LEN = 4,
	ETHER_TAG_VLAN = 0xfff, /* bits of what follows the type */
	ETHER_VLANS = ETHER_TAG_VLAN + 1,
	ETHER_TAGS_MAX = 2, /* priority tags: so many are taken off */

	IPV4_ECN = 3, /* bits of the TOS byte, RFC 3168 section 5 */
	IPV4_ECN_CE = 3,

	IPV4_DF = 0x4000,
	IPV4_MF = 0x2000,
	IPV4_OFFSET = 0x1fff, /* in units of eight bytes */
	IPV4_MF_OR_OFFSET = 0x3fff,
	IPV4_OPTION_END = 0,
	IPV4_OPTION_NOP = 1,
	IPV4_OPTION_LSRR = 131, /* loose source and record route */
	IPV4_OPTION_SSRR = 137, /* strict */

	PROTO_ICMP = 1,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_GRE = 47,
	PROTO_ESP = 50,
	PROTO_ICMPV6 = 58,
	PROTO_SCTP = 132,
	PROTO_NONE = 256, /* of what has no IP header: no packet has this number */

	NEXT_HOP_BY_HOP = 0, /* extension headers, RFC 8200 section 4 */
	NEXT_ROUTING = 43,
	NEXT_FRAGMENT = 44,
	NEXT_OPTIONS = 60, /* for the destination */
	NEXT_EXTENSIONS_MAX = 8, /* of one packet: so many are walked */

	ICMP_ECHO_REPLY = 0,
	ICMP_UNREACHABLE = 3,
	ICMP_ECHO_REQUEST = 8,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETER = 12,
	ICMP_TIMESTAMP_REQUEST = 13, /* identifier where echo has it */
	ICMP_TIMESTAMP_REPLY = 14,

	ICMP_CODE_NET = 0, /* of unreachable */
	ICMP_CODE_HOST = 1,
	ICMP_CODE_PROTOCOL = 2,
	ICMP_CODE_TOO_BIG = 4,
	ICMP_CODE_REASSEMBLY = 1, /* of time exceeded; ICMPv6 has the same */
	ICMP_CODE_PROHIBITED = 13, /* administratively: RFC 1812 section 5.2.7.1 */

	ICMPV6_UNREACHABLE = 1, /* RFC 4443; its header is ICMP's */
	ICMPV6_CODE_PROHIBITED = 1,
	ICMPV6_CODE_ADDRESS = 3,
	ICMPV6_TOO_BIG = 2, /* the MTU stands in the four bytes at ICMP_ID */
	ICMPV6_TIME_EXCEEDED = 3,
	ICMPV6_PARAMETER = 4,
	ICMPV6_CODE_NEXT_HEADER = 1,
	ICMPV6_ECHO_REQUEST = 128,
	ICMPV6_ECHO_REPLY = 129,
	ICMPV6_NEIGHBOUR_SOLICITATION = 135, /* RFC 4861 */
	ICMPV6_NEIGHBOUR_ADVERTISEMENT = 136,
};
