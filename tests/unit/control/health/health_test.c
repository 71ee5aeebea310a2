/*
 * What a change of the network does to the health of its tunnels, and what others are told of it.
 * States are made by keepalives, which need no timer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mono.h"
#include "control/alarm.h"
#include "fakes.h"

#include <event2/event.h>

enum { LOST_UNTIL_DOWN = 3 };

static unsigned n_changed;
static struct health_switch last[FAKE_TUNNELS];
static size_t n_last;
static struct alarms *alarms;
static struct event_base *base;

static void note_switches(void *arg, const struct health_switch *list, size_t n)
{
	memcpy(last, list, n * sizeof(list[0]));
	n_last = n;
}

static void note_change(void *arg)
{
	n_changed++;
}

/* A site with the tunnels "one" and "two", and a tunnel of another site. */
struct bed {
	struct spec_tunnel tunnels[2], other;
	struct spec_site sites[2];
	struct network_spec spec;
	struct network *net;
};

static struct spec_tunnel tunnel_named(const char *name, uint32_t remote)
{
	struct spec_tunnel t = {.local = addr6_from_ipv4(htonl(0xc0000201)),
				.remote = addr6_from_ipv4(htonl(remote)),
				.mtu = 1400,
				.keepalive = {10, LOST_UNTIL_DOWN}};

	strcpy(t.name, name);
	return t;
}

static void make(struct bed *b)
{
	*b = (struct bed){
		.tunnels = {tunnel_named("one", 0xc0000202), tunnel_named("two", 0xc0000203)},
		.other = tunnel_named("other", 0xc0000204),
		.sites = {{.name = "berlin"}, {.name = "madrid"}}};
	b->sites[0].tunnels = b->tunnels;
	b->sites[0].n_tunnels = 2;
	b->sites[1].tunnels = &b->other;
	b->sites[1].n_tunnels = 1;
	b->spec.sites = b->sites;
	b->spec.n_sites = 2;
	b->spec.health.hold = 30;
	b->spec.health.rate = HEALTH_RATE_MID;
}

static void compile(struct bed *b)
{
	b->net = network_create(&b->spec, NULL);
	assert_non_null(b->net);
}

static struct health *begin(struct bed *b)
{
	const struct health_users users = {note_switches, note_change, NULL};

	memset(&fake, 0, sizeof(fake));
	n_last = n_changed = 0;
	base = event_base_new();
	alarms = alarms_create();
	make(b);
	compile(b);
	return health_create(base, b->net, fake_pointers, FAKE_WORKERS, alarms, &users);
}

static void end(struct health *h, struct bed *a, struct bed *b)
{
	health_destroy(h);
	network_destroy(a->net);
	if (b != NULL)
		network_destroy(b->net);
	alarms_destroy(alarms);
	event_base_free(base);
}

static void lose(struct health *h, uint16_t tunnel, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		health_keepalive(h, tunnel, false);
}

static void keepalives_count(void **state)
{
	struct bed b;
	struct health *h = begin(&b);
	struct health_view view;

	lose(h, 1, LOST_UNTIL_DOWN - 1);
	assert_int_equal(health_penalty(h, 1), 500000);
	assert_int_equal(n_last, 0);
	assert_true(alarm_stands(alarms, ALARM_TUNNEL_DEGRADED, "one"));
	lose(h, 1, 1);
	assert_int_equal(health_penalty(h, 1), 1000000);
	assert_int_equal(n_changed, 2);
	assert_true(alarm_stands(alarms, ALARM_TUNNEL_DOWN, "one"));
	assert_false(alarm_stands(alarms, ALARM_TUNNEL_DEGRADED, "one"));
	assert_int_equal(n_last, 1);
	assert_int_equal(last[0].tunnel, 1);
	assert_int_equal(last[0].substitute, 2);
	assert_true(last[0].down);
	view = health_of(h, 1);
	assert_int_equal(view.used, 2);
	assert_int_equal(view.downs, 1);
	assert_int_equal(view.lost, LOST_UNTIL_DOWN);
	assert_true(view.kept);
	assert_string_equal(view.reason, "3 probes in a row were not answered, and none ever was");
	assert_int_equal(health_of(h, 3).state, HEALTH_HEALTHY);
	assert_int_equal(health_penalty(h, UINT16_MAX), 0);
	assert_int_equal(health_penalty(NULL, 1), 0);
	for (unsigned i = 0; i < HEALTH_IN_A_ROW; i++)
		health_keepalive(h, 1, true);
	assert_int_equal(health_of(h, 1).state, HEALTH_DEGRADED);
	assert_int_equal(health_of(h, 1).used, 2); /* held */
	end(h, &b, NULL);
}

/* The state belongs to the far end. */
static void follows_the_network(void **state)
{
	enum { SAME, RENAMED, OTHER_END, NOT_WATCHED, CHANGES };
	struct bed a, b;

	for (unsigned i = SAME; i < CHANGES; i++) {
		bool goes_on = i <= RENAMED;
		struct health *h = begin(&a);

		lose(h, 1, LOST_UNTIL_DOWN);
		make(&b);
		if (i == RENAMED)
			strcpy(b.tunnels[0].name, "uno");
		if (i == OTHER_END)
			b.tunnels[0].remote = addr6_from_ipv4(htonl(0xc0000209));
		if (i == NOT_WATCHED)
			b.tunnels[0].keepalive.interval = 0;
		compile(&b);
		n_last = 0;
		health_follow(h, b.net);
		assert_int_equal(health_of(h, 1).state, goes_on ? HEALTH_DOWN : HEALTH_HEALTHY);
		assert_int_equal(health_of(h, 1).used, goes_on ? 2 : 1);
		assert_int_equal(n_last, goes_on ? 0 : 1);
		assert_int_equal(alarm_stands(alarms, ALARM_TUNNEL_DOWN, "one"), i == SAME);
		end(h, &a, &b);
	}
}

/* Nothing is watched: no timer, and no state. */
static void off(void **state)
{
	struct bed a, b;
	struct health *h = begin(&a);

	make(&b);
	b.tunnels[0].keepalive.interval = b.tunnels[1].keepalive.interval = 0;
	b.other.keepalive.interval = 0;
	compile(&b);
	assert_true(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED) > 0);
	health_follow(h, b.net);
	assert_int_equal(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
	health_keepalive(h, 1, false);
	assert_int_equal(health_of(h, 1).lost, 0);
	assert_null(health_of(NULL, 1).plan->rate);
	end(h, &a, &b);
}

/* A probe over IPv6 would never be answered where IPv6 is not forwarded. */
static void ipv6_needs_ipv6(void **state)
{
	for (unsigned with_six = 0; with_six < 2; with_six++) {
		struct addr6 ours = {.half = {1, 2}}, theirs = {.half = {1, 3}};
		struct bed a, b;
		struct health *h = begin(&a);
		struct prefix6 global = {{.half = {1, 0}}, 64};

		make(&b);
		b.tunnels[0].address6 = ours;
		b.tunnels[0].health.target = theirs;
		b.sites[0].global_prefixes = &global;
		b.sites[0].n_global_prefixes = with_six;
		compile(&b);
		health_follow(h, b.net);
		assert_int_equal(health_of(h, 1).plan->rate != NULL, with_six);
		end(h, &a, &b);
	}
}

/* The timer sends probes by the worker. */
static void timer_probes(void **state)
{
	struct bed a, b;
	struct health *h = begin(&a);
	const struct timeval some = {.tv_usec = 300000};

	make(&b);
	b.tunnels[0].address = addr6_from_ipv4(htonl(0x0a000001));
	b.tunnels[0].health = (struct spec_health){.target = addr6_from_ipv4(htonl(0x0a000002)),
						   .has_rate = true,
						   .rate = HEALTH_RATE_HIGH};
	compile(&b);
	health_follow(h, b.net);
	event_base_loopexit(base, &some);
	event_base_dispatch(base);
	assert_true(fake.sent[1] > 0);
	assert_int_equal(health_of(h, 1).sent, fake.sent[1]);
	assert_string_equal(health_of(h, 1).plan->rate->name, "high");
	end(h, &a, &b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keepalives_count),
		cmocka_unit_test(follows_the_network),
		cmocka_unit_test(off),
		cmocka_unit_test(ipv6_needs_ipv6),
		cmocka_unit_test(timer_probes),
	};

	return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
