/*
 * Builds a difference: one item at a time, from the settings of one object at a time.
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
	FILE *value; /* stream to print a value to; its text: */
	char *value_text;
	size_t value_len;
	bool failed; /* memory ran out: no more items are added */
};

/* An item that is not in the list yet. */
struct draft {
	char *detail; /* NULL: no detail yet */
	enum setting_effect effect;
	const char *why_restart;
};

/* Adds to the detail of @draft, separated by a comma. */
void draft_say(struct items *items, struct draft *draft, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Keeps the more severe of both effects. */
void draft_effect(struct draft *draft, enum setting_effect effect);

/* Adds @draft as an item. A change without a detail is no item. Clears @draft. */
void items_add(struct items *items, const char *kind, const char *name, enum change_what what,
	       struct draft *draft);

/* Is @setting the same in the structs @before and @after? The order of lists counts. */
bool items_same(const struct items *items, const struct setting *setting, const void *before,
		const void *after);

/*
 * Called for a setting that differs. @path: from the block where the walk began,
 * "keepalive.interval".
 */
typedef void (*differs_fn)(struct items *items, void *arg, const struct setting *setting,
			   const char *path, const void *before, const void *after);

/*
 * Calls @differs for each setting of @block, and of the blocks inside it, that differs in the
 * structs @before and @after. Lists are compared item by item, in order.
 */
void items_walk(struct items *items, const struct block *block, const void *before,
		const void *after, differs_fn differs, void *arg);

/* The value of @setting as text; a long one is truncated. */
enum { ITEMS_TEXT_SIZE = 128 };
const char *items_text(struct items *items, const struct config *config,
		       const struct setting *setting, const void *base,
		       char buf[static ITEMS_TEXT_SIZE]);

/* A prefix as in the file; IPv4: mapped. */
enum { ITEMS_PREFIX_SIZE = 52 };
const char *items_prefix_text(const struct prefix6 *prefix, char buf[static ITEMS_PREFIX_SIZE]);

/* The name of the virtual network with this index; "default" if the file has none. */
const char *items_vnet_name(const struct network_spec *spec, uint16_t vnet);

/* A differs_fn whose @arg is a draft: adds "mtu 1400 -> 1300" and the effect. */
void items_differ(struct items *items, void *arg, const struct setting *setting, const char *path,
		  const void *before, const void *after);
