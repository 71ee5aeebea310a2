/*
 * The engine with what it needs of a daemon: a file, a state directory, and a target that the test
 * controls.
 */
#pragma once

#include "base/err.h"
#include "control/change/change.h"

#include <stdbool.h>

struct event;
struct event_base;

enum { BED_PATH_SIZE = 128 };

struct bed {
	char folder[BED_PATH_SIZE], file[BED_PATH_SIZE], directory[BED_PATH_SIZE];
	struct event_base *base;
	struct alarms *alarms;
	struct change *change;
	struct config *runs; /* of the target */
	struct err_list errs; /* of the last call */

	/* what the target must do */
	bool refuses; /* refuse at once, with a sentence */
	int result; /* the result that done() gets */
	bool holds; /* done() is called by bed_finish() only */

	/* what the target has seen */
	unsigned applied; /* times */
	uint64_t counted;
	struct config *next;
	void (*done)(void *arg, int result);
	void *done_arg;
	struct event *turn;
};

/* A configuration with this many sites; @more is added at its end. */
const char *bed_text(unsigned sites, const char *more);

int bed_set_up(void **state); /* *state: the bed, without a daemon */
int bed_tear_down(void **state);

void bed_write_file(struct bed *b, const char *text);

/* Starts and ends the daemon. For the engine an orderly end is the same as a crash. */
void bed_start(struct bed *b);
void bed_end(struct bed *b);

/* Runs the event loop until no change is being applied. */
void bed_settle(struct bed *b);
void bed_finish(struct bed *b);
void bed_run_ms(struct bed *b, unsigned ms);

/* Applies @text and settles. */
enum change_result bed_apply(struct bed *b, const char *text, uint32_t confirm_s);
enum change_result bed_rollback(struct bed *b, uint32_t number);
enum change_result bed_confirm(struct bed *b);

bool bed_says(const struct bed *b, const char *words); /* b->errs */

/* Expects that @text runs, for the engine and for the target, as revision @number. */
void bed_expect(struct bed *b, const char *text, uint32_t number);

/* The state of revision @number, which must be in the history. */
enum revision_state bed_state(struct bed *b, uint32_t number);
