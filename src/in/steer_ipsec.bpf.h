/*
 * UDP to an end of IPsec tunnels: which packets are ESP, and how much IKE the kernel gets.
 *
 * IKE (RFC 7296 section 2.23) is at port 500, and at 4500 behind four zero bytes. All else at 4500
 * is ESP or, of one byte, a keepalive (RFC 3948).
 *
 * Only a first fragment has ports. What it is holds for the later ones of its packet: they are ESP
 * if the first was noted as ESP, else the kernel's, since IKE is fragmented where certificates are
 * large. A later fragment that overtakes its first one is lost to ESP. Notes are few, and the
 * oldest make room: whoever floods them disturbs fragmented ESP only.
 *
 * New requests (those without a responder's SPI: IKE_SA_INIT, and the first ones of IKEv1) cost
 * charon a half-open SA or a cookie each, and anybody can send them. Of each neighbourhood of
 * sources so many a second reach the kernel, and so many of all strangers together; the rest is
 * dropped and counted. Far ends that a tunnel names are no strangers. IKE of SAs that exist has a
 * responder's SPI and is never limited.
 *
 * Part of steer_match.bpf.h.
 */
#pragma once

enum {
	IKE_PORT = 500,
	IKE_NAT_PORT = 4500,
	UDP_HEADER = 8,
	FRAGMENT6_OFFSET = 0xfff8, /* RFC 8200 section 4.5 */
	NOTES = 1024, /* of fragments */
	NEIGHBOURHOODS = 8192,
};

#define SECOND_NS 1000000000ULL

enum { UDP_PLAIN, UDP_IKE, UDP_ESP };

struct ipsec_udp {
	__be16 src, dst, len, checksum;
};

/* The begin of an IKE header. */
struct ike_header {
	__u32 initiator[2], responder[2];
	__u8 next, version, exchange, flags;
};

struct ipsec_packet {
	struct steer_ipv6 src, dst; /* IPv4: in the last word */
	__u32 id;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, NOTES);
	__type(key, struct ipsec_packet);
	__type(value, __u32);
} steer_fragments SEC(".maps");

struct ike_count {
	__u64 since_ns;
	__u64 requests;
};

/* Key: the first 24 bits of an IPv4 source, or 56 of an IPv6 one. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, NEIGHBOURHOODS);
	__type(key, __u64);
	__type(value, struct ike_count);
} steer_neighbourhoods SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ike_count);
} steer_strangers SEC(".maps");

/* CPUs may count at the same time; a few requests more or less do not matter. */
static __always_inline int is_within(struct ike_count *c, __u64 now, __u64 most)
{
	if (now - c->since_ns >= SECOND_NS) {
		c->since_ns = now;
		c->requests = 0;
	}
	return __sync_fetch_and_add(&c->requests, 1) < most;
}

static __always_inline int is_new_request(void *ctx, __u32 ike_at)
{
	struct ike_header ike;

	return STEER_LOAD(ctx, ike_at, &ike, sizeof(ike)) == 0 &&
	       (ike.responder[0] | ike.responder[1]) == 0;
}

static __always_inline int is_too_much(__u64 neighbourhood, int is_stranger)
{
	struct ike_count first = {}, *c;
	__u64 now = bpf_ktime_get_ns();
	__u32 zero = 0;

	c = bpf_map_lookup_elem(&steer_neighbourhoods, &neighbourhood);
	if (!c) {
		first.since_ns = now;
		bpf_map_update_elem(&steer_neighbourhoods, &neighbourhood, &first, BPF_NOEXIST);
		c = bpf_map_lookup_elem(&steer_neighbourhoods, &neighbourhood);
	}
	if (c && !is_within(c, now, STEER_IKE_SOURCE))
		return 1;
	c = bpf_map_lookup_elem(&steer_strangers, &zero);
	return is_stranger && c && !is_within(c, now, STEER_IKE_STRANGERS);
}

/* What is in UDP? @ike_at: where its IKE header is. */
static __always_inline int ipsec_kind(void *ctx, __u32 at, __u32 *ike_at)
{
	struct ipsec_udp udp;
	__u32 marker = 0;

	*ike_at = at + UDP_HEADER;
	if (STEER_LOAD(ctx, at, &udp, sizeof(udp)) != 0 || udp.dst == bpf_htons(IKE_PORT))
		return UDP_IKE;
	if (udp.dst != bpf_htons(IKE_NAT_PORT))
		return UDP_PLAIN;
	if (udp.len == bpf_htons(UDP_HEADER + 1))
		return UDP_ESP;
	*ike_at += sizeof(marker);
	if (STEER_LOAD(ctx, at + UDP_HEADER, &marker, sizeof(marker)) != 0)
		return UDP_IKE;
	return marker == 0 ? UDP_IKE : UDP_ESP;
}

/* The verdict for a packet that is no later fragment. STEER_COUNTS: it is neither ESP nor IKE. */
static __always_inline __u32 ipsec_verdict(void *ctx, __u32 at, __u64 neighbourhood, int stranger)
{
	__u32 ike_at;
	int kind = ipsec_kind(ctx, at, &ike_at);

	if (kind == UDP_PLAIN)
		return STEER_COUNTS;
	if (kind == UDP_ESP)
		return STEER_TOOK_TUNNEL;
	return is_new_request(ctx, ike_at) && is_too_much(neighbourhood, stranger)
		       ? STEER_IKE_LIMITED
		       : STEER_PASSED;
}

/* @offset: of a fragment, with its flag for more, host order. */
static __always_inline __u32 ipsec_fragment(const struct ipsec_packet *p, __u32 offset,
					    __u32 verdict)
{
	__u32 *noted;

	if (offset == 0) {
		if (verdict == STEER_TOOK_TUNNEL)
			bpf_map_update_elem(&steer_fragments, p, &verdict, BPF_ANY);
		else
			bpf_map_delete_elem(&steer_fragments, p); /* of an earlier one */
		return verdict;
	}
	noted = bpf_map_lookup_elem(&steer_fragments, p);
	return noted ? STEER_TOOK_TUNNEL : STEER_PASSED;
}

static __always_inline __u32 ipsec_match_ipv4(void *ctx, const struct iphdr *ip, __u32 l3_at)
{
	__u32 offset = bpf_ntohs(ip->frag_off) & IPV4_OFFSET, verdict = STEER_PASSED;
	struct ipsec_packet p = {};

	if (offset == 0)
		verdict = ipsec_verdict(ctx, l3_at + ip->ihl * 4, bpf_ntohl(ip->saddr) >> 8,
					!(steer_flags_of(ip->saddr) & STEER_PEER));
	if (!(ip->frag_off & bpf_htons(IPV4_MF_OR_OFFSET)))
		return verdict;
	p.src.word[3] = ip->saddr;
	p.dst.word[3] = ip->daddr;
	p.id = ip->id;
	return ipsec_fragment(&p, offset, verdict);
}

struct fragment6 {
	__u8 next, reserved;
	__be16 offset;
	__be32 id;
};

static __always_inline __u32 ipsec_match_ipv6(void *ctx, const struct ipv6_header *ip, __u32 l3_at)
{
	__u64 neighbourhood = (__u64)bpf_ntohl(ip->src.word[0]) << 32 | bpf_ntohl(ip->src.word[1]);
	int stranger = !(steer_flags6_of(&ip->src) & STEER_PEER);
	__u32 at = l3_at + sizeof(*ip), offset, verdict = STEER_PASSED;
	struct fragment6 f;
	struct ipsec_packet p = {};

	neighbourhood = neighbourhood >> 8 | 1ULL << 63; /* none of IPv4 */
	if (ip->next == IPPROTO_UDP)
		return ipsec_verdict(ctx, at, neighbourhood, stranger);
	if (STEER_LOAD(ctx, at, &f, sizeof(f)) != 0 || f.next != IPPROTO_UDP)
		return STEER_COUNTS;
	offset = bpf_ntohs(f.offset) & FRAGMENT6_OFFSET;
	if (offset == 0)
		verdict = ipsec_verdict(ctx, at + sizeof(f), neighbourhood, stranger);
	__builtin_memcpy(&p.src, &ip->src, sizeof(p.src));
	__builtin_memcpy(&p.dst, &ip->dst, sizeof(p.dst));
	p.id = f.id;
	return ipsec_fragment(&p, offset, verdict);
}
