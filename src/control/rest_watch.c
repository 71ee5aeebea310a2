/*
 * Ports that did not rest long enough: see rest_watch.h.
 *
 * Workers count them. Once a second the sum is compared; the alarm stands while one was counted in
 * the last QUIET_S seconds.
 */
#include "control/rest_watch.h"

#include "control/alarm.h"
#include "worker/worker.h"

#include <inttypes.h>
#include <stdlib.h>

#include <event2/event.h>

enum { QUIET_S = 60 };

struct rest_watch {
	struct event *timer;
	struct worker *const *workers;
	size_t n;
	struct alarms *alarms;
	uint64_t seen; /* sum at the last look */
	unsigned quiet_s; /* seconds since the sum rose */
};

static uint64_t rest_watch_count(const struct rest_watch *w)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < w->n; i++) {
		struct worker_counters c;

		worker_read_counters(w->workers[i], &c);
		sum += c.rests_cut;
	}
	return sum;
}

void rest_watch_note(struct rest_watch *w, uint64_t now)
{
	w->quiet_s = now != w->seen ? 0 : w->quiet_s + 1;
	w->seen = now;
	if (w->quiet_s == QUIET_S)
		alarm_clear(w->alarms, ALARM_PORTS_SHORT, "egress");
	else if (now != 0 && w->quiet_s == 0)
		alarm_raise(w->alarms, ALARM_PORTS_SHORT, "egress",
			    "ports given to another site, towards the same server, before they had "
			    "rested: %" PRIu64,
			    now);
}

static void rest_watch_look(evutil_socket_t fd, short what, void *arg)
{
	rest_watch_note(arg, rest_watch_count(arg));
}

struct rest_watch *rest_watch_create(struct event_base *base, struct worker *const *workers,
				     size_t n, struct alarms *alarms)
{
	const struct timeval period = {.tv_sec = 1};
	struct rest_watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->workers = workers;
	w->n = n;
	w->alarms = alarms;
	w->timer = event_new(base, -1, EV_PERSIST, rest_watch_look, w);
	if (w->timer == NULL || event_add(w->timer, &period) < 0) {
		rest_watch_destroy(w);
		return NULL;
	}
	return w;
}

void rest_watch_destroy(struct rest_watch *w)
{
	if (w == NULL)
		return;
	if (w->timer != NULL)
		event_free(w->timer);
	free(w);
}
