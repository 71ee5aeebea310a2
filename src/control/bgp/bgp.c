/*
 * The parts of BGP together: see bgp.h. Devices exist only while the configuration needs them. One
 * that cannot be had is tried again every few seconds.
 */
#include "control/bgp/bgp.h"

#include "base/types.h"
#include "control/alarm.h"
#include "control/bgp/device.h"
#include "control/bgp/offer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <arpa/inet.h>
#include <event2/event.h>
#include <linux/if_tun.h>

#define NOBODY UINT32_MAX /* source of a table that the network does not learn from */

enum {
	TICK_S = 5,
	MTU_LEAST = 576,
	MTU_MOST = 1500, /* what the relay carries */
	LIFE_MTU = 1280, /* nothing passes there; IPv6 needs this */
	PREFIX_TEXT = INET6_ADDRSTRLEN + 4,
};

struct bgp {
	struct event_base *base;
	struct bgp_parts parts;
	const struct network *net;
	struct tables *tables;
	uint32_t *sources; /* of each table, in their order */
	struct learned *learned;
	struct device sessions, life;
	struct relay *relay;
	struct offer offer;
	uint32_t announce; /* the table; 0: none */
	bool sessions_failed, life_failed, tables_failed; /* tried again at the next tick */
	struct event *on_tick;
};

/* --- learned routes --------------------------------------------------------------------------- */

struct taking {
	struct learned *learned;
	uint32_t source;
};

static void on_prefix(const struct prefix6 *prefix, const struct table_way *ways, size_t n,
		      void *arg)
{
	const struct taking *taking = arg;

	learned_take(taking->learned, taking->source, prefix, ways, n);
}

static const char *owner_of(const struct network_spec *spec, uint32_t source)
{
	if (source == NOBODY)
		return "";
	if (source < LEARNED_WHOLE)
		return spec->sites[source].name;
	return spec->vnets[source - LEARNED_WHOLE].name;
}

static const char *prefix_text(const struct prefix6 *prefix, char buf[static PREFIX_TEXT])
{
	char addr[INET6_ADDRSTRLEN];
	be32_t four = addr6_to_ipv4(&prefix->addr);
	bool is_four = prefix->len >= MAPPED_BITS && addr6_is_mapped(&prefix->addr);

	if (is_four)
		inet_ntop(AF_INET, &four, addr, sizeof(addr));
	else
		inet_ntop(AF_INET6, &prefix->addr, addr, sizeof(addr));
	snprintf(buf, PREFIX_TEXT, "%s/%u", addr, prefix->len - (is_four ? MAPPED_BITS : 0u));
	return buf;
}

/* Raises or clears the alarm about refused routes of one table. */
static void tell_refused(const struct bgp *b, const struct table *t, uint32_t source)
{
	static const char *const why[] = {
		[LEARNED_GATEWAY] = "their gateway is not the `peer` of a tunnel there",
		[LEARNED_DEFAULT] = "so short a prefix would take public destinations from egress",
		[LEARNED_ITSELF] = "they lead to the far end of a tunnel through this tunnel",
	};
	const char *owner = owner_of(&b->net->spec, source);

	if (t->n_refused > 0) {
		alarm_raise(b->parts.alarms, ALARM_LEARNED_REFUSED, owner,
			    "table %u has more than %zu prefixes, and further ones are refused",
			    t->number, t->limit);
		return;
	}
	for (enum learned_refusal i = 0; i < LEARNED_REFUSALS; i++) {
		struct prefix6 example;
		char text[PREFIX_TEXT];
		size_t n = learned_refused(b->learned, source, i, &example);

		if (n == 0)
			continue;
		alarm_raise(b->parts.alarms, ALARM_LEARNED_REFUSED, owner,
			    "routes of table %u are refused: %zu, one of them to %s: %s", t->number,
			    n, prefix_text(&example, text), why[i]);
		return;
	}
	alarm_clear(b->parts.alarms, ALARM_LEARNED_REFUSED, owner);
}

static void take_changes(struct bgp *b)
{
	for (size_t i = 0; i < tables_n(b->tables); i++) {
		struct taking taking = {b->learned, b->sources[i]};

		if (taking.source != NOBODY && table_has_changes(tables_at(b->tables, i)))
			table_take_changes(tables_at(b->tables, i), on_prefix, &taking);
	}
	learned_flush(b->learned);
	for (size_t i = 0; i < tables_n(b->tables); i++)
		if (b->sources[i] != NOBODY)
			tell_refused(b, tables_at(b->tables, i), b->sources[i]);
}

static void tables_changed(void *arg)
{
	struct bgp *b = arg;

	take_changes(b);
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
		free(b->sources);
		b->sources = sources;
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
	size_t room = 2 * (size_t)b->net->n_tunnels + 1, n;
	struct relay_link *links = calloc(room, sizeof(*links));
	struct device_link *ends = calloc(room, sizeof(*ends));
	uint32_t mtu;
	int ret = 0;

	if (links == NULL || ends == NULL) {
		free(links);
		free(ends);
		return -ENOMEM;
	}
	n = list_links(b->net, links, &mtu);
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
		ret = offer_set(&b->offer, b->announce, b->net);
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
		b->tables_failed = follow_tables(b, &b->net->spec) != 0;
}

/* --- create and follow ------------------------------------------------------------------------ */

/* Says whose the tables are that are followed at present. */
static int assign_tables(struct bgp *b, const struct network_spec *spec)
{
	struct wanted *list = calloc(spec->n_sites + spec->n_vnets + 1, sizeof(*list));
	size_t n;

	if (list == NULL)
		return -ENOMEM;
	n = list_wanted(spec, list);
	for (size_t i = 0; i < tables_n(b->tables); i++) {
		const struct wanted key = {.table.number = tables_at(b->tables, i)->number};
		const struct wanted *found = bsearch(&key, list, n, sizeof(*list), compare_wanted);

		b->sources[i] = found == NULL ? NOBODY : found->source;
	}
	free(list);
	return 0;
}

int bgp_learn(struct bgp *b, const struct network *net)
{
	if (learned_take_network(b->learned, &net->spec) != 0 || assign_tables(b, &net->spec) != 0)
		return -ENOMEM;
	b->net = net;
	for (size_t i = 0; i < tables_n(b->tables); i++)
		table_touch_all(tables_at(b->tables, i));
	take_changes(b);
	return 0;
}

void bgp_follow(struct bgp *b, const struct network *net)
{
	b->net = net;
	follow_sessions(b);
	b->tables_failed = follow_tables(b, &net->spec) != 0;
}

static int bgp_start(struct bgp *b)
{
	const struct timeval tick = {.tv_sec = TICK_S};

	b->learned = learned_create(b->parts.set, b->parts.arg);
	b->tables = tables_create(b->base, TABLES_BUFFER, tables_changed, b);
	b->on_tick = event_new(b->base, -1, EV_PERSIST, on_tick, b);
	if (b->learned == NULL || b->tables == NULL || b->on_tick == NULL ||
	    event_add(b->on_tick, &tick) != 0)
		return -ENOMEM;
	follow_sessions(b);
	if (learned_take_network(b->learned, &b->net->spec) != 0 ||
	    follow_tables(b, &b->net->spec) != 0)
		return -ENOMEM;
	tables_read_now(b->tables); /* if that fails, it is repeated by itself */
	tables_changed(b);
	return 0;
}

struct bgp *bgp_create(struct event_base *base, const struct bgp_parts *parts,
		       const struct network *net)
{
	struct bgp *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->base = base;
	b->parts = *parts;
	b->net = net;
	b->sessions.fd = b->life.fd = -1;
	if (bgp_start(b) == 0)
		return b;
	bgp_destroy(b);
	errno = ENOMEM;
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
	learned_destroy(b->learned);
	free(b->sources);
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
		.owner = owner_of(&b->net->spec, b->sources[i]),
		.of_network = b->sources[i] >= LEARNED_WHOLE,
		.source = b->sources[i],
	};
}

const struct learned *bgp_learned(const struct bgp *b)
{
	return b->learned;
}

const struct tables_counts *bgp_counts(const struct bgp *b)
{
	return tables_counts(b->tables);
}

const struct relay_counts *bgp_relay_counts(const struct bgp *b)
{
	return b->relay == NULL ? NULL : relay_counts(b->relay);
}
