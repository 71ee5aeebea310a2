/* The files of secrets: what is read, and what is refused, in which words. */
#include "control/ipsec/credentials.h"

#include "base/types.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/credentials-test-XXXXXX";

static void write_file(const char *name, mode_t mode, const void *bytes, size_t len, char *path)
{
	int fd;

	snprintf(path, SPEC_PATH_SIZE, "%s/%s", folder, name);
	unlink(path);
	fd = open(path, O_CREAT | O_WRONLY, mode);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
}

static void test_psk(void **state)
{
	struct spec_ipsec spec = {0};
	char why[CREDENTIALS_WHY_SIZE];
	struct credentials c;

	write_file("psk", 0600, "a secret\r\n", 10, spec.psk);
	assert_int_equal(credentials_read(&spec, &c, why), 0);
	assert_int_equal(c.psk_len, 8);
	assert_memory_equal(c.psk, "a secret", 8);
	assert_null(c.key);
	credentials_fini(&c);
	assert_null(c.psk);
}

static void test_certificate(void **state)
{
	struct spec_ipsec spec = {0};
	char why[CREDENTIALS_WHY_SIZE];
	struct credentials c;

	write_file("crt", 0644, "CERT\n", 5, spec.certificate);
	write_file("key", 0400, "KEY\n", 4, spec.private_key);
	write_file("ca", 0444, "CA", 2, spec.ca);
	assert_int_equal(credentials_read(&spec, &c, why), 0);
	assert_memory_equal(c.certificate, "CERT\n", 5);
	assert_int_equal(c.key_len, 4);
	assert_int_equal(c.ca_len, 2);
	credentials_fini(&c);
	chmod(spec.private_key, 0640);
	assert_int_equal(credentials_read(&spec, &c, why), -1);
	assert_non_null(strstr(why, "chmod 600"));
	assert_null(c.certificate); /* nothing is left of what was read before */
}

static void test_refused(void **state)
{
	static char large[CREDENTIALS_FILE_MAX + 1];
	static const struct {
		mode_t mode;
		const char *bytes;
		size_t len;
		const char *why;
	} rows[] = {
		{0640, "x", 1, "others than its owner may use it"},
		{0604, "x", 1, "others than its owner may use it"},
		{0600, "", 0, "it is empty"},
		{0600, "\n", 1, "it is empty"},
		{0600, large, sizeof(large), "it is too large"},
	};
	char why[CREDENTIALS_WHY_SIZE];
	struct credentials c;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct spec_ipsec spec = {0};

		write_file("psk", rows[i].mode, rows[i].bytes, rows[i].len, spec.psk);
		assert_int_equal(credentials_read(&spec, &c, why), -1);
		if (strstr(why, rows[i].why) == NULL || strstr(why, spec.psk) == NULL)
			fail_msg("row %zu: %s", i, why);
		assert_null(c.psk);
	}
}

static void test_no_file(void **state)
{
	struct spec_ipsec spec = {.psk = "/nonexistent/psk"}, directory = {.psk = "/tmp"};
	char why[CREDENTIALS_WHY_SIZE];
	struct credentials c;

	assert_int_equal(credentials_read(&spec, &c, why), -1);
	assert_string_equal(why, "/nonexistent/psk: No such file or directory");
	assert_int_equal(credentials_read(&directory, &c, why), -1);
	assert_string_equal(why, "/tmp: it is no regular file");
}

/* Renewed, replaced, removed, made readable for others: each is seen. */
static void test_stamp(void **state)
{
	struct spec_ipsec spec = {0};
	uint64_t stamps[5];

	write_file("psk", 0600, "one", 3, spec.psk);
	stamps[0] = credentials_stamp(&spec);
	assert_true(credentials_stamp(&spec) == stamps[0]);
	write_file("psk", 0600, "three", 5, spec.psk);
	stamps[1] = credentials_stamp(&spec);
	assert_int_equal(chmod(spec.psk, 0640), 0);
	stamps[2] = credentials_stamp(&spec);
	assert_int_equal(unlink(spec.psk), 0);
	stamps[3] = credentials_stamp(&spec);
	write_file("psk", 0600, "three", 5, spec.ca);
	stamps[4] = credentials_stamp(&spec);
	for (unsigned i = 0; i < 5; i++)
		for (unsigned k = i + 1; k < 5; k++)
			assert_true(stamps[i] != stamps[k]);
}

static int make_folder(void **state)
{
	return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
	static const char *const names[] = {"psk", "crt", "key", "ca"};
	char path[SPEC_PATH_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_psk),	cmocka_unit_test(test_certificate),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_stamp),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
