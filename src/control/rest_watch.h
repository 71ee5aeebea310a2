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

/* The caller owns the workers. NULL if memory ran out. */
struct rest_watch *rest_watch_create(struct event_base *base, struct worker *const *workers,
				     size_t n, struct alarms *alarms);
/* Takes the sum that was counted; a timer calls it once a second. */
void rest_watch_note(struct rest_watch *w, uint64_t now);
void rest_watch_destroy(struct rest_watch *w); /* accepts NULL */
