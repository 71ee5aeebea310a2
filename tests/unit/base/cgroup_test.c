/*
 * Free memory of control groups: trees of files as the kernel has them, and the expected result.
 * Rows of "file content" are written to a folder of their own.
 */
#include "base/cgroup.h"
#include "base/memory.h"

#include <inttypes.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { FILES_MAX = 12 };

#define MOUNT2 "25 1 0:22 / %s/fs rw,nosuid - cgroup2 cgroup2 rw\n"
#define MOUNT1 "30 1 0:25 / %s/fs rw - cgroup cgroup rw,memory\n"
#define MOUNT1_CPU "29 1 0:24 / %s/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
#define MOUNT2_PART "25 1 0:22 /docker/a %s/fs rw - cgroup2 cgroup2 rw\n"

static const struct row {
	const char *why;
	const char *group, *mounts;
	struct {
		const char *file, *content;
	} files[FILES_MAX];
	uint64_t left;
} rows[] = {
	{"no groups at all", "", "", {{0}}, UINT64_MAX},
	{"no limit",
	 "0::/a\n",
	 MOUNT2,
	 {{"fs/a/memory.max", "max\n"}, {"fs/a/memory.current", "5\n"}},
	 UINT64_MAX},
	{"a limit",
	 "0::/a\n",
	 MOUNT2,
	 {{"fs/a/memory.max", "1000\n"}, {"fs/a/memory.current", "400\n"}},
	 600},
	{"page cache can be given up",
	 "0::/a\n",
	 MOUNT2,
	 {{"fs/a/memory.max", "1000\n"},
	  {"fs/a/memory.current", "400\n"},
	  {"fs/a/memory.stat", "anon 100\nfile 300\ninactive_file 50\nactive_file 30\n"}},
	 680},
	{"more cache than use",
	 "0::/a\n",
	 MOUNT2,
	 {{"fs/a/memory.max", "1000\n"},
	  {"fs/a/memory.current", "10\n"},
	  {"fs/a/memory.stat", "inactive_file 50\n"}},
	 1000},
	{"beyond its limit",
	 "0::/a\n",
	 MOUNT2,
	 {{"fs/a/memory.max", "1000\n"}, {"fs/a/memory.current", "1001\n"}},
	 0},
	{"a group above is narrower",
	 "0::/a/b/c\n",
	 MOUNT2,
	 {{"fs/a/b/c/memory.max", "max\n"},
	  {"fs/a/b/c/memory.current", "1\n"},
	  {"fs/a/b/memory.max", "900\n"},
	  {"fs/a/b/memory.current", "800\n"},
	  {"fs/a/memory.max", "1000\n"},
	  {"fs/a/memory.current", "850\n"}},
	 100},
	{"the root of the mount counts, too",
	 "0::/a\n",
	 MOUNT2,
	 {{"fs/a/memory.max", "1000\n"},
	  {"fs/a/memory.current", "0\n"},
	  {"fs/memory.max", "500\n"},
	  {"fs/memory.current", "100\n"}},
	 400},
	{"a container sees its part only",
	 "0::/docker/a/b\n",
	 MOUNT2_PART,
	 {{"fs/b/memory.max", "max\n"},
	  {"fs/b/memory.current", "1\n"},
	  {"fs/memory.max", "700\n"},
	  {"fs/memory.current", "100\n"}},
	 600},
	{"our group is the root",
	 "0::/\n",
	 MOUNT2,
	 {{"fs/memory.max", "700\n"}, {"fs/memory.current", "100\n"}},
	 600},
	{"version 1",
	 "12:cpu,cpuacct:/x\n5:memory:/a\n",
	 MOUNT1_CPU MOUNT1,
	 {{"fs/a/memory.limit_in_bytes", "1000\n"},
	  {"fs/a/memory.usage_in_bytes", "300\n"},
	  {"fs/a/memory.stat", "inactive_file 1\ntotal_inactive_file 20\ntotal_active_file 5\n"}},
	 725},
	{"version 1, memory beside others",
	 "5:hugetlb,memory:/a\n",
	 MOUNT1,
	 {{"fs/a/memory.limit_in_bytes", "1000\n"}, {"fs/a/memory.usage_in_bytes", "300\n"}},
	 700},
	{"version 1, no limit is a huge one",
	 "5:memory:/a\n",
	 MOUNT1,
	 {{"fs/a/memory.limit_in_bytes", "9223372036854771712\n"},
	  {"fs/a/memory.usage_in_bytes", "712\n"}},
	 UINT64_C(9223372036854771000)},
};

static char folder[64];

static void make_file(const char *file, const char *content)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	for (char *slash = path + strlen(folder) + 1; (slash = strchr(slash, '/')) != NULL;
	     slash++) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(content, f);
	fclose(f);
}

static void check(const struct row *row)
{
	char mounts[1024], command[128];
	uint64_t left;

	snprintf(folder, sizeof(folder), "/tmp/cgroup-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(mounts, sizeof(mounts), row->mounts, folder, folder);
	make_file("cgroup", row->group);
	make_file("mountinfo", mounts);
	for (size_t i = 0; row->files[i].file != NULL; i++)
		make_file(row->files[i].file, row->files[i].content);

	left = cgroup_memory_left(folder);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
	if (left != row->left)
		fail_msg("%s: %" PRIu64, row->why, left);
}

static void every_row(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(&rows[i]);
}

/* The groups of this machine have no more free memory than the machine. */
static void here(void **state)
{
	assert_true(memory_available() <= cgroup_memory_left("/proc/self"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
