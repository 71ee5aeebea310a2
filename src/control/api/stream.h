/*
 * Long answers, a step at a time. Private to control/api.
 *
 * An answer that may be long is not built in memory: its handler gives the connection a stream,
 * and the connection asks it for the next few items whenever the client has read enough of what it
 * has. So neither many items nor a slow client hold up anybody else, and a client costs no more
 * memory than OUTPUT_HIGH of connection.c.
 */
#pragma once

#include "control/api/route.h"

struct evbuffer;

enum step {
	STEP_MORE, /* ask again */
	STEP_WAIT, /* for a worker: ask again in a millisecond */
	STEP_DONE, /* that was the last */
	STEP_FAILED, /* the answer cannot be ended as it should: the connection is cut */
};

struct stream {
	/* Writes a bounded part of the answer: at most some milliseconds' work. */
	enum step (*step)(struct stream *s, struct evbuffer *out);
	void (*end)(struct stream *s); /* frees it, after the last step or before */
};

/*
 * Answers {"@field": [item, ...]}, an item for each of @ids, [n], which are copied. A network may
 * come meanwhile that has some of them no longer: @is_there.
 */
void reply_list(const struct api_request *rq, struct api_reply *reply, const char *field,
		const uint16_t *ids, uint32_t n,
		bool (*is_there)(const struct network *net, uint16_t id),
		json_t *(*describe)(const struct api_context *ctx, uint16_t id));

/* Writes @json, lets go of it, and gives STEP_MORE; STEP_FAILED if memory ran out. */
enum step stream_json(struct evbuffer *out, json_t *json, size_t flags);
