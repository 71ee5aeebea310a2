/*
 * The parts of BGP together: see bgp.h. Devices exist only while the configuration needs them. One
 * that cannot be had is tried again every few seconds.
 */
#include "control/bgp/bgp.h"

#include "base/types.h"
#include "control/alarm.h"
#include "control/bgp/device.h"
#include "control/bgp/offer.h"
#include "control/bgp/refusals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <event2/event.h>
#include <linux/if_tun.h>

enum {
	TICK_S = 5,
	MTU_LEAST = 576,
	MTU_MOST = 1500, /* what the relay carries */
	LIFE_MTU = 1280, /* nothing passes there; IPv6 needs this */
};

/* What the tables mean for a network. */
struct meaning {
	const struct network *net;
	uint32_t *sources; /* of each table, in their order */
	struct learned *learned;
};

struct bgp {
	struct event_base *base;
	struct bgp_parts parts;
	struct tables *tables;
	struct meaning now;
	struct meaning before; /* between bgp_learn() and bgp_follow(), or going back; else empty */
	bool short_of_memory; /* some nexthops are missing: all are taken again at the next tick */
	struct device sessions, life;
	struct relay *relay;
	struct offer offer;
	uint32_t announce; /* the table; 0: none */
	bool sessions_failed, life_failed, tables_failed; /* tried again at the next tick */
	struct event *on_tick;
};

/* --- learned routes --------------------------------------------------------------------------- */

struct taking {
	struct bgp *bgp;
	uint32_t source;
};

static void on_prefix(const struct prefix6 *prefix, const struct table_way *ways, size_t n,
		      void *arg)
{
	const struct taking *taking = arg;

	if (learned_take(taking->bgp->now.learned, taking->source, prefix, ways, n) != 0)
		taking->bgp->short_of_memory = true;
}

/* From the tables to what they mean. */
static void take_routes(struct bgp *b)
{
	for (size_t i = 0; i < tables_n(b->tables); i++) {
		struct taking taking = {b, b->now.sources[i]};

		if (taking.source != REFUSALS_NOBODY && table_has_changes(tables_at(b->tables, i)))
			table_take_changes(tables_at(b->tables, i), on_prefix, &taking);
	}
}

static void tell_changes(struct bgp *b)
{
	const struct network_spec *spec = &b->now.net->spec;

	learned_flush(b->now.learned);
	for (size_t i = 0; i < tables_n(b->tables); i++)
		if (b->now.sources[i] != REFUSALS_NOBODY)
			refusals_tell(b->parts.alarms, b->now.learned, spec,
				      tables_at(b->tables, i), b->now.sources[i]);
	refusals_tell_all(b->parts.alarms, b->now.learned, b->short_of_memory);
}

static void take_all_routes(struct bgp *b)
{
	b->short_of_memory = false;
	for (size_t i = 0; i < tables_n(b->tables); i++)
		if (b->now.sources[i] != REFUSALS_NOBODY)
			table_touch_all(tables_at(b->tables, i));
	take_routes(b);
}

static void tables_changed(void *arg)
{
	struct bgp *b = arg;

	take_routes(b);
	tell_changes(b);
	if (b->parts.changed != NULL)
		b->parts.changed(b->parts.arg);
}

/* --- which tables ----------------------------------------------------------------------------- */

struct wanted {
	struct table_wanted table;
	uint32_t source;
};

static int compare_wanted(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	return (x->table.number > y->table.number) - (x->table.number < y->table.number);
}

static void want_table(struct wanted *list, size_t *n, const struct spec_learn *learn,
		       uint32_t source)
{
	if (learn->table != 0)
		list[(*n)++] = (struct wanted){{learn->table, learn->limit}, source};
}

static size_t list_wanted(const struct network_spec *spec, struct wanted *list)
{
	size_t n = 0;

	for (size_t i = 0; i < spec->n_sites; i++)
		want_table(list, &n, &spec->sites[i].learn, (uint32_t)i);
	for (size_t i = 0; i < spec->n_vnets; i++)
		want_table(list, &n, &spec->vnets[i].learn, LEARNED_WHOLE + (uint32_t)i);
	qsort(list, n, sizeof(*list), compare_wanted);
	return n;
}

static int follow_tables(struct bgp *b, const struct network_spec *spec)
{
	size_t room = spec->n_sites + spec->n_vnets + 1, n;
	struct wanted *list = calloc(room, sizeof(*list));
	struct table_wanted *tables = calloc(room, sizeof(*tables));
	uint32_t *sources = calloc(room, sizeof(*sources));
	int ret = list == NULL || tables == NULL || sources == NULL ? -ENOMEM : 0;

	if (ret == 0) {
		n = list_wanted(spec, list);
		for (size_t i = 0; i < n; i++) {
			tables[i] = list[i].table;
			sources[i] = list[i].source;
		}
		ret = tables_follow(b->tables, tables, n, b->sessions.ifindex);
	}
	if (ret == 0) {
		free(b->now.sources);
		b->now.sources = sources;
		sources = NULL;
	}
	free(list);
	free(tables);
	free(sources);
	return ret;
}

/* --- devices ---------------------------------------------------------------------------------- */

static void tell_device(const struct bgp *b, const char *name, int error)
{
	if (error == 0)
		alarm_clear(b->parts.alarms, ALARM_BGP_DEVICE, name);
	else
		alarm_raise(b->parts.alarms, ALARM_BGP_DEVICE, name, "%s",
			    error == -EBUSY ? "another process has this interface"
					    : strerror(-error));
}

/* The sessions of all tunnels with BGP, in each family. Returns their number. */
static size_t list_links(const struct network *net, struct relay_link *links, uint32_t *mtu)
{
	size_t n = 0;

	*mtu = MTU_MOST;
	for (uint32_t i = 0; i < net->n_tunnels; i++) {
		const struct spec_tunnel *t = network_tunnel_spec(net, net->tunnel_ids[i]);
		size_t before = n;

		if (t == NULL || !t->bgp)
			continue;
		if (!addr6_is_zero(&t->peer) && !addr6_is_zero(&t->address))
			links[n++] = (struct relay_link){t->peer, t->address, net->tunnel_ids[i]};
		if (!addr6_is_zero(&t->peer6) && !addr6_is_zero(&t->address6))
			links[n++] = (struct relay_link){t->peer6, t->address6, net->tunnel_ids[i]};
		if (n > before && t->mtu < *mtu)
			*mtu = t->mtu < MTU_LEAST ? MTU_LEAST : t->mtu;
	}
	return n;
}

static int open_sessions(struct bgp *b, uint32_t mtu)
{
	int ret = b->sessions.fd >= 0 ? device_set_mtu(DEVICE_SESSIONS, mtu)
				      : device_open(&b->sessions, DEVICE_SESSIONS, true, mtu);

	if (ret == 0 && b->relay == NULL) {
		b->relay = relay_create(b->base, b->sessions.fd, &b->parts.workers);
		ret = b->relay != NULL ? 0 : -ENOMEM;
	}
	return ret;
}

/* No tunnel has BGP any more: the interface goes, too. */
static void close_sessions(struct bgp *b)
{
	relay_destroy(b->relay);
	b->relay = NULL;
	if (b->sessions.fd >= 0)
		ioctl(b->sessions.fd, TUNSETPERSIST, 0UL);
	device_close(&b->sessions);
}

static int set_sessions(struct bgp *b)
{
	size_t room = 2 * (size_t)b->now.net->n_tunnels + 1, n;
	struct relay_link *links = calloc(room, sizeof(*links));
	struct device_link *ends = calloc(room, sizeof(*ends));
	uint32_t mtu;
	int ret = 0;

	if (links == NULL || ends == NULL) {
		free(links);
		free(ends);
		return -ENOMEM;
	}
	n = list_links(b->now.net, links, &mtu);
	for (size_t i = 0; i < n; i++)
		ends[i] = (struct device_link){links[i].ours, links[i].peer};
	if (n == 0)
		close_sessions(b);
	else
		ret = open_sessions(b, mtu);
	if (ret == 0 && n > 0)
		ret = relay_set_links(b->relay, links, n);
	if (ret == 0 && n > 0)
		ret = device_set_links(&b->sessions, ends, n);
	free(links);
	free(ends);
	return ret;
}

static void follow_sessions(struct bgp *b)
{
	int ret = set_sessions(b);

	b->sessions_failed = ret != 0;
	tell_device(b, DEVICE_SESSIONS, ret);
}

static void make_offer(struct bgp *b)
{
	int ret = 0;

	if (b->announce == 0) {
		offer_fini(&b->offer);
		device_close(&b->life);
	} else if (b->life.fd < 0) {
		ret = device_open(&b->life, DEVICE_LIFE, false, LIFE_MTU);
		offer_init(&b->offer, b->life.ifindex);
	}
	if (ret == 0 && b->announce != 0)
		ret = offer_set(&b->offer, b->announce, b->now.net);
	b->life_failed = ret != 0;
	tell_device(b, DEVICE_LIFE, ret);
}

void bgp_offer(struct bgp *b, uint32_t table)
{
	b->announce = table;
	make_offer(b);
}

/* Devices that were deleted or set down are opened again, with all that belongs to them. */
static void hold_devices(struct bgp *b)
{
	if (b->life.fd >= 0 && !device_holds(&b->life, DEVICE_LIFE)) {
		offer_fini(&b->offer);
		device_close(&b->life);
		b->life_failed = true;
	}
	if (b->sessions.fd >= 0 && !device_holds(&b->sessions, DEVICE_SESSIONS)) {
		relay_destroy(b->relay);
		b->relay = NULL;
		device_close(&b->sessions);
		b->sessions_failed = true;
	}
}

static bool lacks_memory(const struct bgp *b)
{
	int error;

	learned_waiting(b->now.learned, &error);
	return b->short_of_memory || error == -ENOMEM;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct bgp *b = arg;
	int before = b->sessions.ifindex;

	hold_devices(b);
	if (b->life_failed)
		make_offer(b);
	if (b->sessions_failed)
		follow_sessions(b);
	if (b->tables_failed || b->sessions.ifindex != before)
		b->tables_failed = follow_tables(b, &b->now.net->spec) != 0;
	if (lacks_memory(b)) {
		if (b->short_of_memory)
			take_all_routes(b);
		tables_changed(b);
	}
}

/* --- create and follow ------------------------------------------------------------------------ */

static void forget_meaning(struct meaning *m)
{
	learned_destroy(m->learned);
	free(m->sources);
	*m = (struct meaning){0};
}

/* Says whose the tables are that are followed at present. */
static int assign_tables(const struct bgp *b, const struct network_spec *spec, uint32_t *sources)
{
	struct wanted *list = calloc(spec->n_sites + spec->n_vnets + 1, sizeof(*list));
	size_t n;

	if (list == NULL)
		return -ENOMEM;
	n = list_wanted(spec, list);
	for (size_t i = 0; i < tables_n(b->tables); i++) {
		const struct wanted key = {.table.number = tables_at(b->tables, i)->number};
		const struct wanted *found = bsearch(&key, list, n, sizeof(*list), compare_wanted);

		sources[i] = found == NULL ? REFUSALS_NOBODY : found->source;
	}
	free(list);
	return 0;
}

/* 0, or -ENOMEM: @m is empty. */
static int make_meaning(const struct bgp *b, const struct network *net, struct meaning *m)
{
	*m = (struct meaning){
		.net = net,
		.sources = calloc(tables_n(b->tables) + 1, sizeof(m->sources[0])),
		.learned = learned_create(b->parts.set, b->parts.arg),
	};
	if (m->sources != NULL && m->learned != NULL &&
	    learned_take_network(m->learned, &net->spec) == 0 &&
	    assign_tables(b, &net->spec, m->sources) == 0)
		return 0;
	forget_meaning(m);
	return -ENOMEM;
}

/*
 * The user still has all that it was told for the network before, so going back needs no memory and
 * tells only what has changed meanwhile.
 */
static void go_back(struct bgp *b)
{
	forget_meaning(&b->now);
	b->now = b->before;
	b->before = (struct meaning){0};
	tell_changes(b);
}

int bgp_learn(struct bgp *b, const struct network *net)
{
	struct meaning next;

	if (net == b->now.net)
		return 0;
	if (net == b->before.net) {
		go_back(b);
		return 0;
	}
	if (make_meaning(b, net, &next) != 0)
		return -ENOMEM;
	take_routes(b); /* so that nothing is missing after going back */
	forget_meaning(&b->before);
	b->before = b->now;
	b->now = next;
	take_all_routes(b);
	tell_changes(b);
	return 0;
}

void bgp_follow(struct bgp *b, const struct network *net)
{
	forget_meaning(&b->before);
	b->now.net = net;
	follow_sessions(b);
	b->tables_failed = follow_tables(b, &net->spec) != 0;
	refusals_forget(b->parts.alarms, &net->spec, b->now.sources, tables_n(b->tables));
}

static int bgp_start(struct bgp *b, const struct network *net)
{
	const struct timeval tick = {.tv_sec = TICK_S};
	int ret;

	b->tables = tables_create(b->base, TABLES_BUFFER, tables_changed, b);
	if (b->tables == NULL)
		return -errno;
	b->on_tick = event_new(b->base, -1, EV_PERSIST, on_tick, b);
	if (b->on_tick == NULL || event_add(b->on_tick, &tick) != 0)
		return -ENOMEM;
	ret = make_meaning(b, net, &b->now);
	if (ret != 0)
		return ret;
	follow_sessions(b);
	ret = follow_tables(b, &net->spec);
	if (ret != 0)
		return ret;
	tables_read_now(b->tables); /* if that fails, it is repeated by itself */
	tables_changed(b);
	return 0;
}

struct bgp *bgp_create(struct event_base *base, const struct bgp_parts *parts,
		       const struct network *net)
{
	struct bgp *b = calloc(1, sizeof(*b));
	int ret;

	if (b == NULL)
		return NULL;
	b->base = base;
	b->parts = *parts;
	b->sessions.fd = b->life.fd = -1;
	ret = bgp_start(b, net);
	if (ret == 0)
		return b;
	bgp_destroy(b);
	errno = -ret;
	return NULL;
}

void bgp_destroy(struct bgp *b)
{
	if (b == NULL)
		return;
	if (b->on_tick != NULL)
		event_free(b->on_tick);
	offer_fini(&b->offer);
	device_close(&b->life);
	relay_destroy(b->relay);
	device_close(&b->sessions);
	tables_destroy(b->tables);
	forget_meaning(&b->now);
	forget_meaning(&b->before);
	free(b);
}

size_t bgp_n_tables(const struct bgp *b)
{
	return tables_n(b->tables);
}

struct bgp_table bgp_table(const struct bgp *b, size_t i)
{
	return (struct bgp_table){
		.table = tables_at(b->tables, i),
		.owner = refusals_owner(&b->now.net->spec, b->now.sources[i]),
		.of_network = b->now.sources[i] >= LEARNED_WHOLE,
		.source = b->now.sources[i],
	};
}

const struct learned *bgp_learned(const struct bgp *b)
{
	return b->now.learned;
}

const struct tables_counts *bgp_counts(const struct bgp *b)
{
	return tables_counts(b->tables);
}

const struct relay_counts *bgp_relay_counts(const struct bgp *b)
{
	return b->relay == NULL ? NULL : relay_counts(b->relay);
}
