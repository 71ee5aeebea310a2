/*
 * A network namespace of the test's own, and routes in its tables: the real kernel. Routes are
 * blackholes, which need no interface.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Enters a new network namespace. False: not allowed; the test is skipped. */
bool tables_bed_enter(void);

/* Adds or removes @n host routes from 10.0.0.0 on in @table. Those that are not there are skipped. */
void tables_bed_routes(uint32_t table, uint32_t n, bool remove);
