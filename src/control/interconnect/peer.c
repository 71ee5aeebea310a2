/* The states of a peer: see peer.h. */
#include "control/interconnect/peer.h"

#include <string.h>

const char *const peer_state_names[] = {
	[PEER_ASKED] = "asked",
	[PEER_RESOLVED] = "resolved",
	[PEER_FAILED] = "failed",
	[PEER_FIXED] = "fixed",
};

struct peer peer_begin(uint64_t now_ms)
{
	return (struct peer){.due_ms = now_ms};
}

void peer_hurry(struct peer *p, uint64_t now_ms)
{
	p->unanswered = 0;
	p->due_ms = now_ms;
}

/* Doubles from the first retries on. */
static uint64_t pause_after(uint32_t unanswered)
{
	uint64_t ms = PEER_RETRY_MS;

	for (uint32_t n = 2 * PEER_RETRIES; n < unanswered && ms < PEER_RETRY_MAX_MS; n++)
		ms *= 2;
	return ms < PEER_RETRY_MAX_MS ? ms : PEER_RETRY_MAX_MS;
}

enum peer_action peer_tick(struct peer *p, uint64_t now_ms, bool *changed)
{
	enum peer_action action = PEER_ASK_ALL;
	uint32_t patience = p->state == PEER_RESOLVED ? 2 * PEER_RETRIES : PEER_RETRIES;

	*changed = false;
	if (p->state == PEER_FIXED || now_ms < p->due_ms)
		return PEER_WAIT;
	if (p->state != PEER_FAILED && p->unanswered >= patience) {
		p->state = PEER_FAILED;
		p->has_mac = false;
		*changed = true;
	} else if (p->state == PEER_RESOLVED && p->unanswered < PEER_RETRIES) {
		action = PEER_ASK_IT;
	}
	p->unanswered++;
	p->due_ms = now_ms + pause_after(p->unanswered);
	return action;
}

bool peer_heard(struct peer *p, const uint8_t mac[6], uint64_t now_ms)
{
	bool changed = p->state != PEER_RESOLVED || memcmp(p->mac, mac, sizeof(p->mac)) != 0;

	memcpy(p->mac, mac, sizeof(p->mac));
	p->has_mac = true;
	p->state = PEER_RESOLVED;
	p->unanswered = 0;
	p->due_ms = now_ms + PEER_REFRESH_MS;
	return changed;
}
