/*
 * The probes of one tunnel: see health_internal.h.
 *
 * Up to four probes are on their way at once. Each has a random number, which
 * control writes into the rows of all workers (path/probes.h): an answer may
 * come by any tunnel of the site, and so to any worker. If the ring to the
 * worker is full, the probe waits; it is not lost.
 *
 * The worker writes down when the answer came. So a control thread that was
 * held up does not take answered probes for lost ones: it reads all answers
 * before it gives up any.
 */
#include "control/health/health_internal.h"

#include "base/log.h"
#include "base/mono.h"
#include "control/alarm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum { LOOKS = 4 /* at a probe that is on its way, until it is lost */ };

static uint64_t timeout_ns(const struct health_tunnel *t)
{
	return t->plan.rate->timeout_ms * (uint64_t)NS_PER_MS;
}

static uint64_t next_random(struct health *h)
{
	if (h->n_random == 0 && getrandom(h->random, sizeof(h->random), 0) == sizeof(h->random))
		h->n_random = HEALTH_RANDOM;
	return h->n_random > 0 ? h->random[--h->n_random] : 0;
}

static uint64_t count_received(const struct health *h, uint16_t id)
{
	struct tunnel_counters c;
	uint64_t sum = 0;

	for (size_t i = 0; i < h->n_workers; i++) {
		worker_read_tunnel(h->workers[i], id, &c);
		sum += c.rx_packets;
	}
	return sum;
}

/* --- states ----------------------------------------------------------------------------------- */

void prober_reason(const struct health *h, uint16_t id, uint64_t now_ms,
		   char out[HEALTH_REASON_SIZE])
{
	const struct health_tunnel *t = &h->tunnels[id];
	struct health_loss loss = health_loss(&t->life);

	out[0] = '\0';
	if (t->life.state == HEALTH_DOWN)
		snprintf(out, HEALTH_REASON_SIZE, "%u probes in a row were not answered%s",
			 t->life.lost_row, t->life.answered ? "" : ", and none ever was");
	else if (t->held)
		snprintf(out, HEALTH_REASON_SIZE, "it works again; flows return in %" PRIu64 " s",
			 (t->hold.until_ms - now_ms + 999) / 1000);
	else if (t->life.lost_row >= t->in_a_row)
		snprintf(out, HEALTH_REASON_SIZE,
			 "probes are not answered, but packets come out of it");
	else if (t->life.state == HEALTH_DEGRADED)
		snprintf(out, HEALTH_REASON_SIZE, "%u of %u probes of five minutes were lost",
			 loss.lost, loss.sent);
}

static void tell_alarms(struct health *h, uint16_t id, const char *reason)
{
	const struct health_tunnel *t = &h->tunnels[id];
	const char *name = network_tunnel_name(h->net, id);

	if (t->life.state == HEALTH_DOWN)
		alarm_raise(h->alarms, ALARM_TUNNEL_DOWN, name, "%s", reason);
	else
		alarm_clear(h->alarms, ALARM_TUNNEL_DOWN, name);
	if (t->life.state == HEALTH_DEGRADED)
		alarm_raise(h->alarms, ALARM_TUNNEL_DEGRADED, name, "%s", reason);
	else
		alarm_clear(h->alarms, ALARM_TUNNEL_DEGRADED, name);
}

static void begin_state(struct health *h, uint16_t id, uint8_t before, uint64_t now_ms)
{
	struct health_tunnel *t = &h->tunnels[id];
	char reason[HEALTH_REASON_SIZE];

	t->since_ms = now_ms;
	t->downs += t->life.state == HEALTH_DOWN;
	if (before == HEALTH_DOWN) {
		failover_hold(&t->hold, h->net->spec.health.hold * UINT64_C(1000), now_ms);
		t->held = true;
	} else if (t->life.state == HEALTH_DOWN) {
		t->held = false; /* it begins again when the tunnel works again */
	}
	prober_reason(h, id, now_ms, reason);
	log_info("tunnel %s: %s -> %s%s%s", network_tunnel_name(h->net, id),
		 health_state_names[before], health_state_names[t->life.state],
		 reason[0] != '\0' ? ": " : "", reason);
	tell_alarms(h, id, reason);
	sites_mark(h, h->net->tunnels[id].site);
	h->changed = true;
}

void prober_take(struct health *h, uint16_t id, enum health_result result, uint64_t now_ms)
{
	struct health_tunnel *t = &h->tunnels[id];
	uint8_t before = t->life.state;
	unsigned quick = health_take(&t->life, result, t->in_a_row, now_ms);

	if (result == HEALTH_ANSWERED)
		t->answered++;
	else
		t->lost++;
	if (quick > 0 && t->plan.rate != NULL) {
		t->quick = (uint8_t)quick;
		t->quick_ns = now_ms * NS_PER_MS;
	}
	if (t->life.state != before)
		begin_state(h, id, before, now_ms);
}

/* --- probes on their way ---------------------------------------------------------------------- */

static bool find_answer(const struct health *h, uint16_t id, uint8_t slot, uint64_t *at_ns)
{
	const struct health_probe *p = &h->tunnels[id].probes[slot];

	*at_ns = p->heard_ns;
	for (size_t i = 0; i < h->n_workers && *at_ns == 0; i++)
		*at_ns = probe_answered(worker_probes(h->workers[i], id), slot, p->number);
	return *at_ns != 0;
}

static void take_answers(struct health *h, uint16_t id, uint64_t now_ms)
{
	struct health_tunnel *t = &h->tunnels[id];
	uint64_t at_ns;

	for (unsigned i = 0; i < PROBE_SLOTS; i++) {
		uint8_t slot = (uint8_t)((t->slot + i) % PROBE_SLOTS); /* the oldest first */
		struct health_probe *p = &t->probes[slot];

		if (p->number == 0 || !find_answer(h, id, slot, &at_ns))
			continue;
		t->rtt_ns = at_ns > p->sent_ns ? at_ns - p->sent_ns : 1;
		p->number = 0;
		prober_take(h, id, HEALTH_ANSWERED, now_ms);
	}
}

/* Returns when the next one is to be looked at. */
static uint64_t give_up(struct health *h, uint16_t id, uint64_t now_ns)
{
	struct health_tunnel *t = &h->tunnels[id];
	uint64_t timeout = timeout_ns(t), next = UINT64_MAX;

	for (unsigned i = 0; i < PROBE_SLOTS; i++) {
		struct health_probe *p = &t->probes[(t->slot + i) % PROBE_SLOTS];

		if (p->number == 0)
			continue;
		if (now_ns - p->sent_ns < timeout) {
			uint64_t end = p->sent_ns + timeout, look = now_ns + timeout / LOOKS;

			next = end < next ? end : next;
			next = look < next ? look : next;
			continue;
		}
		p->number = 0;
		prober_take(h, id, count_received(h, id) != p->rx ? HEALTH_LOST_ALIVE : HEALTH_LOST,
			    now_ns / NS_PER_MS);
	}
	return next;
}

static void await_answer(const struct health *h, uint16_t id, uint8_t slot, uint64_t number)
{
	for (size_t i = 0; i < h->n_workers; i++)
		probe_await(worker_probes(h->workers[i], id), slot, number);
}

void prober_forget(struct health *h, uint16_t id)
{
	for (uint8_t slot = 0; slot < PROBE_SLOTS; slot++) {
		h->tunnels[id].probes[slot].number = 0;
		await_answer(h, id, slot, 0);
	}
}

/* False: it must wait, for the ring or for a slot. */
static bool send_probe(struct health *h, uint16_t id, uint64_t now_ns)
{
	struct health_tunnel *t = &h->tunnels[id];
	struct health_probe *p = &t->probes[t->slot];
	struct health_mark mark = {next_random(h), id, t->slot, t->sequence};
	uint8_t packet[HEALTH_PROBE_SIZE];
	size_t len;

	if (p->number != 0 || mark.number == 0)
		return false;
	len = health_probe_make(&t->plan.ends, &mark, packet);
	await_answer(h, id, t->slot, mark.number);
	if (!worker_inject(h->workers[id % h->n_workers], INJECT_TUNNEL, id, packet, len))
		return false;
	*p = (struct health_probe){mark.number, now_ns, 0, count_received(h, id)};
	t->slot = (uint8_t)((t->slot + 1) % PROBE_SLOTS);
	t->sequence++;
	t->sent++;
	return true;
}

static void send_due(struct health *h, uint16_t id, uint64_t now_ns)
{
	struct health_tunnel *t = &h->tunnels[id];
	uint64_t interval = t->plan.rate->interval_ms * (uint64_t)NS_PER_MS;

	if (t->quick > 0 && now_ns >= t->quick_ns && send_probe(h, id, now_ns)) {
		t->quick--;
		t->quick_ns = now_ns + timeout_ns(t) / LOOKS;
	}
	if (now_ns < t->next_ns || !send_probe(h, id, now_ns))
		return;
	t->next_ns += interval;
	if (t->next_ns < now_ns) /* held up: no burst of probes follows */
		t->next_ns = now_ns + interval;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void end_hold(struct health *h, uint16_t id, uint64_t now_ms)
{
	struct health_tunnel *t = &h->tunnels[id];

	if (!t->held || now_ms < t->hold.until_ms)
		return;
	t->held = false;
	sites_mark(h, h->net->tunnels[id].site);
}

uint64_t prober_step(struct health *h, uint16_t id, uint64_t now_ns)
{
	struct health_tunnel *t = &h->tunnels[id];
	uint64_t next = UINT64_MAX;

	end_hold(h, id, now_ns / NS_PER_MS);
	if (t->plan.rate != NULL) {
		take_answers(h, id, now_ns / NS_PER_MS);
		give_up(h, id, now_ns);
		send_due(h, id, now_ns);
		next = earlier(give_up(h, id, now_ns), t->next_ns);
		if (t->quick > 0)
			next = earlier(next, t->quick_ns);
	}
	return t->held ? earlier(next, t->hold.until_ms * NS_PER_MS) : next;
}
