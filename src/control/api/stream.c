/* Lists of items that have ids: see stream.h. */
#include "control/api/stream.h"

#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

enum { REAL_DIGITS = 6 }; /* reals are shares, which need no more digits */

struct list {
	struct stream stream;
	const struct api_context *ctx;
	const char *field;
	uint32_t n, next;
	bool some; /* the opening bytes are written */
	bool (*is_there)(const struct network *net, uint16_t id);
	json_t *(*describe)(const struct api_context *ctx, uint16_t id);
	uint16_t ids[]; /* [n] */
};

static int write_part(const char *text, size_t len, void *arg)
{
	return evbuffer_add(arg, text, len);
}

enum step stream_json(struct evbuffer *out, json_t *json, size_t flags)
{
	int err = -1;

	flags |= JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS);
	if (json != NULL)
		err = json_dump_callback(json, write_part, out, flags);

	json_decref(json);
	return err == 0 ? STEP_MORE : STEP_FAILED;
}

static enum step list_step(struct stream *s, struct evbuffer *out)
{
	struct list *l = (struct list *)s;
	uint16_t id;

	if (!l->some && l->next == 0)
		evbuffer_add_printf(out, "{\"%s\":[", l->field);
	if (l->next == l->n) {
		evbuffer_add_printf(out, "]}\n");
		return STEP_DONE;
	}
	id = l->ids[l->next++];
	if (!l->is_there(l->ctx->net, id))
		return STEP_MORE; /* it was removed meanwhile */
	if (l->some)
		evbuffer_add(out, ",", 1);
	l->some = true;
	return stream_json(out, l->describe(l->ctx, id), 0);
}

static void list_end(struct stream *s)
{
	free(s);
}

void reply_list(const struct api_request *rq, struct api_reply *reply, const char *field,
		const uint16_t *ids, uint32_t n,
		bool (*is_there)(const struct network *net, uint16_t id),
		json_t *(*describe)(const struct api_context *ctx, uint16_t id))
{
	struct list *l = calloc(1, sizeof(*l) + n * sizeof(l->ids[0]));

	if (l == NULL) {
		reply_error(reply, 500, "out of memory");
		return;
	}
	*l = (struct list){
		.stream = {.step = list_step, .end = list_end},
		.ctx = rq->ctx,
		.field = field,
		.n = n,
		.is_there = is_there,
		.describe = describe,
	};
	memcpy(l->ids, ids, n * sizeof(l->ids[0]));
	reply->stream = &l->stream;
}
