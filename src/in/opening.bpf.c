/*
 * The program that is on an interface while its AF_XDP sockets are being made.
 *
 * DPDK's AF_XDP driver attaches a program for each of its devices, and an interface may need
 * several devices (control/port/queues.c). So the driver gets this program, which leaves all
 * packets to the kernel. The steer program replaces it when all sockets exist. The driver puts its
 * sockets into xsks_map; nothing reads it.
 */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

#include "in/steer.h"

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, STEER_QUEUES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} xsks_map SEC(".maps");

SEC("xdp")
int homeward_open(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char opening_license[] SEC("license") = "Dual BSD/GPL";
