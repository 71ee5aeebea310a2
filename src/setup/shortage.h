/*
 * Shortages: destinations towards which an egress address has few free ports, or none.
 *
 * Private to setup/. The flow table can tell whether one port is free, but cannot list the free
 * ports. So after a long search a shortage stores: where the search stopped, so that another packet
 * can continue; whether it visited all ports without success, so that there is no new search in
 * that second; and which ports became free since.
 */
#pragma once

#include "setup/ports.h"

enum {
	SHORTAGE_SLOTS = 4096, /* power of two */
	SHORTAGE_FREED = 5,
	SHORTAGE_KEPT_S = 60, /* after its last use */
};

struct shortage {
	struct addr6 dst; /* IPv4: mapped */
	be16_t dport;
	uint8_t proto;
	bool with_reserve; /* for packets that may use the reserve, too */
	uint32_t address; /* number in the network */
	struct place next; /* where to continue the search */
	uint32_t left; /* ports that the search has not visited yet */
	uint32_t used_s; /* 0: the slot was never used */
	uint32_t none_s; /* second in which no port was left; 0: never */
	uint8_t walk; /* the order of ports */
	uint8_t n_freed;
	bool found; /* has this round found a port? */
	uint8_t pad;
	struct place freed[SHORTAGE_FREED]; /* ports freed since then, if few */
};

static_assert(sizeof(struct shortage) == CACHE_LINE, "a shortage is one cache line");

struct shortages; /* the shortages of one worker */

struct shortages *shortages_create(void);
void shortages_destroy(struct shortages *all); /* NULL is fine */

/* May there be any shortage? If not, skip the lookup. */
bool shortages_are_known(const struct shortages *all, uint32_t now_s);

/* The shortage towards the destination of @s from address number @address, or NULL. */
struct shortage *shortage_find(const struct setup *s, uint32_t address, bool with_reserve);

/* Makes a new one in a slot of its own and returns it. */
struct shortage *shortage_open(const struct setup *s, uint32_t address, bool with_reserve);

/* Records that the port in @s is free again. */
void shortage_port_freed(const struct setup *s);
