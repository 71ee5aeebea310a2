/* Which routes are worth a note. */
#include "base/err.h"
#include "base/types.h"
#include "control/config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* clang-format off */
static const struct {
	const char *route, *note, *why;
} rows[] = {
	{"{prefix: 0.0.0.0/0, to: [{site: x}]}",
	 "network default: 0.0.0.0/0 leads to site x, so nothing leaves by an egress pool, except by a longer prefix",
	 "all of IPv4"},
	{"{prefix: '::/0', to: [{network: other}, {tunnel: x-1}]}",
	 "network default: ::/0 leads to tunnel x-1, so nothing leaves by an egress pool, except by a longer prefix",
	 "all of IPv6, and a tunnel"},
	{"{prefix: 0.0.0.0/0, to: [{site: x}, {egress: internet, priority: 200}]}", NULL, "egress is the other way"},
	{"{prefix: 0.0.0.0/0, to: [{drop: true}]}", NULL, "who writes drop means it"},
	{"{prefix: 0.0.0.0/0, to: [{network: other}]}", NULL, "the other network may have an egress route"},
	{"{prefix: 0.0.0.0/1, to: [{site: x}]}", NULL, "half of it is not a default route"},
	{"{prefix: 192.0.2.0/24, to: [{egress: internet, untranslated: true}]}",
	 "network default: none of its sites lists IPv4 prefixes, so nothing of them leaves untranslated",
	 "its returns would not be known"},
	{"{prefix: 192.0.2.0/24, to: [{egress: internet, untranslated: false}]}", NULL, "translated"},
	{"{prefix: 'fd00::/8', to: [{site: x}]}", NULL, "private"},
};
/* clang-format on */

static void test_rows(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err_list errs = ERR_LIST_EMPTY, notes = ERR_LIST_EMPTY;
		struct config *config;
		char text[1024];
		int len = snprintf(
			text, sizeof(text),
			"ports: [{name: p, interface: eth0}]\n"
			"sites: [{name: x, tunnels: [{name: x-1, local: 192.0.2.1, remote: "
			"192.0.2.2}]}]\n"
			"networks: [{name: default, routes: [%s]}, {name: other}]\n"
			"egress: [{name: internet, addresses: [{address: 198.51.100.1}]}]\n",
			rows[i].route);

		config = config_parse("f", text, (size_t)len, &errs);
		if (config == NULL)
			fail_msg("%s: %s", rows[i].why, errs.errs[0].text);
		config_note_routes(config, &notes);
		if (notes.n != (rows[i].note != NULL))
			fail_msg("%s: %zu notes", rows[i].why, notes.n);
		if (notes.n > 0)
			assert_string_equal(notes.errs[0].text, rows[i].note);
		config_destroy(config);
		err_list_fini(&errs);
		err_list_fini(&notes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
