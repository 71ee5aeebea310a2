/* TCP resets of our own: see reset.c. */
#pragma once

#include "path/context.h"

/*
 * Turns a TCP segment with ACK, which belongs to no flow, into the reset that answers it. The
 * caller writes the IP header, without options: the returned pointer is its place.
 */
uint8_t *reset_make(struct packet *p);
uint8_t *reset_make6(struct packet *p, const struct flow6_key *key);
