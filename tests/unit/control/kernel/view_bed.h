/*
 * A fake kernel, and the table of nexthops that is made from it.
 *
 *   port 0: the kernel's, 192.0.2.0/24 on link, default by 192.0.2.1 (MAC ..:01)
 *   port 1: unknown to the kernel, all packets go to 02:..:77
 *   tunnel 1 ends at 192.0.2.9 (on link), tunnel 2 at 198.51.100.9 (by the gateway), 3 on port 1
 */
#pragma once

#include "control/kernel/view.h"

enum { IFINDEX = 10, TUNNELS = 3 };

extern struct view v;
extern struct nexthops *table; /* the last one */
extern struct ids *ids;
extern struct tunnel tunnels[TUNNELS + 1];
extern struct network net;
extern uint64_t now_ms; /* compile() advances it so far that no pause delays a table */
extern uint64_t again_ms;

int bed_setup(void **state);
int bed_teardown(void **state);

struct addr6 ip(const char *text); /* either family, as netlink.h has them */

/* A route as in an event. Change it, then call event(). @gateway NULL: on link. */
struct kernel_route route_of(const char *dst, uint8_t len, const char *gateway, uint32_t metric);
void event(const struct kernel_route *route);
void route(const char *dst, uint8_t len, const char *gateway, uint32_t metric);
void no_route(const char *dst, uint8_t len, const char *gateway, uint32_t metric);
void neighbour(const char *addr, uint8_t last, uint16_t state);

/* Makes the next table. True: it differs. */
bool compile(void);
bool compile_at(uint64_t ms);

/* The result of a look-up of @dst on port 0: the id of a nexthop, or a verdict. */
uint16_t way(const char *dst);
void assert_neighbour(uint16_t id, bool resolved, uint8_t last); /* last byte of its MAC */
void assert_moved(uint16_t id);

/* Runs a census in which flows have the ids in @has, which a 0 ends. */
void census(const uint16_t *has);
