/*
 * Receives from the kernel what routers report about the size of our tunnel packets (path_mtu.h).
 *
 * Control thread, in its event loop.
 */
#pragma once

#include "control/kernel/path_mtu.h"

struct alarms;
struct event_base;
struct path_watch;

typedef void (*path_changed_fn)(void *arg);

/*
 * Keeps @paths up to date from now on and calls @changed after each change. A family that cannot be
 * received (a kernel without IPv6, no right to open a raw socket) is left out, with an alarm. NULL
 * with errno if memory ran out. @net and @paths must outlive the result; @net may be replaced.
 */
struct path_watch *path_watch_create(struct event_base *base, const struct network *net,
				     struct path_mtus *paths, struct alarms *alarms,
				     path_changed_fn changed, void *arg);
void path_watch_destroy(struct path_watch *w); /* accepts NULL */

/* From now on the network is @net; @paths has it already. Accepts NULL. */
void path_watch_follow(struct path_watch *w, const struct network *net);
