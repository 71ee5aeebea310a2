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
	struct config *runs; /* the target's */
	struct err_list errs; /* of the last call */

	/* what the target is told */
	bool refuses; /* with a sentence, at once */
	int result; /* of done() */
	bool holds; /* done() is called by bed_finish() only */

	/* what it has seen */
	unsigned applied; /* times */
	uint64_t counted;
	struct config *next;
	void (*done)(void *arg, int result);
	void *done_arg;
	struct event *turn;
};

/* A configuration with this many sites, and anything behind it. */
const char *bed_text(unsigned sites, const char *more);

int bed_set_up(void **state); /* *state: the bed, without a daemon */
int bed_tear_down(void **state);

void bed_write_file(struct bed *b, const char *text);

/* The daemon starts; ends in an orderly way or not, which is the same for the engine. */
void bed_start(struct bed *b);
void bed_end(struct bed *b);

/* Runs the event loop until nothing is applied any more. */
void bed_settle(struct bed *b);
void bed_finish(struct bed *b);
void bed_run_ms(struct bed *b, unsigned ms);

/* Applies @text and settles. */
enum change_result bed_apply(struct bed *b, const char *text, uint32_t confirm_s);
enum change_result bed_rollback(struct bed *b, uint32_t number);
enum change_result bed_confirm(struct bed *b);

bool bed_says(const struct bed *b, const char *words); /* b->errs */

/* What runs, in the engine's eyes and in the target's, is @text, and it is revision @number. */
void bed_expect(struct bed *b, const char *text, uint32_t number);

/* The state of revision @number in the history; it must be there. */
enum revision_state bed_state(struct bed *b, uint32_t number);
