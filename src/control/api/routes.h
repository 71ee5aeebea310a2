/* A target of a route in words. Private to control/api. */
#pragma once

#include "control/api/route.h"
#include "control/routing/routing.h"

/* "site", "tunnel", "egress", "network" or "drop", as the setting. */
const char *target_kind(const struct routing_target *t);

/* Where it leads; NULL: nowhere. */
const char *target_name(const struct network *net, const struct routing_target *t);

/* "file", "learned" or "both". */
const char *route_source(const struct routing_route *route);
