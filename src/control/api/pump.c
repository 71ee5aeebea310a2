/*
 * Long answers in turns: see pump.h.
 *
 * One timer runs all clients, one step each, until the steps or the time of a pass are used up, or
 * until all of them wait for workers. The timer is then set again, and not activated: libevent
 * would run an activated event within the same pass.
 *
 * A worker needs some microseconds to answer, but libevent's shortest sleep is a millisecond. So
 * the pump looks again at once, some passes long, before it sleeps.
 */
#include "control/api/pump.h"

#include "base/mono.h"

#include <stdlib.h>

#include <event2/event.h>

struct pump {
	TAILQ_HEAD(pump_clients, pump_client) clients; /* whose turn is next is first */
	size_t n; /* of them */
	struct event *pass; /* timer */
	unsigned idle; /* passes without progress, in a row */
	struct writer writer;
};

static void set_timer(struct pump *pump, bool at_once)
{
	const struct timeval now = {0}, later = {.tv_usec = PUMP_SLEEP_US};

	event_add(pump->pass, at_once ? &now : &later);
}

static void insert(struct pump *pump, struct pump_client *client)
{
	TAILQ_INSERT_TAIL(&pump->clients, client, entry);
	client->joined = true;
	pump->n++;
}

/* One step of the first client. True: it has made progress, or left. */
static bool step_first(struct pump *pump)
{
	struct pump_client *client = TAILQ_FIRST(&pump->clients);
	enum pump_result result;

	pump_leave(pump, client);
	result = client->step(client, &pump->writer);
	if (result == PUMP_LEFT)
		return true; /* it may be freed */
	insert(pump, client);
	return result == PUMP_MORE;
}

static void run_pass(evutil_socket_t fd, short what, void *arg)
{
	struct pump *pump = arg;
	uint64_t until_ns = mono_ns() + PUMP_NS;
	size_t waiting = 0;
	bool progress = false;

	for (unsigned i = 0; i < PUMP_STEPS && waiting < pump->n && mono_ns() < until_ns; i++) {
		if (step_first(pump)) {
			progress = true;
			waiting = 0;
		} else {
			waiting++;
		}
	}
	pump->idle = progress ? 0 : pump->idle + 1;
	if (pump->n > 0)
		set_timer(pump, pump->idle < PUMP_PATIENCE);
}

struct pump *pump_create(struct event_base *base)
{
	struct pump *pump = calloc(1, sizeof(*pump));

	if (pump == NULL)
		return NULL;
	TAILQ_INIT(&pump->clients);
	pump->pass = evtimer_new(base, run_pass, pump);
	if (pump->pass == NULL) {
		free(pump);
		return NULL;
	}
	return pump;
}

void pump_destroy(struct pump *pump)
{
	if (pump == NULL)
		return;
	event_free(pump->pass);
	free(pump);
}

void pump_join(struct pump *pump, struct pump_client *client)
{
	if (client->joined)
		return;
	insert(pump, client);
	pump->idle = 0;
	set_timer(pump, true);
}

void pump_leave(struct pump *pump, struct pump_client *client)
{
	if (!client->joined)
		return;
	TAILQ_REMOVE(&pump->clients, client, entry);
	client->joined = false;
	pump->n--;
}
