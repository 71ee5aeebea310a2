/*
 * The generator and the counting ends of the benchmarks over veth, inside the kernel.
 *
 * veth_generate is run by BPF_PROG_RUN with live frames: each run makes one frame and sends it into a
 * veth pair, without a socket or a system call a packet. A sink stands at the far ends, counts and
 * drops; of frames from the uplink it learns under which address and port a flow left, so that the
 * generator can answer them. There are two, because the gateway's CPU pays for the far end of veth:
 * socket buffers, which AF_XDP sends in copy mode, come cheaper to tc than to XDP, which would copy
 * them once more; what the kernel forwards comes cheaper to XDP.
 */
#include "veth.h"

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>

/* Set before the programs are loaded. */
const volatile __u32 n_flows = 1;
const volatile __u32 n_sites = 1;
const volatile __u32 n_outs = 1; /* the last one is the uplink */
const volatile __u32 with_gre = 0;
const volatile __u32 uplink_ifindex = 0;
const volatile __u8 macs[VETH_OUTS_MAX][12] = {}; /* destination and source by out */

__u32 mode = VETH_OPEN;
__u32 next = 0; /* VETH_OPEN: flow */
__u64 learned = 0; /* different flows seen at the uplink */

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, VETH_OUTS_MAX);
	__type(key, __u32);
	__type(value, __u32);
} outs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct veth_mapping);
} mappings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2); /* 0: from the uplink, 1: from the tunnels */
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct gre {
	__be16 flags, proto;
	__be32 key;
};

struct inner {
	struct iphdr ip;
	struct udphdr udp;
	__u32 flow;
};

static __always_inline __u16 ip_checksum(const struct iphdr *ip)
{
	const __u16 *words = (const __u16 *)ip;
	__u32 sum = 0;

#pragma unroll
	for (int i = 0; i < 10; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static __always_inline void make_ip(struct iphdr *ip, __u16 len, __u8 proto, __be32 src, __be32 dst)
{
	ip->version = 4;
	ip->ihl = 5;
	ip->tos = 0;
	ip->tot_len = bpf_htons(len);
	ip->id = 0;
	ip->frag_off = 0;
	ip->ttl = 64;
	ip->protocol = proto;
	ip->check = 0;
	ip->saddr = src;
	ip->daddr = dst;
	ip->check = ip_checksum(ip);
}

static __always_inline void make_ether(struct ethhdr *eth, __u32 out)
{
	__builtin_memcpy(eth->h_dest, (const void *)macs[out & (VETH_OUTS_MAX - 1)], 12);
	eth->h_proto = bpf_htons(ETH_P_IP);
}

static __always_inline __be32 server(__u32 flow)
{
	return bpf_htonl(0x08080000 + (flow * 0x9e3779b1 >> 20) % VETH_SERVERS);
}

static __always_inline void make_inner(struct inner *in, __u32 flow, const struct veth_mapping *m)
{
	__be16 host_port = bpf_htons(VETH_FIRST_PORT + flow / n_sites / VETH_HOSTS);
	__be32 host = bpf_htonl(0x0a000001 + flow / n_sites % VETH_HOSTS);

	if (m) {
		make_ip(&in->ip, VETH_INNER, IPPROTO_UDP, server(flow), m->addr);
		in->udp.source = bpf_htons(VETH_SERVER_PORT);
		in->udp.dest = m->port;
	} else {
		make_ip(&in->ip, VETH_INNER, IPPROTO_UDP, host, server(flow));
		in->udp.source = host_port;
		in->udp.dest = bpf_htons(VETH_SERVER_PORT);
	}
	in->udp.len = bpf_htons(VETH_INNER - sizeof(struct iphdr));
	in->udp.check = 0; /* none: RFC 768 */
	in->flow = flow;
}

static __always_inline int send_forward(struct xdp_md *ctx, __u32 flow)
{
	__u32 site = flow % n_sites, out = with_gre ? 0 : site;
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *outer = data + sizeof(*eth);
	struct gre *gre = data + sizeof(*eth) + sizeof(*outer);
	struct inner *in = data + sizeof(*eth) + (with_gre ? VETH_OUTER : 0);

	if (data + sizeof(*eth) + VETH_OUTER + sizeof(*in) > end)
		return XDP_ABORTED;
	make_ether(eth, out);
	if (with_gre) {
		make_ip(outer, VETH_OUTER + VETH_INNER, IPPROTO_GRE, bpf_htonl(0xc0000201 + site),
			bpf_htonl(0xc6336401));
		gre->flags = bpf_htons(0x2000);
		gre->proto = bpf_htons(ETH_P_IP);
		gre->key = bpf_htonl(site);
	}
	make_inner(in, flow, 0);
	return bpf_redirect_map(&outs, out, 0);
}

static __always_inline int send_return(struct xdp_md *ctx, __u32 flow, const struct veth_mapping *m)
{
	struct ethhdr *eth;
	void *data, *end;

	if (with_gre && bpf_xdp_adjust_head(ctx, VETH_OUTER))
		return XDP_ABORTED;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	eth = data;
	if (data + sizeof(*eth) + sizeof(struct inner) > end)
		return XDP_ABORTED;
	make_ether(eth, n_outs - 1);
	make_inner(data + sizeof(*eth), flow, m);
	return bpf_redirect_map(&outs, n_outs - 1, 0);
}

SEC("xdp")
int veth_generate(struct xdp_md *ctx)
{
	struct veth_mapping *m;
	__u32 random, flow;

	if (mode == VETH_OPEN) {
		for (int i = 0; i < 16; i++) { /* skips what is open, as far as a run may look */
			flow = next;
			next = next + 1 < n_flows ? next + 1 : 0;
			m = bpf_map_lookup_elem(&mappings, &flow);
			if (!m)
				return XDP_ABORTED;
			if (!m->seen)
				return send_forward(ctx, flow);
		}
		return XDP_DROP;
	}
	random = bpf_get_prandom_u32();
	flow = ((__u64)(random >> 1) * n_flows) >> 31;
	if (random & 1)
		return send_forward(ctx, flow);
	m = bpf_map_lookup_elem(&mappings, &flow);
	return m ? send_return(ctx, flow, m) : XDP_ABORTED;
}

static __always_inline void learn(void *data, void *end)
{
	struct inner *in = data + sizeof(struct ethhdr);
	struct veth_mapping *m;
	__u32 flow;

	if ((void *)(in + 1) > end || in->ip.protocol != IPPROTO_UDP)
		return;
	flow = in->flow;
	m = bpf_map_lookup_elem(&mappings, &flow);
	if (!m || m->seen)
		return;
	m->addr = in->ip.saddr;
	m->port = in->udp.source;
	m->seen = 1;
	__sync_fetch_and_add(&learned, 1);
}

/* Is it IPv4, and so counted? */
static __always_inline int sink(__u32 ifindex, void *data, void *end)
{
	__u32 which = ifindex != uplink_ifindex;
	__u64 *count = bpf_map_lookup_elem(&counts, &which);
	struct ethhdr *eth = data;

	if ((void *)(eth + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return 0;
	if (count)
		*count += 1;
	if (which == 0 && mode == VETH_OPEN)
		learn(data, end);
	return 1;
}

SEC("xdp")
int veth_sink(struct xdp_md *ctx)
{
	return sink(ctx->ingress_ifindex, (void *)(long)ctx->data, (void *)(long)ctx->data_end)
		       ? XDP_DROP
		       : XDP_PASS;
}

SEC("tc")
int veth_sink_tc(struct __sk_buff *skb)
{
	return sink(skb->ifindex, (void *)(long)skb->data, (void *)(long)skb->data_end)
		       ? TC_ACT_SHOT
		       : TC_ACT_UNSPEC;
}

char veth_license[] SEC("license") = "Dual BSD/GPL";
