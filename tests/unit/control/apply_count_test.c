/*
 * How many flows a change ends, by counters: two configurations, and what each item of their
 * difference says. The workers' counters are made up: a site has 100 flows a number, a slice 10.
 */
#include "base/err.h"
#include "control/apply.h"
#include "control/config/config.h"
#include "worker/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { WORKERS = 2 };

void __wrap_worker_read_site(const struct worker *w, uint16_t site, struct site_counters *out);
void __wrap_worker_read_slice(const struct worker *w, uint32_t slice, struct slice_counters *out);

void __wrap_worker_read_site(const struct worker *w, uint16_t site, struct site_counters *out)
{
	*out = (struct site_counters){.flows = 50 * site};
}

void __wrap_worker_read_slice(const struct worker *w, uint32_t slice, struct slice_counters *out)
{
	*out = (struct slice_counters){.flows = 5 * (slice + 1)};
}

#define PORT "ports:\n  - {name: p, driver: memory, next-hop-mac: 02:00:00:00:00:09}\n"
#define SITE(name, n)                                                                              \
	"  - name: " name "\n    tunnels:\n      - {name: t" n                                     \
	", local: 192.0.2.1, remote: 192.0.2." n ", port: p}\n"
#define POOL(name, more, addresses)                                                                \
	"  - name: " name "\n    port: p\n    slice-size: 2048\n" more "    "                      \
	"addresses:\n" addresses
#define ONE "      - {address: 203.0.113.1, slices: [1, 2]}\n"
#define TWO "      - {address: 203.0.113.2, slices: [7]}\n"
#define BASE PORT "sites:\n" SITE("a", "10") SITE("b", "11") "egress:\n"

/* Slices 0 and 1 are of ONE, slice 2 of TWO: 10, 20 and 30 flows. */
static const char before[] = BASE POOL("x", "", ONE TWO);

/* clang-format off */
static const struct {
	const char *why;
	const char *after;
	const char *kind, *name; /* of the item; all others have 0 flows */
	uint64_t flows;
} rows[] = {
	{"a site is gone", PORT "sites:\n" SITE("a", "10") "egress:\n" POOL("x", "", ONE TWO),
	 "site", "b", 200},
	{"an address is gone", BASE POOL("x", "", ONE), "address", "203.0.113.2", 30},
	{"a slice is gone", BASE POOL("x", "", "      - {address: 203.0.113.1, slices: [2]}\n" TWO),
	 "slices", "203.0.113.1", 10},
	{"another mapping", BASE POOL("x", "    mapping: endpoint-independent\n", ONE TWO),
	 "pool", "x", 60},
	{"an address in another pool goes on", BASE POOL("x", "", ONE) POOL("y", "", TWO),
	 "address", "203.0.113.2", 0},
	{"a new site", PORT "sites:\n" SITE("a", "10") SITE("b", "11") SITE("c", "12") "egress:\n"
	 POOL("x", "", ONE TWO), "site", "c", 0},
	{"another name", PORT "sites:\n" SITE("a", "10") SITE("c", "11") "egress:\n"
	 POOL("x", "", ONE TWO), "site", "c", 0},
};
/* clang-format on */

static struct config *parse(const char *text)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct config *config = config_parse("test", text, strlen(text), &errs);

	if (config == NULL)
		fail_msg("%s\n%s", errs.errs[0].text, text);
	err_list_fini(&errs);
	return config;
}

static void every_row(void **state)
{
	struct worker *workers[WORKERS] = {NULL};
	struct config *was = parse(before);
	struct network *net = network_create(&was->network, NULL);

	assert_non_null(net);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config *after = parse(rows[i].after);
		struct difference d;
		bool found = rows[i].flows == 0;

		assert_int_equal(difference_make(&d, was, after), 0);
		apply_count(&d, net, after, workers, WORKERS);
		for (size_t k = 0; k < d.n; k++) {
			const struct change_item *item = &d.items[k];
			bool it = strcmp(item->kind, rows[i].kind) == 0 &&
				  strcmp(item->name, rows[i].name) == 0;

			found = found || it;
			if (item->flows_ended != (it ? rows[i].flows : 0))
				fail_msg("%s: %s %s ends %lu", rows[i].why, item->kind, item->name,
					 (unsigned long)item->flows_ended);
		}
		if (!found)
			fail_msg("%s: no item %s %s", rows[i].why, rows[i].kind, rows[i].name);
		difference_fini(&d);
		config_destroy(after);
	}
	network_destroy(net);
	config_destroy(was);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_row)};

	return cmocka_run_group_tests_name("apply_count", tests, NULL, NULL);
}
