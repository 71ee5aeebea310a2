/*
 * Changes with a fake target: a refused change changes nothing, an applied one is kept, and an
 * unconfirmed one is undone, whatever happens in between.
 */
#include "change_bed.h"

#include "base/types.h"
#include "control/alarm.h"
#include "control/config/config.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#define ONE bed_text(1, "")
#define TWO bed_text(2, "")

static time_t later_s; /* how far the clock of the engine is ahead */
static unsigned reads; /* of the start file */

time_t __real_time(time_t *at);
time_t __wrap_time(time_t *at);
char *__real_config_read(const char *path, size_t *len, struct err_list *errs);
char *__wrap_config_read(const char *path, size_t *len, struct err_list *errs);

time_t __wrap_time(time_t *at)
{
	return __real_time(at) + later_s;
}

char *__wrap_config_read(const char *path, size_t *len, struct err_list *errs)
{
	reads++;
	return __real_config_read(path, len, errs);
}

static bool alarms(const struct bed *b, enum alarm_kind kind)
{
	return alarm_stands(b->alarms, kind, "configuration");
}

static struct bed *start(void **state)
{
	struct bed *b = *state;

	bed_write_file(b, ONE);
	bed_start(b);
	bed_expect(b, ONE, 1);
	return b;
}

static void test_applied(void **state)
{
	struct bed *b = start(state);
	const struct revision *r;
	struct change_status status;

	assert_string_equal(revisions_find(change_history(b->change), 1)->who, "start");
	assert_int_equal(bed_apply(b, TWO, 0), CHANGE_BEGUN);
	bed_expect(b, TWO, 2);
	assert_int_equal(b->applied, 1);
	r = revisions_find(change_history(b->change), 2);
	assert_int_equal(r->state, REVISION_APPLIED);
	assert_string_equal(r->who, "root");
	assert_string_equal(r->comment, "because");
	change_status(b->change, &status);
	assert_int_equal(status.state, CHANGE_IDLE);
	assert_int_equal(status.failed, 0);
	bed_end(b); /* the file has not changed since: the revision is newer */
	bed_start(b);
	bed_expect(b, TWO, 2);
}

/* The start file is read again only if it may have changed. */
static void test_start_file_is_remembered(void **state)
{
	struct bed *b = start(state);
	const char *other = "# one comment\n", *another = "# two comment\n";

	reads = 0;
	bed_apply(b, TWO, 0);
	assert_int_equal(reads, 1); /* it was just written: who knows */
	later_s = 60;
	bed_apply(b, bed_text(3, ""), 0);
	bed_apply(b, TWO, 0);
	assert_int_equal(reads, 2);
	bed_write_file(b, bed_text(1, other));
	bed_apply(b, bed_text(3, ""), 0);
	assert_int_equal(reads, 3);
	bed_write_file(b, bed_text(1, another)); /* of equal size */
	bed_apply(b, TWO, 0);
	assert_int_equal(reads, 4);
	later_s = 0;
	bed_end(b);
	bed_start(b); /* the file has not changed since: the revision is newer */
	bed_expect(b, TWO, 6);
}

static void test_nothing(void **state)
{
	struct bed *b = start(state);

	assert_int_equal(bed_apply(b, ONE, 0), CHANGE_NOTHING);
	assert_int_equal(revisions_count(change_history(b->change)), 1);
	assert_int_equal(bed_apply(b, bed_text(1, "# a comment\n"), 0), CHANGE_BEGUN);
	assert_int_equal(b->applied, 0); /* the target was not called */
	bed_expect(b, bed_text(1, "# a comment\n"), 2);
}

/* A refused text changes neither the running configuration nor the revisions. */
static void test_refused(void **state)
{
	static const struct {
		const char *more; /* added behind one site */
		const char *says;
		const char *why;
	} rows[] = {
		{"nonsense: 1\n", "nonsense", "an unknown setting"},
		{"  - {name: s1}\n", "tunnels", "errors in a list"},
		{"\t", "", "no YAML"},
		{"workers: 2\n", "cannot be changed while the daemon runs",
		 "read at the start only"},
	};
	static const char same[] =
		"  - {name: wan, tunnels: [{name: wan, local: 192.0.2.1, remote: 192.0.2.20}]}\n";
	struct bed *b = start(state);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (bed_apply(b, bed_text(1, rows[i].more), 0) != CHANGE_REFUSED ||
		    b->errs.n == 0 || !bed_says(b, rows[i].says))
			fail_msg("%s: %s", rows[i].why, b->errs.n > 0 ? b->errs.errs[0].text : "");
		bed_expect(b, ONE, 1);
		assert_int_equal(revisions_count(change_history(b->change)), 1);
	}
	/* a port, a site and a tunnel may have one name */
	assert_int_equal(bed_apply(b, bed_text(1, same), 0), CHANGE_BEGUN);
}

/* Names that would move from one kind to another. */
static void test_moved(void **state)
{
	static const char before[] =
		"  - {name: lyon, tunnels: [{name: t2, local: 192.0.2.1, remote: 192.0.2.20}]}\n";
	static const char after[] =
		"  - {name: s9, tunnels: [{name: t2, local: 192.0.2.1, remote: 192.0.2.20},"
		" {name: lyon, local: 192.0.2.1, remote: 192.0.2.21}]}\n";
	static const char in_place[] =
		"  - {name: s8, tunnels: [{name: t3, local: 192.0.2.1, remote: 192.0.2.22}]}\n"
		"  - {name: t2, tunnels: [{name: t4, local: 192.0.2.1, remote: 192.0.2.20}]}\n";
	static const char two_tunnels[] =
		"  - {name: s8, tunnels: [{name: t3, local: 192.0.2.1, remote: 192.0.2.22},"
		" {name: t2, local: 192.0.2.1, remote: 192.0.2.20}]}\n";
	struct bed *b = *state;

	bed_write_file(b, bed_text(1, before));
	bed_start(b);
	assert_int_equal(bed_apply(b, bed_text(1, after), 0), CHANGE_REFUSED);
	assert_true(
		bed_says(b, "\"lyon\" is the name of a site and cannot become that of a tunnel"));
	bed_expect(b, bed_text(1, before), 1);
	/* the two stand at the same place in the file */
	assert_int_equal(bed_apply(b, bed_text(1, two_tunnels), 0), CHANGE_BEGUN);
	assert_int_equal(bed_apply(b, bed_text(1, in_place), 0), CHANGE_REFUSED);
	assert_true(bed_says(b, "\"t2\" is the name of a tunnel and cannot become that of a site"));
}

static void test_target_refuses(void **state)
{
	struct bed *b = start(state);

	b->refuses = true;
	assert_int_equal(bed_apply(b, TWO, 0), CHANGE_REFUSED);
	assert_true(bed_says(b, "does not like it"));
	bed_expect(b, ONE, 1);
	assert_int_equal(revisions_count(change_history(b->change)), 1);
	bed_end(b);
	bed_start(b);
	bed_expect(b, ONE, 1);
}

static void test_target_fails(void **state)
{
	struct bed *b = start(state);
	struct change_status status;

	b->result = -ENOMEM;
	assert_int_equal(bed_apply(b, TWO, 60), CHANGE_BEGUN);
	change_status(b->change, &status);
	assert_int_equal(status.state, CHANGE_IDLE);
	assert_int_equal(status.failed, 2);
	assert_string_equal(status.why->errs[0].text,
			    "revision 2 could not be applied: Cannot allocate memory");
	bed_expect(b, ONE, 1);
	assert_int_equal(revisions_count(change_history(b->change)), 1);
	assert_false(alarms(b, ALARM_CONFIG_TRIAL));

	b->result = 0;
	assert_int_equal(bed_apply(b, TWO, 0), CHANGE_BEGUN);
	bed_expect(b, TWO, 3);
	change_status(b->change, &status);
	assert_int_equal(status.failed, 0);
}

static void test_busy(void **state)
{
	struct bed *b = start(state);

	b->holds = true;
	assert_int_equal(bed_apply(b, TWO, 0), CHANGE_BEGUN);
	assert_int_equal(bed_apply(b, bed_text(3, ""), 0), CHANGE_BUSY);
	assert_true(bed_says(b, "root is applying revision 2 since 20"));
	assert_int_equal(bed_rollback(b, 0), CHANGE_BUSY);
	assert_int_equal(bed_confirm(b), CHANGE_BUSY);
	bed_expect(b, ONE, 1); /* the old one runs until the change is done */
	bed_finish(b);
	bed_expect(b, TWO, 2);
}

/* No timer is left that could undo what runs. */
static void expect_no_timer(const struct bed *b)
{
	assert_int_equal(event_base_get_num_events(b->base, EVENT_BASE_COUNT_ADDED), 0);
}

static void test_confirmed(void **state)
{
	struct bed *b = start(state);
	struct change_status status;

	assert_int_equal(bed_confirm(b), CHANGE_REFUSED);
	assert_true(bed_says(b, "no revision awaits confirmation"));
	assert_int_equal(bed_apply(b, TWO, 60), CHANGE_BEGUN);
	change_status(b->change, &status);
	assert_int_equal(status.state, CHANGE_AWAITING);
	assert_in_range(status.confirm_s, 50, 60);
	assert_true(alarms(b, ALARM_CONFIG_TRIAL));
	assert_int_equal(bed_state(b, 2), REVISION_TRIAL);
	assert_int_equal(bed_apply(b, bed_text(3, ""), 0), CHANGE_BUSY);
	assert_true(bed_says(b, "revision 2 of root (20"));
	assert_true(bed_says(b, "awaits confirmation"));
	assert_int_equal(bed_confirm(b), CHANGE_BEGUN);
	expect_no_timer(b);
	assert_false(alarms(b, ALARM_CONFIG_TRIAL));
	assert_int_equal(bed_state(b, 2), REVISION_APPLIED);
	bed_expect(b, TWO, 2);
	assert_int_equal(bed_confirm(b), CHANGE_REFUSED);
	bed_end(b);
	bed_start(b);
	bed_expect(b, TWO, 2);
}

static void test_not_confirmed(void **state)
{
	struct bed *b = start(state);
	const struct revision *r;

	assert_int_equal(bed_apply(b, TWO, 1), CHANGE_BEGUN);
	bed_run_ms(b, 1200);
	bed_settle(b);
	bed_expect(b, ONE, 3);
	expect_no_timer(b);
	assert_int_equal(bed_state(b, 2), REVISION_UNDONE);
	r = revisions_find(change_history(b->change), 3);
	assert_string_equal(r->who, "confirm timeout");
	assert_string_equal(r->comment, "back to revision 1");
	assert_true(alarms(b, ALARM_CONFIG_UNDONE));
	assert_false(alarms(b, ALARM_CONFIG_TRIAL));
	assert_int_equal(bed_confirm(b), CHANGE_REFUSED);
	assert_true(bed_says(b, "too late"));
	bed_end(b);
	bed_start(b);
	bed_expect(b, ONE, 3);
	assert_int_equal(bed_apply(b, TWO, 0), CHANGE_BEGUN);
	assert_false(alarms(b, ALARM_CONFIG_UNDONE));
}

/* The daemon is killed while a revision is on trial: the restart goes back. */
static void test_killed_on_trial(void **state)
{
	struct bed *b = start(state);

	assert_int_equal(bed_apply(b, TWO, 60), CHANGE_BEGUN);
	bed_end(b);
	bed_start(b);
	bed_expect(b, ONE, 1);
	assert_int_equal(bed_state(b, 2), REVISION_UNDONE);
	assert_true(alarms(b, ALARM_CONFIG_UNDONE));
	bed_end(b);
	bed_start(b); /* the second start does not say it again */
	bed_expect(b, ONE, 1);
	assert_false(alarms(b, ALARM_CONFIG_UNDONE));
}

/*
 * The file was edited, and its text is on trial. A restart must not use the file as if it were
 * confirmed.
 */
static void test_killed_with_edited_file(void **state)
{
	struct bed *b = start(state);

	bed_write_file(b, TWO);
	assert_int_equal(bed_apply(b, TWO, 60), CHANGE_BEGUN);
	bed_end(b);
	bed_start(b);
	bed_expect(b, ONE, 1);
	bed_end(b);
	bed_start(b);
	bed_expect(b, ONE, 1);
	bed_end(b);
	bed_write_file(b, bed_text(3, "")); /* edited again */
	bed_start(b);
	bed_expect(b, bed_text(3, ""), 3);
}

/* The daemon is killed in the middle of an apply. */
static void test_killed_in_apply(void **state)
{
	struct bed *b = start(state);

	b->holds = true;
	assert_int_equal(bed_apply(b, TWO, 0), CHANGE_BEGUN);
	assert_int_equal(bed_state(b, 2), REVISION_SAVED);
	bed_end(b);
	bed_start(b);
	bed_expect(b, ONE, 1);
	assert_int_equal(bed_state(b, 2), REVISION_UNDONE);
	assert_true(alarms(b, ALARM_CONFIG_UNDONE));
}

static void test_rollback(void **state)
{
	struct bed *b = start(state);

	assert_int_equal(bed_rollback(b, 0), CHANGE_REFUSED);
	assert_true(bed_says(b, "there is no revision before the one that runs"));
	assert_int_equal(bed_apply(b, TWO, 0), CHANGE_BEGUN);
	assert_int_equal(bed_apply(b, bed_text(3, ""), 0), CHANGE_BEGUN);
	assert_int_equal(bed_rollback(b, 7), CHANGE_REFUSED);
	assert_true(bed_says(b, "there is no revision 7"));
	assert_int_equal(bed_rollback(b, 3), CHANGE_REFUSED);
	assert_true(bed_says(b, "revision 3 is the one that runs"));
	assert_int_equal(bed_rollback(b, 1), CHANGE_BEGUN);
	bed_expect(b, ONE, 4);
	assert_int_equal(bed_rollback(b, 0), CHANGE_BEGUN); /* the revision before that one */
	bed_expect(b, bed_text(3, ""), 5);
	bed_end(b);
	bed_start(b);
	bed_expect(b, bed_text(3, ""), 5);
}

static void test_rollback_on_trial(void **state)
{
	struct bed *b = start(state);

	assert_int_equal(bed_apply(b, TWO, 1), CHANGE_BEGUN);
	assert_int_equal(bed_rollback(b, 0), CHANGE_BEGUN);
	bed_expect(b, ONE, 3);
	assert_int_equal(bed_state(b, 2), REVISION_UNDONE);
	assert_false(alarms(b, ALARM_CONFIG_TRIAL));
	expect_no_timer(b);
	assert_int_equal(bed_apply(b, TWO, 60), CHANGE_BEGUN);
	assert_int_equal(bed_rollback(b, 2), CHANGE_BEGUN); /* to another revision */
	bed_expect(b, TWO, 5);
	expect_no_timer(b);
	assert_int_equal(bed_state(b, 4), REVISION_UNDONE);
}

/* The trial's time ends while an operator's rollback is being applied. Then the rollback fails. */
static void test_late_while_rolled_back(void **state)
{
	struct bed *b = start(state);

	assert_int_equal(bed_apply(b, TWO, 1), CHANGE_BEGUN);
	b->holds = true;
	assert_int_equal(bed_rollback(b, 0), CHANGE_BEGUN);
	bed_run_ms(b, 1200);
	expect_no_timer(b); /* the rollback is in progress */
	b->result = -ENOMEM;
	bed_finish(b);
	bed_expect(b, TWO, 2);
	assert_int_not_equal(event_base_get_num_events(b->base, EVENT_BASE_COUNT_ADDED), 0);
	b->result = 0;
	assert_int_equal(bed_confirm(b), CHANGE_BEGUN);
	expect_no_timer(b);
	assert_int_equal(bed_state(b, 2), REVISION_APPLIED);
}

/* Going back fails. It is tried again, and a restart goes back in any case. */
static void test_cannot_go_back(void **state)
{
	struct bed *b = start(state);

	assert_int_equal(bed_apply(b, TWO, 1), CHANGE_BEGUN);
	b->result = -ENOMEM;
	bed_run_ms(b, 1200);
	bed_settle(b);
	bed_expect(b, TWO, 2);
	assert_true(alarms(b, ALARM_CONFIG_TRIAL));
	assert_int_equal(bed_state(b, 2), REVISION_TRIAL);
	assert_int_equal(revisions_count(change_history(b->change)), 2);
	bed_end(b);
	b->result = 0;
	bed_start(b);
	bed_expect(b, ONE, 1);
}

/* A revision that runs and the file: the newer one is used. */
static void test_edited_file(void **state)
{
	struct bed *b = start(state);

	assert_int_equal(bed_apply(b, TWO, 0), CHANGE_BEGUN);
	bed_end(b);
	bed_write_file(b, bed_text(3, ""));
	bed_start(b);
	bed_expect(b, bed_text(3, ""), 3);
	assert_string_equal(revisions_find(change_history(b->change), 3)->who, "start");
	bed_end(b);
	bed_write_file(b, TWO);
	bed_start(b);
	assert_int_equal(bed_apply(b, bed_text(4, ""), 0), CHANGE_BEGUN); /* after the edit */
	bed_end(b);
	bed_start(b);
	bed_expect(b, bed_text(4, ""), 5);
}

/* A power loss has damaged the newest revision: the one before it is used. */
static void test_damaged(void **state)
{
	struct bed *b = start(state);
	char path[BED_PATH_SIZE + 64];
	struct stat st;

	assert_int_equal(bed_apply(b, TWO, 0), CHANGE_BEGUN);
	assert_int_equal(bed_apply(b, bed_text(3, ""), 0), CHANGE_BEGUN);
	bed_end(b);
	snprintf(path, sizeof(path), "%s/revisions/0000000003.applied", b->directory);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - 5), 0);
	bed_start(b);
	bed_expect(b, TWO, 2);
	assert_int_equal(bed_rollback(b, 3), CHANGE_REFUSED);
	assert_true(bed_says(b, "revision 3 is damaged"));
	assert_int_equal(bed_rollback(b, 0), CHANGE_BEGUN);
	bed_expect(b, ONE, 4);
}

static void test_reload(void **state)
{
	struct bed *b = start(state);

	for (int i = 0; i < 100; i++)
		change_reload(b->change);
	bed_run_ms(b, 300);
	assert_int_equal(revisions_count(change_history(b->change)), 1); /* nothing changed */
	bed_write_file(b, TWO);
	for (int i = 0; i < 100; i++)
		change_reload(b->change);
	bed_run_ms(b, 300);
	bed_expect(b, TWO, 2);
	assert_int_equal(b->applied, 1);
	assert_string_equal(revisions_find(change_history(b->change), 2)->who, "SIGHUP");

	bed_write_file(b, "nonsense: 1\n");
	change_reload(b->change);
	bed_run_ms(b, 300);
	bed_expect(b, TWO, 2);
	unlink(b->file);
	change_reload(b->change);
	bed_run_ms(b, 300);
	bed_expect(b, TWO, 2);
}

/* A SIGHUP during another change waits for its end. */
static void test_reload_while_busy(void **state)
{
	struct bed *b = start(state);

	b->holds = true;
	assert_int_equal(bed_apply(b, TWO, 0), CHANGE_BEGUN);
	bed_write_file(b, bed_text(3, ""));
	change_reload(b->change);
	bed_run_ms(b, 250);
	assert_int_equal(b->applied, 1);
	b->holds = false;
	bed_finish(b);
	bed_run_ms(b, 250);
	bed_settle(b);
	bed_expect(b, bed_text(3, ""), 3);
}

static void test_difference(void **state)
{
	struct bed *b = start(state);
	const char *text = bed_text(2, "");
	struct change_request rq = {"new.yaml", text, strlen(text), "root", "", 0};
	const struct difference *last;
	struct difference d;

	assert_int_equal(change_diff(b->change, &rq, &d, &b->errs), CHANGE_BEGUN);
	assert_true(d.n >= 1); /* the state directory differs, too */
	difference_fini(&d);
	rq.text = "nonsense";
	rq.len = strlen(rq.text);
	assert_int_equal(change_diff(b->change, &rq, &d, &b->errs), CHANGE_REFUSED);
	assert_int_equal(d.n, 0);
	assert_int_equal(bed_apply(b, TWO, 0), CHANGE_BEGUN);
	assert_int_equal(bed_rollback(b, 0), CHANGE_BEGUN);
	last = change_difference(b->change);
	assert_int_equal(last->items[last->n - 1].what, CHANGE_REMOVED);
	assert_int_equal(last->items[last->n - 1].flows_ended, 1204);
}

/* The disk is full: no change is possible, but a trial can still be undone. */
static void test_full_disk(void **state)
{
	const struct rlimit none = {0, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};
	struct bed *b = start(state);

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(bed_apply(b, TWO, 1), CHANGE_BEGUN);
	setrlimit(RLIMIT_FSIZE, &none);
	assert_int_equal(bed_rollback(b, 1), CHANGE_BEGUN); /* the previous revision is in memory */
	setrlimit(RLIMIT_FSIZE, &all);
	bed_expect(b, ONE, 1);
	assert_true(alarms(b, ALARM_CONFIG_STORE));
	setrlimit(RLIMIT_FSIZE, &none);
	assert_int_equal(bed_apply(b, bed_text(3, ""), 0), CHANGE_UNSAVED);
	assert_int_equal(bed_rollback(b, 2), CHANGE_UNSAVED);
	setrlimit(RLIMIT_FSIZE, &all);
	assert_true(bed_says(b, "cannot save revision 3 in /tmp/"));
	bed_expect(b, ONE, 1);
	assert_int_equal(bed_apply(b, bed_text(3, ""), 0), CHANGE_BEGUN);
	assert_false(alarms(b, ALARM_CONFIG_STORE));
	bed_expect(b, bed_text(3, ""), 3);
}

/* Without a state directory the daemon uses its file, and refuses changes. */
static void test_no_directory(void **state)
{
	struct bed *b = *state;

	snprintf(b->directory, sizeof(b->directory), "/proc/no/such");
	bed_write_file(b, ONE);
	bed_start(b);
	bed_expect(b, ONE, 0);
	assert_null(change_history(b->change));
	assert_true(alarms(b, ALARM_CONFIG_STORE));
	assert_int_equal(bed_apply(b, TWO, 0), CHANGE_UNSAVED);
	assert_true(bed_says(b, "cannot keep revisions in /proc/no/such"));
	assert_int_equal(bed_rollback(b, 0), CHANGE_REFUSED);
	assert_true(bed_says(b, "cannot keep revisions"));
	bed_expect(b, ONE, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, bed_set_up, bed_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_applied),
		TEST(test_start_file_is_remembered),
		TEST(test_nothing),
		TEST(test_refused),
		TEST(test_moved),
		TEST(test_target_refuses),
		TEST(test_target_fails),
		TEST(test_busy),
		TEST(test_confirmed),
		TEST(test_not_confirmed),
		TEST(test_killed_on_trial),
		TEST(test_killed_in_apply),
		TEST(test_killed_with_edited_file),
		TEST(test_rollback),
		TEST(test_rollback_on_trial),
		TEST(test_late_while_rolled_back),
		TEST(test_cannot_go_back),
		TEST(test_edited_file),
		TEST(test_damaged),
		TEST(test_reload),
		TEST(test_difference),
		TEST(test_reload_while_busy),
		TEST(test_full_disk),
		TEST(test_no_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
