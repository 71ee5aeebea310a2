/*
 * The kept revisions, in a folder under /tmp: which are found again if files are missing or
 * damaged.
 */
#include "control/change/revisions.h"

#include "base/err.h"
#include "base/types.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATH_SIZE = 128, EXIT_REFUSED = 7 };

#define TEXT "ports: [{name: wan}]\n"

static char directory[PATH_SIZE]; /* the folder "made" in a new folder for each test */
static struct err_list errs, notes;

static const char *path_of(const char *name)
{
	static char path[PATH_SIZE + 64];

	snprintf(path, sizeof(path), "%s/revisions%s%s", directory, name[0] != '\0' ? "/" : "",
		 name);
	return path;
}

static struct revisions *reopen(struct revisions *rs)
{
	revisions_close(rs);
	err_list_fini(&errs);
	err_list_fini(&notes);
	return revisions_open(directory, &errs, &notes);
}

static struct revisions *reopen_good(struct revisions *rs)
{
	rs = reopen(rs);
	assert_non_null(rs);
	return rs;
}

static uint32_t save(struct revisions *rs, const char *text)
{
	struct revision r = {.time_s = 1795781234,
			     .who = "root",
			     .comment = "why",
			     .file_sum = 5,
			     .text_len = strlen(text)};

	return revisions_save(rs, &r, text, &errs);
}

static void save_applied(struct revisions *rs, const char *text)
{
	uint32_t number = save(rs, text);

	assert_int_not_equal(number, 0);
	assert_int_equal(revisions_mark(rs, number, REVISION_APPLIED, &errs), 0);
}

static bool says(const struct err_list *list, const char *words)
{
	for (size_t i = 0; i < list->n; i++)
		if (strstr(list->errs[i].text, words) != NULL)
			return true;
	return false;
}

static int set_up(void **state)
{
	char *folder = strdup("/tmp/homeward-revisions-XXXXXX");

	if (folder == NULL || mkdtemp(folder) == NULL)
		return -1;
	snprintf(directory, sizeof(directory), "%s/made", folder);
	*state = folder;
	return 0;
}

static int tear_down(void **state)
{
	char command[PATH_SIZE];

	snprintf(command, sizeof(command), "rm -rf %s", (char *)*state);
	free(*state);
	err_list_fini(&errs);
	err_list_fini(&notes);
	return system(command);
}

static void test_kept(void **state)
{
	struct revisions *rs = reopen_good(NULL); /* both folders are created */
	const struct revision *r;
	struct stat st;
	char *text;

	assert_int_equal(revisions_count(rs), 0);
	assert_null(revisions_last_applied(rs, UINT32_MAX));
	save_applied(rs, TEXT "# 1");
	save_applied(rs, TEXT "# 2");
	assert_int_equal(save(rs, TEXT "# 3"), 3);
	rs = reopen_good(rs);
	assert_int_equal(notes.n, 0);
	assert_int_equal(revisions_count(rs), 3);
	r = revisions_last_applied(rs, UINT32_MAX);
	assert_int_equal(r->number, 2);
	assert_string_equal(r->who, "root");
	assert_string_equal(r->comment, "why");
	assert_int_equal(r->time_s, 1795781234);
	assert_int_equal(r->file_sum, 5);
	assert_int_equal(revisions_last_applied(rs, 2)->number, 1);
	assert_int_equal(revisions_find(rs, 3)->state, REVISION_SAVED);
	text = revisions_read(rs, 2, &errs);
	assert_string_equal(text, TEXT "# 2");
	free(text);
	assert_null(revisions_read(rs, 4, &errs));
	assert_true(says(&errs, "there is no revision 4"));
	assert_int_equal(stat(path_of("0000000002.applied"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	revisions_close(rs);
}

/* A damaged revision is named, and the last good one before it is used. */
static void test_cut_short(void **state)
{
	struct revisions *rs = reopen_good(NULL);
	struct stat st;

	save_applied(rs, TEXT "# 1");
	save_applied(rs, TEXT "# 2");
	assert_int_equal(stat(path_of("0000000002.applied"), &st), 0);
	for (off_t size = st.st_size - 1; size >= 0; size--) {
		assert_int_equal(truncate(path_of("0000000002.applied"), size), 0);
		rs = reopen_good(rs);
		if (!says(&notes, "revision 2 is damaged: it") &&
		    !says(&notes, "revision 2 is damaged: its head"))
			fail_msg("%d bytes of it are good", (int)size);
		assert_int_equal(revisions_last_applied(rs, UINT32_MAX)->number, 1);
		assert_int_equal(revisions_count(rs), 2);
		assert_true(revisions_find(rs, 2)->damaged);
	}
	assert_int_equal(save(rs, TEXT), 3); /* its number is not used again */
	revisions_close(rs);
}

/* A damaged text is found when it is read. */
static void test_changed_text(void **state)
{
	struct revisions *rs = reopen_good(NULL);
	int fd;

	save_applied(rs, TEXT "# 1");
	save_applied(rs, TEXT "# 2");
	fd = open(path_of("0000000002.applied"), O_WRONLY);
	assert_true(fd >= 0 && lseek(fd, -1, SEEK_END) > 0);
	assert_int_equal(write(fd, "9", 1), 1);
	close(fd);
	rs = reopen_good(rs);
	assert_int_equal(notes.n, 0);
	assert_null(revisions_read(rs, 2, &errs));
	assert_true(says(&errs, "revision 2 is damaged: its text is not what was saved"));
	assert_int_equal(revisions_last_applied(rs, UINT32_MAX)->number, 1);
	revisions_close(rs);
}

static void put(const char *name, const char *bytes, size_t len)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
}

/* Other files in the folder. */
static void test_strange_files(void **state)
{
	struct revisions *rs = reopen_good(NULL);
	char copy[512];
	ssize_t len;
	int fd;

	save_applied(rs, TEXT "# 1");
	fd = open(path_of("0000000001.applied"), O_RDONLY);
	len = read(fd, copy, sizeof(copy));
	close(fd);
	put("0000000002.applied", copy, (size_t)len); /* the content of another revision */
	put("0000000003.applied", "garbage\0\xff", 9);
	assert_int_equal(symlink("/etc/passwd", path_of("0000000004.applied")), 0);
	assert_int_equal(mkdir(path_of("0000000005.applied"), 0700), 0);
	assert_int_equal(mkfifo(path_of("0000000006.applied"), 0600), 0);
	put("0000000001.undone", copy, (size_t)len); /* the same number twice */
	put("0000000007.new", copy, 20);
	put("0000000000.applied", copy, (size_t)len);
	put("0000000008.better", copy, (size_t)len);
	put("9999999999.applied", copy, (size_t)len);
	put("8.applied", copy, (size_t)len);
	put("README", "not ours\n", 9);
	rs = reopen_good(rs);
	assert_true(says(&notes, "revision 2 is damaged: it is another revision"));
	assert_true(says(&notes, "revision 3 is damaged: it is no revision"));
	assert_true(says(&notes, "revision 4 is damaged: Too many levels of symbolic links"));
	assert_true(says(&notes, "revision 5 is damaged: it is no file"));
	assert_true(says(&notes, "revision 6 is damaged: it is no file"));
	assert_true(says(&notes, "revision 1 is damaged: there are two files"));
	assert_true(says(&notes, "revision 7 was half written"));
	assert_int_equal(notes.n, 7);
	assert_int_equal(access(path_of("0000000007.new"), F_OK), -1);
	assert_int_equal(access(path_of("README"), F_OK), 0);
	assert_int_equal(revisions_count(rs), 6);
	assert_null(revisions_last_applied(rs, UINT32_MAX));
	assert_int_equal(save(rs, TEXT), 7);
	revisions_close(rs);
}

static void test_bounded(void **state)
{
	struct revisions *rs = reopen_good(NULL);

	save_applied(rs, TEXT "# before");
	save_applied(rs, TEXT "# runs");
	for (size_t i = 0; i < REVISIONS_MAX + 20; i++)
		assert_int_not_equal(save(rs, TEXT), 0);
	rs = reopen_good(rs);
	assert_int_equal(revisions_count(rs), REVISIONS_MAX);
	/* the running revision and the one before it stay */
	assert_int_equal(revisions_at(rs, 0)->number, 1);
	assert_int_equal(revisions_at(rs, 1)->number, 2);
	assert_int_equal(revisions_at(rs, 2)->number, 25);
	assert_int_equal(revisions_at(rs, REVISIONS_MAX - 1)->number, REVISIONS_MAX + 22);
	revisions_close(rs);
}

static void test_last_number(void **state)
{
	struct revisions *rs = reopen_good(NULL);

	put("4294967294.saved", "", 0);
	rs = reopen_good(rs);
	assert_int_equal(save(rs, TEXT), 0);
	assert_true(says(&errs, "cannot save revision"));
	revisions_close(rs);
}

/* A child process with a limit of file size behaves as on a full disk. */
static void test_no_room(void **state)
{
	struct revisions *rs = reopen_good(NULL);
	int status;
	pid_t child;

	save_applied(rs, TEXT "# 1");
	child = fork();
	if (child == 0) {
		const struct rlimit limit = {300, 300};
		static char text[4096];

		memset(text, '#', sizeof(text) - 1);
		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &limit);
		_exit(save(rs, text) == 0 && says(&errs, "cannot save revision 2 in /tmp/") &&
				      revisions_count(rs) == 1
			      ? EXIT_REFUSED
			      : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), EXIT_REFUSED);
	assert_int_equal(access(path_of("0000000002.new"), F_OK), -1);
	assert_int_equal(access(path_of("0000000002.saved"), F_OK), -1);
	rs = reopen_good(rs);
	assert_int_equal(notes.n, 0);
	assert_int_equal(revisions_count(rs), 1);
	assert_int_equal(save(rs, TEXT), 2);
	revisions_close(rs);
}

/* A real full disk, and one that was remounted read-only; needs the right to mount. */
static void test_full_and_read_only(void **state)
{
	static char text[256 << 10];
	struct revisions *rs;

	assert_int_equal(mkdir(directory, 0700), 0);
	if (mount("tmpfs", directory, "tmpfs", 0, "size=128k") < 0)
		skip();
	rs = reopen_good(NULL);
	save_applied(rs, TEXT);
	memset(text, '#', sizeof(text) - 1);
	assert_int_equal(save(rs, text), 0);
	assert_true(says(&errs, "No space left on device"));
	assert_int_equal(save(rs, TEXT), 2); /* nothing is left of the other one */

	assert_int_equal(mount(NULL, directory, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	assert_int_equal(save(rs, TEXT), 0);
	assert_true(says(&errs, "Read-only file system"));
	assert_true(revisions_mark(rs, 2, REVISION_APPLIED, &errs) < 0);
	assert_true(says(&errs, "cannot mark revision 2 as applied"));
	rs = reopen_good(rs); /* existing revisions can be used */
	assert_int_equal(revisions_count(rs), 2);
	assert_int_equal(revisions_last_applied(rs, UINT32_MAX)->number, 1);
	revisions_close(rs);
	assert_int_equal(umount(directory), 0);
}

static void test_two_processes(void **state)
{
	struct revisions *rs = reopen_good(NULL);
	int status;
	pid_t child = fork();

	if (child == 0) {
		struct revisions *second = revisions_open(directory, &errs, &notes);

		_exit(second == NULL && says(&errs, "belongs to another homewardd") ? EXIT_REFUSED
										    : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), EXIT_REFUSED);
	revisions_close(rs);
	rs = reopen_good(NULL); /* the folder is not locked any more */
	revisions_close(rs);
}

static void test_nowhere(void **state)
{
	assert_null(revisions_open("/proc/no/such", &errs, &notes));
	assert_true(says(&errs, "cannot keep revisions in /proc/no/such: No such file"));
	snprintf(directory, sizeof(directory), "%s", (char *)*state);
	put("", "in the way", 10);
	assert_null(reopen(NULL));
	assert_true(says(&errs, "Not a directory"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cut_short, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_changed_text, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_strange_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_last_number, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_room, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_full_and_read_only, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_two_processes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nowhere, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
