/* The socket belongs to one daemon, and is never taken from another program. */
#include "base/err.h"
#include "base/types.h"
#include "control/api/api.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATH_SIZE = 64 };

static char path[PATH_SIZE], lock[PATH_SIZE + 8];

/* Expects that the claim is refused with a sentence that contains @says. */
static void refused(const char *says)
{
	struct err_list errs = ERR_LIST_EMPTY;

	assert_null(api_claim(path, &errs));
	assert_int_equal(errs.n, 1);
	if (strstr(errs.errs[0].text, says) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", errs.errs[0].text, says);
	err_list_fini(&errs);
}

static struct api_claim *claimed(void)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct api_claim *claim = api_claim(path, &errs);

	err_print(&errs, stderr);
	assert_non_null(claim);
	return claim;
}

/* The process whose number is in the file has ended. The sentence does not name it. */
static void spoil_number(void)
{
	FILE *file = fopen(lock, "w");

	assert_non_null(file);
	fputs("1\n", file);
	fclose(file);
}

static void test_one_daemon(void **state)
{
	struct api_claim *claim = claimed();
	char says[64];

	spoil_number();
	snprintf(says, sizeof(says), "process %d (claim", (int)getpid());
	refused(says);
	prctl(PR_SET_NAME, "homewardd");
	snprintf(says, sizeof(says), "another homewardd (process %d)", (int)getpid());
	refused(says);
	api_release(claim);
	api_release(claimed());
	assert_int_equal(access(lock, F_OK), -1);
}

/* Others must not be able to open the file: a lock on it would stop every daemon. */
static void test_nobody_else_may_lock(void **state)
{
	static const mode_t before[] = {0, 0644, 0666};
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(before); i++) {
		struct api_claim *claim;
		int fd = before[i] != 0 ? open(lock, O_CREAT | O_RDWR, before[i]) : -1;

		claim = claimed();
		assert_int_equal(stat(lock, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
		api_release(claim);
		if (fd >= 0)
			close(fd);
	}
}

static int bind_socket(int type)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void test_others_listen(void **state)
{
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		int fd = bind_socket(types[i]);

		if (types[i] != SOCK_DGRAM)
			listen(fd, 0);
		refused("another program listens");
		refused("another program listens"); /* the first attempt fills its backlog */
		assert_int_equal(access(path, F_OK), 0); /* its socket is still there */
		close(fd);
		api_release(claimed()); /* nobody listens any more: the file was left behind */
		unlink(path);
	}
}

static void test_no_socket(void **state)
{
	int fd = open(path, O_CREAT | O_RDWR, 0600);

	refused("it is not a socket");
	assert_int_equal(access(path, F_OK), 0);
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_daemon),
		cmocka_unit_test(test_nobody_else_may_lock),
		cmocka_unit_test(test_others_listen),
		cmocka_unit_test(test_no_socket),
	};

	prctl(PR_SET_NAME, "claim");
	snprintf(path, sizeof(path), "/tmp/claim_test.%d", (int)getpid());
	snprintf(lock, sizeof(lock), "%s.lock", path);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
