/*
 * The tc guard program: for AF_PACKET ports, where the kernel sees a copy of every packet.
 *
 * AF_PACKET sockets are served before tc ingress, so what is dropped here has reached us already.
 * Without it the kernel would answer packets to our egress addresses and GRE to our tunnel ends
 * with ICMP errors, or forward them.
 */
#include "in/steer_match.bpf.h"

#include <linux/pkt_cls.h>

/* With a solicitation, or with the extension headers in front of GRE. */
enum { HEADERS = sizeof(struct ethhdr) + sizeof(struct ipv6_header) + EXTENSIONS_BYTES + 8 };

SEC("tc")
int homeward_guard(struct __sk_buff *skb)
{
	__u32 what = STEER_PASSED;

	if (!skb->vlan_present) {
		bpf_skb_pull_data(skb, skb->len < HEADERS ? skb->len : HEADERS);
		what = steer_match((void *)(long)skb->data, (void *)(long)skb->data_end);
	}
	steer_count(what);
	return what == STEER_PASSED ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

char steer_license[] SEC("license") = "Dual BSD/GPL";
