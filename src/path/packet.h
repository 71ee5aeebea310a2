/*
 * What one packet carries from stage to stage: one cache line; and the burst that carries packets.
 *
 * A stage gets its packets as a list and puts each into the list of a later stage: that is its
 * verdict. A packet is in exactly one list at any time.
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
	PORT_BACK_IN = 0xff, /* came in by no port: out/hairpin.c */
	HEADROOM_MIN = 64, /* bytes in front of what comes in: Ethernet and a tunnel's headers */
};

/* In the order in which a burst meets them; worker/pipeline.c has a row for each. */
enum stage {
	STAGE_DECAPSULATE,
	STAGE_PARSE,
	STAGE_PARSE6,
	STAGE_REASSEMBLE,
	STAGE_EMBEDDED,
	STAGE_EMBEDDED6,
	STAGE_HANDOVER,
	STAGE_LOOKUP,
	STAGE_LOOKUP6,
	STAGE_SETUP,
	STAGE_SETUP6,
	STAGE_FORWARD,
	STAGE_FORWARD6,
	STAGE_REWRITE,
	STAGE_REWRITE6,
	STAGE_REWRITE_EMBEDDED,
	STAGE_REWRITE_EMBEDDED6,
	STAGE_ANSWER,
	STAGE_ANSWER6,
	STAGE_FRAGMENT,
	STAGE_ENCAPSULATE,
	STAGE_ENCAPSULATE6,
	STAGE_HAIRPIN,
	STAGE_TRANSMIT,
	STAGE_DROP,
	STAGE_COUNT,
};

struct rte_mbuf;

/*
 * Each field: which stage writes it. Fields that share a place are named for their list: a packet
 * is in one list, and what is written for it is read by its stage alone.
 */
struct packet {
	struct flow_probe probe; /* parse: key; lookup, setup: record and direction */
	uint8_t *data; /* where it begins now: Ethernet; from decapsulate to rewrite, IP */
	struct rte_mbuf *mbuf; /* its buffer: receive and transmit alone look inside */
	uint16_t len; /* bytes from data on */
	uint16_t onramp; /* decapsulate: the tunnel it came out of; TUNNEL_NONE: none */
	uint16_t nexthop; /* forward, answer: where it goes on; receive: NEXTHOP_NONE */
	uint8_t l4; /* parse: offset of the transport header from data */
	uint8_t tcp_flags; /* parse */
	uint8_t in_port; /* receive: came in by it; hairpin: PORT_BACK_IN */
	uint8_t out_port; /* encapsulate, and who passes it to transmit: leaves by it */
	union {
		uint8_t drop; /* to STAGE_DROP: enum drop */
		uint8_t answer; /* to STAGE_ANSWER, STAGE_ANSWER6: enum answer */
		uint8_t fragment_how; /* to STAGE_FRAGMENT: enum fragment_how */
		uint8_t handover_to; /* to STAGE_HANDOVER: enum handover_to */
	};
	union {
		uint16_t owner; /* to STAGE_HANDOVER: the worker it belongs to */
		uint16_t refusal; /* to STAGE_ANSWER: enum drop, if nobody can be told */
	};
	union {
		/*
		 * To STAGE_REASSEMBLE: the site whose flow a first fragment from the Internet
		 * belongs to; 0: that was not asked.
		 */
		uint16_t site_of_fragment;
		/*
		 * parse6: 0; reassemble: of an IPv6 packet that came in fragments the size that its
		 * source is known to send, headers included. It leaves in fragments no larger.
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
	struct flow6_key keys6[BURST_MAX]; /* parse6: of the IPv6 ones among packets */
};

/* The key of an IPv6 packet; all but the addresses is in p->probe.key, too. */
static inline struct flow6_key *burst_key6(struct burst *b, const struct packet *p)
{
	return &b->keys6[p - b->packets];
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

/* @site: as the flow's owner found; SITE_INTERNET: it was not asked. */
static inline void burst_reassemble(struct burst *b, struct packet *p, uint16_t site)
{
	p->site_of_fragment = site;
	burst_pass(b, STAGE_REASSEMBLE, p);
}

/* What the worker that gets it does with it first: fragments have no key yet. */
enum handover_to { HANDOVER_TO_PARSE, HANDOVER_TO_REASSEMBLE };

/* To the worker p->owner. */
static inline void burst_handover(struct burst *b, struct packet *p, enum handover_to to)
{
	p->handover_to = to;
	burst_pass(b, STAGE_HANDOVER, p);
}

/* Out as it is, a finished frame. */
static inline void burst_transmit(struct burst *b, struct packet *p, uint8_t port)
{
	p->out_port = port;
	burst_pass(b, STAGE_TRANSMIT, p);
}

/* To STAGE_FRAGMENT: has the packet still to be translated? */
enum fragment_how { FRAGMENT_AS_IS, FRAGMENT_TRANSLATE };

static inline void burst_fragment(struct burst *b, struct packet *p, enum fragment_how how)
{
	p->fragment_how = how;
	burst_pass(b, STAGE_FRAGMENT, p);
}

static inline void burst_answer6(struct burst *b, struct packet *p, enum answer answer)
{
	p->answer = answer;
	burst_pass(b, STAGE_ANSWER6, p);
}

static inline void burst_answer(struct burst *b, struct packet *p, enum answer answer)
{
	p->answer = answer;
	burst_pass(b, STAGE_ANSWER, p);
}
