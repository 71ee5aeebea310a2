/*
 * Changes of the running configuration: read, checked, compared, saved, applied, confirmed, undone.
 *
 *   IDLE --apply--> APPLYING --done--> IDLE
 *                            --done--> AWAITING --confirm--> IDLE
 *                                      AWAITING --time over, rollback--> APPLYING
 *
 * One change at a time. Each is a revision, which is saved before anything is changed. Whatever is
 * refused changes nothing and is said in a sentence.
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

/* Who carries a change out. */
struct change_target {
	/*
	 * Fills in flows_ended of each item of @d, by the counters, if @after ran. NULL: nobody can
	 * tell.
	 */
	void (*count)(void *arg, const struct config *after, struct difference *d);
	/*
	 * Begins to apply @config, which is @arg's from now on if that succeeds; the one before
	 * stays valid until @done is called from the event loop: with 0, or with -errno and all is
	 * as before. @d is valid until then. Not 0, or -errno and sentences in @errs, and nothing
	 * has changed.
	 */
	int (*apply)(void *arg, struct config *config, const struct difference *d,
		     struct err_list *errs, void (*done)(void *arg, int result), void *done_arg);
};

struct change_request {
	const char *name; /* of the file, for sentences */
	const char *text;
	size_t len;
	const char *who;
	const char *comment;
	uint32_t confirm_s; /* 0: for good at once */
};

enum change_result {
	CHANGE_BEGUN, /* or done already: see change_status() */
	CHANGE_NOTHING, /* this text runs already */
	CHANGE_REFUSED, /* by what it says */
	CHANGE_BUSY, /* another change is under way */
	CHANGE_UNSAVED, /* it cannot be saved */
};

enum change_state { CHANGE_IDLE, CHANGE_APPLYING, CHANGE_AWAITING };

struct change_status {
	enum change_state state;
	uint32_t revision; /* that runs; 0: it could not be saved */
	uint32_t changing; /* APPLYING: the one that is being applied; 0: it could not be saved */
	const char *who; /* not IDLE: whose change it is */
	int64_t since_s; /* not IDLE: when it came; since 1970, UTC */
	uint32_t confirm_s; /* AWAITING: seconds left */
	uint32_t failed; /* the last one that was begun and did not succeed; 0: it did */
	const struct err_list *why; /* failed: sentences */
};

struct change;

/*
 * Takes over all that @start holds but its configuration, which runs already. NULL: out of memory,
 * and nothing is taken. What @target and @arg point to must outlive it; after change_destroy() no
 * done() may be called any more.
 */
struct change *change_create(struct event_base *base, struct alarms *alarms,
			     struct change_start *start, const struct change_target *target,
			     void *arg);
void change_destroy(struct change *c); /* NULL is fine */

void change_status(const struct change *c, struct change_status *out);

/* Does anybody know how many flows end by a change? */
bool change_counts(const struct change *c);

/* The running text, of *@len bytes and a NUL; valid until the event loop goes on. */
const char *change_text(const struct change *c, size_t *len);

/* All revisions that are kept. NULL: none can be kept. */
const struct revisions *change_history(const struct change *c);

/* Is this a configuration? It, for the caller to destroy; NULL and sentences in @errs. */
struct config *change_check(const struct change_request *rq, struct err_list *errs);

/* What would change, and how many flows would end. CHANGE_BEGUN, or CHANGE_REFUSED and an empty
 * @out. */
enum change_result change_diff(struct change *c, const struct change_request *rq,
			       struct difference *out, struct err_list *errs);

/* Applies a text, or a kept revision's; number 0: the one that ran before. */
enum change_result change_apply(struct change *c, const struct change_request *rq,
				struct err_list *errs);
enum change_result change_rollback(struct change *c, uint32_t number, const char *who,
				   struct err_list *errs);

/* What the last change that was begun changes. Valid until the next one. */
const struct difference *change_difference(const struct change *c);

/* Keeps the revision that awaits it. CHANGE_BEGUN: it is kept. */
enum change_result change_confirm(struct change *c, struct err_list *errs);

/*
 * Applies the file that the daemon was started with, a moment later: many calls are one change. The
 * log says how it went.
 */
void change_reload(struct change *c);
