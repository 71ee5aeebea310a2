/*
 * Health of tunnels: see health.h.
 *
 * One timer serves all tunnels. A tick compares one time for each tunnel, in an
 * array of its own, and looks only at those that are due. With 10,000 tunnels
 * that is all that fits into the cache.
 *
 * Failover and penalties follow at the end of the tick, once for all tunnels
 * that changed.
 */
#include "control/health/health_internal.h"

#include "base/log.h"
#include "base/mono.h"
#include "control/alarm.h"
#include "control/health/outside.h"

#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

enum { TICK_MS = 25, SPREAD_MS = 37, TUNNEL_IDS = SPEC_TUNNELS_MAX + 1 };

static void conclude(struct health *h)
{
	if (h->changed && h->users.changed != NULL)
		h->users.changed(h->users.arg); /* first: one table may have all */
	h->changed = false;
	sites_choose(h);
}

static void health_tick(evutil_socket_t fd, short what, void *arg)
{
	struct health *h = arg;
	uint64_t now = mono_ns();

	for (size_t i = 0; i < h->n; i++)
		if (h->due_ns[i] <= now)
			h->due_ns[i] = prober_step(h, h->ids[i], now);
	conclude(h);
}

void health_keepalive(struct health *h, uint16_t tunnel, bool answered)
{
	if (!h->tunnels[tunnel].kept)
		return;
	h->tunnels[tunnel].sent++;
	prober_take(h, tunnel, answered ? HEALTH_ANSWERED : HEALTH_LOST, mono_ms());
	for (size_t i = 0; h->tunnels[tunnel].held && i < h->n; i++)
		if (h->ids[i] == tunnel)
			h->due_ns[i] = 0; /* the end of the hold is due some time */
	conclude(h);
}

void health_heard_outside(struct health *h, const struct health_mark *mark, uint64_t now_ns)
{
	struct health_probe *p;

	if (mark->tunnel > SPEC_TUNNELS_MAX || !h->tunnels[mark->tunnel].plan.outside)
		return;
	p = &h->tunnels[mark->tunnel].probes[mark->slot];
	if (p->number == mark->number)
		p->heard_ns = now_ns;
}

/* --- networks --------------------------------------------------------------------------------- */

/* Does somebody else say whether the tunnel works? Keepalives do, and the SAs of IPsec. */
static bool keeps(const struct spec_tunnel *spec)
{
	return spec->keepalive.interval != 0 || spec->type == TUNNEL_IPSEC;
}

/* Answers of IPv6 get through only where IPv6 is forwarded. */
static struct health_plan plan_of(const struct network *net, uint16_t tunnel)
{
	const struct spec_site *site = net->site_specs[net->tunnel_sites[tunnel]];
	struct health_plan plan = health_plan_of(&net->spec, site, net->tunnel_specs[tunnel]);

	if (!plan.outside && !addr6_is_mapped(&plan.ends.target) && !network_forwards_ipv6(net))
		plan = (struct health_plan){0};
	return plan;
}

static bool is_watched(const struct health_tunnel *t)
{
	return t->plan.rate != NULL || t->kept;
}

/* The state belongs to the far end and to the way in which it is asked. */
static bool goes_on(const struct health *h, const struct network *net, uint16_t id)
{
	const struct health_tunnel *t = &h->tunnels[id];
	const struct spec_tunnel *spec = network_tunnel_spec(net, id);
	struct health_plan plan;

	if (spec == NULL || !network_same_ends(h->net, net, id))
		return false;
	plan = plan_of(net, id);
	if (t->plan.rate != NULL)
		return health_plan_goes_on(&t->plan, &plan);
	return t->kept && keeps(spec) && plan.rate == NULL;
}

static void clear_alarms(struct health *h, const char *name)
{
	alarm_clear(h->alarms, ALARM_TUNNEL_DOWN, name);
	alarm_clear(h->alarms, ALARM_TUNNEL_DEGRADED, name);
}

/* Before @net is used: ends what does not go on in @net. What was published stays known. */
static void end_tunnels(struct health *h, const struct network *net)
{
	for (size_t i = 0; i < h->n; i++) {
		uint16_t id = h->ids[i];
		struct health_tunnel *t = &h->tunnels[id];
		bool lives = goes_on(h, net, id);
		const char *name = network_tunnel_name(h->net, id);
		uint16_t substitute = t->substitute;
		bool away = t->away;

		if (!lives || strcmp(name, network_tunnel_name(net, id)) != 0)
			clear_alarms(h, name);
		if (lives)
			continue;
		h->changed = h->changed || t->life.state != HEALTH_HEALTHY;
		prober_forget(h, id);
		*t = (struct health_tunnel){0};
		/* what was published, until it is chosen again */
		if (network_has_tunnel(net, id)) {
			t->away = away;
			t->substitute = substitute;
		}
	}
}

static void take_tunnel(struct health *h, uint16_t id, uint64_t now_ns)
{
	const struct spec_tunnel *spec = network_tunnel_spec(h->net, id);
	struct health_tunnel *t = &h->tunnels[id];
	bool is_new = !is_watched(t);
	uint64_t latest;

	t->plan = plan_of(h->net, id);
	t->kept = keeps(spec);
	t->in_a_row = HEALTH_IN_A_ROW;
	if (t->plan.rate == NULL && t->kept && spec->keepalive.retries > 0)
		t->in_a_row = (uint8_t)spec->keepalive.retries;
	if (spec->type == TUNNEL_IPSEC)
		t->in_a_row = 1; /* without SAs it is certain */
	if (!is_watched(t))
		return;
	if (is_new)
		t->since_ms = now_ns / NS_PER_MS;
	if (t->plan.rate != NULL) {
		uint64_t interval_ms = t->plan.rate->interval_ms;

		latest = now_ns + interval_ms * NS_PER_MS;
		if (is_new || t->next_ns > latest)
			t->next_ns = now_ns + h->n * SPREAD_MS % interval_ms * NS_PER_MS;
	}
	h->due_ns[h->n] = 0;
	h->ids[h->n++] = id;
}

static void take_network(struct health *h)
{
	static const struct timeval period = {.tv_usec = TICK_MS * 1000};
	uint64_t now = mono_ns();
	bool outside = false;

	h->n = 0;
	for (uint32_t i = 0; i < h->net->n_tunnels; i++) {
		take_tunnel(h, h->net->tunnel_ids[i], now);
		outside = outside || h->tunnels[h->net->tunnel_ids[i]].plan.outside;
	}
	outside_listen(h->outside, outside);
	if (h->n == 0)
		event_del(h->tick);
	else if (!event_pending(h->tick, EV_TIMEOUT, NULL) && event_add(h->tick, &period) != 0)
		log_warning("not enough memory for the probes of tunnels");
	for (uint32_t i = 0; i < h->net->n_sites; i++)
		sites_mark(h, h->net->site_ids[i]);
}

void health_follow(struct health *h, const struct network *net)
{
	end_tunnels(h, net);
	h->net = net;
	take_network(h);
	conclude(h);
}

/* --- what others ask -------------------------------------------------------------------------- */

uint32_t health_penalty(const struct health *h, uint16_t tunnel)
{
	if (h == NULL || tunnel > SPEC_TUNNELS_MAX)
		return 0;
	return health_penalty_of((enum health_state)h->tunnels[tunnel].life.state);
}

struct health_view health_of(const struct health *h, uint16_t tunnel)
{
	static const struct health_plan none;
	const struct health_tunnel *t;
	struct health_view view = {.plan = &none, .used = tunnel};

	if (h == NULL || tunnel > SPEC_TUNNELS_MAX)
		return view;
	t = &h->tunnels[tunnel];
	view = (struct health_view){
		.plan = &t->plan,
		.kept = t->kept,
		.state = (enum health_state)t->life.state,
		.since_ms = t->since_ms,
		.loss = health_loss(&t->life),
		.rtt_ns = t->rtt_ns,
		.sent = t->sent,
		.answered = t->answered,
		.lost = t->lost,
		.downs = t->downs,
		.penalty = health_penalty(h, tunnel),
		.used = t->away ? t->substitute : tunnel,
	};
	prober_reason(h, tunnel, mono_ms(), view.reason);
	return view;
}

/* --- create and destroy ----------------------------------------------------------------------- */

static bool allocate(struct health *h)
{
	h->tunnels = calloc(TUNNEL_IDS, sizeof(h->tunnels[0]));
	h->ids = calloc(TUNNEL_IDS, sizeof(h->ids[0]));
	h->due_ns = calloc(TUNNEL_IDS, sizeof(h->due_ns[0]));
	h->site = calloc(TUNNEL_IDS, sizeof(h->site[0]));
	h->switches = calloc(TUNNEL_IDS, sizeof(h->switches[0]));
	h->dirty = calloc(SPEC_SITES_MAX + 1, sizeof(h->dirty[0]));
	h->is_dirty = calloc(SPEC_SITES_MAX + 1, sizeof(h->is_dirty[0]));
	h->tick = event_new(h->base, -1, EV_PERSIST, health_tick, h);
	h->outside = outside_create(h->base, h);
	return h->tunnels != NULL && h->ids != NULL && h->due_ns != NULL && h->site != NULL &&
	       h->switches != NULL && h->dirty != NULL && h->is_dirty != NULL && h->tick != NULL &&
	       h->outside != NULL;
}

struct health *health_create(struct event_base *base, const struct network *net,
			     struct worker *const *workers, size_t n_workers, struct alarms *alarms,
			     const struct health_users *users)
{
	struct health *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->base = base;
	h->net = net;
	h->workers = workers;
	h->n_workers = n_workers;
	h->alarms = alarms;
	h->users = *users;
	if (!allocate(h)) {
		health_destroy(h);
		return NULL;
	}
	take_network(h);
	return h;
}

void health_destroy(struct health *h)
{
	if (h == NULL)
		return;
	outside_destroy(h->outside);
	if (h->tick != NULL)
		event_free(h->tick);
	free(h->tunnels);
	free(h->ids);
	free(h->due_ns);
	free(h->site);
	free(h->switches);
	free(h->dirty);
	free(h->is_dirty);
	free(h);
}
