/*
 * Why a tunnel is not up, in words for people: read from what charon logs.
 *
 * charon tells the far end little on purpose, and us by vici no more than that a negotiation has
 * ended. The cause stands in its log alone, whose lines it also sends as events:
 *
 *     ikesa-name = homeward-17  ikesa-uniqueid = 3  msg = "received AUTHENTICATION_FAILED ..."
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { REASON_TEXT_SIZE = 320 };

struct reasons;

struct reasons *reasons_create(void); /* NULL if memory ran out */
void reasons_destroy(struct reasons *r); /* NULL is fine */

/*
 * Takes an event `log` of @len bytes. A far end that has not said yet who it is has no name in it:
 * its address is known, and @by_address gives the tunnel with this `remote`, or TUNNEL_NONE.
 */
void reasons_hear(struct reasons *r, const uint8_t *data, size_t len, uint64_t now_ns,
		  uint16_t (*by_address)(void *arg, const char *address), void *arg);

/* What is known since reasons_forget(): a sentence, then charon's words; NULL: nothing. */
const char *reasons_of(const struct reasons *r, uint16_t tunnel);
void reasons_forget(struct reasons *r, uint16_t tunnel);
