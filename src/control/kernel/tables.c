/*
 * Follows kernel routing tables: see tables.h.
 *
 *   events    change single routes
 *   dumps     one table and family at a time, some receives a turn of the loop, so that a large
 *             table does not hold the control thread
 *   burst     a timer: tells the user of the tables
 *
 * While a dump runs, no events are read: they wait in the socket's buffer, and are taken after it.
 * They may be older than the rows of the dump, but the last event of a prefix is as new as they
 * are, so all ends well. A table is dumped when it is followed for the first time, after events
 * were lost (ENOBUFS), after nexthop objects, links or local addresses have changed (the kernel
 * does not report the routes that this removes), when refused routes have room again, and every ten
 * minutes as a precaution. A dump that fails is repeated after a pause that grows from 100 ms to
 * 5 s. Until it succeeds all routes stay in use.
 */
#include "control/kernel/tables.h"

#include "base/log.h"
#include "base/mono.h"
#include "control/kernel/objects.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

enum {
	EVENT_SIZE = 16 * 1024,
	EVENTS_PER_TURN = 2048,
	READS_PER_TURN = 16, /* of a dump: about 8,000 routes */
	BURST_MS = 100, /* after the last event */
	BURST_MAX_MS = 1000, /* after the first one */
	PAUSE_MS = 100,
	PAUSE_MAX_MS = 5000,
	COMPARE_MS = 600000,
	SHARE = 20, /* dumps may take this part of the time */
};

struct followed {
	struct table table;
	bool stale; /* must be dumped */
};

struct tables {
	struct followed *at; /* by number */
	size_t n;
	int device;
	struct objects objects;
	tables_changed_fn changed;
	void *arg;
	struct event_base *base;
	struct mnl_socket *events, *questions;
	struct event *on_event, *on_answer, *on_burst, *on_dump, *on_compare;
	uint64_t first_ms; /* of the burst: its first event; 0: none */
	bool lost; /* events, since the last whole dump */
	/* the dump that runs */
	bool dumping;
	size_t place; /* of its table */
	uint8_t family;
	uint64_t began_ms;
	unsigned pause_ms; /* before the next dump */
	struct tables_counts counts;
	_Alignas(struct nlmsghdr) char buffer[EVENT_SIZE];
};

static struct timeval in_ms(uint64_t ms)
{
	return (struct timeval){(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
}

/* Place of the table; @n of @ts: it is not followed. */
static size_t place_of(const struct tables *ts, uint32_t number)
{
	size_t low = 0, high = ts->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (ts->at[mid].table.number == number)
			return mid;
		if (ts->at[mid].table.number < number)
			low = mid + 1;
		else
			high = mid;
	}
	return ts->n;
}

struct table *tables_find(struct tables *ts, uint32_t number)
{
	size_t place = place_of(ts, number);

	return place == ts->n ? NULL : &ts->at[place].table;
}

size_t tables_n(const struct tables *ts)
{
	return ts->n;
}

struct table *tables_at(struct tables *ts, size_t i)
{
	return &ts->at[i].table;
}

const struct tables_counts *tables_counts(const struct tables *ts)
{
	return &ts->counts;
}

/* --- bursts ----------------------------------------------------------------------------------- */

static void note_change(struct tables *ts)
{
	uint64_t now = mono_ms(), due;
	struct timeval wait;

	if (ts->first_ms == 0)
		ts->first_ms = now;
	due = now + BURST_MS;
	if (due > ts->first_ms + BURST_MAX_MS)
		due = ts->first_ms + BURST_MAX_MS;
	wait = in_ms(due > now ? due - now : 1);
	event_add(ts->on_burst, &wait); /* again: the timer is set anew */
}

/* --- dumps ------------------------------------------------------------------------------------ */

static void plan_dump(struct tables *ts)
{
	struct timeval wait = in_ms(ts->pause_ms);

	if (!ts->dumping && !event_pending(ts->on_dump, EV_TIMEOUT, NULL))
		event_add(ts->on_dump, &wait);
}

/* Routes that were refused are read again where others went. True: there are such. */
static bool mark_those_with_room(struct tables *ts)
{
	bool some = false;

	for (size_t i = 0; i < ts->n; i++) {
		if (!table_has_room_again(&ts->at[i].table))
			continue;
		ts->at[i].stale = true;
		some = true;
	}
	return some;
}

static void on_burst(evutil_socket_t fd, short what, void *arg)
{
	struct tables *ts = arg;

	ts->first_ms = 0;
	ts->counts.bursts++;
	ts->changed(ts->arg);
	if (mark_those_with_room(ts))
		plan_dump(ts);
}

static void mark_all(struct tables *ts)
{
	for (size_t i = 0; i < ts->n; i++)
		ts->at[i].stale = true;
	plan_dump(ts);
}

static void take_expanded(struct tables *ts, struct table *t, const struct kernel_route *route)
{
	static struct kernel_route expanded; /* too large for the stack */

	if (route->nexthop == 0)
		table_take(t, route, ts->device);
	else if (objects_expand(&ts->objects, route, &expanded))
		table_take(t, &expanded, ts->device);
	else
		mark_all(ts); /* the next dump reads the objects first */
}

static void on_row(const struct kernel_route *route, void *arg)
{
	struct tables *ts = arg;
	struct table *t = &ts->at[ts->place].table;

	if (route->table == t->number)
		take_expanded(ts, t, route);
}

static void on_object(const struct kernel_nexthop *nexthop, void *arg)
{
	objects_take(arg, nexthop);
}

/* The old socket may still have rows of a dump that failed. */
static int open_questions(struct tables *ts)
{
	if (ts->on_answer != NULL)
		event_free(ts->on_answer);
	ts->on_answer = NULL;
	if (ts->questions != NULL)
		mnl_socket_close(ts->questions);
	ts->questions = netlink_open(0);
	return ts->questions != NULL ? 0 : -errno;
}

static void read_objects(struct tables *ts)
{
	objects_forget(&ts->objects);
	/* ignored: a kernel without nexthop objects */
	netlink_dump_nexthops(ts->questions, on_object, &ts->objects);
}

static bool find_stale(struct tables *ts)
{
	for (size_t i = 0; i < ts->n; i++) {
		if (!ts->at[i].stale)
			continue;
		ts->place = i;
		ts->family = AF_INET;
		return true;
	}
	return false;
}

/* The families of a table are one dump of it. */
static int ask_family(struct tables *ts)
{
	struct followed *f = &ts->at[ts->place];

	if (ts->family == AF_INET) {
		f->stale = false;
		table_begin_dump(&f->table);
		ts->counts.dumps++;
	}
	return netlink_ask_table(ts->questions, f->table.number, ts->family);
}

static void read_events(struct tables *ts);

/* The dumps are complete, and the events that waited meanwhile are taken. */
static void settle(struct tables *ts)
{
	bool whole = true;

	mark_those_with_room(ts);
	for (size_t i = 0; i < ts->n; i++) {
		table_count_drift(&ts->at[i].table, ts->lost);
		whole = whole && !ts->at[i].stale;
	}
	if (whole)
		ts->lost = false;
	else
		plan_dump(ts);
}

static void finish_dumps(struct tables *ts)
{
	uint64_t pause_ms = (mono_ms() - ts->began_ms) * SHARE;

	ts->dumping = false;
	ts->pause_ms = pause_ms < PAUSE_MS	 ? PAUSE_MS
		       : pause_ms < PAUSE_MAX_MS ? (unsigned)pause_ms
						 : PAUSE_MAX_MS;
	if (ts->on_answer != NULL)
		event_del(ts->on_answer);
	event_add(ts->on_event, NULL);
	read_events(ts);
	settle(ts);
	note_change(ts);
}

/* Routes stay in use. */
static void fail_dump(struct tables *ts, int error)
{
	if (error != -EAGAIN)
		log_warning("cannot read routing table %u from the kernel: %s",
			    ts->at[ts->place].table.number, strerror(-error));
	table_end_dump(&ts->at[ts->place].table, false);
	ts->at[ts->place].stale = true;
	ts->dumping = false;
	ts->pause_ms = ts->pause_ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : ts->pause_ms * 2;
	open_questions(ts);
	event_add(ts->on_event, NULL);
	plan_dump(ts);
}

/* Reads the next rows. After the last ones of a family it asks for the next. */
static void step(struct tables *ts)
{
	int ret = netlink_read_table(ts->questions, on_row, ts);

	if (ret > 0)
		return;
	if (ret == 0 && ts->family == AF_INET) {
		ts->family = AF_INET6;
		ret = ask_family(ts);
	} else if (ret == 0) {
		table_end_dump(&ts->at[ts->place].table, true);
		if (!find_stale(ts)) {
			finish_dumps(ts);
			return;
		}
		ret = ask_family(ts);
	}
	if (ret != 0)
		fail_dump(ts, ret);
}

static void tables_on_answer(evutil_socket_t fd, short what, void *arg)
{
	struct tables *ts = arg;

	for (int i = 0; i < READS_PER_TURN && ts->dumping; i++)
		step(ts);
}

static int watch_answers(struct tables *ts)
{
	int fd = mnl_socket_get_fd(ts->questions);

	evutil_make_socket_nonblocking(fd);
	if (ts->on_answer == NULL)
		ts->on_answer = event_new(ts->base, fd, EV_READ | EV_PERSIST, tables_on_answer, ts);
	return ts->on_answer != NULL && event_add(ts->on_answer, NULL) == 0 ? 0 : -ENOMEM;
}

/* False: no table needs it, or it failed and is tried again later. */
static bool begin_dumps(struct tables *ts)
{
	int ret = 0;

	if (ts->dumping || !find_stale(ts))
		return false;
	ts->began_ms = mono_ms();
	event_del(ts->on_event);
	if (ts->questions == NULL)
		ret = open_questions(ts);
	if (ret == 0) {
		ts->dumping = true;
		read_objects(ts);
		ret = ask_family(ts);
	}
	if (ret != 0)
		fail_dump(ts, ret);
	return ret == 0;
}

static void on_dump(evutil_socket_t fd, short what, void *arg)
{
	struct tables *ts = arg;
	int ret = begin_dumps(ts) ? watch_answers(ts) : 0;

	if (ret != 0)
		fail_dump(ts, ret);
}

int tables_read_now(struct tables *ts)
{
	if (ts->dumping)
		fail_dump(ts, -EAGAIN);
	open_questions(ts); /* a socket that waits */
	if (begin_dumps(ts))
		while (ts->dumping)
			step(ts);
	return find_stale(ts) ? -EAGAIN : 0;
}

/* --- events ----------------------------------------------------------------------------------- */

static void tables_take_route(struct tables *ts, const struct nlmsghdr *nlh)
{
	static struct kernel_route route; /* too large for the stack */
	struct table *t;

	if (!netlink_parse_route(nlh, &route))
		return;
	t = tables_find(ts, route.table);
	if (t == NULL)
		return;
	ts->counts.events++;
	take_expanded(ts, t, &route);
}

/* A link that goes down loses its routes without an event. */
static bool goes_down(const struct nlmsghdr *nlh)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);

	return nlh->nlmsg_type == RTM_DELLINK ||
	       (mnl_nlmsg_get_payload_len(nlh) >= sizeof(*ifi) && !(ifi->ifi_flags & IFF_UP));
}

static int on_message(const struct nlmsghdr *nlh, void *arg)
{
	struct tables *ts = arg;

	switch (nlh->nlmsg_type) {
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		tables_take_route(ts, nlh);
		break;
	case RTM_NEWLINK:
	case RTM_DELLINK:
		if (goes_down(nlh))
			mark_all(ts);
		break;
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
	case RTM_DELADDR:
		mark_all(ts);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static void read_events(struct tables *ts)
{
	int fd = mnl_socket_get_fd(ts->events);
	bool some = false;

	for (int i = 0; i < EVENTS_PER_TURN; i++) {
		ssize_t len = recv(fd, ts->buffer, sizeof(ts->buffer), MSG_DONTWAIT);

		if (len < 0 && errno == ENOBUFS) {
			ts->lost = true;
			ts->counts.lost++;
			mark_all(ts);
			continue;
		}
		if (len <= 0)
			break;
		mnl_cb_run(ts->buffer, (size_t)len, 0, 0, on_message, ts);
		some = true;
	}
	if (some)
		note_change(ts);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	read_events(arg);
}

/* --- which tables ----------------------------------------------------------------------------- */

/* Moves the tables that stay to @out, and frees the others. */
static void move_tables(struct tables *ts, struct followed *out, const struct table_wanted *wanted,
			size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t place = place_of(ts, wanted[i].number);

		if (place == ts->n) {
			table_init(&out[i].table, wanted[i].number, wanted[i].limit);
			out[i].stale = true;
			continue;
		}
		out[i] = ts->at[place];
		out[i].table.limit = wanted[i].limit;
		out[i].stale = out[i].stale || table_has_room_again(&out[i].table);
		table_init(&ts->at[place].table, wanted[i].number, 0); /* it owns nothing now */
	}
	for (size_t i = 0; i < ts->n; i++)
		table_fini(&ts->at[i].table);
}

int tables_follow(struct tables *ts, const struct table_wanted *wanted, size_t n, int device)
{
	struct followed *out = calloc(n + 1, sizeof(*out));

	if (out == NULL)
		return -ENOMEM;
	if (ts->dumping)
		fail_dump(ts, -EAGAIN); /* it would go on in the wrong array */
	move_tables(ts, out, wanted, n);
	free(ts->at);
	ts->at = out;
	ts->n = n;
	if (device != ts->device) {
		ts->device = device;
		mark_all(ts);
	}
	ts->pause_ms = PAUSE_MS;
	plan_dump(ts);
	return 0;
}

/* --- create and destroy ----------------------------------------------------------------------- */

static void on_compare(evutil_socket_t fd, short what, void *arg)
{
	mark_all(arg);
}

static int open_all(struct tables *ts, int buffer)
{
	const struct timeval compare = in_ms(COMPARE_MS);
	int fd;

	ts->events =
		netlink_open(RTMGRP_LINK | RTMGRP_IPV4_ROUTE | RTMGRP_IPV4_IFADDR |
			     RTMGRP_IPV6_ROUTE | RTMGRP_IPV6_IFADDR | 1u << (RTNLGRP_NEXTHOP - 1));
	if (ts->events == NULL || open_questions(ts) != 0)
		return -errno;
	fd = mnl_socket_get_fd(ts->events);
	/* on failure: the default size, and events of all tables */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
	netlink_choose_tables(ts->events, NETLINK_TABLES_OTHER);

	ts->on_event = event_new(ts->base, fd, EV_READ | EV_PERSIST, on_event, ts);
	ts->on_burst = event_new(ts->base, -1, 0, on_burst, ts);
	ts->on_dump = event_new(ts->base, -1, 0, on_dump, ts);
	ts->on_compare = event_new(ts->base, -1, EV_PERSIST, on_compare, ts);
	if (ts->on_event == NULL || ts->on_burst == NULL || ts->on_dump == NULL ||
	    ts->on_compare == NULL || event_add(ts->on_event, NULL) != 0 ||
	    event_add(ts->on_compare, &compare) != 0)
		return -ENOMEM;
	return 0;
}

struct tables *tables_create(struct event_base *base, int buffer, tables_changed_fn changed,
			     void *arg)
{
	struct tables *ts = calloc(1, sizeof(*ts));
	int ret;

	if (ts == NULL)
		return NULL;
	ts->base = base;
	ts->changed = changed;
	ts->arg = arg;
	ts->pause_ms = PAUSE_MS;
	ret = open_all(ts, buffer);
	if (ret == 0)
		return ts;
	tables_destroy(ts);
	errno = -ret;
	return NULL;
}

static void free_event(struct event *event)
{
	if (event != NULL)
		event_free(event);
}

void tables_destroy(struct tables *ts)
{
	if (ts == NULL)
		return;
	free_event(ts->on_event);
	free_event(ts->on_answer);
	free_event(ts->on_burst);
	free_event(ts->on_dump);
	free_event(ts->on_compare);
	if (ts->events != NULL)
		mnl_socket_close(ts->events);
	if (ts->questions != NULL)
		mnl_socket_close(ts->questions);
	for (size_t i = 0; i < ts->n; i++)
		table_fini(&ts->at[i].table);
	objects_fini(&ts->objects);
	free(ts->at);
	free(ts);
}
