/*
 * Opening ESP packets: from the ESP header to the inner packet.
 */
#pragma once

#include "base/drop.h"
#include "esp/worker.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ESP_BURST_MAX = 64 };

struct esp_in {
	struct esp_sa *sa; /* this worker owns it */
	uint8_t *esp; /* its header; in place up to the end of the ICV */
	uint16_t len;
	const uint8_t *ip; /* its outer headers, which were checked; they end at @esp */

	/* results */
	uint8_t drop; /* enum drop; DROP_NONE: it is opened */
	bool six; /* the inner packet claims to be IPv6; its header is not checked */
	uint8_t *inner;
	uint16_t inner_len; /* with padding for traffic flow confidentiality, if there is any */
	uint64_t number;
};

/* Opens @n packets, at most ESP_BURST_MAX, of any SAs of this worker. */
void esp_open(struct esp_worker *w, struct esp_in *in, unsigned n);
