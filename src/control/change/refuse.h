/* Changes that need a restart or a second change. */
#pragma once

struct config;
struct difference;
struct err_list;

/*
 * Adds sentences for the first items of @d, which all need a restart. 0 if there are no items, or
 * -EINVAL.
 */
int refuse_items(const struct difference *d, struct err_list *errs);

/*
 * Adds a sentence for each item of @d, the difference of both, that needs a restart, and for each
 * name that moves from one kind of object to another. Returns 0 if there was none, or -EINVAL.
 */
int refuse_change(const struct config *before, const struct config *after,
		  const struct difference *d, struct err_list *errs);
