/*
 * The judge of packet_fuzz.c: do the frames that leave follow from those that came in?
 *
 * For any input, every frame that leaves is valid. Its source is an address of ours and a port of
 * our slices, or it goes into a tunnel of ours. A correct checksum stays correct. An answer or an
 * error goes to the site whose packet left by the uplink before.
 */
#pragma once

#include "make.h"

/*
 * Sets who may send to an egress port of a site: hosts to which it has sent, or with @open any
 * host.
 */
void judge_reset(bool open);

/*
 * Call it when these frames came in at once, and fewer left than came from tunnels. A packet that
 * did not leave may have opened a flow, whose egress port is unknown.
 */
void judge_unseen(const struct frame_bytes *in, unsigned n);

/* Did it come from a tunnel of ours? */
bool judge_is_tunnelled(const struct frame_bytes *in);

/*
 * A frame left by @port after @n frames came in at once. Ends the process unless one of them
 * explains it. With one frame the check is strictest.
 */
void judge_frame(unsigned port, const uint8_t *frame, size_t len, const struct frame_bytes *in,
		 unsigned n);

/*
 * A frame left by @port although none came in, because time passed. It must be the ICMP error about
 * a fragment timeout.
 */
void judge_late(unsigned port, const uint8_t *frame, size_t len);

/* Ends the process with the finding @wrong, which no input may cause. */
void judge_stop_if(bool wrong, const char *what);
