/* TCP resets of our own: see reset.c. */
#pragma once

#include "path/context.h"

/*
 * A TCP segment of no flow, with ACK, becomes the reset that answers it, but for its IP header.
 * Room for that, without options, is in front; the place is returned.
 */
uint8_t *reset_make(struct packet *p);
uint8_t *reset_make6(struct packet *p, const struct flow6_key *key);
