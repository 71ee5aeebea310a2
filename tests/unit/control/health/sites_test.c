/*
 * Sites with changes are decided together, and only what differs from what was published is told.
 */
#include "control/health/health_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TUNNELS = 8 };

static const uint16_t berlin[] = {1, 2}, madrid[] = {5, 4};
static const struct spec_site spec;
static const struct spec_site *specs[] = {NULL, &spec, &spec, NULL};
static struct site sites[] = {
	{{0}}, {.tunnels = berlin, .n_tunnels = 2}, {.tunnels = madrid, .n_tunnels = 2}, {{0}}};
static struct network net = {.sites = sites, .site_specs = specs, .max_site = 3};
static struct health_tunnel tunnels[TUNNELS];
static struct failover_tunnel site[TUNNELS];
static struct health_switch switches[TUNNELS];
static uint16_t dirty[4];
static bool is_dirty[4];
static char told[256];
static unsigned publications;

static void note(void *arg, const struct health_switch *list, size_t n)
{
	size_t len = strlen(told);

	publications++;
	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(told + len, sizeof(told) - len, "%u%s%u ", list[i].tunnel,
					list[i].down ? ">" : "=", list[i].substitute);
}

static struct health h = {.net = &net,
			  .tunnels = tunnels,
			  .dirty = dirty,
			  .is_dirty = is_dirty,
			  .site = site,
			  .switches = switches,
			  .users = {.fail_over = note}};

static void expect(const char *what, unsigned n)
{
	told[0] = '\0';
	publications = 0;
	sites_choose(&h);
	assert_string_equal(told, what);
	assert_int_equal(publications, n);
}

static void set(uint16_t tunnel, enum health_state state, uint16_t of)
{
	tunnels[tunnel].life.state = (uint8_t)state;
	sites_mark(&h, of);
}

static void test_sites(void **state)
{
	expect("", 0);
	sites_mark(&h, 1);
	expect("", 0); /* nothing has changed */
	set(1, HEALTH_DOWN, 1);
	set(5, HEALTH_DOWN, 2);
	sites_mark(&h, 1);
	expect("1>2 5>4 ", 1); /* both sites, once, in one publication */
	set(2, HEALTH_DOWN, 1);
	expect("1=0 2>1 ", 1); /* all are down: the first is used */
	set(2, HEALTH_HEALTHY, 1);
	expect("1>2 2=0 ", 1);
	set(1, HEALTH_DEGRADED, 1);
	tunnels[1].held = true;
	expect("", 0); /* it works again, not for long: nothing moves */
	tunnels[1].held = false;
	sites_mark(&h, 1);
	expect("1=0 ", 1);
	sites_mark(&h, 3); /* removed meanwhile */
	expect("", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_sites)};

	return cmocka_run_group_tests_name("health/sites", tests, NULL, NULL);
}
