/*
 * The XDP steer program: takes from an interface what is Homeward's and leaves the rest to the
 * kernel, SSH and ARP included.
 *
 * It is loaded by DPDK's AF_XDP driver, which puts its socket into xsks_map; the daemon then fills
 * steer_addrs. Until that is done everything passes, as if we were not there. What is ours never
 * falls through to the kernel, which would answer it with a reset or an ICMP error: if nobody
 * listens on the queue it is dropped and counted.
 *
 * Dies with the interface, or when the driver takes it off at close. After a kill -9 it stays,
 * passes nothing of ours to the kernel, and the next start replaces it.
 */
#define STEER_LOAD bpf_xdp_load_bytes
#include "in/steer_match.bpf.h"

enum { QUEUES_MAX = 64 };

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, QUEUES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} xsks_map SEC(".maps");

SEC("xdp")
int homeward_steer(struct xdp_md *ctx)
{
	__u32 what = steer_match(ctx, (void *)(long)ctx->data, (void *)(long)ctx->data_end);
	int verdict;

	if (what == STEER_PASSED) {
		steer_count(what);
		return XDP_PASS;
	}
	verdict = bpf_redirect_map(&xsks_map, ctx->rx_queue_index, XDP_DROP);
	steer_count(verdict == XDP_REDIRECT ? what : STEER_LOST);
	return verdict;
}

char steer_license[] SEC("license") = "Dual BSD/GPL";
