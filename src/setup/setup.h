/*
 * Flow setup: what happens once, at a flow's first packet.
 *
 * The steps and their order are the table in setup.c. A step looks at the packet and adds its part
 * of the decision to the flow being made; a step that refuses undoes the ones before it.
 */
#pragma once

#include "path/context.h"

/* One flow in the making. */
struct setup {
	struct context *ctx;
	struct packet *p;
	uint32_t next_step; /* setup.c: where the packet goes on alone */
	struct flow flow; /* written step by step */
	struct flow6 *six; /* its addresses if it is IPv6, also step by step; NULL: IPv4 */
	const struct pool *pool; /* route: the egress it leaves by; NULL: untranslated */
	uint32_t slice; /* choose, take: the slice of the egress port */
	bool is_global; /* source: in a global prefix, so it leaves untranslated (IPv6) */
	bool has_candidate; /* choose: a port to try first */
	uint64_t return_hash; /* choose, take: of the flow's return key */
	uint32_t record; /* insert: where the flow is now */
};

/* A step: DROP_NONE to go on, or why the flow may not be. */
enum drop start_check(struct setup *s); /* may this packet start a flow? */
enum drop start_check_tcp(uint8_t flags); /* the part of it about a TCP segment's flags */
enum drop limits_take(struct setup *s); /* may its site have one more flow? */
enum drop limits_take_from_outside(struct setup *s); /* the same, begun by the Internet */
void limits_undo(struct setup *s);
enum drop source_check(struct setup *s); /* may this site use that source? */
enum drop source6_check(struct setup *s);
enum drop route_choose(struct setup *s); /* by which nexthop? */
enum drop route6_choose(struct setup *s);
enum drop egress_choose(struct setup *s); /* which address and port might it leave with? */
enum drop egress_take(struct setup *s); /* that one, or the next that is free */
enum drop global_choose(struct setup *s); /* IPv6: or none, if it leaves untranslated */
enum drop global_take(struct setup *s);
void egress_undo(struct setup *s);
bool egress_release(struct context *ctx, const struct flow *flow, const struct flow6 *six);
void egress_rested(struct context *ctx, const struct flow *flow, const struct flow6 *six);
enum drop insert_flow(struct setup *s); /* both directions into the table */
enum drop insert_flow6(struct setup *s);

/*
 * From outside (inbound.c): whose is the egress port that s->flow names? Then its inner endpoint is
 * written; and what it takes.
 */
bool egress_find_home(struct setup *s);
enum drop egress_take_home(struct setup *s);

/* After a change, what no flow shows: see mappings_follow_change(). */
bool egress_follow_change(struct context *ctx, uint32_t *at, unsigned n);

/* The flow's return moved to another tunnel: so do those of its endpoint that are yet to come. */
void egress_moved(struct context *ctx, const struct flow *flow);

/* May the Internet open flows here? */
bool inbound_is_open(const struct context *ctx);

/*
 * A packet from the Internet that belongs to no flow: it opens one and follows it, or is dropped.
 */
void inbound_open(struct context *ctx, struct burst *b, struct packet *p);

/*
 * Room (room.c). Begins a burst's account: @n first packets, while those of @b are on their way
 * (NULL: none are). The hand looks at @n records of a table, and wakes up to @n whose rest is over;
 * how many flows it ended.
 */
void room_begin(struct context *ctx, const struct burst *b, unsigned n);
unsigned room_sweep(struct context *ctx, bool six, unsigned n);

/*
 * Ends the flow of @record, which a change of the network does not allow; its port rests, if it is
 * still ours. Between bursts.
 */
void room_end_for_change(struct context *ctx, bool six, uint32_t record);

void stage_setup(struct context *ctx, struct burst *b);
void stage_setup6(struct context *ctx, struct burst *b);

/* A flow of IPv4 is in the table: it is counted. */
void setup_flow_begun(struct context *ctx, const struct flow *flow);

/*
 * What setup took for a flow is given back: call for each flow that ends (setup.c). @six: its
 * addresses if it is IPv6, or NULL. True: its port has to rest.
 */
bool setup_flow_ended(struct context *ctx, const struct flow *flow, const struct flow6 *six);

/*
 * A worker's own account of what each site has, by all numbers that there can be: pages of those
 * that are not used cost nothing. free() ends it. NULL if memory ran out.
 */
struct site_use *limits_create(void);
void limits_release(struct context *ctx, const struct flow *flow, const struct flow6 *six);

/* The same of its hosts; @random is a secret. free() ends it, too. */
struct sources *limits_create_sources(uint64_t random);

/* For struct flow_timers: how long is this half-open flow of @arg, a worker context, kept now? */
uint16_t limits_half_open_s(void *arg, const struct flow_table *t, const struct flow *f);

/*
 * A worker's own account of egress ports in use. It owns part @index of @count of every slice.
 * Room for @capacity flows. NULL if memory ran out.
 */
struct egress_state *egress_create(const struct network *net, uint32_t capacity, uint16_t index,
				   uint16_t count);
void egress_destroy(struct egress_state *e); /* NULL is fine */

/*
 * Start number @epoch: ports towards the same server that the start before may have used rest for
 * @rest_s before they are used (ports.c). Called before the first packet; without it all ports are
 * used at once. Then egress_tick() each turn.
 */
void egress_begin(struct egress_state *e, uint32_t epoch, uint32_t rest_s);
void egress_tick(struct context *ctx);

/*
 * Changes. Makes what a worker needs that has @current and is to follow from network @before to
 * @net; *@next is NULL if slices and addresses are the same. A slice is the same if its address,
 * ports and mapping are: then it keeps its ports and their flows. An address that stays and whose
 * slices have another size or mapping must have been gone meanwhile: network_renews(). 0 or
 * -ENOMEM. Control thread, while no other change is under way.
 */
int egress_create_next(struct egress_state **next, const struct egress_state *current,
		       const struct network *net, const struct network *before, uint32_t capacity,
		       uint16_t index, uint16_t count);

/*
 * Moves to @next what both have in common; the rest of @current is for egress_destroy(). Worker:
 * some nanoseconds a slice, no allocation. @next NULL: @current is all there is. Returns what the
 * worker has from now on.
 */
struct egress_state *egress_take_over(struct egress_state *next, struct egress_state *current,
				      const struct network *net);

/* Zero of a number that it does not have (yet): the worker may be about to take a network. */
struct slice_counters egress_slice(const struct egress_state *e, uint32_t slice);

/* How many ports of @slice only sites may take that have less than their fair share. Any thread. */
uint32_t egress_kept_ports(const struct network *net, const struct slice *slice);
