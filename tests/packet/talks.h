/*
 * Conversations between hosts of a random world (world.h), and with the Internet.
 *
 * Hosts of branches that ask, and those that are asked, are not the same; those of centres ask from
 * other ports. So no conversation is the opposite direction of another one.
 */
#pragma once

#include "world.h"

enum {
	TALKS_MAX = 16384,
	TALKS_BUCKETS = 4096,
	TALK_ICMP = 1,
	TALK_TCP = 6,
	TALK_UDP = 17,
	TALK_ESP = 50,
};

#define TALK_NONE UINT32_MAX

/* Where packets to one end of a conversation leave: one of these, before substitution. */
struct end {
	uint16_t tunnels[WORLD_WAYS];
	unsigned n;
};

struct talk {
	uint16_t site, far; /* ids; WORLD_INTERNET */
	struct frame asked; /* as the host of `site` sends it */
	struct frame seen; /* as it comes to the far host */
	bool alive, inbound;
	bool untranslated; /* to the Internet */
	struct end home, away;
	uint32_t next; /* in the list of its bucket */
};

extern struct talks {
	struct talk list[TALKS_MAX];
	uint32_t buckets[TALKS_BUCKETS];
	uint32_t n, n_alive;
} talks;

void talks_clear(void);

/* The number of an open conversation, or of one that no packet was sent for. */
uint32_t talks_any(const struct world *w);

/* Have both packets the same addresses, ports and protocol? */
bool talk_same(const struct frame *a, const struct frame *b);

/* What the host answers to which @f came. */
struct frame talk_reply(const struct frame *f);

/* Does an open conversation, other than number @but, come to the far host as @f? */
bool talks_have(uint16_t far, const struct frame *f, uint32_t but);

/* docs/changes.md, in short: does it go on after a change to @w? */
bool talk_goes_on(const struct world *w, const struct talk *t);
