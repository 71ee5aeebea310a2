/* Which sources a site may use. */
#include "spec_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* clang-format off */
static const struct {
	uint16_t site;
	const char *src;
	bool allowed;
	const char *why;
} source_rows[] = {
	{ 1, "10.0.1.0",       true,  "first of the prefix" },
	{ 1, "10.0.1.255",     true,  "last of it" },
	{ 1, "10.0.0.255",     false, "just below" },
	{ 1, "10.0.2.0",       false, "just above" },
	{ 1, "172.31.255.255", true,  "the other prefix" },
	{ 1, "172.32.0.0",     false, "just above that" },
	{ 2, "10.0.2.0",       true,  "no list: any" },
	{ 3, "1.2.3.4",        true,  "no list: any" },
};
/* clang-format on */

static void test_sources(void **state)
{
	struct network *net = network_create(&bed_spec, NULL);

	for (size_t i = 0; i < ARRAY_SIZE(source_rows); i++) {
		if (network_source_allowed(net, source_rows[i].site, bed_ip(source_rows[i].src)) !=
		    source_rows[i].allowed)
			fail_msg("row %zu, %s: %s", i, source_rows[i].src, source_rows[i].why);
	}
	network_destroy(net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
