/*
 * Finds the Ethernet addresses of the peers of interconnects: asks for them by ARP and neighbour
 * discovery, hears from the workers what the peers tell, and passes the result to the nexthops.
 *
 * The kernel cannot do it: it need not have a device for the VLAN, nor the address. The peer of
 * IPv4 is asked for, or without one that of IPv6: it is one station. On ports without a kernel all
 * frames go to one Ethernet address, and nobody is asked.
 *
 * Control thread, in its event loop.
 */
#pragma once

#include "control/interconnect/peer.h"
#include "network/network.h"

struct event_base;
struct interconnects;
struct neighbours;
struct peer_heard;
struct port_set;

struct peer_info {
	enum peer_state state;
	uint8_t mac[6];
	bool has_mac;
};

enum { PEER_MAC_TEXT = 18 };

/* Borrows all arguments. NULL with errno if memory ran out. */
struct interconnects *interconnects_create(struct event_base *base, const struct port_set *ports,
					   const struct network *net,
					   struct neighbours *neighbours);
void interconnects_destroy(struct interconnects *x); /* accepts NULL */

/*
 * From now on the network is @net. An interconnect with the same port, VLAN and addresses keeps its
 * peer; others start anew.
 */
void interconnects_follow(struct interconnects *x, const struct network *net);

/* A worker heard a peer. */
void interconnects_heard(struct interconnects *x, const struct peer_heard *heard);

/* @x may be NULL, and @tunnel any: then the peer is PEER_ASKED. */
void interconnects_peer(const struct interconnects *x, uint16_t tunnel, struct peer_info *out);

const char *peer_mac_text(const uint8_t mac[6], char text[PEER_MAC_TEXT]);
