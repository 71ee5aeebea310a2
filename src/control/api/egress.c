/*
 * GET /v1/egress: pools, their addresses and our slices of them, with the ports in use.
 *
 * Neither pools nor addresses have ids, and the configuration may change between two pages. So the
 * list is sorted: pools by name, addresses by value, and entries of one address by their first
 * port. A place in it is the entry that comes next. The entries behind a place are found by one
 * look at all entries of the pool, 64 of them at a time: nothing is sorted as a whole, and nothing
 * is kept that a change could make invalid.
 */
#include "control/api/handlers.h"
#include "control/api/list.h"
#include "setup/setup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CHOSEN_MAX = 64, /* addresses that one search finds */
	CURSOR_SIZE = 256,
};

const struct route_arg egress_args[] = {
	PAGE_ARGS("all"),
	{NULL},
};

const struct route_field egress_fields[] = {
	{"pools[].name", FIELD_STRING, "of the pool"},
	{"pools[].port", FIELD_STRING, "uplink"},
	{"pools[].slice_size", FIELD_INTEGER, "ports a slice"},
	{"pools[].mapping", FIELD_STRING, "how a site's source port is seen outside"},
	{"pools[].filtering", FIELD_STRING, "who may send to it"},
	{"pools[].addresses[].address", FIELD_STRING, "egress address"},
	{"pools[].addresses[].slices[].first_port", FIELD_INTEGER, "lowest port of the slice"},
	{"pools[].addresses[].slices[].last_port", FIELD_INTEGER, "highest port of the slice"},
	{"pools[].addresses[].slices[].ports_in_use", FIELD_INTEGER,
	 "ports that carry at least one flow"},
	{"pools[].addresses[].slices[].ports_kept", FIELD_INTEGER,
	 "of its ports: kept for sites that have less than their fair share"},
	{"pools[].addresses[].slices[].flows", FIELD_INTEGER,
	 "flows; more than ports where a port is shared between destinations"},
	PAGE_FIELDS,
	{NULL},
};

/* The place of an entry: an address and some slices of it. */
struct place {
	struct addr6 address; /* IPv4: mapped */
	uint32_t port; /* the first one of its first slice */
};

struct egress_list {
	struct stream stream;
	const struct api_context *ctx;
	uint64_t generation; /* of the network in which entries were chosen */
	uint32_t n, limit; /* entries */
	bool begun;
	bool in_pool; /* the pool's head is written */
	char pool[SPEC_NAME_SIZE]; /* "": before the first one */
	struct place place; /* in the pool; what comes next is not before it */
	uint32_t chosen[CHOSEN_MAX]; /* the entries that come next */
	uint32_t n_chosen, at; /* [at] is the next one */
	uint32_t part; /* of it */
};

static struct place place_of(const struct network *net, uint32_t entry)
{
	const struct egress_address *a = &net->addresses[entry];

	return (struct place){egress_address_of(a),
			      a->n_slices > 0 ? net->slices[a->first_slice].first_port : 0};
}

static int compare_places(const struct place *a, const struct place *b)
{
	int order = addr6_compare(&a->address, &b->address);

	return order != 0 ? order : a->port < b->port ? -1 : a->port > b->port;
}

/* Inserts @entry into the sorted ones; the last one may have to go. */
static void choose(struct egress_list *l, uint32_t entry)
{
	const struct network *net = l->ctx->net;
	struct place place = place_of(net, entry), other;
	uint32_t i = l->n_chosen;

	while (i > 0) {
		other = place_of(net, l->chosen[i - 1]);
		if (compare_places(&other, &place) < 0)
			break;
		i--;
	}
	if (i == CHOSEN_MAX)
		return;
	if (l->n_chosen < CHOSEN_MAX)
		l->n_chosen++;
	memmove(&l->chosen[i + 1], &l->chosen[i], (l->n_chosen - 1 - i) * sizeof(l->chosen[0]));
	l->chosen[i] = entry;
}

/* The pool of this name; -1: there is none. */
static int find_pool(const struct network *net, const char *name)
{
	for (uint32_t i = 0; i < net->n_pools; i++)
		if (strcmp(net->spec.pools[i].name, name) == 0)
			return (int)i;
	return -1;
}

/* The next entries of the pool, from the place on. */
static void choose_entries(struct egress_list *l)
{
	const struct network *net = l->ctx->net;
	int number = find_pool(net, l->pool);

	l->n_chosen = l->at = 0;
	l->generation = l->ctx->generation;
	if (number < 0)
		return;
	for (uint32_t i = 0; i < net->n_addresses; i++) {
		struct place place = place_of(net, i);

		if (net->addresses[i].pool == number && compare_places(&place, &l->place) >= 0)
			choose(l, i);
	}
}

/* Advances to the pool that comes next by name. False: that was the last one. */
static bool next_pool(struct egress_list *l)
{
	const struct network *net = l->ctx->net;
	const char *next = NULL;

	for (uint32_t i = 0; i < net->n_pools; i++) {
		const char *name = net->spec.pools[i].name;

		if (strcmp(name, l->pool) > 0 && (next == NULL || strcmp(name, next) < 0))
			next = name;
	}
	if (next == NULL)
		return false;
	snprintf(l->pool, sizeof(l->pool), "%s", next);
	l->place = (struct place){0};
	return true;
}

/*
 * Sees to it that chosen[at] is the next entry. False: there is none. If the network has changed,
 * entries are chosen again.
 */
static bool find_entry(struct egress_list *l)
{
	if (l->generation != l->ctx->generation || l->at == l->n_chosen)
		choose_entries(l);
	return l->at < l->n_chosen;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void begin_pool(struct egress_list *l, struct writer *w)
{
	const struct network *net = l->ctx->net;
	int number = find_pool(net, l->pool);
	const struct pool *pool = &net->pools[number];

	writer_open(w, NULL, '{');
	writer_text(w, "name", l->pool);
	writer_text(w, "port", port_name(l->ctx, pool->port));
	writer_number(w, "slice_size", pool->slice_size);
	writer_text(w, "mapping", pool_mapping_names[pool->mapping]);
	writer_text(w, "filtering", pool_filtering_names[pool->filtering]);
	writer_open(w, "addresses", '[');
	l->in_pool = true;
}

static void end_pool(struct egress_list *l, struct writer *w)
{
	if (l->in_pool) {
		writer_close(w, ']');
		writer_close(w, '}');
	}
	l->in_pool = false;
}

static void write_slice(const struct api_context *ctx, uint32_t entry, uint32_t i, struct writer *w)
{
	uint32_t index = ctx->net->addresses[entry].first_slice + i;
	const struct slice *slice = &ctx->net->slices[index];
	struct slice_counters c;

	sum_slice(ctx, index, &c);
	writer_open(w, NULL, '{');
	writer_number(w, "first_port", slice->first_port);
	writer_number(w, "last_port", slice->first_port + slice->size - 1);
	writer_number(w, "ports_in_use", c.ports);
	writer_number(w, "ports_kept", ports_kept_in_slice(ctx->net, slice));
	writer_number(w, "flows", c.flows);
	writer_close(w, '}');
}

/* Writes a part of the next entry. */
static void write_entry(struct egress_list *l, struct writer *w)
{
	const struct network *net = l->ctx->net;
	uint32_t entry = l->chosen[l->at];
	const struct list_inner slices = {"slices", net->addresses[entry].n_slices, write_slice};

	if (l->part == 0) {
		l->place = place_of(net, entry);
		writer_open(w, NULL, '{');
		writer_address(w, "address", &l->place.address);
	}
	if (!list_write_inner(l->ctx, entry, &slices, 1, l->part++, w))
		return;
	writer_close(w, '}');
	l->part = 0;
	l->at++;
	l->n++;
	l->place.port++; /* what comes next is behind it */
}

/* "pool/address/port" of the next entry. */
static void print_cursor(const struct egress_list *l, char cursor[static CURSOR_SIZE])
{
	struct place next = place_of(l->ctx->net, l->chosen[l->at]);
	char text[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, &next.address, text, sizeof(text));
	snprintf(cursor, CURSOR_SIZE, "%s/%s/%u", l->pool, text, next.port);
}

static enum step finish(const struct egress_list *l, struct writer *w, const char *cursor)
{
	writer_close(w, ']');
	writer_text(w, "next_cursor", cursor);
	writer_close(w, '}');
	writer_line(w);
	return STEP_DONE;
}

/* A pool without addresses is written, too, and takes no place in a page. */
static enum step next_step(struct egress_list *l, struct writer *w)
{
	char cursor[CURSOR_SIZE];

	if (!find_entry(l)) {
		bool first = l->pool[0] != '\0' && !l->in_pool && l->place.port == 0;

		if (first && find_pool(l->ctx->net, l->pool) >= 0)
			begin_pool(l, w);
		end_pool(l, w);
		return next_pool(l) ? STEP_MORE : finish(l, w, NULL);
	}
	if (l->n == l->limit) {
		print_cursor(l, cursor);
		end_pool(l, w);
		return finish(l, w, cursor);
	}
	if (!l->in_pool)
		begin_pool(l, w);
	write_entry(l, w);
	return STEP_MORE;
}

static enum step egress_step(struct stream *s, struct writer *w)
{
	struct egress_list *l = (struct egress_list *)s;

	if (!l->begun) {
		writer_open(w, NULL, '{');
		writer_open(w, "pools", '[');
		l->begun = true;
	}
	if (l->part == 0)
		return next_step(l, w);
	if (l->generation != l->ctx->generation)
		return STEP_FAILED; /* the network changed between two parts of an entry */
	write_entry(l, w);
	return STEP_MORE;
}

static void egress_end(struct stream *s)
{
	free(s);
}

/* The reverse of print_cursor(). */
static int read_cursor(const char *text, struct egress_list *l)
{
	char copy[CURSOR_SIZE];
	char *port, *address;

	if ((size_t)snprintf(copy, sizeof(copy), "%s", text) >= sizeof(copy))
		return -EINVAL;
	port = strrchr(copy, '/');
	if (port == NULL)
		return -EINVAL;
	*port++ = '\0';
	address = strrchr(copy, '/');
	if (address == NULL)
		return -EINVAL;
	*address++ = '\0';
	if (copy[0] == '\0' || strlen(copy) >= sizeof(l->pool) ||
	    inet_pton(AF_INET6, address, &l->place.address) != 1 ||
	    !args_read_number(port, 0, UINT16_MAX, &l->place.port))
		return -EINVAL;
	memcpy(l->pool, copy, strlen(copy) + 1);
	return 0;
}

void egress_answer(const struct api_request *rq, struct api_reply *reply)
{
	struct egress_list *l = calloc(1, sizeof(*l));
	struct page page = page_of(rq->args);

	if (l == NULL) {
		reply_error(reply, 500, "out of memory");
		return;
	}
	l->stream = (struct stream){.step = egress_step, .end = egress_end};
	l->ctx = rq->ctx;
	l->generation = rq->ctx->generation;
	l->limit = page.limit > 0 ? page.limit : UINT32_MAX;
	if (page.cursor != NULL && read_cursor(page.cursor, l) < 0) {
		page_refuse(reply);
		free(l);
		return;
	}
	reply->stream = &l->stream;
}
