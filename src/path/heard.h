/*
 * What peers of interconnects tell of their Ethernet addresses, by ARP or ND: a worker gathers it
 * for the control thread (control/interconnect/).
 *
 * The latest of each interconnect, so that a flood on one link displaces nothing of another. When
 * the list is full, more is discarded: the peer will be asked again. The list is passed on as that
 * of path/wanted.h is.
 */
#pragma once

#include "path/context.h"

struct heard_box {
	uint32_t n; /* 0: empty, the worker may fill it */
	struct peer_heard heard[CONTEXT_HEARD_MAX];
};

void heard_add(struct context *ctx, uint16_t tunnel, const uint8_t mac[6]);

/* Moves the list into the box, if that is empty. Worker. */
void heard_hand_over(struct heard_box *box, struct context *ctx);

/* Takes what is in the box: up to @n; the rest is discarded. Returns how many. Control thread. */
size_t heard_take(struct heard_box *box, struct peer_heard *out, size_t n);
