/*
 * The XDP steer program: takes Homeward's packets from an interface and leaves all others to the
 * kernel, such as SSH and ARP.
 *
 * The daemon loads it, writes addresses into its maps and a socket for each receive queue into
 * xsks_map, and attaches it. A packet of ours never reaches the kernel, which would answer it with
 * a reset or an ICMP error: if no socket listens on the queue, or the ring is nearly full
 * (steer_share.bpf.h), the packet is dropped and counted.
 *
 * A socket accepts only frames of its own queue; the kernel drops all others. So the program cannot
 * choose the worker (docs/ports.md).
 *
 * The program is removed with the interface, or by the daemon. After a kill -9 it stays and still
 * keeps our packets from the kernel, until the next start replaces it.
 */
#define STEER_LOAD bpf_xdp_load_bytes
#include "in/steer_match.bpf.h"
#include "in/steer_share.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, STEER_QUEUES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} xsks_map SEC(".maps");

/* Puts a packet of ours into the ring of its queue, or drops it. Returns the counter to raise. */
static __always_inline __u32 give(struct xdp_md *ctx, __u32 what)
{
	__u32 queue = ctx->rx_queue_index;
	struct steer_queue *q = bpf_map_lookup_elem(&steer_queues, &queue);

	if (q && steer_is_crowded(q, queue, (void *)(long)ctx->data, (void *)(long)ctx->data_end))
		return STEER_CROWDED;
	if (bpf_redirect_map(&xsks_map, queue, XDP_DROP) != XDP_REDIRECT)
		return STEER_LOST;
	if (q)
		q->put++; /* one queue is served by one CPU at a time */
	return what;
}

SEC("xdp")
int homeward_steer(struct xdp_md *ctx)
{
	__u32 what = steer_match(ctx, (void *)(long)ctx->data, (void *)(long)ctx->data_end, 0), as;

	if (what == STEER_PASSED || what == STEER_IKE_LIMITED) {
		steer_count(what);
		return what == STEER_PASSED ? XDP_PASS : XDP_DROP;
	}
	as = give(ctx, what);
	steer_count(as);
	return as == what ? XDP_REDIRECT : XDP_DROP;
}

char steer_license[] SEC("license") = "Dual BSD/GPL";
