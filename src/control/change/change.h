/*
 * Changes the running configuration: parses, compares, saves, applies, confirms and undoes texts.
 *
 *   IDLE --apply--> APPLYING --done--> IDLE
 *                            --done--> AWAITING --confirm--> IDLE
 *                                      AWAITING --timeout, rollback--> APPLYING
 *
 * One change at a time. Each is a revision, which is saved before anything changes. A refused
 * change changes nothing, and a sentence says why it was refused.
 *
 * Control thread.
 */
#pragma once

#include "control/change/difference.h"
#include "control/change/revisions.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct alarms;
struct change_start;
struct config;
struct err_list;
struct event_base;

enum { CHANGE_CONFIRM_MAX_S = 24 * 3600 };

/* Carries out changes. */
struct change_target {
	/*
	 * Writes flows_ended of each item of @d, as if @after were applied now. NULL: flows are not
	 * counted.
	 */
	void (*count)(void *arg, const struct config *after, struct difference *d);
	/*
	 * Begins to apply @config. On success @arg owns @config; the previous configuration stays
	 * valid until @done is called from the event loop, with 0, or with -errno if everything was
	 * restored. @d is valid until then. On failure returns -errno, with sentences in @errs, and
	 * nothing has changed.
	 */
	int (*apply)(void *arg, struct config *config, const struct difference *d,
		     struct err_list *errs, void (*done)(void *arg, int result), void *done_arg);
};

struct change_request {
	const char *name; /* of the file, for messages */
	const char *text;
	size_t len;
	const char *who;
	const char *comment;
	uint32_t confirm_s; /* 0: without confirmation */
};

enum change_result {
	CHANGE_BEGUN, /* or already done: see change_status() */
	CHANGE_NOTHING, /* the running text is the same */
	CHANGE_REFUSED, /* the text is invalid, or needs a restart */
	CHANGE_BUSY, /* another change is in progress */
	CHANGE_UNSAVED, /* it cannot be saved */
};

enum change_state { CHANGE_IDLE, CHANGE_APPLYING, CHANGE_AWAITING };

struct change_status {
	enum change_state state;
	uint32_t revision; /* the running revision; 0: it could not be saved */
	uint32_t changing; /* APPLYING: the new revision; 0: it could not be saved */
	const char *who; /* not IDLE: who makes the change */
	int64_t since_s; /* not IDLE: when it was requested; seconds since 1970, UTC */
	uint32_t confirm_s; /* AWAITING: seconds left */
	uint32_t failed; /* the last change, if it failed after it had begun; 0: it succeeded */
	const struct err_list *why; /* sentences about @failed */
};

struct change;

/*
 * Takes all parts of @start except its configuration, which runs already. NULL: out of memory, and
 * nothing was taken. @target and @arg must outlive the result; after change_destroy() no done() may
 * be called any more.
 */
struct change *change_create(struct event_base *base, struct alarms *alarms,
			     struct change_start *start, const struct change_target *target,
			     void *arg);
void change_destroy(struct change *c); /* accepts NULL */

void change_status(const struct change *c, struct change_status *out);

/* Can the target count the flows that a change ends? */
bool change_counts(const struct change *c);

/* The running text, *@len bytes and a NUL. Valid until control returns to the event loop. */
const char *change_text(const struct change *c, size_t *len);

/* All saved revisions. NULL: no revisions can be saved. */
const struct revisions *change_history(const struct change *c);

/*
 * Parses the text. Returns the configuration, which the caller destroys; or NULL and sentences in
 * @errs.
 */
struct config *change_check(const struct change_request *rq, struct err_list *errs);

/*
 * Writes to @out what would change, and how many flows would end. CHANGE_BEGUN; or CHANGE_REFUSED
 * and an empty @out.
 */
enum change_result change_diff(struct change *c, const struct change_request *rq,
			       struct difference *out, struct err_list *errs);

/* Applies a text, or that of a saved revision; number 0: the previous one. */
enum change_result change_apply(struct change *c, const struct change_request *rq,
				struct err_list *errs);
enum change_result change_rollback(struct change *c, uint32_t number, const char *who,
				   struct err_list *errs);

/* The difference of the last change that was begun. Valid until the next one begins. */
const struct difference *change_difference(const struct change *c);

/* Confirms the revision on trial. CHANGE_BEGUN: it is confirmed. */
enum change_result change_confirm(struct change *c, struct err_list *errs);

/*
 * Applies the file of --config after a short delay, so many calls become one change. The log says
 * how it ended.
 */
void change_reload(struct change *c);
