/*
 * The tc guard program: for AF_PACKET ports, where the kernel sees a copy of every packet.
 *
 * AF_PACKET sockets get packets before tc ingress, so packets that are dropped here have reached us
 * already. Without this program the kernel would answer packets to our egress addresses and GRE to
 * our tunnel ends with ICMP errors, or forward them.
 */
#define STEER_LOAD bpf_skb_load_bytes
#include "in/steer_match.bpf.h"

#include <linux/pkt_cls.h>

enum {
	HEADERS = sizeof(struct ethhdr) + (ETHER_TAGS_MAX + 1) * sizeof(struct tag) +
		  sizeof(struct ipv6_header) + sizeof(struct solicitation),
};

/* The kernel has taken the first tag off. 0: there was none, or a priority tag. */
static __always_inline __u32 stripped_vlan(const struct __sk_buff *skb)
{
	__u32 vlan = skb->vlan_present ? skb->vlan_tci & ETHER_TAG_VLAN : 0;

	return vlan == 0 || skb->vlan_proto == bpf_htons(ETHER_TAG) ? vlan : STEER_NO_VLAN;
}

SEC("tc")
int homeward_guard(struct __sk_buff *skb)
{
	__u32 what;

	bpf_skb_pull_data(skb, skb->len < HEADERS ? skb->len : HEADERS);
	what = steer_match(skb, (void *)(long)skb->data, (void *)(long)skb->data_end,
			   stripped_vlan(skb));
	steer_count(what);
	return what == STEER_PASSED ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

char steer_license[] SEC("license") = "Dual BSD/GPL";
