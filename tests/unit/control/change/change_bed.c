/* See change_bed.h. The target finishes by a timer, as in the daemon. */
#include "change_bed.h"

#include "base/mono.h"
#include "control/alarm.h"
#include "control/change/start.h"
#include "control/config/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#define COUNTED 1204

enum { TEXT_SIZE = 4096, SETTLE_MS = 5000 };

const char *bed_text(unsigned sites, const char *more)
{
	static char texts[4][TEXT_SIZE];
	static unsigned turn;
	char *text = texts[turn++ % 4];
	size_t n = (size_t)snprintf(text, TEXT_SIZE,
				    "ports: [{name: wan, driver: memory, next-hop-mac: "
				    "02:00:00:00:00:01}]\n"
				    "egress: [{name: internet, addresses: [{address: "
				    "203.0.113.10}]}]\nsites:\n");

	for (unsigned i = 1; i <= sites; i++)
		n += (size_t)snprintf(text + n, TEXT_SIZE - n,
				      "  - {name: s%u, tunnels: [{name: t%u, local: 192.0.2.1, "
				      "remote: 192.0.2.%u}]}\n",
				      i, i, 10 + i);
	snprintf(text + n, TEXT_SIZE - n, "%s", more);
	return text;
}

static void count(void *arg, const struct config *after, struct difference *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->items[i].what == CHANGE_REMOVED)
			d->items[i].flows_ended = COUNTED;
}

static void take_turn(evutil_socket_t fd, short what, void *arg)
{
	struct bed *b = arg;

	if (b->result == 0) {
		config_destroy(b->runs);
		b->runs = b->next;
	} else {
		config_destroy(b->next);
	}
	b->next = NULL;
	b->done(b->done_arg, b->result);
}

static int apply(void *arg, struct config *config, const struct difference *d,
		 struct err_list *errs, void (*done)(void *arg, int result), void *done_arg)
{
	const struct timeval soon = {.tv_usec = 1000};
	struct bed *b = arg;

	assert_true(d->n > 0);
	assert_null(b->next); /* one change at a time */
	if (b->refuses) {
		err_add(errs, NULL, 0, 0, "the target does not like it");
		return -EINVAL;
	}
	b->applied++;
	b->next = config;
	b->done = done;
	b->done_arg = done_arg;
	if (!b->holds)
		event_add(b->turn, &soon);
	return 0;
}

static const struct change_target target = {count, apply};

int bed_set_up(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return -1;
	strcpy(b->folder, "/tmp/homeward-change-XXXXXX");
	if (mkdtemp(b->folder) == NULL)
		return -1;
	snprintf(b->file, sizeof(b->file), "%.64s/homeward.yaml", b->folder);
	snprintf(b->directory, sizeof(b->directory), "%.64s/state", b->folder);
	*state = b;
	return 0;
}

int bed_tear_down(void **state)
{
	struct bed *b = *state;
	char command[BED_PATH_SIZE + 16];
	int err;

	bed_end(b);
	err_list_fini(&b->errs);
	snprintf(command, sizeof(command), "rm -rf %s", b->folder);
	err = system(command);
	free(b);
	return err;
}

void bed_write_file(struct bed *b, const char *text)
{
	FILE *f = fopen(b->file, "we");

	assert_non_null(f);
	fprintf(f, "%sstate-directory: %s\n", text, b->directory);
	fclose(f);
}

void bed_start(struct bed *b)
{
	struct change_start start;

	err_list_fini(&b->errs);
	if (change_start(&start, b->file, &b->errs) < 0)
		fail_msg("%s", b->errs.errs[0].text);
	b->base = event_base_new();
	b->alarms = alarms_create();
	b->turn = evtimer_new(b->base, take_turn, b);
	b->runs = start.config;
	b->change = change_create(b->base, b->alarms, &start, &target, b);
	assert_non_null(b->change);
	start.config = NULL;
	change_start_fini(&start);
}

void bed_end(struct bed *b)
{
	if (b->change == NULL)
		return;
	change_destroy(b->change);
	event_free(b->turn);
	event_base_free(b->base);
	alarms_destroy(b->alarms);
	config_destroy(b->runs);
	config_destroy(b->next);
	b->change = NULL;
	b->runs = b->next = NULL;
}

static enum change_state state_of(const struct bed *b)
{
	struct change_status status;

	change_status(b->change, &status);
	return status.state;
}

void bed_settle(struct bed *b)
{
	uint64_t until_ms = mono_ms() + SETTLE_MS;

	while (state_of(b) == CHANGE_APPLYING && mono_ms() < until_ms)
		event_base_loop(b->base, EVLOOP_ONCE);
	assert_int_not_equal(state_of(b), CHANGE_APPLYING);
}

void bed_finish(struct bed *b)
{
	take_turn(-1, 0, b);
}

void bed_run_ms(struct bed *b, unsigned ms)
{
	const struct timeval time = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	event_base_loopexit(b->base, &time);
	event_base_dispatch(b->base);
}

enum change_result bed_apply(struct bed *b, const char *text, uint32_t confirm_s)
{
	char whole[TEXT_SIZE + BED_PATH_SIZE];
	struct change_request rq = {"new.yaml", whole, 0, "root", "because", confirm_s};
	enum change_result result;

	rq.len = (size_t)snprintf(whole, sizeof(whole), "%sstate-directory: %s\n", text,
				  b->directory);
	err_list_fini(&b->errs);
	result = change_apply(b->change, &rq, &b->errs);
	if (!b->holds)
		bed_settle(b);
	return result;
}

enum change_result bed_rollback(struct bed *b, uint32_t number)
{
	enum change_result result;

	err_list_fini(&b->errs);
	result = change_rollback(b->change, number, "root", &b->errs);
	if (!b->holds)
		bed_settle(b);
	return result;
}

enum change_result bed_confirm(struct bed *b)
{
	err_list_fini(&b->errs);
	return change_confirm(b->change, &b->errs);
}

bool bed_says(const struct bed *b, const char *words)
{
	for (size_t i = 0; i < b->errs.n; i++)
		if (strstr(b->errs.errs[i].text, words) != NULL)
			return true;
	return false;
}

void bed_expect(struct bed *b, const char *text, uint32_t number)
{
	struct change_status status;
	size_t len, prefix = strlen(text);
	const char *runs = change_text(b->change, &len);
	struct err_list errs = ERR_LIST_EMPTY;
	struct config *config;
	struct difference d;

	change_status(b->change, &status);
	if (len < prefix || memcmp(runs, text, prefix) != 0 ||
	    strncmp(runs + prefix, "state-directory", strlen("state-directory")) != 0)
		fail_msg("this runs: %s, not this: %s", runs, text);
	assert_int_equal(status.revision, number);
	config = config_parse("", runs, len, &errs);
	assert_non_null(config);
	assert_int_equal(difference_make(&d, b->runs, config), 0);
	assert_int_equal(d.n, 0);
	difference_fini(&d);
	config_destroy(config);
}

enum revision_state bed_state(struct bed *b, uint32_t number)
{
	const struct revision *r = revisions_find(change_history(b->change), number);

	assert_non_null(r);
	return r->state;
}
