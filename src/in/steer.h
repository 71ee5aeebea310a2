/*
 * What the two kernel-side programs (steer.bpf.c, guard.bpf.c) and the daemon agree on: the maps.
 *
 *   steer_addrs      IPv4 address -> enum steer_flags: what is ours
 *   steer_addrs6     the same for IPv6
 *   steer_prefixes6  IPv6 prefix -> the same for all that is in it
 *   steer_mac        0 -> the interface's Ethernet address; zero: not known, any will do
 *   steer_counts     enum steer_count -> packets, per CPU
 *
 * Included by BPF programs: constants only.
 */
#pragma once

enum steer_flags {
	STEER_TUNNEL_END = 1, /* GRE to this address is ours, the rest is the kernel's */
	STEER_EGRESS = 2, /* every IP packet to this address or prefix is ours */
	STEER_ARP = 4, /* we answer ARP, or neighbour solicitations, for it */
};

enum steer_count {
	STEER_TOOK_TUNNEL,
	STEER_TOOK_EGRESS,
	STEER_TOOK_ARP,
	STEER_PASSED, /* left to the kernel */
	STEER_LOST, /* ours, but nobody listens on its queue: dropped, never given to the kernel */
	STEER_COUNTS,
};

enum { STEER_ADDRS_MAX = 131072 };
