/*
 * Flows: finds the flow of a packet and the decisions made for it.
 *
 * The public header of flow/: key, record, table, TCP state and ageing. The folder compiles and is
 * tested without DPDK. A table belongs to one worker thread, which alone writes it, without locks.
 * Other workers only ask whether a key is in it (ask.h).
 */
#pragma once

#include "base/types.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The key of a packet's lookup. The realm says whose addresses these are: the site that the packet
 * came from, or SITE_INTERNET for a packet to an egress address. It keeps equal five-tuples of two
 * sites apart.
 *
 *   0        4        8        10       12       14     15     16
 *   +--------+--------+--------+--------+--------+------+------+
 *   | src    | dst    | sport  | dport  | realm  | proto|domain|
 *   +--------+--------+--------+--------+--------+------+------+
 *
 * ICMP echo: the identifier is in sport of a request and in dport of a reply; the other port is
 * zero.
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
 * The purpose of a hash. All hashes use one secret. The domain is part of the hashed bytes, so that
 * a hash of one domain reveals nothing about another.
 */
enum flow_domain {
	FLOW_DOMAIN_KEY, /* of packets and flows */
	FLOW_DOMAIN_FRAGMENTS, /* enum assembly_kind, from here to 15 */
	FLOW_DOMAIN_ENDPOINT = 16, /* setup/mapping.c: inner endpoints */
	FLOW_DOMAIN_ENDPOINT_OUTSIDE, /* and outer endpoints */
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
	FLOW_RESTING, /* the flow has ended; its port is not used by others yet (rest.c) */
	FLOW_UDP,
	FLOW_ICMP,
	FLOW_OTHER, /* another protocol: only addresses are known */
	FLOW_TCP_SYN_SENT, /* the site's SYN seen */
	FLOW_TCP_SYN_RECEIVED, /* the far side's SYN seen (setup/inbound.c) */
	FLOW_TCP_SYN_ACK_RECEIVED, /* the far side's SYN+ACK seen */
	FLOW_TCP_SYN_ACK_SENT, /* the site's SYN+ACK seen */
	FLOW_TCP_ESTABLISHED,
	FLOW_TCP_FIN_SENT, /* the site's FIN seen */
	FLOW_TCP_FIN_RECEIVED, /* the far side's FIN seen */
	FLOW_TCP_CLOSED, /* both FINs or a reset seen; waits for late segments */
	FLOW_STATE_COUNT,
};

/* A TCP connection that is not yet established: its initiator has sent only one packet. */
static inline bool flow_is_half_open(uint8_t state)
{
	return state >= FLOW_TCP_SYN_SENT && state <= FLOW_TCP_SYN_ACK_SENT;
}

extern const char *const flow_state_names[FLOW_STATE_COUNT];

/* By which way a flow has come about, as far as a change must know it (setup/change.h). */
enum flow_way {
	FLOW_WAY_PLAIN, /* to the Internet, or to a site by a route of the file */
	FLOW_WAY_LEARNED, /* to a site by a learned route, whose end does not end the flow */
	FLOW_WAY_INWARD, /* another site opened it, to an alias of this one */
	FLOW_WAY_UNTRANSLATED, /* to the Internet from its own address, by a route */
};

/*
 * One flow, both directions: one cache line.
 *
 *   bytes 0-27    setup/ writes them once (onramp: again when the site changes tunnels)
 *   bytes 28-63   packets write them
 *
 * Forward is out of the site, and return is into it, whichever side began: if the Internet opens a
 * flow to a site (setup/inbound.c), or another site does so by an alias (setup/alias.c), the first
 * packet is a return.
 *
 * Forward key: src dst sport dport site proto. Return key: dst nat_src dport nat_port far proto. In
 * a free record, src is the number of the next free record. In a resting record, onramp is the
 * realm that the return came from, far is FLOW_NOWHERE, seen_s is when the flow ended, and
 * packets[] links the list of resting records.
 */
struct flow {
	be32_t src;
	be32_t dst;
	be16_t sport;
	be16_t dport;
	uint16_t site; /* the site that began the flow, or that the Internet reached by it */
	uint8_t proto;
	uint8_t state : 5; /* enum flow_state */
	uint8_t way : 2; /* enum flow_way */
	bool is_extended : 1; /* it has an extension line (extension.h) */
	be32_t nat_src; /* the source the far side sees */
	be16_t nat_port;
	uint16_t far; /* realm the return comes from: the Internet or a site */
	uint16_t onramp; /* nexthop of the return: the tunnel of the site */
	uint16_t offramp; /* nexthop of forward packets: a neighbour, a tunnel or the hairpin */
	uint32_t seen_s; /* worker clock; written at most once a second */
	uint32_t packets[2]; /* low 32 bits, by enum flow_dir */
	uint64_t bytes[2]; /* low 56 bits; bits 56-63: packets bits 32-39 */
	/* from the site's last TCP segment; other meaning in half-open states: window.c */
	be16_t tcp_seq; /* high half */
	uint8_t tcp_window; /* high byte, not scaled */
	uint8_t tcp_scales; /* low half: the site's; high half: the far side's */
	be32_t tcp_ack;
};

#define FLOW_NOWHERE UINT16_MAX /* a realm that no packet comes from */

static_assert(sizeof(struct flow) == CACHE_LINE, "a flow is one cache line");
static_assert(FLOW_STATE_COUNT <= 1 << 5, "a state has five bits");
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

/* A lookup in the table: key in, record out. */
struct flow_probe {
	struct flow_key key;
	uint64_t hash; /* written by flow_table_lookup(), used by insertion */
	uint32_t record; /* FLOW_NO_RECORD: not in the table */
	uint8_t dir; /* enum flow_dir, where a record was found */
	uint8_t pad[3];
};

enum { FLOW_CAPACITY_MAX = 1 << 28 };
#define FLOW_NO_RECORD UINT32_MAX

struct flow6; /* flow6.h */
struct flow_table;
struct kept; /* kept.h */

/*
 * A table for exactly @capacity flows, 80 bytes each, allocated and touched now: huge pages where
 * the machine has them. @secret keys the hash (16 bytes, copied): the same for all tables of a
 * gateway, so that one hash serves for all. NULL with errno on failure.
 */
struct flow_table *flow_table_create(uint32_t capacity, const uint8_t secret[16]);
struct flow_table *flow6_table_create(uint32_t capacity, const uint8_t secret[16]); /* flow6.h */

/*
 * The same with its records in the zeroed memory of @kept, and of its family and capacity. The
 * memory must outlive the table.
 */
struct flow_table *flow_table_create_kept(const struct kept *kept, const uint8_t secret[16]);
void flow_table_destroy(struct flow_table *t); /* NULL is fine */

/* How many bytes flow_table_create() would allocate. */
uint64_t flow_table_bytes(uint32_t capacity);
uint64_t flow6_table_bytes(uint32_t capacity);

/* Finds all keys of a burst, @n at most 64: hash, prefetch, compare tags, prefetch, verify. */
void flow_table_lookup(struct flow_table *t, struct flow_probe **probes, unsigned n);

/* Is this key in the table? Setup finds a free egress port by it. */
bool flow_table_has(const struct flow_table *t, const struct flow_key *key);

/* The same in two steps, so that the cache misses of several candidates overlap. */
uint64_t flow_table_prefetch(const struct flow_table *t, const struct flow_key *key);
bool flow_table_has_hashed(const struct flow_table *t, const struct flow_key *key, uint64_t hash);

/*
 * Both also find resting flows. The first: the record with return key @key, or FLOW_NO_RECORD. The
 * second, for either family: is no key with @hash in the table? False: there may be one.
 */
uint32_t flow_table_holder(const struct flow_table *t, const struct flow_key *key, uint64_t hash);
bool flow_table_lacks(const struct flow_table *t, uint64_t hash);

/*
 * Adds a flow under both its keys; @flow is copied, its state must not be FLOW_FREE and neither key
 * may be in the table. A new flow has no extension line. FLOW_NO_RECORD: the table is full.
 */
uint32_t flow_table_insert(struct flow_table *t, const struct flow *flow);

/* The same where the hashes of both keys are known: from a lookup and from a prefetch. */
uint32_t flow_table_insert_hashed(struct flow_table *t, const struct flow *flow,
				  uint64_t forward_hash, uint64_t return_hash);
uint32_t flow6_table_insert_hashed(struct flow_table *t, const struct flow *flow,
				   const struct flow6 *six, uint64_t forward_hash,
				   uint64_t return_hash);

/* Removes a live flow under both keys; the record is free at once. */
void flow_table_remove(struct flow_table *t, uint32_t record);

/* Records are in one array: number 0 is its start. */
struct flow *flow_table_at(const struct flow_table *t, uint32_t record);

uint32_t flow_table_count(const struct flow_table *t); /* live flows */
uint32_t flow_table_capacity(const struct flow_table *t);
uint32_t flow_table_used(const struct flow_table *t); /* records from here on were never used */

/*
 * The table's keyed hash, unpredictable from outside, of @n bytes, at most FLOW_HASH_MAX. @n must
 * be the same for all hashes of a domain. Up to 15 bytes are the fastest.
 */
uint64_t flow_table_hash(const struct flow_table *t, enum flow_domain domain, const void *bytes,
			 size_t n);

/*
 * An unpredictable number (keyed hash of a counter): RFC 6056 asks for ports that are hard to
 * guess.
 */
uint64_t flow_table_random(struct flow_table *t);

/* Gives each of the tables with one secret random numbers of its own. Right after its creation. */
void flow_table_set_stream(struct flow_table *t, uint16_t number);

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

/* A timeout for flows to one port: UDP, and established TCP connections (RFC 4787 REQ-5a). */
struct flow_port_timer {
	be16_t port;
	uint8_t proto;
	uint16_t idle_s;
};

/* The timeouts: how long a flow without packets is kept. */
struct flow_timers {
	uint16_t state_s[FLOW_STATE_COUNT]; /* seconds */
	/*
	 * The timeout of a half-open flow, shorter if its site or host is near a limit. @arg is
	 * that of the sweep. NULL: state_s applies.
	 */
	uint16_t (*half_open_s)(void *arg, const struct flow_table *t, const struct flow *f);
	/* UDP to port 53: with fewer answers than queries, and with all answered */
	uint16_t dns_s, dns_answered_s; /* 0: as other UDP */
	struct flow_port_timer ports[FLOW_PORT_TIMERS_MAX]; /* take precedence over the others */
	uint16_t n_ports;
};

enum { FLOW_PORT_DNS = 53 };

/* The timeout of the flow's port; 0: the port has none of its own. */
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

/* Has the flow been idle for longer than its timeout? Its record must not be free. */
static inline bool flow_is_over(const struct flow_timers *timers, const struct flow *f,
				uint32_t now_s)
{
	return now_s - f->seen_s > flow_timeout(timers, f);
}

/*
 * Rest (rest.c): the flow ends, but its return key stays in use. Packets do not find it and
 * counters do not count it. Its record is given to another flow when no other record is free.
 */
void flow_table_rest(struct flow_table *t, uint32_t record, uint32_t now_s);

/*
 * Clears the site of a resting flow, which was removed: no site may take the port earlier than
 * others.
 */
void flow_disown(struct flow *f);

/* Ends the rest, when it is over or another flow gets the return key: frees the record. */
void flow_table_wake(struct flow_table *t, uint32_t record);

/* The record that has rested longest, or FLOW_NO_RECORD. */
uint32_t flow_table_resting(const struct flow_table *t);

/* Called for a flow whose timeout is over. Returns what to do with it. */
enum flow_end {
	FLOW_END_KEEP, /* keep it: a packet of it is in flight */
	FLOW_END_REMOVE,
	FLOW_END_REST,
};

/*
 * The sweep: visits the next @n records and ends the flows whose timeout is over. Returns how many
 * ended.
 */
unsigned flow_table_sweep(struct flow_table *t, uint32_t now_s, unsigned n,
			  const struct flow_timers *timers,
			  enum flow_end (*end)(void *arg, struct flow *flow, uint32_t record),
			  void *arg);
