/*
 * Is this frame ours? Shared by the XDP steer program and the tc guard program.
 *
 * Only IP and ARP in untagged Ethernet frames can be ours, and in the VLANs of interconnects: other
 * VLANs, truncated frames and other protocols belong to the kernel. A tag of VLAN 0 does not count
 * (in/tag.h). Of an interconnect all IP and ARP is ours, whatever its addresses. Every fragment
 * of an IPv4 packet carries its protocol and addresses, so fragments need no special case. In IPv6,
 * extension headers may precede the tunnel's header. Every IPv6 fragment names the first header of
 * the fragmented part, so a walk that treats the fragment header as any other finds all fragments.
 *
 * The file that includes this defines STEER_LOAD, the helper that copies bytes of its context.
 */
#pragma once

#include "base/wire_numbers.h"
#include "in/steer.h"
#include "tunnel/kind_list.h"

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>

struct steer_ipv6 {
	__u32 word[4]; /* as on the wire */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, STEER_ADDRS_MAX);
	__type(key, __be32);
	__type(value, __u32);
} steer_addrs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, STEER_ADDRS_MAX);
	__type(key, struct steer_ipv6);
	__type(value, __u32);
} steer_addrs6 SEC(".maps");

struct steer_prefix {
	__u32 len; /* bits */
	struct steer_ipv6 addr;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, STEER_ADDRS_MAX);
	__type(key, struct steer_prefix);
	__type(value, __u32);
} steer_prefixes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ETHER_VLANS);
	__type(key, __u32);
	__type(value, __u32);
} steer_vlans SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64); /* as on the wire, then two zero bytes */
} steer_mac SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, STEER_COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} steer_counts SEC(".maps");

enum { ARP_REQUEST = 1, STEER_NO_VLAN = ETHER_VLANS };

/*
 * The ARP packet of Ethernet and IPv4, RFC 826. Not from <linux/if_arp.h>, which needs C library
 * headers that Debian lacks for this target.
 */
struct arp_ipv4 {
	__be16 hardware, protocol;
	__u8 hardware_len, protocol_len;
	__be16 operation;
	__u8 sender_mac[ETH_ALEN];
	__u8 sender[4];
	__u8 target_mac[ETH_ALEN];
	__be32 target;
} __attribute__((packed));

/* RFC 8200 section 3 and RFC 4861 section 4.3, the fields that we read. */
struct ipv6_header {
	__u8 version, rest[5];
	__u8 next, hops;
	struct steer_ipv6 src, dst;
};

struct solicitation {
	__u8 type, code;
	__be16 checksum;
	__u32 reserved;
	struct steer_ipv6 target;
};

/* How every extension header begins (RFC 8200 section 4). */
struct extension {
	__u8 next, units; /* units of 8 bytes beyond the first 8; 0 in a fragment header */
};

enum { EXTENSIONS_END = 255 }; /* bytes from the IPv6 header on */

struct tag {
	__be16 vlan; /* and priority */
	__be16 type; /* of what follows */
};

/* The layer-3 header behind Ethernet and priority tags. */
struct steer_frame {
	__be16 type;
	void *l3;
	__u32 at; /* offset of l3 in the frame */
};

static __always_inline void steer_count(__u32 what)
{
	__u64 *n = bpf_map_lookup_elem(&steer_counts, &what);

	if (n)
		*n += 1;
}

static __always_inline __u32 steer_flags_of(__be32 addr)
{
	__u32 *flags = bpf_map_lookup_elem(&steer_addrs, &addr);

	return flags ? *flags : 0;
}

static __always_inline __u32 steer_flags6_of(const struct steer_ipv6 *addr)
{
	struct steer_ipv6 key;
	__u32 *flags;

	__builtin_memcpy(&key, addr, sizeof(key));
	flags = bpf_map_lookup_elem(&steer_addrs6, &key);
	return flags ? *flags : 0;
}

/*
 * Looked up last. Without global prefixes and untranslated sources the map is empty, and the lookup
 * costs the kernel's packets one call.
 */
static __always_inline __u32 steer_flags_around(const struct steer_ipv6 *addr)
{
	struct steer_prefix key = {.len = 128};
	__u32 *flags;

	__builtin_memcpy(&key.addr, addr, sizeof(key.addr));
	flags = bpf_map_lookup_elem(&steer_prefixes, &key);
	return flags ? *flags : 0;
}

/*
 * Is @protocol that of a tunnel to an address with @flags? The kernel may have IPsec of its own at
 * the end of a GRE tunnel. PROTO_NONE is no byte.
 */
static __always_inline int is_tunnel(__u32 protocol, __u32 flags)
{
	if (protocol == IPPROTO_ESP && !(flags & STEER_IPSEC))
		return 0;
#define X(id, name, number) protocol == (number) ||
	return TUNNEL_KIND_LIST(X) 0;
#undef X
}

/*
 * Is there a tunnel's header behind the extension headers of an IPv6 packet, the first of kind
 * @next? A truncated packet has none. The helper reads the bytes, since without CAP_PERFMON the
 * verifier forbids variable offsets into the packet.
 */
static __always_inline int leads_to_tunnel(void *ctx, __u32 l3_at, __u8 next, __u32 flags)
{
	__u32 at = sizeof(struct ipv6_header);
	struct extension h;

	for (int i = 0; i <= NEXT_EXTENSIONS_MAX; i++) {
		if (is_tunnel(next, flags))
			return 1;
		if (next != NEXT_HOP_BY_HOP && next != NEXT_ROUTING && next != NEXT_FRAGMENT &&
		    next != NEXT_OPTIONS)
			return 0;
		if (at > EXTENSIONS_END || STEER_LOAD(ctx, l3_at + at, &h, sizeof(h)) != 0)
			return 0;
		if (next == NEXT_FRAGMENT && h.next == NEXT_OPTIONS)
			return 1; /* Linux may put the tunnel's header into another fragment */
		at += next == NEXT_FRAGMENT ? 8 : (h.units + 1) * 8;
		next = h.next;
	}
	return 0;
}

#include "in/steer_ipsec.bpf.h"

/* A solicitation is sent to the solicited-node group of its target, or to the target itself. */
static __always_inline __u32 match_ipv6(void *ctx, void *l3, __u32 l3_at, void *end)
{
	struct ipv6_header *ip = l3;
	struct solicitation *ask = (void *)(ip + 1);
	__u32 flags;

	if ((void *)(ip + 1) > end || ip->version >> 4 != 6)
		return STEER_PASSED;
	if (ip->next == PROTO_ICMPV6 && (void *)(ask + 1) <= end &&
	    ask->type == ICMPV6_NEIGHBOUR_SOLICITATION &&
	    (steer_flags6_of(&ask->target) | steer_flags_around(&ask->target)) & STEER_ARP)
		return STEER_TOOK_ARP;
	flags = steer_flags6_of(&ip->dst);
	if ((flags & STEER_IPSEC) && (ip->next == IPPROTO_UDP || ip->next == NEXT_FRAGMENT)) {
		__u32 what = ipsec_match_ipv6(ctx, ip, l3_at);

		if (what != STEER_COUNTS)
			return what;
	}
	if (flags & STEER_EGRESS)
		return STEER_TOOK_EGRESS;
	if ((flags & STEER_TUNNEL_END) && leads_to_tunnel(ctx, l3_at, ip->next, flags))
		return STEER_TOOK_TUNNEL;
	if (steer_flags_around(&ip->dst) & STEER_EGRESS)
		return STEER_TOOK_EGRESS;
	return STEER_PASSED;
}

/* An address of ours by itself is not looked for in the prefixes: what is left is the kernel's. */
static __always_inline __u32 match_ipv4(void *ctx, void *l3, __u32 l3_at, void *end)
{
	struct iphdr *ip = l3;
	struct steer_ipv6 mapped = {{0, 0, bpf_htonl(0xffff), 0}};
	__u32 flags;

	if ((void *)(ip + 1) > end || ip->version != 4)
		return STEER_PASSED;
	flags = steer_flags_of(ip->daddr);
	if ((flags & STEER_IPSEC) && ip->protocol == IPPROTO_UDP) {
		__u32 what = ipsec_match_ipv4(ctx, ip, l3_at);

		if (what != STEER_COUNTS)
			return what;
	}
	if (flags & STEER_EGRESS)
		return STEER_TOOK_EGRESS;
	if ((flags & STEER_TUNNEL_END) && is_tunnel(ip->protocol, flags))
		return STEER_TOOK_TUNNEL;
	mapped.word[3] = ip->daddr;
	if (!(flags & ~STEER_PEER) && steer_flags_around(&mapped) & STEER_EGRESS)
		return STEER_TOOK_EGRESS;
	return STEER_PASSED;
}

/* A sender that claims an address of ours does not ask for it: claim.bpf.c handles it. */
static __always_inline __u32 match_arp(void *l3, void *end)
{
	struct arp_ipv4 *arp = l3;
	__be32 sender;

	if ((void *)(arp + 1) > end || arp->operation != bpf_htons(ARP_REQUEST) ||
	    arp->protocol != bpf_htons(ETH_P_IP) || arp->protocol_len != 4 ||
	    arp->hardware_len != ETH_ALEN)
		return STEER_PASSED;
	if (!(steer_flags_of(arp->target) & STEER_ARP))
		return STEER_PASSED;
	__builtin_memcpy(&sender, arp->sender, sizeof(sender));
	return steer_flags_of(sender) & STEER_ARP ? STEER_PASSED : STEER_TOOK_ARP;
}

/*
 * A NIC or switch may deliver frames for another station; the kernel drops them. It also drops IP
 * packets in broadcast or multicast frames (RFC 1122 section 3.3.6).
 */
static __always_inline int is_for_us(const struct ethhdr *eth, __u32 what)
{
	__u32 zero = 0;
	__u64 *mac = bpf_map_lookup_elem(&steer_mac, &zero), dst = 0;

	__builtin_memcpy(&dst, eth->h_dest, ETH_ALEN);
	if (!mac || *mac == 0 || *mac == dst)
		return 1;
	return what == STEER_TOOK_ARP && eth->h_dest[0] & 1;
}

static __always_inline void skip_tag(struct steer_frame *f, void *end)
{
	struct tag *tag = f->l3;

	if ((f->type != bpf_htons(ETHER_TAG) && f->type != bpf_htons(ETHER_TAG_SERVICE)) ||
	    (void *)(tag + 1) > end || tag->vlan & bpf_htons(ETHER_TAG_VLAN))
		return;
	f->type = tag->type;
	f->l3 = tag + 1;
	f->at += sizeof(*tag);
}

static __always_inline struct steer_frame steer_untag(struct ethhdr *eth, void *end)
{
	struct steer_frame f = {eth->h_proto, eth + 1, sizeof(*eth)};

	for (int i = 0; i < ETHER_TAGS_MAX; i++)
		skip_tag(&f, end);
	return f;
}

/*
 * Goes into the VLAN of a frame without priority tags. Returns the VLAN; 0: the frame is untagged;
 * STEER_NO_VLAN: it is in no VLAN of IEEE 802.1Q.
 */
static __always_inline __u32 steer_enter_vlan(struct steer_frame *f, void *end)
{
	struct tag *tag = f->l3;
	__u32 vlan;

	if (f->type != bpf_htons(ETHER_TAG))
		return f->type == bpf_htons(ETHER_TAG_SERVICE) ? STEER_NO_VLAN : 0;
	if ((void *)(tag + 1) > end)
		return STEER_NO_VLAN;
	vlan = bpf_ntohs(tag->vlan) & ETHER_TAG_VLAN;
	f->type = tag->type;
	f->l3 = tag + 1;
	f->at += sizeof(*tag);
	return vlan != 0 ? vlan : STEER_NO_VLAN;
}

static __always_inline int is_interconnect(__u32 vlan)
{
	__u32 *is = bpf_map_lookup_elem(&steer_vlans, &vlan);

	return is && *is;
}

/* Frames with a second tag are taken so that they are counted where they are dropped. */
static __always_inline __u32 match_interconnect(const struct steer_frame *f, void *end)
{
	struct ipv6_header *ip = f->l3;
	struct solicitation *ask = (void *)(ip + 1);

	if (f->type == bpf_htons(ETH_P_ARP))
		return STEER_TOOK_ARP;
	if (f->type == bpf_htons(ETH_P_IPV6) && (void *)(ask + 1) <= end &&
	    ip->next == PROTO_ICMPV6 &&
	    (ask->type == ICMPV6_NEIGHBOUR_SOLICITATION ||
	     ask->type == ICMPV6_NEIGHBOUR_ADVERTISEMENT))
		return STEER_TOOK_ARP;
	return f->type == bpf_htons(ETH_P_IP) || f->type == bpf_htons(ETH_P_IPV6) ||
			       f->type == bpf_htons(ETHER_TAG) ||
			       f->type == bpf_htons(ETHER_TAG_SERVICE)
		       ? STEER_TOOK_TUNNEL
		       : STEER_PASSED;
}

/* @stripped: the VLAN of a tag that the kernel has taken off; 0: none. */
static __always_inline __u32 match_packet(void *ctx, struct ethhdr *eth, void *end, __u32 stripped)
{
	struct steer_frame f = steer_untag(eth, end);
	__u32 vlan = stripped != 0 ? stripped : steer_enter_vlan(&f, end);

	if (is_interconnect(vlan))
		return match_interconnect(&f, end);
	if (vlan != 0)
		return STEER_PASSED;
	if (f.type == bpf_htons(ETH_P_IP))
		return match_ipv4(ctx, f.l3, f.at, end);
	if (f.type == bpf_htons(ETH_P_IPV6))
		return match_ipv6(ctx, f.l3, f.at, end);
	if (f.type == bpf_htons(ETH_P_ARP))
		return match_arp(f.l3, end);
	return STEER_PASSED;
}

/*
 * Returns STEER_PASSED, or which kind of our packets it is. @data to @end: first bytes of the frame
 * in @ctx. @stripped: see match_packet().
 */
static __always_inline __u32 steer_match(void *ctx, void *data, void *end, __u32 stripped)
{
	struct ethhdr *eth = data;
	__u32 what;

	if ((void *)(eth + 1) > end)
		return STEER_PASSED;
	what = match_packet(ctx, eth, end, stripped);
	return what == STEER_PASSED || is_for_us(eth, what) ? what : STEER_PASSED;
}
