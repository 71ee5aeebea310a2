/*
 * On-link destinations that nobody has resolved: a worker gathers them for the control thread.
 *
 * The list is short and is taken every few milliseconds. When it is full, a site that has more in
 * it gives one up for a site that has fewer: a site that scans the link does not keep the others
 * from reaching new hosts (law 5).
 */
#pragma once

#include "path/context.h"

void wanted_add(struct context *ctx, uint16_t site, uint8_t port, const struct addr6 *addr);
