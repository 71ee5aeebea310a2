/* The header is found whatever its letters and in whatever pieces it comes; no other one is. */
#include "control/api/expect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { HEADERS = 2 };

static const struct {
	const char *headers[HEADERS][2]; /* name and value */
	bool asked;
	const char *why;
} rows[] = {
	{{{"Expect", "100-continue"}}, true, "as curl writes it"},
	{{{"EXPECT", "100-Continue"}}, true, "letters do not matter"},
	{{{"Host", "x"}, {"Expect", "100-continue"}}, true, "behind another one"},
	{{{"Expect", "100-continue"}, {"Host", "x"}}, true, "before another one"},
	{{{"Host", "x"}}, false, "another one"},
	{{{"Expect", ""}}, false, "curl with -H Expect:"},
	{{{"Expect", "100-continues"}}, false, "another value"},
	{{{"Expects", "100-continue"}}, false, "another name"},
	{{{"Exp", "ect"}, {"", "100-continue"}}, false, "parts of two"},
	{{{"Expect", "x"}, {"y", "100-continue"}}, false, "one's name, the other's value"},
	{{{"Expectexpectexpectexpect", "100-continue"}}, false, "a long name"},
	{{{"Expect", "100-continue, and much more than we keep"}}, false, "a long value"},
};

static void tell(struct expect *e, const char *text, size_t step,
		 void (*take)(struct expect *, const char *, size_t))
{
	size_t len = strlen(text);

	if (len == 0)
		take(e, text, 0);
	for (size_t at = 0; at < len; at += step)
		take(e, text + at, len - at < step ? len - at : step);
}

static void test_rows(void **state)
{
	for (size_t step = 1; step < 20; step++)
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			struct expect e = {0};

			for (size_t k = 0; k < HEADERS && rows[i].headers[k][0] != NULL; k++) {
				tell(&e, rows[i].headers[k][0], step, expect_name);
				tell(&e, rows[i].headers[k][1], step, expect_value);
			}
			expect_end(&e);
			if (e.is_asked != rows[i].asked)
				fail_msg("%s, %zu bytes at a time", rows[i].why, step);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
