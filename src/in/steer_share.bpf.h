/*
 * Shares of the last quarter of a receive ring.
 *
 * When a worker gets no CPU for some milliseconds, or packets arrive faster than it forwards, its
 * ring fills and later packets are lost, whoever sent them: one flooding site would cause loss for
 * all others. So the ring is shared as switches share their buffers. Below three quarters full, all
 * packets are accepted. Above that, a sender may add half as many packets as there is room left,
 * and at least STEER_SHARE_MIN, until the worker has taken STEER_EPOCH more packets. A flood
 * reaches its limit at once; a slow sender never does.
 *
 * The program counts the packets that it puts into a ring, and the worker those that it took
 * (in/receive.c), in a page that both share. Packets lost in between count as waiting until the
 * worker finds the ring empty.
 *
 * A sender is an outer source address and a GRE key, since sites may share an address; outside of
 * tunnels it is a pair of addresses, with the VLAN of an interconnect. Senders are hashed: two of
 * them may fall into one share. Each ring has shares of its own.
 */
#pragma once

#include "in/steer.h"
#include "in/steer_match.bpf.h"

enum { SHARES_SHIFT = 20, GRE_HAS_KEY = 0x2000, GRE_HAS_CHECKSUM = 0x8000 };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, STEER_QUEUES_MAX);
	__type(key, __u32);
	__type(value, struct steer_queue);
} steer_queues SEC(".maps");

struct share {
	__u32 epoch;
	__u32 packets; /* packets that the sender added */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, STEER_SHARES); /* the daemon makes as many for each queue */
	__type(key, __u32);
	__type(value, struct share);
} steer_shares SEC(".maps");

struct gre_key {
	__be16 flags, protocol;
	__be32 key;
};

static __always_inline __u32 sender_of_ipv4(void *l3, void *end)
{
	struct iphdr *ip = l3;
	struct gre_key *gre = (void *)(ip + 1);

	if ((void *)(ip + 1) > end)
		return 0;
	if (ip->protocol != IPPROTO_GRE)
		return ip->saddr ^ ip->daddr;
	if (ip->ihl != 5 || (void *)(gre + 1) > end ||
	    (gre->flags & bpf_htons(GRE_HAS_KEY | GRE_HAS_CHECKSUM)) != bpf_htons(GRE_HAS_KEY))
		return ip->saddr;
	return ip->saddr ^ gre->key;
}

static __always_inline __u32 sender_of_ipv6(void *l3, void *end)
{
	struct ipv6_header *ip = l3;
	__u32 sum = 0;

	if ((void *)(ip + 1) > end)
		return 0;
	for (int i = 0; i < 4; i++)
		sum ^= ip->src.word[i];
	return sum;
}

/* All other frames of a VLAN count as one sender. */
static __always_inline __u32 sender_of(struct ethhdr *eth, void *end)
{
	struct steer_frame f;
	__u32 vlan;

	if ((void *)(eth + 1) > end)
		return 0;
	f = steer_untag(eth, end);
	vlan = steer_enter_vlan(&f, end);
	if (f.type == bpf_htons(ETH_P_IP))
		return vlan ^ sender_of_ipv4(f.l3, end);
	if (f.type == bpf_htons(ETH_P_IPV6))
		return vlan ^ sender_of_ipv6(f.l3, end);
	return vlan;
}

/* Has the sender of this frame used up its share of queue @q? */
static __always_inline int steer_is_crowded(struct steer_queue *q, __u32 queue, struct ethhdr *eth,
					    void *end)
{
	__u64 taken = q->taken, waiting = q->put - taken, room;
	__u32 epoch = taken / STEER_EPOCH, slot;
	struct share *share;

	if ((__s64)waiting < STEER_CALM)
		return 0;
	room = waiting < STEER_RING ? STEER_RING - waiting : 0;
	slot = queue * STEER_SHARES + ((sender_of(eth, end) * 0x9e3779b1u) >> SHARES_SHIFT);
	share = bpf_map_lookup_elem(&steer_shares, &slot);
	if (!share)
		return 0;
	if (share->epoch != epoch) {
		share->epoch = epoch;
		share->packets = 0;
	}
	if (share->packets >= STEER_SHARE_MIN && share->packets >= room / 2)
		return 1;
	share->packets++;
	return 0;
}
