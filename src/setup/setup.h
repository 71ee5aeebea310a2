/*
 * Flow setup: the decisions made once, at a flow's first packet.
 *
 * The steps and their order are the table in setup.c. A step reads the packet and adds its decision
 * to the new flow. If a step refuses, the steps before it are undone.
 */
#pragma once

#include "path/context.h"

struct family; /* path/family.h */

/* One flow during setup. */
struct setup {
	struct context *ctx;
	struct packet *p;
	uint32_t next_step; /* setup.c: the step at which the packet continues */
	bool may_be_open; /* setup.c, route: an earlier packet of the burst may have opened it */
	struct flow flow; /* written step by step */
	struct flow6 *six; /* addresses of an IPv6 flow, also written step by step; NULL: IPv4 */
	const struct pool *pool; /* route: its egress pool; NULL: it takes no egress port */
	uint32_t slice; /* choose, take: the slice of the egress port */
	bool is_global; /* source: in a global prefix, so it is not translated (IPv6) */
	bool keeps_source; /* route: to a site, or untranslated to the Internet (private.c) */
	bool has_route; /* route: its virtual network has a route to an egress pool */
	bool refuses_collision; /* route: if the key of returns is in use, the flow is refused */
	bool is_elsewhere; /* take, insert: another worker has its flow by now: p->owner */
	bool has_candidate; /* choose: a port to try first */
	bool lacks_record; /* limits: refused because of the reserve of this worker's table */
	uint64_t return_hash; /* choose, take: hash of the flow's return key */
	uint32_t record; /* insert: the record of the flow */
};

/* A step returns DROP_NONE, or the reason to refuse the flow. */
enum drop start_check(struct setup *s); /* may this packet start a flow? */
enum drop start_check_tcp(uint8_t flags); /* the check of a TCP segment's flags */
enum drop limits_take(struct setup *s); /* may its site have one more flow? */
enum drop limits_take_from_outside(struct setup *s); /* the same, opened by the Internet */
void limits_undo(struct setup *s);
enum drop source_check(struct setup *s); /* may this site use that source? */
enum drop source6_check(struct setup *s);
enum drop route_choose(struct setup *s); /* by which nexthop? */
enum drop route6_choose(struct setup *s);
enum drop route_outward(struct setup *s); /* the same in the Internet, from s->pool */
enum drop vnet_choose(struct setup *s); /* the same by the routes of its virtual network */
enum drop vnet_choose_return(struct setup *s); /* on-ramp, if its tunnel says so: by a route */
enum drop choice_propose(struct setup *s); /* candidate for the egress address and port */
enum drop choice_take(struct setup *s); /* takes the candidate, or another free port */
enum drop global_propose(struct setup *s); /* the same for IPv6; no port if untranslated */
enum drop global_take(struct setup *s);
void release_undo(struct setup *s); /* gives the port back */
enum drop insert_flow(struct setup *s); /* inserts both keys into the table */
enum drop insert_flow6(struct setup *s);

/*
 * Flows that keep their source (private.c): the same three steps, for both families. The last one
 * returns DROP_NONE if the flow is in the table.
 */
enum drop private_propose(struct setup *s);
enum drop private_take(struct setup *s);
enum drop private_insert(struct setup *s);

/* One flow more or less leads to the far site of @flow, or to the Internet from its own address. */
void private_count(struct context *ctx, const struct flow *flow, int change);

/*
 * Is the packet, which came from a site and has no flow, for an alias of another one (alias.c)?
 * Then it was passed on.
 */
bool alias_open(struct context *ctx, struct burst *b, struct packet *p, const struct family *y);

/* Inserts the flow under its keys, whose hashes are known. Writes s->record. */
enum drop setup_insert(struct setup *s);

/* In an endpoint-independent pool: takes the port of the inner endpoint's mapping, or a new one. */
enum drop endpoint_take(struct setup *s);

/*
 * From outside (inbound.c): finds the inner endpoint of the egress port in s->flow and writes it to
 * s->flow; then takes the port for one more flow.
 */
bool endpoint_find_home(struct setup *s);
enum drop endpoint_take_home(struct setup *s);

/* After a change, for state that is not in flows: see mappings_follow_change(). */
bool endpoint_follow_change(struct context *ctx, uint32_t *at, unsigned n);

/* The flow has a new on-ramp: its endpoint's later flows from outside use that tunnel, too. */
void endpoint_moved(struct context *ctx, const struct flow *flow);

/*
 * Gives back the port of a flow that has ended (@six: its addresses if it is IPv6). True: the port
 * must rest, so the flow's record stays; call release_rested() when the rest is over.
 */
bool release_port(struct context *ctx, const struct flow *flow, const struct flow6 *six);
void release_rested(struct context *ctx, const struct flow *flow, const struct flow6 *six);

/* May the Internet open flows at all? */
bool inbound_is_open(const struct context *ctx);

/*
 * Handles a packet from the Internet without a flow: opens one and forwards the packet, or drops
 * it.
 */
void inbound_open(struct context *ctx, struct burst *b, struct packet *p);

/*
 * Room (room.c). room_begin() begins a burst with @n first packets, while packets of @b are in
 * flight (NULL: none). room_sweep() visits @n records of a table, ends up to @n rests that are
 * over, and returns how many flows it ended.
 */
void room_begin(struct context *ctx, const struct burst *b, unsigned n);
unsigned room_sweep(struct context *ctx, bool six, unsigned n);

/*
 * Ends the flow of @record, which a new network does not allow. Its port rests if its slice is
 * still ours. Between bursts.
 */
void room_end_for_change(struct context *ctx, bool six, uint32_t record);

void stage_setup(struct context *ctx, struct burst *b);
void stage_setup6(struct context *ctx, struct burst *b);

/* Counts a new flow that is in the table. @six: the addresses of an IPv6 flow, or NULL. */
void setup_flow_begun(struct context *ctx, const struct flow *flow, const struct flow6 *six);

/* The same for one of an earlier process (adopt.h). */
void setup_flow_adopted(struct context *ctx, const struct flow *flow, const struct flow6 *six);

/*
 * Releases all that setup took for a flow (setup.c). Call it for each flow that ends. @six: the
 * addresses of an IPv6 flow, or NULL. True: the port must rest.
 */
bool setup_flow_ended(struct context *ctx, const struct flow *flow, const struct flow6 *six);

/*
 * A worker's use of each site, one entry for every possible site number; pages without used numbers
 * cost nothing. NULL if memory ran out.
 */
struct site_use *limits_create(void);
void limits_destroy(struct site_use *sites); /* NULL is fine */

/* Puts the entries of the sites of a large network on huge pages. What is in them stays. */
void limits_settle(struct site_use *sites, const struct network *net);
void limits_release(struct context *ctx, const struct flow *flow, const struct flow6 *six);

/* Counts a flow that exists already, whatever the limits say. */
void limits_adopt(struct context *ctx, const struct flow *flow, const struct flow6 *six);

/* The same for hosts; @random is a secret. Release with free(). */
struct sources *limits_create_sources(uint64_t random);

/*
 * For struct flow_timers: the current timeout of this half-open flow. @arg is the worker context.
 */
uint16_t limits_half_open_s(void *arg, const struct flow_table *t, const struct flow *f);

/*
 * A worker's egress ports in use. It owns part @index of @count of every slice. Room for @capacity
 * flows. NULL if memory ran out.
 */
struct egress_state *egress_create(const struct network *net, uint32_t capacity, uint16_t index,
				   uint16_t count);
void egress_destroy(struct egress_state *e); /* NULL is fine */

/*
 * Start number @epoch: ports that the previous start may have used rest for @rest_s before they are
 * used (ports.c). Call it before the first packet, then ports_tick() each turn. Without it all
 * ports are used at once.
 */
void ports_begin(struct egress_state *e, uint32_t epoch, uint32_t rest_s);
void ports_tick(struct context *ctx);

/*
 * Makes the egress state for a worker with @current that changes from network @before to @net;
 * *@next is NULL if slices and addresses are unchanged. A slice is unchanged if its address, ports
 * and mapping are; then its ports keep their flows. If an address has slices of another size or
 * mapping, a network without the address must have been in between: network/renewal.h. 0 or
 * -ENOMEM. Control thread, one change at a time.
 */
int egress_create_next(struct egress_state **next, const struct egress_state *current,
		       const struct network *net, const struct network *before, uint32_t capacity,
		       uint16_t index, uint16_t count);

/*
 * Moves the state of unchanged slices to @next; call egress_destroy() for the rest of @current.
 * Worker; some nanoseconds for each slice, no allocation. @next NULL: @current stays in use.
 * Returns the state to use from now on.
 */
struct egress_state *egress_take_over(struct egress_state *next, struct egress_state *current,
				      const struct network *net);

/* Zero for an unknown slice number: the worker may not have taken the new network yet. */
struct slice_counters egress_slice(const struct egress_state *e, uint32_t slice);

/* How many ports of @slice are in the reserve. Any thread. */
uint32_t ports_kept_in_slice(const struct network *net, const struct slice *slice);
