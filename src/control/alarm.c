/*
 * The list of standing alarms, and a short memory of what was logged: see alarm.h.
 *
 * Alarms are few, so the list is an array in the order of their beginning and is searched linearly.
 * What was logged is remembered separately: an alarm that flaps is logged once per ALARM_QUIET_MS,
 * with the number of times that it was not logged.
 */
#include "control/alarm.h"

#include "base/log.h"
#include "base/mono.h"
#include "base/types.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
const struct alarm_info alarm_infos[ALARM_KINDS] = {
#define X(id, name, severity, help) [ALARM_##id] = {name, ALARM_SEVERITY_##severity, help},
	ALARM_LIST(X)
#undef X
};
/* clang-format on */

struct logged {
	enum alarm_kind kind;
	char subject[ALARM_SUBJECT_SIZE];
	uint64_t at_ms; /* when it was logged; 0: the row is free */
	uint64_t held_back; /* how often it began since then without being logged */
	bool quiet; /* its present beginning was not logged, so its end is not logged either */
};

struct alarms {
	struct alarm list[ALARMS_MAX];
	size_t n;
	uint64_t missed;
	struct logged logged[ALARMS_MAX];
};

struct alarms *alarms_create(void)
{
	return calloc(1, sizeof(struct alarms));
}

void alarms_destroy(struct alarms *a)
{
	free(a);
}

const char *alarm_severity_name(enum alarm_severity severity)
{
	return severity == ALARM_SEVERITY_ERROR ? "error" : "warning";
}

static bool same_subject(const char *a, const char *b)
{
	return strncmp(a, b, ALARM_SUBJECT_SIZE - 1) == 0;
}

static struct alarm *alarm_find(const struct alarms *a, enum alarm_kind kind, const char *subject)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct alarm *alarm = &a->list[i];

		if (alarm->kind == kind && same_subject(alarm->subject, subject))
			return (struct alarm *)alarm;
	}
	return NULL;
}

/* The row that remembers this alarm; otherwise the row that was logged longest ago. */
static struct logged *find_logged(struct alarms *a, enum alarm_kind kind, const char *subject)
{
	struct logged *oldest = &a->logged[0];

	for (size_t i = 0; i < ALARMS_MAX; i++) {
		struct logged *row = &a->logged[i];

		if (row->at_ms != 0 && row->kind == kind && same_subject(row->subject, subject))
			return row;
		if (row->at_ms < oldest->at_ms)
			oldest = row;
	}
	*oldest = (struct logged){.kind = kind};
	snprintf(oldest->subject, sizeof(oldest->subject), "%s", subject);
	return oldest;
}

static void log_begin(enum alarm_kind kind, const char *subject, const char *text, uint64_t before)
{
	const struct alarm_info *info = &alarm_infos[kind];
	enum log_level level =
		info->severity == ALARM_SEVERITY_ERROR ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING;
	char times[64] = "";

	if (before > 0)
		snprintf(times, sizeof(times), " (and %" PRIu64 " %s before)", before,
			 before == 1 ? "time" : "times");
	log_line(level, "alarm %s: %s: %s%s", info->name, subject, text, times);
}

static void note_begin(struct alarms *a, const struct alarm *alarm)
{
	struct logged *row = find_logged(a, alarm->kind, alarm->subject);

	row->quiet = row->at_ms != 0 && alarm->since_ms - row->at_ms < ALARM_QUIET_MS;
	if (row->quiet) {
		row->held_back++;
		return;
	}
	log_begin(alarm->kind, alarm->subject, alarm->text, row->held_back);
	row->at_ms = alarm->since_ms;
	row->held_back = 0;
}

static void alarm_begin(struct alarms *a, enum alarm_kind kind, const char *subject,
			const char *text)
{
	struct alarm *alarm;

	if (a->n == ALARMS_MAX) {
		a->missed++;
		return;
	}
	alarm = &a->list[a->n++];
	*alarm = (struct alarm){.kind = kind, .since_ms = mono_ms()};
	snprintf(alarm->subject, sizeof(alarm->subject), "%s", subject);
	snprintf(alarm->text, sizeof(alarm->text), "%s", text);
	note_begin(a, alarm);
}

void alarm_raise(struct alarms *a, enum alarm_kind kind, const char *subject, const char *fmt, ...)
{
	char text[ALARM_TEXT_SIZE];
	struct alarm *alarm;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (a == NULL) {
		log_begin(kind, subject, text, 0);
		return;
	}
	alarm = alarm_find(a, kind, subject);
	if (alarm != NULL)
		memcpy(alarm->text, text, sizeof(text));
	else
		alarm_begin(a, kind, subject, text);
}

/* Ends alarm @i. */
static void end(struct alarms *a, size_t i)
{
	const struct alarm *alarm = &a->list[i];

	if (!find_logged(a, alarm->kind, alarm->subject)->quiet)
		log_info("alarm %s ended: %s, after %" PRIu64 " s", alarm_infos[alarm->kind].name,
			 alarm->subject, (mono_ms() - alarm->since_ms) / 1000);
	a->n--;
	memmove(&a->list[i], &a->list[i + 1], (a->n - i) * sizeof(a->list[0]));
}

void alarm_clear(struct alarms *a, enum alarm_kind kind, const char *subject)
{
	const struct alarm *alarm = a == NULL ? NULL : alarm_find(a, kind, subject);

	if (alarm != NULL)
		end(a, (size_t)(alarm - a->list));
}

void alarm_clear_all(struct alarms *a, enum alarm_kind kind)
{
	for (size_t i = alarms_count(a); i-- > 0;)
		if (a->list[i].kind == kind)
			end(a, i);
}

bool alarm_stands(const struct alarms *a, enum alarm_kind kind, const char *subject)
{
	return a != NULL && alarm_find(a, kind, subject) != NULL;
}

size_t alarms_count(const struct alarms *a)
{
	return a == NULL ? 0 : a->n;
}

const struct alarm *alarms_at(const struct alarms *a, size_t i)
{
	return &a->list[i];
}

uint64_t alarms_missed(const struct alarms *a)
{
	return a == NULL ? 0 : a->missed;
}
