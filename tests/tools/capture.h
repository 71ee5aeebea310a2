/*
 * A capture file as conversations: client, server, and every packet in order.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum capture_skip {
	SKIP_NOT_IP, /* or not in Ethernet, a VLAN of it, or raw IP */
	SKIP_CUT, /* the capture has only a part of it */
	SKIP_FRAGMENT,
	SKIP_OTHER, /* neither TCP, UDP nor echo */
	SKIP_BEGUN, /* of a conversation that began before the capture */
	SKIP_LARGE, /* larger than a frame: the capturing machine has joined segments */
	SKIP_COUNT,
};

extern const char *const capture_skip_names[SKIP_COUNT];

/* As on the wire; IPv4: the last four bytes, behind ::ffff:0:0. */
struct address {
	uint8_t b[16];
};

/* Ports in host order; ICMP: the identifier is the client's port. */
struct conversation {
	struct address client, server;
	uint16_t client_port, server_port;
	bool six;
	uint8_t proto;
	uint32_t host; /* number of the client, from 0 */
	uint32_t place; /* number of the server */
};

struct captured {
	uint32_t conversation; /* number of its conversation */
	bool forward; /* from the client */
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

/* Ends the program with a sentence if the file cannot be read. */
struct capture *capture_read(const char *path);
void capture_free(struct capture *c);

/*
 * Writes addresses, ports (ICMP: both are the identifier) and @ttl into a packet whose
 * header was checked, and computes its checksums, since captures have partial ones. A UDP checksum
 * of zero stays.
 */
void packet_renew(uint8_t *ip, const struct address *src, const struct address *dst, uint16_t sport,
		  uint16_t dport, uint8_t ttl);

/* The offset of the source port or ICMP identifier of a packet whose header was checked. */
size_t packet_port_at(const uint8_t *ip);
