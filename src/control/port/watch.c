/*
 * Raises an alarm when a port begins to lose packets, or to receive truncated packets or packets
 * with a partial checksum; clears it when that has ended.
 *
 * The counters of each port are read once a second. An alarm stands while one of them rises, and
 * for QUIET_S seconds after that. So occasional losses are one alarm, not many.
 *
 * Control thread.
 */
#include "base/log.h"
#include "control/alarm.h"
#include "control/port/port.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { PERIOD_S = 1, QUIET_S = 60, TEXT_SIZE = 200 };

/* A counter, and for how long it has not risen. */
struct rise {
	uint64_t last;
	unsigned quiet_s;
};

struct seen {
	struct rise lost, partial, cut;
	uint64_t rx_invalid;
};

struct port_watch {
	const struct port_set *set;
	struct worker *const *workers;
	size_t n_workers;
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

enum turn { IT_RISES, IT_STANDS, IT_HAS_ENDED };

static enum turn watch_follow(struct rise *r, uint64_t now)
{
	bool rises = now > r->last || (now < r->last && now > 0); /* less: of another port */

	r->last = now;
	if (rises) {
		r->quiet_s = 0;
		return IT_RISES;
	}
	if (r->quiet_s >= QUIET_S)
		return IT_STANDS;
	return ++r->quiet_s == QUIET_S ? IT_HAS_ENDED : IT_STANDS;
}

static void look_at_losses(const struct port *port, struct seen *seen, struct alarms *alarms)
{
	const char *name = port->config->name;
	struct port_stats stats;
	char text[TEXT_SIZE];
	enum turn turn;
	uint64_t lost;

	port_read_stats(port, &stats);
	lost = port_sum_lost(&stats);
	write_losses(&stats, text, sizeof(text));
	if (stats.rx_invalid > seen->rx_invalid)
		alarm_raise(alarms, ALARM_PORT_BUFFERS, name,
			    "the kernel refused %" PRIu64 " of its receive buffers",
			    stats.rx_invalid);
	seen->rx_invalid = stats.rx_invalid;
	turn = watch_follow(&seen->lost, lost);
	if (turn == IT_RISES)
		alarm_raise(alarms, ALARM_PORT_LOSSES, name,
			    "%" PRIu64 " packets lost since the start: %s", lost, text);
	else if (turn == IT_HAS_ENDED)
		alarm_clear(alarms, ALARM_PORT_LOSSES, name);
}

static struct port_counters watch_count(const struct port_watch *w, uint16_t port)
{
	struct port_counters one, sum = {0};

	for (size_t i = 0; i < w->n_workers; i++) {
		worker_read_port(w->workers[i], port, &one);
		sum.partial += one.partial;
		sum.cut += one.cut;
	}
	return sum;
}

static void look_at_checksums(struct rise *rise, uint64_t partial, const char *name,
			      struct alarms *alarms)
{
	enum turn turn = watch_follow(rise, partial);

	if (turn == IT_RISES)
		alarm_raise(alarms, ALARM_PARTIAL_CHECKSUMS, name,
			    "a neighbour sent %" PRIu64
			    " packets with partial checksums; they are completed here, but the "
			    "first may be lost",
			    partial);
	else if (turn == IT_HAS_ENDED)
		alarm_clear(alarms, ALARM_PARTIAL_CHECKSUMS, name);
}

static void look_at_truncated(struct rise *rise, uint64_t cut, const char *name,
			      struct alarms *alarms)
{
	enum turn turn = watch_follow(rise, cut);

	if (turn == IT_RISES)
		alarm_raise(alarms, ALARM_FRAMES_TRUNCATED, name,
			    "%" PRIu64 " packets were larger than a frame and were truncated", cut);
	else if (turn == IT_HAS_ENDED)
		alarm_clear(alarms, ALARM_FRAMES_TRUNCATED, name);
}

static void watch_look(evutil_socket_t fd, short what, void *arg)
{
	struct port_watch *w = arg;

	for (uint16_t i = 0; i < w->set->n && i < PORTS_MAX; i++) {
		struct port_counters c = watch_count(w, i);
		struct seen *seen = &w->seen[i];
		const char *name;

		if (!port_is_there(&w->set->ports[i])) {
			*seen = (struct seen){0};
			continue;
		}
		name = w->set->ports[i].config->name;

		look_at_losses(&w->set->ports[i], seen, w->set->alarms);
		look_at_checksums(&seen->partial, c.partial, name, w->set->alarms);
		look_at_truncated(&seen->cut, c.cut, name, w->set->alarms);
	}
}

struct port_watch *port_watch_create(struct event_base *base, const struct port_set *set,
				     struct worker *const *workers, size_t n_workers)
{
	const struct timeval period = {.tv_sec = PERIOD_S};
	struct port_watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->set = set;
	w->workers = workers;
	w->n_workers = n_workers;
	w->timer = event_new(base, -1, EV_PERSIST, watch_look, w);
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
