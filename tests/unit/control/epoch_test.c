/* The epoch: each start takes the number after the last one's, with any content of the file. */
#include "control/epoch.h"

#include "base/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/homeward-epoch-XXXXXX", path[48], new_path[64];

static int set_up(void **state)
{
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%.30s/state/epoch", folder); /* the folder is made */
	snprintf(new_path, sizeof(new_path), "%s.new", path);
	return 0;
}

static int tear_down(void **state)
{
	char state_folder[64];

	snprintf(state_folder, sizeof(state_folder), "%s/state", folder);
	unlink(path);
	unlink(new_path);
	rmdir(state_folder);
	return rmdir(folder);
}

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void counts(void **state)
{
	uint32_t first = epoch_next(path, NULL);

	for (uint32_t i = 1; i < 5; i++)
		assert_int_equal(epoch_next(path, NULL), first + i);
	write_file(new_path, "left behind"); /* by a start that was interrupted */
	assert_int_equal(epoch_next(path, NULL), first + 5);
	assert_int_equal(access(new_path, F_OK), -1);
}

static void any_file(void **state)
{
	static const struct {
		const char *text;
		bool is_number;
		uint32_t next;
	} rows[] = {
		{"41\n", true, 42},
		{"41", true, 42},
		{"0\n", true, 1},
		{"4294967295\n", true, 0},
		{"", false, 0},
		{"x\n", false, 0},
		{"41x\n", false, 0},
		{"\n", false, 0},
		{"999999999999999999999999999999", false, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint32_t next;

		write_file(path, rows[i].text);
		next = epoch_next(path, NULL);
		if (rows[i].is_number)
			assert_int_equal(next, rows[i].next);
		assert_int_equal(epoch_next(path, NULL), next + 1); /* the file is valid again */
	}
}

/* The epoch cannot be saved; the start gets a number in any case. */
static void nowhere(void **state)
{
	uint32_t a = epoch_next("/proc/no/such/epoch", NULL);
	uint32_t b = epoch_next("/proc/no/such/epoch", NULL);
	uint32_t c = epoch_next("/proc/no/such/epoch", NULL);

	assert_false(a == b && b == c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts),
		cmocka_unit_test(any_file),
		cmocka_unit_test(nowhere),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
