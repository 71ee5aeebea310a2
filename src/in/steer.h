/*
 * What the two kernel-side programs (steer.bpf.c, guard.bpf.c) and the daemon agree on: the maps.
 *
 *   steer_addrs      IPv4 address -> enum steer_flags: which packets are ours
 *   steer_addrs6     the same for IPv6
 *   steer_prefixes   prefix -> the same for every address in it; IPv4: mapped
 *   steer_vlans      VLAN -> 1: an interconnect has it; 0 for untagged frames
 *   steer_mac        0 -> the interface's Ethernet address; zero: unknown, all frames match
 *   steer_fragments  packet -> its first fragment was ESP in UDP (steer_ipsec.bpf.h)
 *   steer_neighbourhoods, steer_strangers   new IKE requests in this second
 *   steer_counts     enum steer_count -> packets, per CPU
 *   steer_queues     receive queue -> struct steer_queue, memory shared with the worker
 *
 * Included by BPF programs: constants and plain structs only.
 */
#pragma once

enum steer_flags {
	STEER_TUNNEL_END = 1, /* tunnel packets to this address are ours, others are the kernel's */
	STEER_EGRESS = 2, /* every IP packet to this address or prefix is ours */
	STEER_ARP = 4, /* we answer ARP, or neighbour solicitations, for it */
	STEER_INTERCONNECT = 8, /* the same on an interconnect: only the daemon reads this flag */
	STEER_IPSEC = 16, /* ESP in UDP to it is ours, IKE is the kernel's */
	STEER_PEER = 32, /* a far end of an IPsec tunnel: its IKE requests are no stranger's */
};

enum steer_count {
	STEER_TOOK_TUNNEL,
	STEER_TOOK_EGRESS,
	STEER_TOOK_ARP,
	STEER_PASSED, /* left to the kernel */
	STEER_LOST, /* ours, but no socket on its queue: dropped, never passed to the kernel */
	STEER_CROWDED, /* ours, but its sender has used up its share of a nearly full ring */
	STEER_IKE_LIMITED, /* a new IKE request that was one too many: dropped */
	STEER_COUNTS,
};

enum {
	STEER_ADDRS_MAX = 131072,
	STEER_QUEUES_MAX = 64,
	STEER_SHARES = 4096, /* of each queue */
	/* sizes of a receive ring, in packets */
	STEER_RING = 2048,
	STEER_CALM = STEER_RING / 4 * 3, /* below this fill level nobody is limited */
	STEER_EPOCH = 1024, /* shares are reset when the worker has taken this many packets */
	STEER_SHARE_MIN = 16,
	/* new IKE requests a second, at each interface */
	STEER_IKE_SOURCE = 256, /* from one /24, or /56 of IPv6 */
	STEER_IKE_STRANGERS = 1024, /* from all addresses that no tunnel names */
};

/* Fill level of a receive ring: put - taken. Each on its own cache line. */
struct steer_queue {
	unsigned long long put; /* written by the program in the kernel */
	unsigned long long to_line[7];
	unsigned long long taken; /* written by the worker of the queue */
	unsigned long long to_line2[7];
};
