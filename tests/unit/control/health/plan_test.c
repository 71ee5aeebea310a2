/* Is a tunnel probed, and between which addresses? */
#include "control/health/plan.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct addr6 addr(const char *text)
{
	struct addr6 six = {{0}};
	struct in_addr four;

	if (text == NULL)
		return six;
	if (inet_pton(AF_INET, text, &four) == 1)
		return addr6_from_ipv4(four.s_addr);
	assert_int_equal(inet_pton(AF_INET6, text, &six), 1);
	return six;
}

struct given {
	const char *address, *address6, *peer, *peer6, *target;
	struct spec_health health;
	struct spec_health_defaults all;
	struct spec_health of_site;
};

static const struct row {
	const char *why;
	struct given given;
	const char *rate, *source, *end; /* rate NULL: not probed */
	bool reply, outside;
} rows[] = {
	{"nothing to probe", {"10.0.0.1", NULL, NULL, NULL, NULL, .all = {HEALTH_RATE_MID}}},
	{"no address of ours", {NULL, NULL, "10.0.0.2", NULL, NULL, .all = {HEALTH_RATE_MID}}},
	{"the far end",
	 {"10.0.0.1", NULL, "10.0.0.2", NULL, NULL, .all = {HEALTH_RATE_MID}},
	 "mid",
	 "10.0.0.1",
	 "10.0.0.2"},
	{"by IPv6",
	 {NULL, "fd00::1", NULL, "fd00::2", NULL, .all = {HEALTH_RATE_LOW}},
	 "low",
	 "fd00::1",
	 "fd00::2"},
	{"another target",
	 {"10.0.0.1", NULL, "10.0.0.2", NULL, "10.9.9.9", .all = {HEALTH_RATE_MID}},
	 "mid",
	 "10.0.0.1",
	 "10.9.9.9"},
	{"a target without an address of its family",
	 {"10.0.0.1", NULL, "10.0.0.2", NULL, "fd00::9", .all = {HEALTH_RATE_MID}}},
	{"off for all", {"10.0.0.1", NULL, "10.0.0.2", NULL, NULL, .all = {HEALTH_RATE_OFF}}},
	{"off for all others",
	 {"10.0.0.1", NULL, "10.0.0.2", NULL, NULL,
	  .health = {.has_rate = true, .rate = HEALTH_RATE_HIGH}, .all = {HEALTH_RATE_OFF}},
	 "high",
	 "10.0.0.1",
	 "10.0.0.2"},
	{"off for this one",
	 {"10.0.0.1", NULL, "10.0.0.2", NULL, NULL,
	  .health = {.has_rate = true, .rate = HEALTH_RATE_OFF}, .all = {HEALTH_RATE_MID}}},
	{"replies for all",
	 {"10.0.0.1", NULL, "10.0.0.2", NULL, NULL, .all = {HEALTH_RATE_MID, HEALTH_REPLY}},
	 "mid",
	 "10.0.0.1",
	 "10.0.0.2",
	 true,
	 false},
	{"one direction: the outer addresses",
	 {"10.0.0.1", NULL, "10.0.0.2", NULL, NULL,
	  .health = {.has_direction = true, .direction = HEALTH_UNIDIRECTIONAL},
	  .all = {HEALTH_RATE_MID}},
	 "mid",
	 "192.0.2.1",
	 "192.0.2.2",
	 false,
	 true},
	{"as the site says",
	 {"10.0.0.1", NULL, "10.0.0.2", NULL, NULL,
	  .all = {HEALTH_RATE_OFF, HEALTH_REQUEST, HEALTH_UNIDIRECTIONAL},
	  .of_site = {.has_rate = true,
		      .rate = HEALTH_RATE_LOW,
		      .has_type = true,
		      .type = HEALTH_REPLY,
		      .has_direction = true,
		      .direction = HEALTH_BIDIRECTIONAL}},
	 "low",
	 "10.0.0.1",
	 "10.0.0.2",
	 true},
	{"in part as the tunnel says, in part as its site, and as the file",
	 {"10.0.0.1", NULL, "10.0.0.2", NULL, NULL,
	  .health = {.has_rate = true, .rate = HEALTH_RATE_HIGH},
	  .all = {HEALTH_RATE_OFF, HEALTH_REPLY},
	  .of_site = {.has_rate = true,
		      .rate = HEALTH_RATE_LOW,
		      .has_direction = true,
		      .direction = HEALTH_UNIDIRECTIONAL}},
	 "high",
	 "192.0.2.1",
	 "192.0.2.2",
	 true,
	 true},
	{"off for the site",
	 {"10.0.0.1", NULL, "10.0.0.2", NULL, NULL, .all = {HEALTH_RATE_MID},
	  .of_site = {.has_rate = true, .rate = HEALTH_RATE_OFF}}},
};

static struct health_plan plan_of(const struct given *g)
{
	struct spec_tunnel t = {.local = addr("192.0.2.1"),
				.remote = addr("192.0.2.2"),
				.address = addr(g->address),
				.address6 = addr(g->address6),
				.peer = addr(g->peer),
				.peer6 = addr(g->peer6),
				.health = g->health};
	struct spec_site site = {.health = g->of_site};
	struct network_spec spec = {.health = g->all};

	t.health.target = addr(g->target);
	return health_plan_of(&spec, &site, &t);
}

static void test_plans(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		struct health_plan plan = plan_of(&row->given);
		struct addr6 source = addr(row->source), target = addr(row->end);

		if (row->rate == NULL
			    ? plan.rate != NULL
			    : plan.rate == NULL || strcmp(plan.rate->name, row->rate) != 0)
			fail_msg("%s: rate %s", row->why,
				 plan.rate == NULL ? "off" : plan.rate->name);
		if (!addr6_equal(&plan.ends.source, &source) ||
		    !addr6_equal(&plan.ends.target, &target) || plan.ends.reply != row->reply ||
		    plan.outside != row->outside)
			fail_msg("%s: other probes", row->why);
	}
}

/* A change of the rate goes on; another target is another question. */
static void test_goes_on(void **state)
{
	struct health_plan mid = plan_of(&rows[2].given), high = plan_of(&rows[7].given),
			   target = plan_of(&rows[4].given), off = plan_of(&rows[0].given),
			   reply = plan_of(&rows[9].given);

	assert_true(health_plan_goes_on(&mid, &high));
	assert_false(health_plan_goes_on(&mid, &target));
	assert_false(health_plan_goes_on(&mid, &off));
	assert_false(health_plan_goes_on(&mid, &reply));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plans),
		cmocka_unit_test(test_goes_on),
	};

	return cmocka_run_group_tests_name("health/plan", tests, NULL, NULL);
}
