/* Names of the file and what they lead to. */
#include "control/config/naming.h"

#include "base/err.h"
#include "control/config/report.h"
#include "control/config/tree.h"
#include "network/spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct spec_tunnel berlin[] = {{.name = "b-1"}, {.name = "b-2"}};
static struct spec_tunnel madrid[] = {{.name = ""}, {.name = "berlin"}};
static struct spec_site sites[] = {
	{.name = "berlin", .tunnels = berlin, .n_tunnels = 2},
	{.name = "madrid", .tunnels = madrid, .n_tunnels = 2},
	{.name = "berlin"},
};
static struct spec_pool pools[] = {{.name = "internet"}};
static struct spec_vnet vnets[] = {{.name = "default"}, {.name = "berlin"}};
static const struct network_spec spec = {
	.sites = sites,
	.n_sites = 3,
	.pools = pools,
	.n_pools = 1,
	.vnets = vnets,
	.n_vnets = 2,
};

static void test_find(void **state)
{
	static const struct {
		enum naming_kind kind;
		const char *name;
		int index, part;
		const char *why;
	} rows[] = {
		{NAMING_SITES, "madrid", 1, 0, "a site"},
		{NAMING_SITES, "berlin", 0, 0, "the first of two"},
		{NAMING_SITES, "b-1", -1, 0, "a tunnel is no site"},
		{NAMING_TUNNELS, "b-2", 0, 1, "a tunnel, by its site"},
		{NAMING_TUNNELS, "berlin", 1, 1, "a name of another kind"},
		{NAMING_TUNNELS, "", -1, 0, "what could not be read has no name"},
		{NAMING_POOLS, "internet", 0, 0, "a pool"},
		{NAMING_POOLS, "internets", -1, 0, "not a part of a name"},
		{NAMING_NETWORKS, "berlin", 1, 0, "a network"},
		{NAMING_NETWORKS, "zz", -1, 0, "behind the last"},
	};
	struct naming naming;

	assert_int_equal(naming_make(&naming, &spec), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct named *found = naming_find(&naming, rows[i].kind, rows[i].name);

		if ((found == NULL) != (rows[i].index < 0))
			fail_msg("%s: %s", rows[i].name, rows[i].why);
		if (found == NULL)
			continue;
		assert_int_equal(found->index, rows[i].index);
		assert_int_equal(found->part, rows[i].part);
	}
	naming_fini(&naming);
}

static void test_unknown_is_reported(void **state)
{
	const struct tree_node node = {.text = "internat", .line = 7, .column = 3};
	const struct tree_node list = {.kind = TREE_LIST};
	struct err_list errs = ERR_LIST_EMPTY;
	struct report report = {.file = "f", .errs = &errs};
	struct naming naming;

	assert_int_equal(naming_make(&naming, &spec), 0);
	assert_null(naming_resolve(&naming, NAMING_POOLS, NULL, &report));
	assert_null(naming_resolve(&naming, NAMING_POOLS, &list, &report));
	assert_int_equal(errs.n, 0); /* a missing value was reported by others */
	assert_null(naming_resolve(&naming, NAMING_POOLS, &node, &report));
	assert_int_equal(errs.n, 1);
	assert_int_equal(errs.errs[0].line, 7);
	assert_string_equal(errs.errs[0].text, "there is no egress pool \"internat\": did you mean "
					       "\"internet\"?");
	naming_fini(&naming);
	err_list_fini(&errs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_unknown_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
