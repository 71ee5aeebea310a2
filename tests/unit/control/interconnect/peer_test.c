/* When a peer is asked, how often, and when it counts as gone. */
#include "control/interconnect/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t one[6] = {2, 0, 0, 0, 0, 1}, two[6] = {2, 0, 0, 0, 0, 2};

enum { BEGIN = 5000, STEP = 100 };

/* What happened between two times: "A" all asked, "I" it asked, "f" failed; with seconds. */
struct story {
	char text[256];
	size_t n;
};

static void advance(struct peer *p, uint64_t *now, uint64_t until, struct story *story)
{
	for (; *now <= until; *now += STEP) {
		uint8_t before = p->state;
		bool changed;
		enum peer_action action = peer_tick(p, *now, &changed);

		assert_int_equal(changed, p->state != before);
		assert_true(p->has_mac == (p->state == PEER_RESOLVED));
		if (action == PEER_WAIT)
			continue;
		story->n += (size_t)snprintf(story->text + story->n, sizeof(story->text) - story->n,
					     "%s%c%u ", changed ? "f" : "",
					     action == PEER_ASK_IT ? 'I' : 'A',
					     (unsigned)(*now / 1000));
	}
}

/* Nobody there: once a second, then ever less often, but always. */
static void test_nobody(void **state)
{
	struct peer p = peer_begin(BEGIN);
	struct story story = {0};
	uint64_t now = BEGIN;

	assert_int_equal(p.state, PEER_ASKED);
	advance(&p, &now, 140000, &story);
	assert_string_equal(story.text, "A5 A6 A7 fA8 A9 A10 A11 A13 A17 A25 A41 A71 A101 A131 ");
	assert_int_equal(p.state, PEER_FAILED);
}

static void test_answers(void **state)
{
	struct peer p = peer_begin(BEGIN);
	struct story story = {0};
	uint64_t now = BEGIN;

	advance(&p, &now, 5500, &story);
	assert_true(peer_heard(&p, one, 6000));
	assert_int_equal(p.state, PEER_RESOLVED);
	assert_false(peer_heard(&p, one, 6100)); /* nothing new */
	advance(&p, &now, 36500, &story);
	assert_string_equal(story.text, "A5 I36 ");
	assert_false(peer_heard(&p, one, 36600));
	assert_true(peer_heard(&p, two, 37000)); /* another address: followed at once */
	assert_memory_equal(p.mac, two, 6);
}

/* It falls silent: first it is asked, then everybody; meanwhile the address is used. */
static void test_falls_silent(void **state)
{
	struct peer p = peer_begin(BEGIN);
	struct story story = {0};
	uint64_t now = BEGIN;

	peer_heard(&p, one, BEGIN);
	advance(&p, &now, 50000, &story);
	assert_string_equal(story.text, "I35 I36 I37 A38 A39 A40 fA41 A43 A47 ");
	assert_false(p.has_mac);
	assert_true(peer_heard(&p, one, now)); /* and it is back */
	assert_int_equal(p.state, PEER_RESOLVED);
	story = (struct story){0};
	advance(&p, &now, 83000, &story);
	assert_string_equal(story.text, "I80 I81 I82 "); /* with all patience again */
}

/* After minutes without an answer the link comes up: it is asked at once, and quickly again. */
static void test_hurry(void **state)
{
	struct peer p = peer_begin(BEGIN);
	struct story story = {0};
	uint64_t now = BEGIN;

	advance(&p, &now, 102000, &story);
	story = (struct story){0};
	peer_hurry(&p, now);
	advance(&p, &now, 104500, &story);
	assert_string_equal(story.text, "A102 A103 A104 ");
	assert_int_equal(p.state, PEER_FAILED);
}

static void test_fixed(void **state)
{
	struct peer p = {.state = PEER_FIXED};
	bool changed;

	assert_int_equal(peer_tick(&p, 1000000, &changed), PEER_WAIT);
	assert_false(changed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody),	     cmocka_unit_test(test_answers),
		cmocka_unit_test(test_falls_silent), cmocka_unit_test(test_hurry),
		cmocka_unit_test(test_fixed),
	};

	return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
