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
 * Why a frame is refused that has an Ethernet header, is no IP and no ARP, and belongs to no
 * interconnect.
 */
static inline enum drop tag_refuse(const struct packet *p)
{
	uint16_t behind;

	if (!tag_is(p))
		return DROP_NOT_IP;
	behind = wire_16(p->data + ETHER_LEN + ETHER_TAG_LEN - 2);
	if (wire_16(p->data + ETHER_TYPE) == ETHER_TAG_SERVICE || behind == ETHER_TAG ||
	    behind == ETHER_TAG_SERVICE)
		return DROP_DOUBLE_TAG;
	return DROP_VLAN_UNKNOWN;
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
