/*
 * The claim program: a socket filter that selects frames in which another station claims an address
 * for which we answer. A packet socket of the control thread uses it, and so wakes up for no other
 * ARP or ND traffic.
 *
 * It shares the maps of the port's steer or guard program. Both leave such frames to the kernel.
 */
#define STEER_LOAD bpf_skb_load_bytes
#include "in/steer_match.bpf.h"

struct arp_frame {
	struct ethhdr eth;
	struct arp_ipv4 arp;
} __attribute__((packed));

struct nd_frame {
	struct ethhdr eth;
	struct ipv6_header ip;
	struct solicitation nd; /* an advertisement begins with the same fields */
} __attribute__((packed));

static __always_inline int is_our_mac(const __u8 *mac)
{
	__u32 zero = 0;
	__u64 *ours = bpf_map_lookup_elem(&steer_mac, &zero), given = 0;

	__builtin_memcpy(&given, mac, ETH_ALEN);
	return ours && *ours == given;
}

static __always_inline int claims_ipv4(struct __sk_buff *skb)
{
	struct arp_frame f;
	__be32 sender;

	if (bpf_skb_load_bytes(skb, 0, &f, sizeof(f)) != 0)
		return 0;
	__builtin_memcpy(&sender, f.arp.sender, sizeof(sender));
	return steer_flags_of(sender) & (STEER_EGRESS | STEER_ARP) && !is_our_mac(f.arp.sender_mac);
}

static __always_inline int claims_ipv6(struct __sk_buff *skb)
{
	struct steer_ipv6 target;
	struct nd_frame f;

	if (bpf_skb_load_bytes(skb, 0, &f, sizeof(f)) != 0)
		return 0;
	__builtin_memcpy(&target, (char *)&f + sizeof(f) - sizeof(target), sizeof(target));
	return f.ip.next == PROTO_ICMPV6 && f.nd.type == ICMPV6_NEIGHBOUR_ADVERTISEMENT &&
	       steer_flags6_of(&target) & (STEER_EGRESS | STEER_ARP) && !is_our_mac(f.eth.h_source);
}

/* Returns how many bytes of the frame the socket gets; 0: none. */
SEC("socket")
int homeward_claim(struct __sk_buff *skb)
{
	int claims = 0;

	if (skb->vlan_present && skb->vlan_tci & ETHER_TAG_VLAN)
		return 0;
	if (skb->protocol == bpf_htons(ETH_P_ARP))
		claims = claims_ipv4(skb);
	else if (skb->protocol == bpf_htons(ETH_P_IPV6))
		claims = claims_ipv6(skb);
	return claims ? skb->len : 0;
}

char steer_license[] SEC("license") = "Dual BSD/GPL";
