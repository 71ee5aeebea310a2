/*
 * Carries out one change that was not refused.
 *
 * Its text is saved as a revision, and the target applies it. job_done() is called when the last
 * flow has been visited. Only then is the revision marked as applied, or as on trial if it must be
 * confirmed. So after a power loss at any time the newest revision that is marked as applied is the
 * right one.
 */
#include "base/clean.h"
#include "base/log.h"
#include "control/alarm.h"
#include "control/change/change_internal.h"
#include "control/config/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FILE_RESTS_S = 2 };

void held_fini(struct held *h)
{
	free(h->text);
	*h = (struct held){0};
}

static int held_set(struct held *h, uint32_t number, const char *text, size_t len)
{
	char *copy = malloc(len + 1);

	if (copy == NULL)
		return -ENOMEM;
	memcpy(copy, text, len);
	copy[len] = '\0';
	*h = (struct held){number, copy, len};
	return 0;
}

static void note_unsaved(struct change *c, const struct err_list *errs)
{
	if (errs->n > 0)
		alarm_raise(c->alarms, ALARM_CONFIG_STORE, CHANGE_SUBJECT, "%s",
			    errs->errs[0].text);
}

void job_mark(struct change *c, uint32_t number, enum revision_state state)
{
	struct err_list errs = ERR_LIST_EMPTY;

	if (number != 0 && c->store != NULL && revisions_mark(c->store, number, state, &errs) < 0)
		note_unsaved(c, &errs);
	err_list_fini(&errs);
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       memcmp(&a->st_mtim, &b->st_mtim, sizeof(a->st_mtim)) == 0 &&
	       memcmp(&a->st_ctim, &b->st_ctim, sizeof(a->st_ctim)) == 0;
}

/* May it be remembered? Not if another write could have the same time. */
static bool is_at_rest(const struct stat *st)
{
	return st->st_ino != 0 && time(NULL) > st->st_ctim.tv_sec + FILE_RESTS_S;
}

/* Reads the file only if it has changed: it has a megabyte, and most changes come by the API. */
static uint64_t sum_of_file(struct change *c)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct stat st = {0};
	uint64_t sum;
	size_t len;
	char *text;

	if (stat(c->file, &st) == 0 && is_same_file(&st, &c->file_sum.is))
		return c->file_sum.sum;
	text = config_read(c->file, &len, &errs);
	sum = text != NULL ? revision_sum(text, len) : 0;
	c->file_sum = (struct change_file){0};
	if (text != NULL && is_at_rest(&st))
		c->file_sum = (struct change_file){st, sum};
	free(text);
	err_list_fini(&errs);
	return sum;
}

/* Returns its number; or 0 and a sentence if it cannot be saved. */
static uint32_t save(struct change *c, const struct change_request *rq, struct err_list *errs)
{
	struct revision r = {
		.time_s = time(NULL),
		.confirm_s = rq->confirm_s,
		.file_sum = sum_of_file(c),
		.text_len = rq->len,
	};
	uint32_t number;

	if (c->store == NULL) {
		err_add(errs, NULL, 0, 0, "%s", c->store_error);
		return 0;
	}
	clean_text(rq->who, r.who, sizeof(r.who));
	clean_text(rq->comment, r.comment, sizeof(r.comment));
	number = revisions_save(c->store, &r, rq->text, errs);
	if (number != 0)
		alarm_clear(c->alarms, ALARM_CONFIG_STORE, CHANGE_SUBJECT);
	return number;
}

void job_save_start(struct change *c)
{
	struct err_list errs = ERR_LIST_EMPTY;
	const struct change_request rq = {c->file, c->runs.text, c->runs.len, "start", "", 0};

	if (c->runs.number == 0) {
		c->runs.number = save(c, &rq, &errs);
		job_mark(c, c->runs.number, REVISION_APPLIED);
	} else if (c->store_error != NULL) {
		err_add(&errs, NULL, 0, 0, "%s", c->store_error);
	}
	note_unsaved(c, &errs);
	err_list_fini(&errs);
}

/* The job has failed. */
static void drop_job(struct change *c)
{
	if (c->job.saved)
		revisions_remove(c->store, c->job.next.number);
	held_fini(&c->job.next);
	c->state = CHANGE_IDLE;
	if (c->job.ends_trial)
		trial_resume(c);
}

static void say_applied(const struct change *c)
{
	size_t added = 0, removed = 0;

	for (size_t i = 0; i < c->difference.n; i++) {
		added += c->difference.items[i].what == CHANGE_ADDED;
		removed += c->difference.items[i].what == CHANGE_REMOVED;
	}
	log_info("configuration: revision %" PRIu32
		 " (%s) is applied: %zu added, %zu changed, %zu removed",
		 c->runs.number, c->job.who, added, c->difference.n - added - removed, removed);
}

/* The trial has been undone; marks its revision, and raises the alarm. */
static void note_undone(struct change *c, uint32_t number)
{
	job_mark(c, number, REVISION_UNDONE);
	if (c->job.late)
		alarm_raise(c->alarms, ALARM_CONFIG_UNDONE, CHANGE_SUBJECT,
			    "revision %" PRIu32 " of %s was not confirmed in time and is undone",
			    number, c->trial.who);
	trial_end(c);
}

static void succeed(struct change *c)
{
	struct held before = c->runs;

	c->runs = c->job.next;
	c->job.next = (struct held){0};
	c->is_read = c->job.config != NULL;
	if (c->is_read)
		c->config = c->job.config;
	c->state = CHANGE_IDLE;
	say_applied(c);
	if (!c->job.late)
		alarm_clear(c->alarms, ALARM_CONFIG_UNDONE, CHANGE_SUBJECT);
	if (c->job.confirm_s > 0) {
		trial_begin(c, before);
		return;
	}
	job_mark(c, c->runs.number, REVISION_APPLIED);
	if (c->job.ends_trial)
		note_undone(c, before.number);
	held_fini(&before);
}

static void job_done(void *arg, int result)
{
	struct change *c = arg;

	if (result == 0) {
		succeed(c);
		return;
	}
	c->failed = c->job.next.number;
	err_add(&c->why, NULL, 0, 0, "revision %" PRIu32 " could not be applied: %s", c->failed,
		strerror(-result));
	err_log(&c->why);
	drop_job(c);
}

/* Lets the target apply it. */
static enum change_result start_job(struct change *c, struct config *config, struct err_list *errs)
{
	c->failed = 0;
	err_list_fini(&c->why);
	if (c->difference.n == 0) {
		config_destroy(config);
		succeed(c);
		return CHANGE_BEGUN;
	}
	c->job.config = config;
	c->state = CHANGE_APPLYING;
	if (c->target->apply(c->arg, config, &c->difference, errs, job_done, c) == 0)
		return CHANGE_BEGUN;
	config_destroy(config);
	drop_job(c);
	return CHANGE_REFUSED;
}

enum change_result job_begin(struct change *c, const struct change_request *rq,
			     struct config *config, struct change_job job, struct err_list *errs)
{
	uint32_t number = save(c, rq, errs);
	bool needs_no_disk = job.ends_trial && job.next.number == c->trial.before.number;

	job.saved = number != 0;
	if (!job.saved && !needs_no_disk) {
		config_destroy(config);
		return CHANGE_UNSAVED;
	}
	if (!job.saved) {
		note_unsaved(c, errs);
		number = job.next.number;
	}
	job.confirm_s = rq->confirm_s;
	job.since_s = time(NULL);
	clean_text(rq->who, job.who, sizeof(job.who));
	if (held_set(&job.next, number, rq->text, rq->len) < 0) {
		if (job.saved)
			revisions_remove(c->store, number);
		config_destroy(config);
		err_add(errs, NULL, 0, 0, "not enough memory for this text");
		return CHANGE_REFUSED;
	}
	c->job = job;
	return start_job(c, config, errs);
}
