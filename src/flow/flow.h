/*
 * Flows: which conversation does a packet belong to, and what was decided for it.
 *
 * The public header of flow/: key, record, table, TCP state and ageing. The folder compiles and is
 * tested without DPDK. A table belongs to one worker thread, which alone reads and writes it; there
 * are no locks and no atomics.
 */
#pragma once

#include "base/types.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What a packet is looked up by. The realm says whose addresses these are: the site it came from,
 * or SITE_INTERNET for what comes in to an egress address. This is what keeps equal five-tuples of
 * two sites apart.
 *
 *   0        4        8        10       12       14     15     16
 *   +--------+--------+--------+--------+--------+------+------+
 *   | src    | dst    | sport  | dport  | realm  | proto| zero |
 *   +--------+--------+--------+--------+--------+------+------+
 *
 * ICMP echo: the identifier stands in sport towards the destination and in dport on the way back;
 * the other one is zero.
 */
struct flow_key {
	be32_t src;
	be32_t dst;
	be16_t sport;
	be16_t dport;
	uint16_t realm;
	uint8_t proto;
	uint8_t zero;
};

static_assert(sizeof(struct flow_key) == 16, "a key is one AES block");

enum flow_dir {
	FLOW_FORWARD, /* as the first packet */
	FLOW_RETURN,
};

enum flow_state {
	FLOW_FREE, /* the record is in the free list */
	FLOW_UDP,
	FLOW_ICMP,
	FLOW_TCP_OPENING, /* SYN seen */
	FLOW_TCP_ANSWERED, /* SYN+ACK seen */
	FLOW_TCP_ESTABLISHED,
	FLOW_TCP_FIN_FORWARD, /* the starter has said all */
	FLOW_TCP_FIN_RETURN, /* the other side has */
	FLOW_TCP_CLOSED, /* both, or a reset: waits for stragglers */
	FLOW_STATE_COUNT,
};

extern const char *const flow_state_names[FLOW_STATE_COUNT];

/*
 * One flow, both directions: one cache line.
 *
 *   bytes 0-27    setup/ writes them once (onramp: again when the site changes tunnels)
 *   bytes 28-63   what packets leave behind
 *
 * Forward key: src dst sport dport site proto. Return key: dst nat_src dport nat_port far proto.
 * In a free record src is the next free record's number.
 */
struct flow {
	be32_t src;
	be32_t dst;
	be16_t sport;
	be16_t dport;
	uint16_t site; /* who started it */
	uint8_t proto;
	uint8_t state; /* enum flow_state */
	be32_t nat_src; /* the source the far side sees */
	be16_t nat_port;
	uint16_t far; /* realm the return comes from */
	uint16_t onramp; /* tunnel the return goes to */
	uint16_t offramp; /* hop the forward goes to */
	uint32_t seen_s; /* worker clock; written at most once a second */
	uint32_t packets[2]; /* low 32 bits, by enum flow_dir */
	uint64_t bytes[2]; /* low 56 bits; bits 56-63: packets bits 32-39 */
	be32_t tcp_ack[2]; /* last acknowledgement number seen */
};

static_assert(sizeof(struct flow) == CACHE_LINE, "a flow is one cache line");
static_assert(offsetof(struct flow, seen_s) == 28, "the decision outgrew its half");

enum { FLOW_BYTES_BITS = 56 };

static inline uint64_t flow_bytes(const struct flow *f, enum flow_dir dir)
{
	return f->bytes[dir] & ((UINT64_C(1) << FLOW_BYTES_BITS) - 1);
}

static inline uint64_t flow_packets(const struct flow *f, enum flow_dir dir)
{
	return (f->bytes[dir] >> FLOW_BYTES_BITS) << 32 | f->packets[dir];
}
