/*
 * Watches whether egress ports rest as long as they should: the alarm "ports_short".
 *
 * Control thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct alarms;
struct event_base;
struct rest_watch;
struct worker;

/* The workers stay the caller's. NULL if memory ran out. */
struct rest_watch *rest_watch_create(struct event_base *base, struct worker *const *workers,
				     size_t n, struct alarms *alarms);
/* Once a second, by itself: so many were counted in all. */
void rest_watch_note(struct rest_watch *w, uint64_t now);
void rest_watch_destroy(struct rest_watch *w); /* NULL is fine */
