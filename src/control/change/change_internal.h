/*
 * The engine's own state, and what its files ask of each other. Private to control/change.
 *
 *   change.c   what is asked of it, and what is refused
 *   job.c      one change: saved, applied, marked
 *   trial.c    a revision that has to be confirmed: kept, undone
 *   reload.c   SIGHUP
 */
#pragma once

#include "base/err.h"
#include "control/change/change.h"

#define CHANGE_SUBJECT "configuration" /* of our alarms */

struct event;

/* A text that runs, ran or will run. */
struct held {
	uint32_t number; /* of its revision; 0: it could not be saved */
	char *text;
	size_t len;
};

/* The change that is under way. */
struct change_job {
	struct held next;
	const struct config *config; /* NULL: the same as what runs, only the text differs */
	bool saved; /* as revision next.number, which it made */
	bool ends_trial; /* goes back to what ran before it */
	bool late; /* for nobody has confirmed in time */
	uint32_t confirm_s;
	int64_t since_s;
	char who[REVISION_WHO_SIZE];
};

/* What runs has to be confirmed. */
struct change_trial {
	struct held before;
	uint64_t deadline_ms;
	int64_t since_s;
	char who[REVISION_WHO_SIZE];
};

struct change {
	struct alarms *alarms;
	struct revisions *store; /* NULL: none can be kept */
	char *store_error;
	const struct change_target *target;
	void *arg;
	char *file; /* that the daemon was started with */
	const struct config *config; /* that runs */
	struct held runs;
	enum change_state state;
	struct change_job job; /* APPLYING */
	struct change_trial trial; /* AWAITING, and while APPLYING a job that ends it */
	struct difference difference; /* of the last job */
	uint32_t failed; /* see struct change_status */
	struct err_list why;
	struct event *deadline, *reload; /* timers */
};

void held_fini(struct held *h);

/* Marks what runs as @state; an alarm if the disk does not take it. */
void job_mark(struct change *c, uint32_t number, enum revision_state state);

/*
 * Saves @rq's text and has c->difference applied, by which it becomes @config, which is taken over.
 * @job: with ends_trial and late set; the rest is filled in.
 */
enum change_result job_begin(struct change *c, const struct change_request *rq,
			     struct config *config, struct change_job job, struct err_list *errs);

/* Saves what runs, if it is no revision yet. */
void job_save_start(struct change *c);

/* What runs, the text of job c->job, has to be confirmed; @before is taken over. */
void trial_begin(struct change *c, struct held before);

/* It is over, one way or the other. */
void trial_end(struct change *c);

/* Goes back to what ran before, or to @h. */
enum change_result trial_undo(struct change *c, const struct held *h, const char *who,
			      struct err_list *errs);

/* Goes on with it, as it could not be undone. */
void trial_resume(struct change *c);

/* Checks and begins a change, of whatever state. */
enum change_result change_try(struct change *c, const struct change_request *rq,
			      struct change_job job, struct err_list *errs);

/* Timers. */
void trial_was_late(int fd, short what, void *arg);
void reload_due(int fd, short what, void *arg);
