/* Addresses that are ours and the kernel's, too: see own.c. */
#pragma once

#include "control/alarm.h"
#include "control/port/addresses.h"
#include "network/network.h"

/*
 * Finds egress addresses of @net, and prefixes of untranslated sources, that the kernel has an
 * address in.
 * Those that @before had already are skipped (NULL: none). Adds sentences to @errs and returns
 * -EADDRINUSE, or 0.
 */
int own_check(const struct addresses *own, const char *file, const struct network *before,
	      const struct network *net, struct err_list *errs);

/* The same check at run time: raises and clears alarms. @before: the addresses at the last call. */
void own_compare(struct alarms *alarms, const struct network *net, const struct addresses *before,
		 const struct addresses *now);

/*
 * The network was @before and is @net now: clears alarms about addresses that are no longer ours.
 */
void own_follow(struct alarms *alarms, const struct network *before, const struct network *net,
		const struct addresses *own);
