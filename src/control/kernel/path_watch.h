/*
 * Hears from the kernel what routers say about the size of our tunnel packets (path_mtu.h).
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
 * Keeps @paths true from now on and calls @changed whenever it has become another. A family that
 * cannot be heard (a kernel without IPv6, no right to open a raw socket) is left out, and an alarm
 * stands.
 * NULL with errno if memory ran out. @net and @paths must outlive it, @net or be replaced.
 */
struct path_watch *path_watch_create(struct event_base *base, const struct network *net,
				     struct path_mtus *paths, struct alarms *alarms,
				     path_changed_fn changed, void *arg);
void path_watch_destroy(struct path_watch *w); /* NULL is fine */

/* From now on the network is @net; @paths have followed it already. NULL is fine. */
void path_watch_follow(struct path_watch *w, const struct network *net);
