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
 *   | src    | dst    | sport  | dport  | realm  | proto|domain|
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
	uint8_t domain; /* enum flow_domain */
};

static_assert(sizeof(struct flow_key) == 16, "a key is one AES block");

/*
 * What a hash is about. All are keyed by one secret; the domain is part of what is hashed, so that
 * nothing is learnt of one from another.
 */
enum flow_domain {
	FLOW_DOMAIN_KEY, /* of packets and flows */
	FLOW_DOMAIN_FRAGMENTS, /* enum assembly_kind, from here to 15 */
	FLOW_DOMAIN_ENDPOINT = 16, /* setup/mapping.c: inside, */
	FLOW_DOMAIN_ENDPOINT_OUTSIDE, /* and outside */
	FLOW_DOMAIN_SHORTAGE, /* setup/shortage.c */
	FLOW_DOMAIN_SOURCE, /* path/sources.h */
	FLOW_DOMAIN_OWNER, /* path/handover.c */
	FLOW_DOMAIN_IDENTIFICATION, /* out/identification.c */
	FLOW_DOMAIN_RANDOM,
};

enum { FLOW_HASH_MAX = 39 }; /* bytes */

enum flow_dir {
	FLOW_FORWARD, /* from the site */
	FLOW_RETURN, /* to it */
};

enum flow_state {
	FLOW_FREE, /* the record is in the free list */
	FLOW_RESTING, /* the flow has ended, and its port is kept from others (rest.c) */
	FLOW_UDP,
	FLOW_ICMP,
	FLOW_OTHER, /* of a protocol that we know nothing of but its addresses */
	FLOW_TCP_SYN_SENT, /* the site's SYN seen */
	FLOW_TCP_SYN_RECEIVED, /* the other side's (setup/inbound.c) */
	FLOW_TCP_SYN_ACK_RECEIVED, /* SYN+ACK of the other side seen */
	FLOW_TCP_SYN_ACK_SENT, /* the site's */
	FLOW_TCP_ESTABLISHED,
	FLOW_TCP_FIN_SENT, /* the site has said all */
	FLOW_TCP_FIN_RECEIVED, /* the other side has */
	FLOW_TCP_CLOSED, /* both, or a reset: waits for stragglers */
	FLOW_STATE_COUNT,
};

/* A TCP connection that is not yet established: it cost whoever began it one packet. */
static inline bool flow_is_half_open(uint8_t state)
{
	return state >= FLOW_TCP_SYN_SENT && state <= FLOW_TCP_SYN_ACK_SENT;
}

extern const char *const flow_state_names[FLOW_STATE_COUNT];

/*
 * One flow, both directions: one cache line.
 *
 *   bytes 0-27    setup/ writes them once (onramp: again when the site changes tunnels)
 *   bytes 28-63   what packets leave behind
 *
 * Forward is out of the site, return into it, whoever began: where the Internet may open flows to a
 * site (setup/inbound.c), the first packet is a return.
 *
 * Forward key: src dst sport dport site proto. Return key: dst nat_src dport nat_port far proto.
 * In a free record src is the next free record's number. In a resting one onramp is the realm that
 * the return came from, far is FLOW_NOWHERE, seen_s is when it ended, and packets are its
 * neighbours in the list of all that rest.
 */
struct flow {
	be32_t src;
	be32_t dst;
	be16_t sport;
	be16_t dport;
	uint16_t site; /* whose it is: who started it, or was reached by it */
	uint8_t proto;
	uint8_t state : 7; /* enum flow_state */
	bool is_extended : 1; /* it has an extension line (extension.h) */
	be32_t nat_src; /* the source the far side sees */
	be16_t nat_port;
	uint16_t far; /* realm the return comes from */
	uint16_t onramp; /* nexthop of the return: the tunnel it came by */
	uint16_t offramp; /* nexthop of the forward: a neighbour, a tunnel or back in */
	uint32_t seen_s; /* worker clock; written at most once a second */
	uint32_t packets[2]; /* low 32 bits, by enum flow_dir */
	uint64_t bytes[2]; /* low 56 bits; bits 56-63: packets bits 32-39 */
	/* what the site said last of TCP: window.c, which has them mean something else half open */
	be16_t tcp_seq; /* high half */
	uint8_t tcp_window; /* high byte, not scaled */
	uint8_t tcp_scales; /* low half the site's, high half the other side's */
	be32_t tcp_ack;
};

#define FLOW_NOWHERE UINT16_MAX /* a realm that no packet comes from */

static_assert(sizeof(struct flow) == CACHE_LINE, "a flow is one cache line");
static_assert(FLOW_STATE_COUNT <= 1 << 7, "a state has seven bits");
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

/* What a burst asks the table: the key goes in, the record comes out. */
struct flow_probe {
	struct flow_key key;
	uint64_t hash; /* flow_table_lookup() writes it; insertion needs it again */
	uint32_t record; /* FLOW_NO_RECORD: not in the table */
	uint8_t dir; /* enum flow_dir, where a record was found */
	uint8_t pad[3];
};

enum { FLOW_CAPACITY_MAX = 1 << 28 };
#define FLOW_NO_RECORD UINT32_MAX

struct flow_table;

/*
 * A table for exactly @capacity flows, 80 bytes each, allocated and touched now: huge pages where
 * the machine has them. @secret keys the hash (16 bytes, copied). NULL with errno on failure.
 */
struct flow_table *flow_table_create(uint32_t capacity, const uint8_t secret[16]);
void flow_table_destroy(struct flow_table *t); /* NULL is fine */

/* How many bytes flow_table_create() would allocate. */
uint64_t flow_table_bytes(uint32_t capacity);

/* Finds all keys of a burst, @n at most 64: hash, prefetch, compare tags, prefetch, verify. */
void flow_table_lookup(struct flow_table *t, struct flow_probe **probes, unsigned n);

/* Is this key in the table? Setup's way to find a free egress port. */
bool flow_table_has(const struct flow_table *t, const struct flow_key *key);

/* The same in two halves, so that several candidates' cache misses overlap. */
uint64_t flow_table_prefetch(const struct flow_table *t, const struct flow_key *key);
bool flow_table_has_hashed(const struct flow_table *t, const struct flow_key *key, uint64_t hash);

/*
 * These two also see flows that rest. The record of the one that has @key as its return key, or
 * FLOW_NO_RECORD; and, of either family: has nobody a key with @hash? False: somebody may have one.
 */
uint32_t flow_table_holder(const struct flow_table *t, const struct flow_key *key, uint64_t hash);
bool flow_table_lacks(const struct flow_table *t, uint64_t hash);

/*
 * Adds a flow under both its keys; @flow is copied, its state must not be FLOW_FREE and neither key
 * may be in the table. A new flow is a plain one. FLOW_NO_RECORD: the table is full.
 */
uint32_t flow_table_insert(struct flow_table *t, const struct flow *flow);

/* The same where the hashes of both keys are known: from a lookup and from a prefetch. */
uint32_t flow_table_insert_hashed(struct flow_table *t, const struct flow *flow,
				  uint64_t forward_hash, uint64_t return_hash);

/* Takes a live flow out under both keys; the record is free at once. */
void flow_table_remove(struct flow_table *t, uint32_t record);

struct flow *flow_table_at(const struct flow_table *t, uint32_t record);

uint32_t flow_table_count(const struct flow_table *t); /* live flows */
uint32_t flow_table_capacity(const struct flow_table *t);
uint32_t flow_table_used(const struct flow_table *t); /* records from here on were never used */

/*
 * The table's keyed hash, for whoever needs one that nobody outside can foretell: of @n bytes, at
 * most FLOW_HASH_MAX, always as many in one domain; up to 15 are the cheapest.
 */
uint64_t flow_table_hash(const struct flow_table *t, enum flow_domain domain, const void *bytes,
			 size_t n);

/* An unpredictable number (keyed hash of a counter): RFC 6056 wants ports hard to guess. */
uint64_t flow_table_random(struct flow_table *t);

/* The two keys of a flow. */
void flow_forward_key(const struct flow *f, struct flow_key *key);
void flow_return_key(const struct flow *f, struct flow_key *key);

/* TCP header flags, RFC 9293 section 3.1. */
enum {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_ACK = 0x10,
};

/* The state after a segment with @tcp_flags in direction @dir. */
uint8_t flow_tcp_next(uint8_t state, enum flow_dir dir, uint8_t tcp_flags);

enum { FLOW_PORT_TIMERS_MAX = 16 };

/* Of UDP, and of TCP connections that are open, to one port (RFC 4787 REQ-5a). */
struct flow_port_timer {
	be16_t port;
	uint8_t proto;
	uint16_t idle_s;
};

/* How long a flow without packets is kept. */
struct flow_timers {
	uint16_t state_s[FLOW_STATE_COUNT]; /* seconds */
	/*
	 * The same of a half-open flow if those who have it are near a limit, from the hand's @arg.
	 * NULL: as all others.
	 */
	uint16_t (*half_open_s)(void *arg, const struct flow_table *t, const struct flow *f);
	/* UDP to port 53: while an answer is missing, and when there are as many as questions */
	uint16_t dns_s, dns_answered_s; /* 0: as all UDP */
	struct flow_port_timer ports[FLOW_PORT_TIMERS_MAX]; /* before all of these */
	uint16_t n_ports;
};

enum { FLOW_PORT_DNS = 53 };

/* 0: the flow's port has no timer of its own. */
static inline uint16_t flow_port_timeout(const struct flow_timers *timers, const struct flow *f)
{
	if (f->state != FLOW_UDP && f->state != FLOW_TCP_ESTABLISHED)
		return 0;
	for (uint16_t i = 0; i < timers->n_ports; i++)
		if (timers->ports[i].port == f->dport && timers->ports[i].proto == f->proto)
			return timers->ports[i].idle_s;
	return 0;
}

static inline uint16_t flow_timeout(const struct flow_timers *timers, const struct flow *f)
{
	uint16_t own = timers->n_ports > 0 ? flow_port_timeout(timers, f) : 0;

	if (own != 0)
		return own;
	if (f->state == FLOW_UDP && f->dport == htons(FLOW_PORT_DNS) && timers->dns_s != 0)
		return f->packets[FLOW_RETURN] < f->packets[FLOW_FORWARD] ? timers->dns_s
									  : timers->dns_answered_s;
	return timers->state_s[f->state];
}

/* Has the flow been idle for longer than that? It must not be free. */
static inline bool flow_is_over(const struct flow_timers *timers, const struct flow *f,
				uint32_t now_s)
{
	return now_s - f->seen_s > flow_timeout(timers, f);
}

/*
 * Rest (rest.c): the flow ends, but its return key is not free yet. No packet finds it any more, no
 * count has it, and its record is given to another flow when there is no other left.
 */
void flow_table_rest(struct flow_table *t, uint32_t record, uint32_t now_s);

/* The site of a flow that rests is gone: no site may take the port sooner than others. */
void flow_disown(struct flow *f);

/* It has rested for long enough, or another flow gets its return key: the record is free. */
void flow_table_wake(struct flow_table *t, uint32_t record);

/* The one that has rested longest, or FLOW_NO_RECORD. */
uint32_t flow_table_resting(const struct flow_table *t);

/* Called for a flow that is over: what becomes of it? */
enum flow_end {
	FLOW_END_KEEP, /* it stays: a packet of it is on its way */
	FLOW_END_REMOVE,
	FLOW_END_REST,
};

/*
 * The sweeping hand: looks at the next @n records and ends the flows that are over. Returns how
 * many ended.
 */
unsigned flow_table_sweep(struct flow_table *t, uint32_t now_s, unsigned n,
			  const struct flow_timers *timers,
			  enum flow_end (*end)(void *arg, struct flow *flow, uint32_t record),
			  void *arg);
