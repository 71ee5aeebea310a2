/*
 * struct packet: the state of one packet between stages, one cache line. struct burst: the packets
 * in process.
 *
 * A stage takes its list of packets and moves each packet to the list of a later stage. A packet is
 * in exactly one list at any time.
 */
#pragma once

#include "base/drop.h"
#include "base/types.h"
#include "base/wire.h"
#include "flow/flow.h"
#include "flow/flow6.h"

#include <assert.h>
#include <stdint.h>

enum {
	BURST_MAX = 64, /* packets */
	PORT_BACK_IN = 0xff, /* in_port of a hairpinned packet: out/hairpin.c */
	/*
	 * Bytes in front of a frame: for the headers of an ICMP error that goes into any tunnel. A
	 * frame of an interconnect has only its Ethernet header in front of the inner packet.
	 */
	HEADROOM_MIN = 120,
};

/* In the order of processing; worker/pipeline.c has a row for each. */
enum stage {
	STAGE_DECAPSULATE,
	STAGE_ESP_OPEN,
	STAGE_PARSE,
	STAGE_PARSE6,
	STAGE_REASSEMBLE,
	STAGE_EMBEDDED,
	STAGE_LOOKUP,
	STAGE_LOOKUP6,
	STAGE_ASK,
	STAGE_ASK6,
	STAGE_SETUP,
	STAGE_SETUP6,
	STAGE_HANDOVER,
	STAGE_FORWARD,
	STAGE_FORWARD6,
	STAGE_REWRITE,
	STAGE_REWRITE6,
	STAGE_REWRITE_EMBEDDED,
	STAGE_ANSWER,
	STAGE_FRAGMENT,
	STAGE_ENCAPSULATE,
	STAGE_ENCAPSULATE6,
	STAGE_ESP_SEAL,
	STAGE_HAIRPIN,
	STAGE_TRANSMIT,
	STAGE_DROP,
	STAGE_COUNT,
};

struct rte_mbuf;

/*
 * The comment of a field names the stage that writes it. Fields in a union belong to one list each:
 * only the stage of that list reads them.
 */
struct packet {
	struct flow_probe probe; /* parse: key; lookup, setup: record and direction */
	uint8_t *data; /* current start: Ethernet; from decapsulate to rewrite, IP */
	struct rte_mbuf *mbuf; /* its buffer; used by receive and transmit only */
	uint16_t len; /* bytes from data on */
	uint16_t onramp; /* decapsulate: the tunnel it came out of; TUNNEL_NONE: none */
	uint16_t nexthop; /* forward, answer: its nexthop; receive: NEXTHOP_NONE */
	uint8_t l4; /* parse: offset of the transport header from data */
	uint8_t tcp_flags; /* parse */
	uint8_t in_port; /* receive: port it came in by; hairpin: PORT_BACK_IN */
	uint8_t out_port; /* port it leaves by; written by the stage that passes it to transmit */
	union {
		uint8_t drop; /* to STAGE_DROP: enum drop */
		uint8_t answer; /* to STAGE_ANSWER: enum answer */
		uint8_t fragment_how; /* to STAGE_FRAGMENT: enum fragment_how */
		uint8_t handover_to; /* to STAGE_HANDOVER: enum handover_to */
		uint8_t seal_how; /* to STAGE_ESP_SEAL: enum seal_how */
	};
	union {
		/*
		 * To STAGE_HANDOVER: the worker it belongs to; handover_receive: the worker it came
		 * from.
		 */
		uint16_t owner;
		uint16_t refusal; /* to STAGE_ANSWER: drop reason if no answer can be sent */
	};
	union {
		/*
		 * To STAGE_REASSEMBLE: the site of the flow of a first fragment from the Internet;
		 * 0: not looked up yet.
		 */
		uint16_t site_of_fragment;
		/*
		 * parse6: 0; reassemble: for a reassembled IPv6 packet, the largest size that its
		 * source is known to send, headers included. Its fragments are no larger when it
		 * leaves.
		 */
		uint16_t fragment_limit;
	};
};

static_assert(DROP_COUNT <= UINT8_MAX && ANSWER_COUNT <= UINT8_MAX, "a reason is a byte");
static_assert(sizeof(struct packet) == CACHE_LINE, "a packet is one cache line");

struct burst {
	uint16_t n[STAGE_COUNT];
	struct packet *list[STAGE_COUNT][BURST_MAX];
	struct packet packets[BURST_MAX];
	struct flow6_key keys6[BURST_MAX]; /* parse6: keys of IPv6 packets, indexed as packets */
	uint64_t handed; /* bit by index: another worker handed it to this one, its owner */
	uint64_t detoured; /* bit by index: it was reassembled here, but arrived at p->owner */
	uint64_t spilled; /* bit by index: setup passes it on to another worker, which has room */
	uint8_t tried[BURST_MAX]; /* by index, of handed ones: workers that had no room for it */
};

/* The key of an IPv6 packet. p->probe.key has the same values, without the addresses. */
static inline struct flow6_key *burst_key6(struct burst *b, const struct packet *p)
{
	return &b->keys6[p - b->packets];
}

static inline bool burst_was_handed(const struct burst *b, const struct packet *p)
{
	return b->handed >> (p - b->packets) & 1;
}

static inline bool burst_went_detour(const struct burst *b, const struct packet *p)
{
	return b->detoured >> (p - b->packets) & 1;
}

/* @p, a fragment until now, is a reassembled packet: this worker may not be its owner. */
static inline void burst_reassembled(struct burst *b, const struct packet *p)
{
	uint64_t bit = UINT64_C(1) << (p - b->packets);

	b->detoured |= b->handed & bit;
	b->handed &= ~bit;
}

static inline void burst_pass(struct burst *b, enum stage to, struct packet *p)
{
	b->list[to][b->n[to]++] = p;
}

static inline void burst_drop(struct burst *b, struct packet *p, enum drop reason)
{
	p->drop = reason;
	burst_pass(b, STAGE_DROP, p);
}

/* @site: as found by the flow's owner; SITE_INTERNET: not looked up yet. */
static inline void burst_reassemble(struct burst *b, struct packet *p, uint16_t site)
{
	p->site_of_fragment = site;
	burst_pass(b, STAGE_REASSEMBLE, p);
}

/* The first stage at the receiving worker: fragments have no key yet. */
enum handover_to { HANDOVER_TO_PARSE, HANDOVER_TO_REASSEMBLE };

/* Passes @p to STAGE_HANDOVER, for the worker p->owner. */
static inline void burst_handover(struct burst *b, struct packet *p, enum handover_to to)
{
	p->handover_to = to;
	burst_pass(b, STAGE_HANDOVER, p);
}

/* How many workers had no room for the flow of @p. */
static inline unsigned burst_tried(const struct burst *b, const struct packet *p)
{
	return burst_was_handed(b, p) ? b->tried[p - b->packets] : 0;
}

/* Passes @p, a first packet, to worker @to: this one has no room for its flow. */
static inline void burst_spill(struct burst *b, struct packet *p, uint16_t to)
{
	unsigned i = (unsigned)(p - b->packets);

	b->tried[i] = (uint8_t)(burst_tried(b, p) + 1);
	b->spilled |= UINT64_C(1) << i;
	p->owner = to;
	burst_handover(b, p, HANDOVER_TO_PARSE);
}

/* Passes @p to STAGE_TRANSMIT: it is a finished frame. */
static inline void burst_transmit(struct burst *b, struct packet *p, uint8_t port)
{
	p->out_port = port;
	burst_pass(b, STAGE_TRANSMIT, p);
}

/* To STAGE_ESP_SEAL: by which tunnel? */
enum seal_how {
	SEAL_BY_NEXTHOP, /* that of the nexthop, which may be a substitute */
	SEAL_PAST_SUBSTITUTE, /* the one whose id p->nexthop is */
};

static inline void burst_seal(struct burst *b, struct packet *p, enum seal_how how)
{
	p->seal_how = how;
	burst_pass(b, STAGE_ESP_SEAL, p);
}

/* To STAGE_FRAGMENT: must the packet still be translated? */
enum fragment_how { FRAGMENT_AS_IS, FRAGMENT_TRANSLATE };

static inline void burst_fragment(struct burst *b, struct packet *p, enum fragment_how how)
{
	p->fragment_how = how;
	burst_pass(b, STAGE_FRAGMENT, p);
}

static inline void burst_answer(struct burst *b, struct packet *p, enum answer answer)
{
	p->answer = answer;
	burst_pass(b, STAGE_ANSWER, p);
}
