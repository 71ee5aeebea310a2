/*
 * The change engine: requests, and which of them are refused. See change.h.
 *
 * A text is parsed, compared with the running configuration, and refused if it needs a restart.
 * Otherwise job.c carries it out.
 */
#include "control/change/change_internal.h"

#include "base/log.h"
#include "base/mono.h"
#include "control/alarm.h"
#include "control/change/refuse.h"
#include "control/change/start.h"
#include "control/config/config.h"
#include "control/config/splice.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

enum { WHEN_SIZE = 40 };

static const char *when_text(int64_t since_s, char buf[static WHEN_SIZE])
{
	time_t since = (time_t)since_s;
	struct tm tm;

	buf[0] = '\0';
	if (gmtime_r(&since, &tm) != NULL)
		strftime(buf, WHEN_SIZE, "%Y-%m-%d %H:%M:%S UTC", &tm);
	return buf;
}

/* Another change is in progress: adds a sentence that says who makes it. */
static enum change_result refuse_busy(const struct change *c, struct err_list *errs)
{
	char when[WHEN_SIZE];

	if (c->state == CHANGE_APPLYING)
		err_add(errs, NULL, 0, 0, "%s is applying revision %" PRIu32 " since %s",
			c->job.who, c->job.next.number, when_text(c->job.since_s, when));
	else
		err_add(errs, NULL, 0, 0,
			"revision %" PRIu32
			" of %s (%s) awaits confirmation: homeward config confirm keeps it, "
			"homeward config rollback undoes it",
			c->runs.number, c->trial.who, when_text(c->trial.since_s, when));
	return CHANGE_BUSY;
}

struct config *change_check(const struct change_request *rq, struct err_list *errs)
{
	return config_parse(rq->name, rq->text, rq->len, errs);
}

/* Most texts differ little from the one that runs. */
static struct config *change_read(const struct change *c, const struct change_request *rq,
				  struct err_list *errs)
{
	const struct config_read_before before = {c->config, c->runs.text, c->runs.len};
	struct config *config =
		c->is_read ? config_splice(&before, rq->name, rq->text, rq->len) : NULL;

	return config != NULL ? config : change_check(rq, errs);
}

static int change_compare(const struct change *c, const struct config *config,
			  struct difference *out, struct err_list *errs)
{
	int err = difference_make(out, c->config, config);

	if (err < 0)
		err_add(errs, NULL, 0, 0, "not enough memory to compare the configurations");
	else if (c->target->count != NULL)
		c->target->count(c->arg, config, out);
	return err;
}

enum change_result change_diff(struct change *c, const struct change_request *rq,
			       struct difference *out, struct err_list *errs)
{
	struct config *config = change_read(c, rq, errs);
	int err;

	*out = (struct difference){0};
	if (config == NULL)
		return CHANGE_REFUSED;
	err = change_compare(c, config, out, errs);
	config_destroy(config);
	return err < 0 ? CHANGE_REFUSED : CHANGE_BEGUN;
}

enum change_result change_try(struct change *c, const struct change_request *rq,
			      struct change_job job, struct err_list *errs)
{
	struct config *config = change_read(c, rq, errs);
	struct difference d = {0};

	if (config == NULL)
		return CHANGE_REFUSED;
	if (change_compare(c, config, &d, errs) < 0 ||
	    refuse_change(c->config, config, &d, errs) < 0) {
		difference_fini(&d);
		config_destroy(config);
		return CHANGE_REFUSED;
	}
	difference_fini(&c->difference);
	c->difference = d;
	return job_begin(c, rq, config, job, errs);
}

enum change_result change_apply(struct change *c, const struct change_request *rq,
				struct err_list *errs)
{
	if (c->state != CHANGE_IDLE)
		return refuse_busy(c, errs);
	if (rq->len == c->runs.len && memcmp(rq->text, c->runs.text, rq->len) == 0) {
		difference_fini(&c->difference);
		return CHANGE_NOTHING;
	}
	return change_try(c, rq, (struct change_job){0}, errs);
}

/* Finds the revision @number. NULL and a sentence: there is none. */
static const struct revision *choose_revision(struct change *c, uint32_t number,
					      struct err_list *errs)
{
	const struct revision *r = NULL;

	if (c->store == NULL)
		err_add(errs, NULL, 0, 0, "%s", c->store_error);
	else if (number != 0 && number == c->runs.number)
		err_add(errs, NULL, 0, 0, "revision %" PRIu32 " is the one that runs", number);
	else if (number != 0)
		r = revisions_find(c->store, number);
	else
		r = revisions_last_applied(c->store,
					   c->runs.number != 0 ? c->runs.number : UINT32_MAX);
	if (r == NULL && errs->n == 0)
		err_add(errs, NULL, 0, 0,
			number != 0 ? "there is no revision %" PRIu32
				    : "there is no revision before the one that runs",
			number);
	return r;
}

enum change_result change_rollback(struct change *c, uint32_t number, const char *who,
				   struct err_list *errs)
{
	const struct revision *r;
	struct held back = {0};
	enum change_result result;

	if (c->state == CHANGE_APPLYING)
		return refuse_busy(c, errs);
	if (c->state == CHANGE_AWAITING && (number == 0 || number == c->trial.before.number))
		return trial_undo(c, NULL, who, errs);
	r = choose_revision(c, number, errs);
	if (r == NULL)
		return CHANGE_REFUSED;
	back = (struct held){r->number, revisions_read(c->store, r->number, errs), r->text_len};
	result = back.text != NULL ? trial_undo(c, &back, who, errs) : CHANGE_REFUSED;
	held_fini(&back);
	return result;
}

enum change_result change_confirm(struct change *c, struct err_list *errs)
{
	if (c->state == CHANGE_APPLYING)
		return refuse_busy(c, errs);
	if (c->state == CHANGE_IDLE && alarm_stands(c->alarms, ALARM_CONFIG_UNDONE, CHANGE_SUBJECT))
		err_add(errs, NULL, 0, 0,
			"too late: the revision was not confirmed in time and is undone");
	else if (c->state == CHANGE_IDLE)
		err_add(errs, NULL, 0, 0, "no revision awaits confirmation");
	if (c->state == CHANGE_IDLE)
		return CHANGE_REFUSED;
	if (revisions_mark(c->store, c->runs.number, REVISION_APPLIED, errs) < 0)
		return CHANGE_UNSAVED;
	log_info("configuration: revision %" PRIu32 " is confirmed", c->runs.number);
	trial_end(c);
	return CHANGE_BEGUN;
}

struct change *change_create(struct event_base *base, struct alarms *alarms,
			     struct change_start *start, const struct change_target *target,
			     void *arg)
{
	struct change *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->deadline = evtimer_new(base, trial_was_late, c);
	c->reload = evtimer_new(base, reload_due, c);
	if (c->deadline == NULL || c->reload == NULL) {
		change_destroy(c);
		return NULL;
	}
	c->alarms = alarms;
	c->target = target;
	c->arg = arg;
	c->config = start->config;
	c->is_read = true;
	c->file = start->file;
	c->store = start->store;
	c->store_error = start->store_error;
	c->runs = (struct held){start->revision, start->text, start->len};
	start->file = start->text = start->store_error = NULL;
	start->store = NULL;
	job_save_start(c);
	if (start->undone != 0)
		alarm_raise(alarms, ALARM_CONFIG_UNDONE, CHANGE_SUBJECT,
			    "revision %" PRIu32
			    " was not confirmed, or not applied, before the daemon "
			    "ended and is undone",
			    start->undone);
	return c;
}

void change_destroy(struct change *c)
{
	if (c == NULL)
		return;
	if (c->deadline != NULL)
		event_free(c->deadline);
	if (c->reload != NULL)
		event_free(c->reload);
	revisions_close(c->store);
	held_fini(&c->runs);
	held_fini(&c->trial.before);
	held_fini(&c->job.next);
	difference_fini(&c->difference);
	err_list_fini(&c->why);
	free(c->store_error);
	free(c->file);
	free(c);
}

void change_status(const struct change *c, struct change_status *out)
{
	bool awaiting = c->state == CHANGE_AWAITING;
	uint64_t now_ms = mono_ms();

	*out = (struct change_status){
		.state = c->state,
		.revision = c->runs.number,
		.changing = c->job.next.number,
		.who = awaiting ? c->trial.who : c->job.who,
		.since_s = awaiting ? c->trial.since_s : c->job.since_s,
		.failed = c->failed,
		.why = &c->why,
	};
	if (awaiting && c->trial.deadline_ms > now_ms)
		out->confirm_s = (uint32_t)((c->trial.deadline_ms - now_ms + 999) / 1000);
}

bool change_counts(const struct change *c)
{
	return c->target->count != NULL;
}

const char *change_text(const struct change *c, size_t *len)
{
	*len = c->runs.len;
	return c->runs.text;
}

const struct revisions *change_history(const struct change *c)
{
	return c->store;
}

const struct difference *change_difference(const struct change *c)
{
	return &c->difference;
}
