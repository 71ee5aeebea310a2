/*
 * Who has which address on a link, as it stands in a frame: ARP (RFC 826) and the solicitations and
 * advertisements of neighbour discovery (RFC 4861). Offsets count from the Ethernet header on.
 */
#pragma once

#include "base/wire.h"

enum {
	ARP_HARDWARE = ETHER_LEN,
	ARP_OPERATION = ETHER_LEN + 6,
	ARP_SENDER_MAC = ETHER_LEN + 8,
	ARP_SENDER_IP = ETHER_LEN + 14,
	ARP_TARGET_MAC = ETHER_LEN + 18,
	ARP_TARGET_IP = ETHER_LEN + 24,
	ARP_LEN = ETHER_LEN + 28,

	ARP_REQUEST = 1,
	ARP_REPLY = 2,
};

enum {
	ND_IP = ETHER_LEN,
	ND_ICMP = ND_IP + IPV6_LEN,
	ND_FLAGS = ND_ICMP + 4,
	ND_TARGET = ND_ICMP + 8,
	ND_OPTIONS = ND_ICMP + 24,
	ND_LEN = ND_OPTIONS + 8, /* with one option of eight bytes */

	ND_HOPS = 255, /* section 7.1.1: no router passed it on */
	ND_OPTION_SOURCE_ADDRESS = 1,
	ND_OPTION_TARGET_ADDRESS = 2,
	ND_OPTION_UNITS = 1, /* of eight bytes */
	ND_FLAG_SOLICITED = 0x40,
	ND_FLAG_OVERRIDE = 0x20,
};
