/*
 * The parts of BGP together, with the real kernel in a namespace of our own: changes of the network
 * and the way back, shortage of memory, devices that somebody removes.
 */
#include "control/bgp/bgp.h"

#include "base/types.h"
#include "control/alarm.h"
#include "control/bgp/device.h"
#include "control/bgp/offer.h"
#include "control/bgp/refusals.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>
#include <net/if.h>

enum { SITES = 2, TICK_MS = 5200, BURST_MS = 400, PREFIXES = 64 };

#define FOUR(a) addr6_from_ipv4(htonl(a))

/* --- memory ----------------------------------------------------------------------------------- */

static unsigned fail_at; /* the allocation that fails, and all after it; 0: none */

void *__real_calloc(size_t n, size_t size);
void *__real_reallocarray(void *old, size_t n, size_t size);
void *__real_memory_rows(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_reallocarray(void *old, size_t n, size_t size);
void *__wrap_memory_rows(size_t size);

static bool fails(void)
{
	if (fail_at == 0)
		return false;
	if (fail_at > 1)
		fail_at--;
	return fail_at == 1;
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_reallocarray(void *old, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(old, n, size);
}

void *__wrap_memory_rows(size_t size)
{
	return fails() ? NULL : __real_memory_rows(size);
}

/* --- the user of what is learned -------------------------------------------------------------- */

static struct {
	struct prefix6 at[PREFIXES];
	size_t n;
	unsigned calls, changes;
	int error;
} known;

static int on_set(void *arg, uint16_t vnet, const struct prefix6 *prefix,
		  const struct spec_target *targets, size_t n)
{
	size_t i = 0;

	known.calls++;
	if (known.error != 0)
		return known.error;
	while (i < known.n &&
	       (known.at[i].len != prefix->len || !addr6_equal(&known.at[i].addr, &prefix->addr)))
		i++;
	if (n == 0 && i < known.n)
		known.at[i] = known.at[--known.n];
	else if (n > 0 && i == known.n)
		known.at[known.n++] = *prefix;
	return 0;
}

static void on_changed(void *arg)
{
	known.changes++;
}

static size_t take_none(struct worker *w, void *bytes)
{
	return 0;
}

static bool send_none(struct worker *w, uint16_t tunnel, const void *bytes, size_t len)
{
	return true;
}

/* --- the bed ---------------------------------------------------------------------------------- */

struct place {
	struct spec_tunnel tunnels[SITES];
	struct spec_site sites[SITES];
	struct network_spec spec;
	struct network *net;
};

static void make_place(struct place *p, size_t n_sites)
{
	static const char *const names[SITES] = {"berlin", "madrid"};

	memset(p, 0, sizeof(*p));
	for (size_t i = 0; i < SITES; i++) {
		p->tunnels[i] = (struct spec_tunnel){
			.type = TUNNEL_GRE,
			.local = FOUR(0xc0000201),
			.remote = FOUR(0xc0000210 + (uint32_t)i),
			.address = FOUR(0xa9fef000 + 2 * (uint32_t)i),
			.peer = FOUR(0xa9fef001 + 2 * (uint32_t)i),
			.mtu = 1400,
			.bgp = true,
		};
		snprintf(p->tunnels[i].name, sizeof(p->tunnels[i].name), "%s-1", names[i]);
		p->sites[i] = (struct spec_site){.tunnels = &p->tunnels[i],
						 .n_tunnels = 1,
						 .learn = {1007 + (uint32_t)i, 3}};
		snprintf(p->sites[i].name, sizeof(p->sites[i].name), "%s", names[i]);
	}
	p->spec = (struct network_spec){.sites = p->sites, .n_sites = n_sites};
	p->net = network_create(&p->spec, NULL);
	assert_non_null(p->net);
}

struct bed {
	struct event_base *base;
	struct alarms *alarms;
	struct place first;
	struct bgp *bgp;
};

static struct bed *make_bed(void)
{
	static struct worker *const no_worker[1];
	struct bed *b = calloc(1, sizeof(*b));
	struct bgp_parts parts = {
		.workers = {no_worker, 1, take_none, send_none},
		.set = on_set,
		.changed = on_changed,
	};

	memset(&known, 0, sizeof(known));
	b->base = event_base_new();
	parts.alarms = b->alarms = alarms_create();
	make_place(&b->first, SITES);
	b->bgp = bgp_create(b->base, &parts, b->first.net);
	assert_non_null(b->bgp);
	return b;
}

static void end_bed(struct bed *b)
{
	bgp_destroy(b->bgp);
	network_destroy(b->first.net);
	alarms_destroy(b->alarms);
	event_base_free(b->base);
	free(b);
	assert_int_equal(system("ip route flush table 1007; ip route flush table 1008; "
				"ip link del homeward0 2>/dev/null; true"),
			 0);
}

static void run(struct bed *b, unsigned ms)
{
	const struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	event_base_loopexit(b->base, &wait);
	event_base_dispatch(b->base);
}

/* Adds, or with "del" removes, prefix 10.@n.0.0/16 of a site. */
static void route(const char *verb, unsigned n, unsigned site)
{
	char command[128];

	snprintf(command, sizeof(command),
		 "ip route %s 10.%u.0.0/16 via 169.254.240.%u dev homeward0 table %u", verb, n,
		 1 + 2 * site, 1007 + site);
	assert_int_equal(system(command), 0);
}

/* --- tests ------------------------------------------------------------------------------------ */

/* What is there at the start is known before bgp_create() returns; what comes, after a burst. */
static void test_follows(void **state)
{
	struct bed *b = make_bed();

	route("add", 1, 0);
	route("add", 2, 1);
	run(b, BURST_MS);
	assert_int_equal(known.n, 2);
	assert_true(known.changes > 0);
	assert_int_equal(bgp_n_tables(b->bgp), 2);
	assert_string_equal(bgp_table(b->bgp, 1).owner, "madrid");
	assert_int_equal(table_n(bgp_table(b->bgp, 1).table), 1);
	assert_non_null(bgp_relay_counts(b->bgp));
	bgp_destroy(b->bgp);

	known.n = 0;
	b->bgp = bgp_create(
		b->base,
		&(struct bgp_parts){.workers = {NULL, 0, take_none, send_none}, .set = on_set},
		b->first.net);
	assert_int_equal(known.n, 2);
	end_bed(b);
}

/* Without the second site its routes are not told. Going back tells nothing but what is new. */
static void test_back(void **state)
{
	struct bed *b = make_bed();
	struct place next;

	route("add", 1, 0);
	route("add", 2, 1);
	run(b, BURST_MS);
	make_place(&next, 1);
	known.n = 0; /* the user begins anew for another network */
	assert_int_equal(bgp_learn(b->bgp, next.net), 0);
	assert_int_equal(known.n, 1);
	known.n = 0;
	known.calls = 0;
	assert_int_equal(bgp_learn(b->bgp, b->first.net), 0);
	assert_int_equal(known.calls, 0);
	network_destroy(next.net);

	route("add", 3, 1);
	run(b, BURST_MS);
	assert_int_equal(known.calls, 1);
	assert_int_equal(known.n, 1);
	end_bed(b);
}

/* A route that goes while its change is not told yet is not forgotten on the way back. */
static void test_back_with_changes(void **state)
{
	struct bed *b = make_bed();
	struct place next;

	route("add", 1, 0);
	run(b, BURST_MS);
	assert_int_equal(known.n, 1);
	route("del", 1, 0);
	run(b, 50); /* the event is taken, and the burst is not over */
	assert_int_equal(known.n, 1);
	make_place(&next, 1);
	assert_int_equal(bgp_learn(b->bgp, next.net), 0);
	assert_int_equal(bgp_learn(b->bgp, b->first.net), 0);
	run(b, BURST_MS);
	assert_int_equal(known.n, 0);
	network_destroy(next.net);
	end_bed(b);
}

/* Wherever memory runs out: the change is refused, or all that it lacks comes later by itself. */
static void test_no_memory(void **state)
{
	struct bed *b = make_bed();
	struct place next;
	int ret = -ENOMEM;
	unsigned refused = 0;

	route("add", 1, 0);
	route("add", 2, 1);
	run(b, BURST_MS);
	make_place(&next, SITES);
	for (unsigned i = 2; ret != 0; i++) {
		known.calls = 0;
		fail_at = i;
		ret = bgp_learn(b->bgp, next.net);
		fail_at = 0;
		assert_true(ret == 0 || ret == -ENOMEM);
		if (ret == 0)
			break;
		refused++;
		assert_int_equal(known.calls, 0);
		assert_int_equal(bgp_learn(b->bgp, b->first.net), 0);
		assert_int_equal(learned_n(bgp_learned(b->bgp), 0), 2);
	}
	assert_true(refused >= 3);
	bgp_follow(b->bgp, next.net);
	assert_true(alarm_stands(b->alarms, ALARM_LEARNED_REFUSED, REFUSALS_ALL));
	run(b, TICK_MS);
	assert_int_equal(learned_n(bgp_learned(b->bgp), 0), 2);
	assert_false(alarm_stands(b->alarms, ALARM_LEARNED_REFUSED, REFUSALS_ALL));
	network_destroy(b->first.net);
	b->first.net = next.net;
	memcpy(&b->first.spec, &next.spec, sizeof(next.spec));
	end_bed(b);
}

/* The user has no memory: it gets the route again, and the alarm ends. */
static void test_told_again(void **state)
{
	struct bed *b = make_bed();

	known.error = -ENOMEM;
	route("add", 1, 0);
	run(b, BURST_MS);
	assert_true(alarm_stands(b->alarms, ALARM_LEARNED_REFUSED, REFUSALS_ALL));
	known.error = 0;
	run(b, TICK_MS);
	assert_int_equal(known.n, 1);
	assert_false(alarm_stands(b->alarms, ALARM_LEARNED_REFUSED, REFUSALS_ALL));
	end_bed(b);
}

/* The alarm of a table ends with its owner. */
static void test_owner_goes(void **state)
{
	struct bed *b = make_bed();
	struct place next;

	for (unsigned i = 0; i < 4; i++) /* one above the limit */
		route("add", i, 1);
	run(b, BURST_MS);
	assert_true(alarm_stands(b->alarms, ALARM_LEARNED_REFUSED, "madrid"));
	make_place(&next, 1);
	assert_int_equal(bgp_learn(b->bgp, next.net), 0);
	bgp_follow(b->bgp, next.net);
	assert_false(alarm_stands(b->alarms, ALARM_LEARNED_REFUSED, "madrid"));
	assert_int_equal(bgp_n_tables(b->bgp), 1);
	network_destroy(b->first.net);
	b->first.net = next.net;
	end_bed(b);
}

/* Both devices are deleted by somebody: they come again, with all that belongs to them. */
static void test_devices(void **state)
{
	struct bed *b = make_bed();

	bgp_offer(b->bgp, 1900);
	assert_int_equal(system("ip route show table 1900 | grep -q 192.0.0.8"), 0);
	assert_int_equal(system("ip link del homeward0; ip link del homeward-up"), 0);
	assert_int_not_equal(system("ip route show table 1900 2>&1 | grep -q 192.0.0.8"), 0);
	run(b, TICK_MS);
	assert_int_equal(system("ip route show table 1900 | grep -q 192.0.0.8"), 0);
	assert_int_equal(system("ip addr show homeward0 | grep -q 169.254.240.2"), 0);
	assert_false(alarm_stands(b->alarms, ALARM_BGP_DEVICE, DEVICE_SESSIONS));
	route("add", 1, 0);
	run(b, BURST_MS);
	assert_int_equal(known.n, 1);
	bgp_offer(b->bgp, 0);
	assert_int_equal(if_nametoindex(DEVICE_LIFE), 0);
	end_bed(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_follows),		  cmocka_unit_test(test_back),
		cmocka_unit_test(test_back_with_changes), cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_told_again),	  cmocka_unit_test(test_owner_goes),
		cmocka_unit_test(test_devices),
	};

	if (unshare(CLONE_NEWNET) != 0 || access("/dev/net/tun", R_OK | W_OK) != 0) {
		printf("skipped: no network namespace, or no TUN device\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
