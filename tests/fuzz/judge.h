/*
 * The judge of packet_fuzz.c: is what left the gateway explained by what came in?
 *
 * Whatever came in, every frame that leaves is sound, comes from an address of ours with a port of our
 * slices or goes into a tunnel of ours; a checksum that was right is right; and an answer, or an error,
 * goes to the site that the question came from, as it was seen leaving by the uplink.
 */
#pragma once

#include "make.h"

/* Who may send to an egress port that a site has: whom it wrote to, or, @open, everybody. */
void judge_reset(bool open);

/*
 * These came in at once and fewer left than came out of tunnels: what did not leave may have opened a
 * flow all the same, nobody knows with which port.
 */
void judge_unseen(const struct frame_bytes *in, unsigned n);

/* Did it come out of a tunnel of ours? */
bool judge_is_tunnelled(const struct frame_bytes *in);

/*
 * A frame left by @port after @n frames came in at once. Ends the process unless one of those explains
 * it: which one is not known, so with one the judge is strictest.
 */
void judge_frame(unsigned port, const uint8_t *frame, size_t len, const struct frame_bytes *in,
		 unsigned n);

/*
 * A frame left by @port though nothing came in, as time went by: that is the error which tells a site
 * that a fragment is missing.
 */
void judge_late(unsigned port, const uint8_t *frame, size_t len);

/* @wrong is something no input may bring about. */
void judge_stop_if(bool wrong, const char *what);
