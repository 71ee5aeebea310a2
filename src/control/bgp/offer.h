/*
 * Offers our own prefixes in a kernel table, for a routing daemon to announce.
 *
 * Each is a route by a device that lives as long as this process (device.h), so the kernel removes
 * them when the process ends, however it ends. A route more says that the gateway is ready. The
 * metric of a route says what the prefix is.
 *
 * Control thread.
 */
#pragma once

#include "base/addr6.h"
#include "network/network.h"

#include <stddef.h>
#include <stdint.h>

enum {
	OFFER_PROTOCOL = 252, /* of our routes: `proto 252` of ip-route(8), krt_source of BIRD */
	/* metrics */
	OFFER_EGRESS = 1, /* an egress address */
	OFFER_GLOBAL, /* a global prefix of a site */
	OFFER_ALIAS, /* an alias of a site */
	OFFER_READY, /* 192.0.0.8/32, a dummy address (RFC 7600) */
	OFFER_UNTRANSLATED, /* sources that a route lets out as they are */
};

struct offer {
	int ifindex;
	uint32_t table; /* 0: nothing is offered */
	struct offered *at; /* [n] */
	size_t n;
};

/* An empty one, with the number of the device. */
void offer_init(struct offer *o, int ifindex);
void offer_fini(struct offer *o); /* the routes stay until the device goes */

/*
 * Offers exactly the prefixes of @net in @table (0: none), and the ready route. 0, or the first
 * -errno; what the kernel accepted is offered all the same, and the next call repeats the rest.
 */
int offer_set(struct offer *o, uint32_t table, const struct network *net);
