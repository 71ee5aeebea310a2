/*
 * The judge of packet_fuzz.c: do the frames that leave follow from those that came in?
 *
 * For any input, every frame that leaves is valid. It has an address of ours and a port of our
 * slices as source, or goes into a tunnel of ours. A checksum that was right stays right. An
 * answer, or an error, goes to the site whose packet left by the uplink before.
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
