/*
 * Which tunnel each site uses: see health_internal.h.
 *
 * Sites are marked while results come in, and all of them are decided together:
 * so a port that fails with a thousand tunnels is one table of nexthops, not a
 * thousand.
 */
#include "control/health/health_internal.h"

void sites_mark(struct health *h, uint16_t site)
{
	if (h->is_dirty[site])
		return;
	h->is_dirty[site] = true;
	h->dirty[h->n_dirty++] = site;
}

static void read_site(struct health *h, const struct site *site)
{
	for (uint16_t i = 0; i < site->n_tunnels; i++) {
		const struct health_tunnel *t = &h->tunnels[site->tunnels[i]];

		h->site[i] = (struct failover_tunnel){
			.state = (enum health_state)t->life.state,
			.held = t->held,
		};
	}
}

static void note_switch(struct health *h, uint16_t id, bool down, uint16_t substitute)
{
	struct health_tunnel *t = &h->tunnels[id];

	if (t->away == down && t->substitute == substitute)
		return;
	t->away = down;
	t->substitute = substitute;
	h->switches[h->n_switches++] = (struct health_switch){id, substitute, down};
}

static void choose(struct health *h, const struct site *site)
{
	size_t best;

	if (site->n_tunnels == 0)
		return;
	read_site(h, site);
	best = failover_choose(h->site, site->n_tunnels);
	for (uint16_t i = 0; i < site->n_tunnels; i++)
		note_switch(h, site->tunnels[i], h->site[i].down,
			    h->site[i].down ? site->tunnels[best] : NEXTHOP_NONE);
}

void sites_choose(struct health *h)
{
	h->n_switches = 0;
	for (size_t i = 0; i < h->n_dirty; i++) {
		uint16_t site = h->dirty[i];

		h->is_dirty[site] = false;
		if (network_has_site(h->net, site))
			choose(h, &h->net->sites[site]);
	}
	h->n_dirty = 0;
	if (h->n_switches > 0)
		h->users.fail_over(h->users.arg, h->switches, h->n_switches);
}
