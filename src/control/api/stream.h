/*
 * Long answers, made in steps. Private to control/api.
 *
 * A long answer is not built in memory. Its handler gives the connection a stream, and the
 * connection asks the stream for the next few items when the client has read enough of the previous
 * ones. So neither a long list nor a slow client delays others, and a client uses no more memory
 * than OUTPUT_HIGH of connection.c.
 */
#pragma once

#include "control/api/route.h"

struct evbuffer;

enum step {
	STEP_MORE, /* call it again */
	STEP_WAIT, /* it waits for a worker: call it again in a millisecond */
	STEP_DONE, /* the answer is complete */
	STEP_FAILED, /* the answer cannot be completed: the connection is closed */
};

struct stream {
	/* Writes a bounded part of the answer: a few milliseconds' work at most. */
	enum step (*step)(struct stream *s, struct evbuffer *out);
	void (*end)(struct stream *s); /* frees it, at any time */
};

/*
 * Answers {"@field": [item, ...]}, an item for each of the @n @ids, which are copied. A new network
 * may lack some of them: @is_there tells.
 */
void reply_list(const struct api_request *rq, struct api_reply *reply, const char *field,
		const uint16_t *ids, uint32_t n,
		bool (*is_there)(const struct network *net, uint16_t id),
		json_t *(*describe)(const struct api_context *ctx, uint16_t id));

/* Writes @json, releases it, and returns STEP_MORE; STEP_FAILED if memory ran out. */
enum step stream_json(struct evbuffer *out, json_t *json, size_t flags);
