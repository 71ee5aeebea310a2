/*
 * Says when a port begins to lose packets, and when that has ended.
 *
 * Once a second the losses of each port are read. The alarm stands while they rise, and for
 * QUIET_S seconds after: a loss now and then is one alarm, not many.
 *
 * Control thread.
 */
#include "base/log.h"
#include "control/alarm.h"
#include "control/port.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { PERIOD_S = 1, QUIET_S = 60, TEXT_SIZE = 200 };

struct seen {
	uint64_t lost, rx_invalid;
	unsigned quiet_s; /* since they rose last */
};

struct port_watch {
	const struct port_set *set;
	struct event *timer;
	struct seen seen[PORTS_MAX];
};

/* "rx_ring_full 120, tx_failed 3" */
static void write_losses(const struct port_stats *stats, char *text, size_t size)
{
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < PORT_LOSSES && len < size; i++)
		if (stats->lost[i] > 0)
			len += (size_t)snprintf(text + len, size - len, "%s%s %" PRIu64,
						len > 0 ? ", " : "", port_loss_infos[i].name,
						stats->lost[i]);
}

static void look_at(const struct port *port, struct seen *seen, struct alarms *alarms)
{
	const char *name = port->config->name;
	struct port_stats stats;
	char text[TEXT_SIZE];
	uint64_t lost;

	port_read_stats(port, &stats);
	lost = port_sum_lost(&stats);
	write_losses(&stats, text, sizeof(text));
	if (stats.rx_invalid > seen->rx_invalid)
		alarm_raise(alarms, ALARM_PORT_BUFFERS, name,
			    "the kernel refused %" PRIu64 " of its receive buffers",
			    stats.rx_invalid);
	if (lost > seen->lost) {
		alarm_raise(alarms, ALARM_PORT_LOSSES, name,
			    "%" PRIu64 " packets lost since the start: %s", lost, text);
		seen->quiet_s = 0;
	} else if (seen->quiet_s < QUIET_S && ++seen->quiet_s == QUIET_S) {
		alarm_clear(alarms, ALARM_PORT_LOSSES, name);
	}
	seen->lost = lost;
	seen->rx_invalid = stats.rx_invalid;
}

static void look(evutil_socket_t fd, short what, void *arg)
{
	struct port_watch *w = arg;

	for (size_t i = 0; i < w->set->n && i < PORTS_MAX; i++)
		look_at(&w->set->ports[i], &w->seen[i], w->set->alarms);
}

struct port_watch *port_watch_create(struct event_base *base, const struct port_set *set)
{
	const struct timeval period = {.tv_sec = PERIOD_S};
	struct port_watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->set = set;
	w->timer = event_new(base, -1, EV_PERSIST, look, w);
	if (w->timer == NULL || event_add(w->timer, &period) != 0) {
		port_watch_destroy(w);
		return NULL;
	}
	return w;
}

void port_watch_destroy(struct port_watch *w)
{
	if (w == NULL)
		return;
	if (w->timer != NULL)
		event_free(w->timer);
	free(w);
}
