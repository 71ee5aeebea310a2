/* Which changes no running gateway takes. */
#pragma once

struct config;
struct difference;
struct err_list;

/* A sentence for the first items of @d: they need a restart. 0 if there are none, or -EINVAL. */
int refuse_items(const struct difference *d, struct err_list *errs);

/*
 * A sentence for each item of @d, the difference of both, that cannot be taken while the daemon
 * runs, and for each name that moves from one kind of thing to another. 0, or -EINVAL if there was
 * one.
 */
int refuse_change(const struct config *before, const struct config *after,
		  const struct difference *d, struct err_list *errs);
