/*
 * The outer headers of an SA: IPv4 or IPv6, and with NAT traversal UDP (RFC 3948).
 */
#pragma once

#include "esp/row.h"

/*
 * Makes them of @ends. Lengths, TOS, DF and identification are zero, and an IPv4 checksum is that
 * of a header with these. The checksum of UDP is zero over both families: the ICV protects more.
 */
void esp_outer_make(struct esp_outer *outer, const struct esp_ends *ends);

/* May these be the ends of an SA? */
bool esp_ends_are_sound(const struct esp_ends *ends);

/* The ends of the packet at @ip, whose headers were checked; its ESP header is at @header. */
void esp_outer_read(const uint8_t *ip, unsigned header, struct esp_ends *ends);

/* Does the packet, whose headers begin at @ip and end at @esp, come from where @outer leads to? */
bool esp_outer_is_answer(const struct esp_outer *outer, const uint8_t *ip, const uint8_t *esp);

/* Does the packet come from the remote end of @ends? The port counts only if it came in UDP. */
bool esp_outer_is_from(const struct esp_ends *packet, const struct esp_ends *ends);
