/*
 * Events for the control thread: what workers call. What control calls is in sa.h.
 */
#pragma once

#include "esp/worker.h"

struct esp_ring *esp_rings_create(uint16_t workers); /* NULL if memory ran out */
void esp_rings_destroy(struct esp_ring *rings); /* NULL is fine */

/* Tells control that @sa has reached a limit: once each. */
void esp_tell_limit(struct esp_worker *w, struct esp_sa *sa, enum esp_event_type type);

/* The packet with the newest number of @sa came from @from. */
void esp_tell_mapping(struct esp_worker *w, struct esp_sa *sa, const struct esp_ends *from);

/* The IP packet at @inner, @len bytes, its header checked, needs an SA of @tunnel. */
void esp_tell_acquire(struct esp_worker *w, uint16_t tunnel, const uint8_t *inner, size_t len);

void esp_tell_unknown(struct esp_worker *w, uint32_t spi, const struct esp_ends *from);
