/*
 * A capture file as conversations: who began, who answered, and every packet in order.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum capture_skip {
	SKIP_NOT_IP, /* or not in Ethernet, a VLAN of it, or raw IP */
	SKIP_CUT, /* the capture did not keep all of it */
	SKIP_FRAGMENT,
	SKIP_OTHER, /* neither TCP, UDP nor echo */
	SKIP_BEGUN, /* of a conversation that began before the capture */
	SKIP_LARGE, /* more than fits a frame: put together by the machine that captured */
	SKIP_COUNT,
};

extern const char *const capture_skip_names[SKIP_COUNT];

/* As on the wire; IPv4: the last four bytes, behind ::ffff:0:0. */
struct address {
	uint8_t b[16];
};

/* Ports in host order; ICMP: the identifier is the starter's port. */
struct conversation {
	struct address client, server;
	uint16_t client_port, server_port;
	bool six;
	uint8_t proto;
	uint32_t host; /* what the client is called here: numbered from 0 */
	uint32_t place; /* likewise the server */
};

struct captured {
	uint32_t conversation; /* number of */
	bool forward; /* from who began */
	uint16_t len;
	uint8_t *ip; /* the packet */
};

struct capture {
	struct conversation *conversations;
	uint32_t n_conversations;
	struct captured *packets;
	uint32_t n_packets;
	uint32_t skipped[SKIP_COUNT];
	struct address *clients, *servers; /* by number */
	uint32_t n_clients, n_servers;
};

enum { CAPTURE_PACKET_MAX = 8900 };

/* Ends the program with a sentence if the file can not be read. */
struct capture *capture_read(const char *path);
void capture_free(struct capture *c);

/*
 * Gives a packet, whose header was checked, addresses and ports (an ICMP identifier: both) and makes
 * its checksums anew: captures hold unfinished ones. A UDP checksum of zero stays.
 */
void packet_renew(uint8_t *ip, const struct address *src, const struct address *dst, uint16_t sport,
		  uint16_t dport, uint8_t ttl);

/* Where the source port, or an ICMP identifier, of a packet stands, whose header was checked. */
size_t packet_port_at(const uint8_t *ip);
