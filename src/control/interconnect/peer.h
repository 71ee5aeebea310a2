/*
 * Is the peer of an interconnect there, and at which Ethernet address? A state machine without
 * clock and sockets.
 *
 *   asked     everybody is asked, once a second at first, then ever less often
 *   resolved  it has answered; asked again every 30 s, first at its own address
 *   failed    it does not answer; asked at least every 30 s
 *
 * As neighbour unreachability detection (RFC 4861 section 7.3), but a peer is asked whether there
 * is traffic or not. It is one station, so asking costs nothing, and a tunnel whose peer is gone is
 * known before a packet needs it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum peer_state {
	PEER_ASKED,
	PEER_RESOLVED,
	PEER_FAILED,
	PEER_FIXED, /* of a port without a kernel: nobody is asked */
};

extern const char *const peer_state_names[]; /* by enum peer_state */

enum {
	PEER_RETRY_MS = 1000,
	PEER_RETRIES = 3, /* of each kind, until the next step */
	PEER_RETRY_MAX_MS = 30000,
	PEER_REFRESH_MS = 30000,
};

struct peer {
	uint64_t due_ms; /* when to ask next */
	uint32_t unanswered; /* requests in a row */
	uint8_t mac[6];
	bool has_mac;
	uint8_t state; /* enum peer_state */
};

enum peer_action {
	PEER_WAIT,
	PEER_ASK_IT, /* at its own Ethernet address */
	PEER_ASK_ALL,
};

/* Nothing is known: ask at once. */
struct peer peer_begin(uint64_t now_ms);

/* Asks again soon; what is known stays. For a link that came up. */
void peer_hurry(struct peer *p, uint64_t now_ms);

/* What is to be done now? *@changed: state or address changed. */
enum peer_action peer_tick(struct peer *p, uint64_t now_ms, bool *changed);

/* The peer has told its address. True: state or address changed. */
bool peer_heard(struct peer *p, const uint8_t mac[6], uint64_t now_ms);
