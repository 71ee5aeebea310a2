/* Shared by the generator's BPF programs and by bench-veth. */
#pragma once

enum {
	VETH_SERVERS = 4096,
	VETH_HOSTS = 4000,
	VETH_FIRST_PORT = 10000,
	VETH_SERVER_PORT = 443,
	VETH_OUTS_MAX = 16,
	VETH_INNER = 64, /* bytes */
	VETH_OUTER = 28, /* IPv4 and GRE with key */
};

enum veth_mode {
	VETH_OPEN, /* first packets of flows that nobody has seen at the far end yet */
	VETH_MIX, /* random flows, both directions */
};

/* What the far end sees of a flow. */
struct veth_mapping {
	unsigned int addr; /* network order */
	unsigned short port; /* network order */
	unsigned short seen;
};
