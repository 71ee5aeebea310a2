/*
 * Chooses the configuration at the start: see start.h.
 *
 * Interrupted revisions are marked as undone at once, so that each start reports only new ones. If
 * the mark cannot be saved, the next start chooses the same.
 */
#include "control/change/start.h"

#include "base/err.h"
#include "base/log.h"
#include "control/change/revisions.h"
#include "control/config/config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void log_sentences(const struct err_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		log_warning("%s", list->errs[i].text);
}

/* Stores the first sentence. */
static void note_error(struct change_start *s, const struct err_list *errs)
{
	if (errs->n > 0 && s->store_error == NULL)
		s->store_error = strdup(errs->errs[0].text);
}

static void open_store(struct change_start *s)
{
	struct err_list errs = ERR_LIST_EMPTY, notes = ERR_LIST_EMPTY;

	s->store = revisions_open(s->config->state_directory, &errs, &notes);
	log_sentences(&notes);
	note_error(s, &errs);
	err_list_fini(&errs);
	err_list_fini(&notes);
}

/* Marks revisions that the previous daemon left in the middle of a change. */
static void drop_interrupted(struct change_start *s)
{
	const struct revision *applied = revisions_last_applied(s->store, UINT32_MAX);
	struct err_list errs = ERR_LIST_EMPTY;

	for (size_t i = 0; i < revisions_count(s->store); i++) {
		const struct revision *r = revisions_at(s->store, i);

		if (r->damaged || (r->state != REVISION_TRIAL && r->state != REVISION_SAVED))
			continue;
		log_warning("revision %" PRIu32 " of %s %s: it is not used", r->number, r->who,
			    r->state == REVISION_TRIAL ? "was not confirmed before the daemon ended"
						       : "was being applied when the daemon ended");
		if (applied == NULL || r->number > applied->number)
			s->undone = r->number;
		revisions_mark(s->store, r->number, REVISION_UNDONE, &errs);
	}
	note_error(s, &errs);
	err_list_fini(&errs);
}

/* The file's checksum in the newest revision that is not damaged; 0: there is none. */
static uint64_t newest_file_sum(const struct revisions *store)
{
	for (size_t i = revisions_count(store); i-- > 0;)
		if (!revisions_at(store, i)->damaged)
			return revisions_at(store, i)->file_sum;
	return 0;
}

/* False: it cannot be read, or is not valid any more. The log says so. */
static bool take_revision(struct change_start *s, const struct revision *r)
{
	struct err_list errs = ERR_LIST_EMPTY;
	char name[32], *text = revisions_read(s->store, r->number, &errs);
	struct config *config = NULL;

	snprintf(name, sizeof(name), "revision %" PRIu32, r->number);
	if (text != NULL)
		config = config_parse(name, text, r->text_len, &errs);
	err_log(&errs);
	err_list_fini(&errs);
	if (config == NULL) {
		free(text);
		return false;
	}
	config_destroy(s->config);
	free(s->text);
	s->config = config;
	s->text = text;
	s->len = r->text_len;
	s->revision = r->number;
	return true;
}

static void say_revision(const struct change_start *s)
{
	const struct revision *r = revisions_find(s->store, s->revision);
	time_t when = (time_t)r->time_s;
	char text[32] = "";
	struct tm tm;

	if (gmtime_r(&when, &tm) != NULL)
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm);
	log_info("configuration: revision %" PRIu32 " (%s, %s); %s has not changed since",
		 r->number, r->who, text, s->file);
}

/* Chooses the newest valid applied revision, or the file. */
static void choose(struct change_start *s)
{
	const struct revision *r = revisions_last_applied(s->store, UINT32_MAX);

	if (newest_file_sum(s->store) != s->file_sum)
		r = NULL; /* the file was edited since then, or this is the first start */
	while (r != NULL && r->text_sum != s->file_sum && !take_revision(s, r))
		r = revisions_last_applied(s->store, r->number);
	if (r != NULL && s->revision != 0) {
		say_revision(s);
		return;
	}
	if (r == NULL)
		r = revisions_last_applied(s->store, UINT32_MAX);
	if (r != NULL && r->text_sum == s->file_sum && r->text_len == s->len)
		s->revision = r->number;
	log_info("configuration: %s", s->file);
}

int change_start(struct change_start *s, const char *file, struct err_list *errs)
{
	*s = (struct change_start){.file = strdup(file)};
	if (s->file != NULL)
		s->text = config_read(file, &s->len, errs);
	if (s->text != NULL)
		s->config = config_parse(file, s->text, s->len, errs);
	if (s->config == NULL) {
		change_start_fini(s);
		return -1;
	}
	s->file_sum = revision_sum(s->text, s->len);
	open_store(s);
	if (s->store == NULL) {
		log_info("configuration: %s", file);
		return 0;
	}
	drop_interrupted(s);
	choose(s);
	return 0;
}

void change_start_fini(struct change_start *s)
{
	revisions_close(s->store);
	config_destroy(s->config);
	free(s->file);
	free(s->text);
	free(s->store_error);
	*s = (struct change_start){0};
}
