/*
 * How a difference is put together: one item at a time, the settings of a thing in one walk.
 *
 * Private to control/change. Control thread only.
 */
#pragma once

#include "control/change/difference.h"
#include "control/change/match.h"
#include "control/config/schema.h"

#include <stdio.h>

struct items {
	struct difference *out;
	size_t room; /* of out->items */
	const struct config *before, *after;
	struct match match;
	FILE *value; /* where a value is printed; its text: */
	char *value_text;
	size_t value_len;
	bool failed; /* memory ran out: nothing further is added */
};

/* An item that is not yet in the list: what is said about one thing. */
struct draft {
	char *detail; /* NULL: nothing was said */
	enum setting_effect effect;
	const char *why_restart;
};

/* Adds to the detail of @draft, behind a comma where it is not the first. */
void draft_say(struct items *items, struct draft *draft, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The harder of two effects holds. */
void draft_effect(struct draft *draft, enum setting_effect effect);

/* Makes @draft an item, or nothing of a change of which nothing was said. Empties @draft. */
void items_add(struct items *items, const char *kind, const char *name, enum change_what what,
	       struct draft *draft);

/* Is @setting the same in the structs @before and @after? Items of lists in the same order. */
bool items_same(const struct items *items, const struct setting *setting, const void *before,
		const void *after);

/* One setting differs; @path from the block where the walk began: "keepalive.interval". */
typedef void (*differs_fn)(struct items *items, void *arg, const struct setting *setting,
			   const char *path, const void *before, const void *after);

/*
 * Calls @differs for each setting of @block, and of the blocks in it, that is not the same in the
 * structs @before and @after. Items of lists are compared one by one, in order.
 */
void items_walk(struct items *items, const struct block *block, const void *before,
		const void *after, differs_fn differs, void *arg);

/* The value of @setting in words, a long one cut. */
enum { ITEMS_TEXT_SIZE = 128 };
const char *items_text(struct items *items, const struct config *config,
		       const struct setting *setting, const void *base,
		       char buf[static ITEMS_TEXT_SIZE]);

/* Says "mtu 1400 -> 1300" and notes what it does: a differs_fn whose @arg is a draft. */
void items_differ(struct items *items, void *arg, const struct setting *setting, const char *path,
		  const void *before, const void *after);

/* The parts, in this order. */
void difference_of_file(struct items *items); /* settings and ports */
void difference_of_sites(struct items *items);
void difference_of_tunnels(struct items *items);
void difference_of_egress(struct items *items);
