/* What differs between two texts: how many sites, and the text that is left of the new one. */
#include "control/config/edit.h"

#include "base/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define A "  - name: a\n    x: 1\n"
#define B "  - name: b\n    x: 2\n"
#define C "  - name: c\n    x: 3\n"
#define D "  - name: d\n    x: 4\n"
#define E "  - name: e\n    x: 5\n"
#define F "  - name: f\n    x: 6\n"
#define NONE "\n\n" /* the lines of one that is left out */
#define HEAD "ports: 1\nsites:\n"
#define TAIL "egress: 1\n"
#define OLD HEAD A B C D E F TAIL

static const struct {
	const char *why;
	const char *old, *now;
	bool found;
	size_t n_before, n_old, n_new;
	const char *text;
} rows[] = {
	{"a value", OLD, HEAD A B C "  - name: d\n    x: 9\n" E F TAIL, true, 2, 2, 2,
	 HEAD NONE NONE C "  - name: d\n    x: 9\n" NONE NONE TAIL},
	{"a line more at the end of a site", OLD, HEAD A B C "    y: 1\n" D E F TAIL, true, 1, 3, 3,
	 HEAD NONE B C "    y: 1\n" D NONE NONE TAIL},
	{"a site less", OLD, HEAD A B C E F TAIL, true, 1, 4, 3, HEAD NONE B C E NONE TAIL},
	{"the first site", OLD, HEAD "  - name: z\n    x: 1\n" B C D E F TAIL, true, 0, 2, 2,
	 HEAD "  - name: z\n    x: 1\n" B NONE NONE NONE NONE TAIL},
	{"the first site is gone", OLD, HEAD B C D E F TAIL, true, 0, 3, 2,
	 HEAD B C NONE NONE NONE TAIL},
	{"the last site, and no block behind it", HEAD A B C D E F,
	 HEAD A B C D E "  - name: f\n    x: 7\n", true, 4, 2, 2,
	 HEAD NONE NONE NONE NONE E "  - name: f\n    x: 7\n"},
	{"no line end at the end", HEAD A B C D E F "    y: 1", HEAD A B C D E F "    y: 2", true,
	 4, 2, 2, HEAD NONE NONE NONE NONE E F "    y: 2"},
	{"a comment, and a list without indent",
	 "a: 1\nsites: # all\n# x\n- n: a\n- n: b\n- n: c\n- n: d\n- n: e\n- n: f\nb: 1\n",
	 "a: 1\nsites: # all\n# x\n- n: a\n- n: b\n- n: c\n- n: d\n- n: z\n- n: f\nb: 1\n", true, 2,
	 3, 3, "a: 1\nsites: # all\n# x\n\n\n- n: c\n- n: d\n- n: z\n\nb: 1\n"},
	{"another block", OLD, HEAD A B C D E F "egress: 2\n", false, 0, 0, 0, NULL},
	{"another head", OLD, "ports: 2\nsites:\n" A B C D E F TAIL, false, 0, 0, 0, NULL},
	{"sites and another block", OLD, HEAD A B C D E "  - name: f\n    x: 7\negress: 2\n", false,
	 0, 0, 0, NULL},
	{"a block between the sites", OLD, HEAD A B C D "more: 1\n" E F TAIL, false, 0, 0, 0, NULL},
	{"a line of less depth", OLD, HEAD A B C D " x: 1\n" E F TAIL, false, 0, 0, 0, NULL},
	{"another depth of the first site", OLD, HEAD "   - name: a\n    x: 1\n" B C D E F TAIL,
	 false, 0, 0, 0, NULL},
	{"most of it", OLD, HEAD A "  - name: x\n    x: 1\n" C D "  - name: y\n    x: 1\n" F TAIL,
	 false, 0, 0, 0, NULL},
	{"a list in one line", "a: 1\nsites: [1, 2, 3, 4, 5, 6]\n",
	 "a: 1\nsites: [1, 2, 3, 4, 5, 7]\n", false, 0, 0, 0, NULL},
	{"no sites", "a: 1\nb: 1\n", "a: 1\nb: 2\n", false, 0, 0, 0, NULL},
	{"nothing", "", "", false, 0, 0, 0, NULL},
};

static void test_rows(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct edit edit;
		bool found = edit_find(&edit, rows[i].old, strlen(rows[i].old), rows[i].now,
				       strlen(rows[i].now));

		if (!rows[i].found) {
			if (found)
				fail_msg("%s: found", rows[i].why);
			continue;
		}
		if (!found)
			fail_msg("%s: not found", rows[i].why);
		if (edit.n_before != rows[i].n_before || edit.n_old != rows[i].n_old ||
		    edit.n_new != rows[i].n_new || edit.len != strlen(rows[i].text) ||
		    memcmp(edit.text, rows[i].text, edit.len) != 0)
			fail_msg("%s: %zu, %zu, %zu\n%.*s", rows[i].why, edit.n_before, edit.n_old,
				 edit.n_new, (int)edit.len, edit.text);
		edit_fini(&edit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
