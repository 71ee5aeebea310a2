/*
 * Failover: see failover.h.
 *
 * A tunnel that is degraded stays in use: moving its flows could disturb them
 * more than a loss of a thousandth. But it is no good substitute if there is a
 * healthy tunnel.
 */
#include "control/health/failover.h"

enum { HOLD_MEMORY = 10, HOLD_FACTOR_MAX = 16 };

static bool is_away(const struct failover_tunnel *t)
{
	return t->state == HEALTH_DOWN || t->held;
}

static size_t find_best(const struct failover_tunnel *tunnels, size_t n)
{
	size_t works = n;

	for (size_t i = 0; i < n; i++) {
		if (is_away(&tunnels[i]))
			continue;
		if (tunnels[i].state == HEALTH_HEALTHY)
			return i;
		if (works == n)
			works = i;
	}
	/* one that is only held works better than one that is down */
	for (size_t i = 0; i < n && works == n; i++)
		if (tunnels[i].state != HEALTH_DOWN)
			works = i;
	return works < n ? works : 0;
}

size_t failover_choose(struct failover_tunnel *tunnels, size_t n)
{
	size_t best = find_best(tunnels, n);

	for (size_t i = 0; i < n; i++)
		tunnels[i].down = i != best && is_away(&tunnels[i]);
	return best;
}

void failover_hold(struct failover_hold *h, uint64_t hold_ms, uint64_t now_ms)
{
	uint64_t next = hold_ms;

	if (h->last_ms != 0 && now_ms < h->until_ms + HOLD_MEMORY * h->last_ms)
		next = 2 * h->last_ms;
	if (next > HOLD_FACTOR_MAX * hold_ms)
		next = HOLD_FACTOR_MAX * hold_ms;
	h->last_ms = next;
	h->until_ms = now_ms + next;
}
