/*
 * Shortages: destinations towards which an address of ours has few ports left, or none.
 *
 * Private to setup/. The flow table says of one port whether it is free; which ones are, of
 * thousands, it does not say. So where a search took long, it is remembered how far it came, that
 * another packet may take it up there; that it went all the way round in vain, so that for the
 * rest of the second nobody searches again; and which ports became free since.
 */
#pragma once

#include "setup/ports.h"

enum {
	SHORTAGE_SLOTS = 4096, /* power of two */
	SHORTAGE_FREED = 5,
	SHORTAGE_KEPT_S = 60, /* after it was last met with */
};

struct shortage {
	struct addr6 dst; /* IPv4: mapped */
	be16_t dport;
	uint8_t proto;
	bool with_reserve; /* of packets that may have the reserve's ports, too */
	uint32_t address; /* number in the network */
	struct place next; /* where to look on */
	uint32_t left; /* ports until all were looked at */
	uint32_t used_s; /* 0: this slot never was */
	uint32_t none_s; /* no port was left at that second; 0: never */
	uint8_t walk; /* the order */
	uint8_t n_freed;
	bool found; /* was there a port since the round began? */
	uint8_t pad;
	struct place freed[SHORTAGE_FREED]; /* since then, if they were few */
};

static_assert(sizeof(struct shortage) == CACHE_LINE, "a shortage is one cache line");

struct shortages; /* of one worker */

struct shortages *shortages_create(void);
void shortages_destroy(struct shortages *all); /* NULL is fine */

/* May there be any? Else nobody has to look. */
bool shortages_are_known(const struct shortages *all, uint32_t now_s);

/* Towards the destination of @s from address number @address; NULL: none is known. */
struct shortage *shortage_find(const struct setup *s, uint32_t address, bool with_reserve);

/* Writes a new one, which has a slot to itself from now on, and returns it. */
struct shortage *shortage_open(const struct setup *s, uint32_t address, bool with_reserve);

/* The port that @s names is free again. */
void shortage_port_freed(const struct setup *s);
