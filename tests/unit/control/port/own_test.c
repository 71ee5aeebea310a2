/*
 * An address of ours that the kernel also has: refused at the start, an alarm at run time, until it
 * is removed.
 */
#include "base/err.h"
#include "control/alarm.h"
#include "control/port/own.h"
#include "network/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { OWN_MAX = 4 };

static struct addr6 addr(const char *text)
{
	struct addr6 six;
	be32_t four;

	if (inet_pton(AF_INET, text, &four) == 1)
		return addr6_from_ipv4(four);
	assert_int_equal(inet_pton(AF_INET6, text, &six), 1);
	return six;
}

static void fill(struct addresses *a, const char *const *texts)
{
	*a = (struct addresses){.list = calloc(OWN_MAX, sizeof(a->list[0]))};
	for (; texts[a->n] != NULL; a->n++)
		a->list[a->n] =
			(struct own_address){addr(texts[a->n]), {addr(texts[a->n]), 128}, 1};
	assert_int_equal(addresses_index(a), 0);
}

static const struct network *network(void)
{
	static struct egress_address egress[2];
	static struct global_prefix globals[2];
	static struct prefix6 untranslated[1];
	static const struct spec_site site = {.name = "berlin"};
	static const struct spec_site *specs[] = {NULL, &site};
	static struct network net = {.addresses = egress,
				     .n_addresses = 2,
				     .globals = globals,
				     .n_globals = 2,
				     .untranslated = untranslated,
				     .n_untranslated = 1,
				     .site_specs = specs,
				     .max_site = 1};

	inet_pton(AF_INET, "203.0.113.10", &egress[0].addr);
	egress[1].addr6 = addr("2001:db8:1::1");
	globals[0] = (struct global_prefix){.prefix = {addr("2001:db8:b::"), 48}, .site = 1};
	globals[1] = (struct global_prefix){.prefix = {addr("2001:db8:c::7"), 128}, .site = 1};
	untranslated[0] = (struct prefix6){addr("10.0.1.0"), MAPPED_BITS + 24};
	return &net;
}

/* clang-format off */
static const struct {
	const char *why;
	const char *own[OWN_MAX];
	const char *alarm; /* its subject; NULL: there is none */
	const char *says;
} rows[] = {
	{"nothing of ours", {"192.0.2.1", "203.0.113.11", "2001:db8:1::2"}, NULL, NULL},
	{"an egress address", {"192.0.2.1", "203.0.113.10"}, "203.0.113.10",
	 "ip address del 203.0.113.10/32 dev lo"},
	{"one of IPv6", {"2001:db8:1::1"}, "2001:db8:1::1", "del 2001:db8:1::1/128 dev lo"},
	{"one in a global prefix", {"2001:db8:b:7::9"}, "2001:db8:b::/48", "2001:db8:b:7::9"},
	{"behind a global prefix", {"2001:db8:c::8"}, NULL, NULL},
	{"one in a prefix that leaves untranslated", {"10.0.1.9"}, "10.0.1.0/24", "del 10.0.1.9/32 dev lo"},
	{"beside it", {"10.0.2.9"}, NULL, NULL},
	{"a global prefix of one address", {"2001:db8:c::7"}, "2001:db8:c::7", "2001:db8:c::7"},
};
/* clang-format on */

static void test_alarms(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		static const char *const nobody[] = {NULL};
		struct alarms *alarms = alarms_create();
		struct addresses none, own;

		fill(&none, nobody);
		fill(&own, rows[i].own);
		own_compare(alarms, network(), &none, &own);
		if (alarms_count(alarms) != (rows[i].alarm != NULL))
			fail_msg("%s: %zu alarms", rows[i].why, alarms_count(alarms));
		if (rows[i].alarm != NULL) {
			assert_true(alarm_stands(alarms, ALARM_ADDRESS_IN_KERNEL, rows[i].alarm));
			if (strstr(alarms_at(alarms, 0)->text, rows[i].says) == NULL)
				fail_msg("%s: %s", rows[i].why, alarms_at(alarms, 0)->text);
		}
		own_compare(alarms, network(), &own, &own);
		assert_int_equal(alarms_count(alarms), rows[i].alarm != NULL);
		own_compare(alarms, network(), &own, &none);
		assert_int_equal(alarms_count(alarms), 0);
		addresses_fini(&none);
		addresses_fini(&own);
		alarms_destroy(alarms);
	}
}

static void test_start(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err_list errs = ERR_LIST_EMPTY;
		struct addresses own;
		int ret;

		fill(&own, rows[i].own);
		ret = own_check(&own, "file", NULL, network(), &errs);
		if ((ret == 0) != (rows[i].alarm == NULL) || (ret == 0) != (errs.n == 0))
			fail_msg("%s: %d, %zu errors", rows[i].why, ret, errs.n);
		addresses_fini(&own);
		err_list_fini(&errs);
	}
}

/* A change removes some of our addresses: their alarms end, and no others. */
static void test_change(void **state)
{
	static const char *const texts[] = {"203.0.113.10", "2001:db8:b::9", "203.0.113.20", NULL};
	struct spec_address addresses[] = {{.addr = addr("203.0.113.10"), .slices = {2}},
					   {.addr = addr("203.0.113.20"), .slices = {2}}};
	struct spec_pool pool = {.slice_size = 2048, .addresses = addresses, .n_addresses = 2};
	struct prefix6 global = {addr("2001:db8:b::"), 48};
	struct spec_site site = {.global_prefixes = &global, .n_global_prefixes = 1};
	struct network_spec spec = {.sites = &site, .n_sites = 1, .pools = &pool, .n_pools = 1};
	struct network *before = network_create(&spec, NULL), *net;
	struct addresses none = {0}, own;
	struct alarms *alarms = alarms_create();
	struct err_list errs = ERR_LIST_EMPTY;

	fill(&own, texts);
	own_compare(alarms, before, &none, &own);
	assert_int_equal(alarms_count(alarms), 3);
	pool.n_addresses = 1;
	site.n_global_prefixes = 0;
	net = network_create(&spec, NULL);
	own_follow(alarms, before, net, &own);
	assert_int_equal(alarms_count(alarms), 1);
	assert_true(alarm_stands(alarms, ALARM_ADDRESS_IN_KERNEL, "203.0.113.10"));

	/* an alarm that stands does not prevent a change; a new conflict does */
	assert_int_equal(own_check(&own, "file", before, net, &errs), 0);
	assert_int_equal(own_check(&own, "file", net, before, &errs), -EADDRINUSE);
	assert_int_equal(errs.n, 2);
	err_list_fini(&errs);
	addresses_fini(&own);
	alarms_destroy(alarms);
	network_destroy(before);
	network_destroy(net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alarms),
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
