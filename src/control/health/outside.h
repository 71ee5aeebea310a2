/*
 * Answers to probes that come back beside their tunnel, to its outer address.
 * The kernel has that address and receives them. Private to control/health/.
 *
 * Control thread, in its event loop.
 */
#pragma once

#include <stdbool.h>

struct event_base;
struct health;
struct outside;

/* Tells @h of answers by health_heard_outside(). NULL if memory ran out. */
struct outside *outside_create(struct event_base *base, struct health *h);
void outside_destroy(struct outside *o); /* accepts NULL */

/* Are answers expected? Without the right to listen, a warning is logged and none is heard. */
void outside_listen(struct outside *o, bool on);
