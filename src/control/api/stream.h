/*
 * Long answers, made in steps. Private to control/api.
 *
 * A long answer is not built in memory. Its handler gives the connection a stream, and the
 * connection asks the stream for the next few items when the client has read enough of the previous
 * ones (pump.h). So neither a long list nor a slow client delays others, and a client uses no more
 * memory than OUTPUT_HIGH of connection.c.
 */
#pragma once

#include "control/api/writer.h"

enum step {
	STEP_MORE, /* call it again */
	STEP_WAIT, /* it waits for a worker: call it again in a moment */
	STEP_DONE, /* the answer is complete */
	STEP_FAILED, /* the answer cannot be completed: the connection is closed */
};

struct stream {
	/*
	 * Writes a bounded part of the answer: some dozen microseconds' work, however long the
	 * whole is. The writer continues where the last step ended.
	 */
	enum step (*step)(struct stream *s, struct writer *w);
	void (*end)(struct stream *s); /* frees it, at any time */
	const char *type; /* media type; NULL: application/json */
	unsigned patience_s; /* without progress of the client; 0: as with all answers */
	bool comma; /* of the writer, from one step to the next */
};
