/*
 * A registry for tests, and networks in short:
 *
 *   "/guests berlin:b1@1,b2@~2#5 madrid/guests:m1@%3#100"
 *
 * A word is a virtual network, or a site with its tunnels: name, far end (~: over IPv6, %: an
 * interconnect) and key, or VLAN.
 */
#pragma once

#include "control/registry.h"

enum { FIRST = 1, LAST = 60, NOW = 1000, TEXT_MAX = 512 };

struct registry_bed {
	struct ids *nexthops;
	struct registry *r;
	char retired[TEXT_MAX];
};

struct network_spec registry_bed_parse(const char *text);
void registry_bed_begin(struct registry_bed *b);
void registry_bed_end(struct registry_bed *b);

/*
 * Applies @text. Writes the ids to @out, "berlin=1:1,2 madrid=2:3 /guests=1", and to b->retired
 * those of tunnels that are gone.
 */
void registry_bed_apply(struct registry_bed *b, const char *text, uint32_t now_s, char *out);
