/* The packets of health probes, byte by byte. */
#pragma once

#include "base/addr6.h"
#include "path/probes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HEALTH_PROBE_SIZE = 40 + PROBE_LEN }; /* at most */

/* Between which addresses; IPv4: mapped, both of one family. */
struct health_ends {
	struct addr6 source; /* ours: answers come to it */
	struct addr6 target;
	bool reply; /* the probe is an echo reply of the target, which the far end
                 sends back */
};

struct health_mark {
	uint64_t number; /* random, not 0 */
	uint16_t tunnel;
	uint8_t slot;
	uint16_t sequence;
};

/* Makes the inner packet of a probe; returns its length. */
size_t health_probe_make(const struct health_ends *ends, const struct health_mark *mark,
			 uint8_t out[HEALTH_PROBE_SIZE]);

/*
 * Reads the mark of an answer that the kernel received, @len bytes from the
 * ICMP header on. False: it is none.
 */
bool health_probe_read(const uint8_t *icmp, size_t len, struct health_mark *mark);
