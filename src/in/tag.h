/*
 * Priority tags. A tag of VLAN 0 gives a frame a priority, but puts it into no VLAN (IEEE 802.1Q
 * section 6.9): the frame is handled as untagged. in/steer_match.bpf.h does the same in the kernel.
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
 * Removes the priority tags of the frame at @p->data, which has an Ethernet header. True: the frame
 * is now untagged. A tag of another VLAN stays; a tag of VLAN 0 in front of it may be gone.
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
