/*
 * Lists of items that have ids: see list.h.
 *
 * Such a list is in the order of the ids, which outlive every change, and not in the order of the
 * configuration. So the place in a list is one number, for a cursor and within an answer alike.
 */
#include "control/api/list.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	ITEMS_A_STEP = 16, /* or parts of items */
	IDS_A_STEP = 4096, /* most of them without an item */
	CURSOR_SIZE = 16,
};

struct list {
	struct stream stream;
	const struct api_context *ctx;
	const struct list_kind *kind;
	uint64_t generation; /* of the network that the last part was written of */
	uint16_t site; /* SITE_INTERNET: any */
	uint32_t id; /* that comes next */
	uint32_t part; /* of it */
	uint32_t n, limit;
	bool begun;
};

struct page page_of(const struct arg *args)
{
	return (struct page){
		.limit = args[0].given ? args[0].number : 0,
		.cursor = args[1].given ? args[1].text : NULL,
	};
}

void page_refuse(struct api_reply *reply)
{
	reply_error(reply, 400, "cursor must be the next_cursor of the page before");
}

static bool is_listed(const struct list *l)
{
	const struct network *net = l->ctx->net;

	return l->kind->is_there(net, (uint16_t)l->id) &&
	       (l->site == SITE_INTERNET || net->tunnels[l->id].site == l->site);
}

/* Advances to the next id that is listed, or behind the last one. False: @ids were looked at. */
static bool find_next(struct list *l, unsigned *ids)
{
	uint32_t max = l->kind->max_id(l->ctx->net);

	for (; *ids > 0; (*ids)--, l->id++)
		if (l->id > max || is_listed(l))
			return true;
	return false;
}

static enum step finish(const struct list *l, struct writer *w)
{
	char cursor[CURSOR_SIZE];
	bool last = l->id > l->kind->max_id(l->ctx->net);

	snprintf(cursor, sizeof(cursor), "%" PRIu32, l->id);
	writer_close(w, ']');
	writer_text(w, "next_cursor", last ? NULL : cursor);
	writer_close(w, '}');
	writer_line(w);
	return STEP_DONE;
}

/* The parts of an item are of one network: the connection is closed if it changes in between. */
static bool write_part(struct list *l, struct writer *w)
{
	if (l->part > 0 && l->generation != l->ctx->generation)
		return false;
	l->generation = l->ctx->generation;
	if (l->kind->write(l->ctx, (uint16_t)l->id, l->part++, w)) {
		l->part = 0;
		l->id++;
		l->n++;
	}
	return true;
}

static enum step list_step(struct stream *s, struct writer *w)
{
	struct list *l = (struct list *)s;
	unsigned ids = IDS_A_STEP;

	if (!l->begun) {
		writer_open(w, NULL, '{');
		writer_open(w, l->kind->field, '[');
		l->begun = true;
	}
	for (unsigned i = 0; i < ITEMS_A_STEP; i++) {
		if (l->part == 0 && !find_next(l, &ids))
			return STEP_MORE;
		if (l->part == 0 && (l->id > l->kind->max_id(l->ctx->net) || l->n == l->limit))
			return finish(l, w);
		if (!write_part(l, w))
			return STEP_FAILED;
	}
	return STEP_MORE;
}

static void list_end(struct stream *s)
{
	free(s);
}

void reply_list(const struct api_request *rq, struct api_reply *reply, const struct list_kind *kind,
		uint16_t site, const struct page *page)
{
	struct list *l;
	uint32_t first = 1;

	if (page->cursor != NULL && !args_read_number(page->cursor, 1, UINT16_MAX, &first)) {
		page_refuse(reply);
		return;
	}
	l = calloc(1, sizeof(*l));
	if (l == NULL) {
		reply_error(reply, 500, "out of memory");
		return;
	}
	*l = (struct list){
		.stream = {.step = list_step, .end = list_end},
		.ctx = rq->ctx,
		.kind = kind,
		.site = site,
		.id = first,
		.limit = page->limit > 0 ? page->limit : UINT32_MAX,
	};
	reply->stream = &l->stream;
}

uint32_t list_max_tunnel(const struct network *net)
{
	return net->max_tunnel;
}

void reply_tunnels(const struct api_request *rq, struct api_reply *reply,
		   const struct list_kind *kind)
{
	const struct arg *by_site = &rq->args[0];
	struct page page = page_of(&rq->args[1]);
	uint16_t site = SITE_INTERNET;

	if (by_site->given) {
		site = find_site(rq->ctx->net, by_site->text, reply);
		if (site == SITE_INTERNET)
			return;
	}
	reply_list(rq, reply, kind, site, &page);
}

/* The brackets of a list count as values, so that each is in one part. */
static void write_values(const struct api_context *ctx, uint32_t id, const struct list_inner *list,
			 uint32_t from, uint32_t to, struct writer *w)
{
	for (uint32_t i = from; i < to; i++) {
		if (i == 0)
			writer_open(w, list->field, '[');
		else if (i <= list->n)
			list->write(ctx, id, i - 1, w);
		else
			writer_close(w, ']');
	}
}

bool list_write_inner(const struct api_context *ctx, uint32_t id, const struct list_inner *lists,
		      size_t n, uint32_t part, struct writer *w)
{
	uint32_t from = part * INNER_A_PART, to = from + INNER_A_PART, base = 0;

	for (size_t k = 0; k < n; k++) {
		uint32_t values = lists[k].n + 2;

		if (from < base + values && to > base)
			write_values(ctx, id, &lists[k], from > base ? from - base : 0,
				     to - base < values ? to - base : values, w);
		base += values;
	}
	return to >= base;
}
