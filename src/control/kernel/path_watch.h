/*
 * Hears from the kernel what routers say about the size of our tunnel packets (path_mtu.h).
 *
 * Control thread, in its event loop.
 */
#pragma once

#include "control/kernel/path_mtu.h"

struct event_base;
struct path_watch;

typedef void (*path_changed_fn)(void *arg);

/*
 * Keeps @paths true from now on and calls @changed whenever it has become another. NULL with errno,
 * as where there is no right to open a raw socket. @net and @paths must outlive it.
 */
struct path_watch *path_watch_create(struct event_base *base, const struct network *net,
				     struct path_mtus *paths, path_changed_fn changed, void *arg);
void path_watch_destroy(struct path_watch *w); /* NULL is fine */
