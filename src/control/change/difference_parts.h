/* The parts of a difference (difference.c), in this order. Private to control/change/. */
#pragma once

#include "control/change/items.h"

void difference_of_file(struct items *items); /* settings and ports */
void difference_of_sites(struct items *items);
void difference_of_tunnels(struct items *items);
void difference_of_networks(struct items *items); /* and their routes */
void difference_of_egress(struct items *items);
