/*
 * A revision on trial: it runs, but must be confirmed.
 *
 * It is marked as such on disk, so a restart does not use it. The previous text is kept in memory,
 * so going back does not need the disk.
 */
#include "base/log.h"
#include "base/mono.h"
#include "control/alarm.h"
#include "control/change/change_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <event2/event.h>

enum {
	RETRY_S = 10, /* until going back is tried again after a failure */
	NAME_SIZE = 32,
};

void trial_begin(struct change *c, struct held before)
{
	const struct timeval timeout = {.tv_sec = c->job.confirm_s};

	job_mark(c, c->runs.number, REVISION_TRIAL);
	c->state = CHANGE_AWAITING;
	c->trial = (struct change_trial){
		.before = before,
		.deadline_ms = mono_ms() + (uint64_t)c->job.confirm_s * 1000,
		.since_s = c->job.since_s,
	};
	memcpy(c->trial.who, c->job.who, sizeof(c->trial.who));
	event_add(c->deadline, &timeout);
	alarm_raise(c->alarms, ALARM_CONFIG_TRIAL, CHANGE_SUBJECT,
		    "revision %" PRIu32 " of %s is undone if it is not confirmed within %" PRIu32
		    " s",
		    c->runs.number, c->trial.who, c->job.confirm_s);
}

void trial_end(struct change *c)
{
	event_del(c->deadline);
	held_fini(&c->trial.before);
	alarm_clear(c->alarms, ALARM_CONFIG_TRIAL, CHANGE_SUBJECT);
	c->state = CHANGE_IDLE;
}

void trial_resume(struct change *c)
{
	const struct timeval later = {.tv_sec = RETRY_S};

	c->state = CHANGE_AWAITING;
	if (!event_pending(c->deadline, EV_TIMEOUT, NULL))
		event_add(c->deadline, &later);
}

static enum change_result go_back(struct change *c, const struct held *h, const char *who,
				  bool late, struct err_list *errs)
{
	char name[NAME_SIZE], comment[REVISION_COMMENT_SIZE];
	const struct change_request rq = {name, h->text, h->len, who, comment, 0};
	struct change_job job = {
		.ends_trial = c->state == CHANGE_AWAITING,
		.late = late,
		.next = {.number = h->number},
	};

	snprintf(name, sizeof(name), "revision %" PRIu32, h->number);
	snprintf(comment, sizeof(comment), "back to %s", name);
	return change_try(c, &rq, job, errs);
}

enum change_result trial_undo(struct change *c, const struct held *h, const char *who,
			      struct err_list *errs)
{
	return go_back(c, h != NULL ? h : &c->trial.before, who, false, errs);
}

void trial_was_late(int fd, short what, void *arg)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct change *c = arg;

	if (c->state != CHANGE_AWAITING)
		return; /* the trial is already being undone */
	log_warning("configuration: revision %" PRIu32 " was not confirmed in time",
		    c->runs.number);
	if (go_back(c, &c->trial.before, "confirm timeout", true, &errs) != CHANGE_BEGUN)
		trial_resume(c);
	err_log(&errs);
	err_list_fini(&errs);
}
