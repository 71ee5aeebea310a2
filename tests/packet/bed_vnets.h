/* Routes of virtual networks for a bed: the operator's, without health. */
#pragma once

#include "network/network.h"
#include "network/nexthop.h"
#include "network/routes.h"

/* Called with each specification that a bed reads, to add to it; NULL: nothing. */
extern void (*bed_edit)(struct network_spec *spec);

/*
 * Adds the routes of the virtual networks of @net to @spec, each with the targets of its lowest
 * priority. What is added is valid until the next call.
 */
void bed_vnets_add(const struct network *net, struct routes_spec *spec);

/* Called instead of bed_vnets_add() and for each tunnel of a new table; NULL: not. */
extern void (*bed_vnets_use)(const struct network *net, struct routes_spec *spec);
extern void (*bed_edit_tunnel)(uint16_t id, struct nexthop *n);

/* For bed_edit: makes @n virtual networks with these names; the first is the default one. */
void bed_vnets_make(struct network_spec *spec, const char *const *names, size_t n);

/* Adds a route to the virtual network number @vnet, with one target more for each further call. */
struct spec_target *bed_vnets_route(struct network_spec *spec, unsigned vnet, const char *prefix,
				    enum spec_target_kind kind, unsigned index);

/* The number of the site with this name. */
unsigned bed_vnets_site(const struct network_spec *spec, const char *name);
