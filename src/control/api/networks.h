/* Virtual networks by id and by name, for the lists of networks and routes. Private to the API. */
#pragma once

#include "control/api/route.h"

/* The specification of virtual network @id; NULL: there is none. There always is the default. */
const struct spec_vnet *vnet_spec(const struct network *net, uint16_t id);

/* Its id; -1: there is none, and @reply has a sentence. */
int find_vnet(const struct network *net, const char *name, struct api_reply *reply);

/*
 * Its pool for public destinations without a route, by name; NULL: none. The default pool may be
 * another one for IPv6 than for IPv4: then this is that of IPv4.
 */
const char *vnet_egress(const struct network *net, const struct spec_vnet *vnet);
