/*
 * What the two kernel-side programs (steer.bpf.c, guard.bpf.c) and the daemon agree on: the maps.
 *
 *   steer_addrs      IPv4 address -> enum steer_flags: what is ours
 *   steer_addrs6     the same for IPv6
 *   steer_prefixes6  IPv6 prefix -> the same for all that is in it
 *   steer_mac        0 -> the interface's Ethernet address; zero: not known, any will do
 *   steer_counts     enum steer_count -> packets, per CPU
 *   steer_queues     receive queue -> struct steer_queue, in memory that the worker sees, too
 *
 * Included by BPF programs: constants and plain structs only.
 */
#pragma once

enum steer_flags {
	STEER_TUNNEL_END =
		1, /* what tunnels carry to this address is ours, the rest is the kernel's */
	STEER_EGRESS = 2, /* every IP packet to this address or prefix is ours */
	STEER_ARP = 4, /* we answer ARP, or neighbour solicitations, for it */
};

enum steer_count {
	STEER_TOOK_TUNNEL,
	STEER_TOOK_EGRESS,
	STEER_TOOK_ARP,
	STEER_PASSED, /* left to the kernel */
	STEER_LOST, /* ours, but nobody listens on its queue: dropped, never given to the kernel */
	STEER_CROWDED, /* ours, but its sender had its share of a ring that is nearly full */
	STEER_COUNTS,
};

enum {
	STEER_ADDRS_MAX = 131072,
	STEER_QUEUES_MAX = 64,
	/* of a receive ring: packets */
	STEER_RING = 2048,
	STEER_CALM = STEER_RING / 4 * 3, /* below that everybody may add to it */
	STEER_EPOCH = 1024, /* when the worker has taken so many shares begin anew */
	STEER_SHARE_MIN = 16,
};

/* How full a receive ring is: put - taken. Each on a cache line of its own. */
struct steer_queue {
	unsigned long long put; /* written by the program in the kernel */
	unsigned long long to_line[7];
	unsigned long long taken; /* written by the worker of the queue */
	unsigned long long to_line2[7];
};
