/*
 * On-link destinations that are not resolved: a worker gathers them for the control thread.
 *
 * The list is short, and control takes it every few milliseconds. When it is full, a site with more
 * entries loses one to a site with fewer: a site that scans the link does not keep other sites from
 * reaching new hosts (law 5).
 */
#pragma once

#include "path/context.h"

void wanted_add(struct context *ctx, uint16_t site, uint8_t port, const struct addr6 *addr);
