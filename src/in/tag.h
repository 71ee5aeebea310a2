/*
 * Priority tags. A tag of VLAN 0 says how urgent a frame is, and not that it is in a VLAN (IEEE
 * 802.1Q section 6.9): such a frame is an untagged one. in/steer_match.bpf.h does the same in the
 * kernel.
 */
#pragma once

#include "base/wire.h"
#include "path/packet.h"

static inline bool tag_is(const struct packet *p)
{
	uint16_t type = wire_16(p->data + ETHER_TYPE);

	return p->len >= ETHER_LEN + ETHER_TAG_LEN &&
	       (type == ETHER_TAG || type == ETHER_TAG_SERVICE);
}

/*
 * Takes the priority tags off the frame at @p->data, which has an Ethernet header. True: an
 * untagged frame is left. What is in a VLAN stays so; a tag of VLAN 0 in front of it may be gone.
 */
static inline bool tag_remove(struct packet *p)
{
	unsigned n = 0;

	while (n < ETHER_TAGS_MAX && tag_is(p) &&
	       (wire_16(p->data + ETHER_LEN) & ETHER_TAG_VLAN) == 0) {
		memmove(p->data + ETHER_TAG_LEN, p->data, ETHER_TYPE);
		p->data += ETHER_TAG_LEN;
		p->len -= ETHER_TAG_LEN;
		n++;
	}
	return n > 0 && !tag_is(p);
}
