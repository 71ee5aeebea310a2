/*
 * What charon tells of tunnels, by events: its IKE SAs, and why one is not up.
 *
 * Control thread.
 */
#pragma once

#include "control/ipsec/ike_view.h"
#include "network/network.h"

struct told;

/* The events of vici that told_event() takes; NULL ends them. */
extern const char *const told_events[];

struct told *told_create(void); /* NULL if memory ran out */
void told_destroy(struct told *t); /* NULL is fine */

/* An event of charon; @net has its tunnels. */
void told_event(struct told *t, const struct network *net, const char *name, const uint8_t *data,
		size_t len);

const struct ike_view *told_ike(const struct told *t, uint16_t tunnel); /* NULL: no IKE SA */
const char *told_why(const struct told *t, uint16_t tunnel); /* NULL: nothing was said */

void told_forget_why(struct told *t, uint16_t tunnel);
void told_forget(struct told *t, uint16_t tunnel);
void told_forget_ikes(struct told *t); /* charon has ended */
