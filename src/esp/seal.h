/*
 * Sealing: from an inner packet to an outer one.
 */
#pragma once

#include "base/drop.h"
#include "esp/worker.h"

#include <stdbool.h>
#include <stdint.h>

enum { ESP_HEAD_MAX = ESP_OUTER_MAX + ESP_HEADER_LEN + ESP_IV_MAX };

struct esp_out {
	struct esp_sa *sa; /* this worker owns it */
	/*
	 * The inner packet, whose header was checked. ESP_HEAD_MAX bytes in front of it and
	 * ESP_TAIL_MAX behind it may be written.
	 */
	uint8_t *inner;
	uint16_t inner_len;

	/* results */
	uint8_t drop; /* enum drop; DROP_NONE: it is sealed */
	bool six; /* the outer packet is IPv6 */
	bool needs_id; /* IPv4 that may be fragmented: its identification is still zero */
	uint8_t *outer; /* of outer_len bytes */
	uint16_t outer_len;
};

/* Seals @n packets, at most 64, of any SAs of this worker. */
void esp_seal(struct esp_worker *w, struct esp_out *out, unsigned n);
