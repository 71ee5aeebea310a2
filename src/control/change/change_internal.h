/*
 * The engine's state, and the functions that its files share. Private to control/change.
 *
 *   change.c   requests, and which of them are refused
 *   job.c      one change: saved, applied, marked
 *   trial.c    a revision on trial: confirmed, or undone
 *   reload.c   SIGHUP
 */
#pragma once

#include "base/err.h"
#include "control/change/change.h"

#include <sys/stat.h>

#define CHANGE_SUBJECT "configuration" /* subject of the engine's alarms */

struct event;

/* The text of the running configuration, the previous one or the next one. */
struct held {
	uint32_t number; /* number of its revision; 0: it could not be saved */
	char *text;
	size_t len;
};

/* The change in progress. */
struct change_job {
	struct held next;
	const struct config *config; /* NULL: only the text differs, not the configuration */
	bool saved; /* the job has saved its text as revision next.number */
	bool ends_trial; /* goes back to an earlier text, which ends the trial */
	bool late; /* because the trial was not confirmed in time */
	uint32_t confirm_s;
	int64_t since_s;
	char who[REVISION_WHO_SIZE];
};

/* The trial of the running configuration. */
struct change_trial {
	struct held before;
	uint64_t deadline_ms;
	int64_t since_s;
	char who[REVISION_WHO_SIZE];
};

/* The checksum of the start file, and which file that was. */
struct change_file {
	struct stat is; /* zeroed: not known */
	uint64_t sum;
};

struct change {
	struct alarms *alarms;
	struct revisions *store; /* NULL: no revisions can be saved */
	char *store_error;
	const struct change_target *target;
	void *arg;
	char *file; /* of --config */
	struct change_file file_sum;
	const struct config *config; /* the running configuration */
	bool is_read; /* it was read from exactly the text that runs */
	struct held runs;
	enum change_state state;
	struct change_job job; /* valid while APPLYING */
	/* valid while AWAITING, and during the job that ends the trial */
	struct change_trial trial;
	struct difference difference; /* of the last job */
	uint32_t failed; /* of struct change_status */
	struct err_list why;
	struct event *deadline, *reload; /* timers */
};

void held_fini(struct held *h);

/* Marks revision @number as @state. Raises an alarm if that cannot be saved. */
void job_mark(struct change *c, uint32_t number, enum revision_state state);

/*
 * Saves the text of @rq and applies c->difference, which leads to @config. Takes ownership of
 * @config. @job has ends_trial and late set; the rest is filled in.
 */
enum change_result job_begin(struct change *c, const struct change_request *rq,
			     struct config *config, struct change_job job, struct err_list *errs);

/* Saves the running text if it is no revision yet. */
void job_save_start(struct change *c);

/*
 * Begins the trial of the running configuration, which job c->job has applied. Takes ownership of
 * @before.
 */
void trial_begin(struct change *c, struct held before);

/* Ends the trial. */
void trial_end(struct change *c);

/* Goes back to the text before the trial, or to @h. */
enum change_result trial_undo(struct change *c, const struct held *h, const char *who,
			      struct err_list *errs);

/* Resumes the trial, which could not be undone. */
void trial_resume(struct change *c);

/* Checks and begins a change, in any state. */
enum change_result change_try(struct change *c, const struct change_request *rq,
			      struct change_job job, struct err_list *errs);

/* Timers. */
void trial_was_late(int fd, short what, void *arg);
void reload_due(int fd, short what, void *arg);
