/* Which id a site, tunnel or virtual network keeps through a file, and what is no such file. */
#include "registry_bed.h"

#include "base/types.h"
#include "network/nexthop.h"
#include "network/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char path[64];

static int make_folder(void **state)
{
	char folder[] = "/tmp/registry-XXXXXX";

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/identities", folder);
	return 0;
}

static int remove_folder(void **state)
{
	unlink(path);
	*strrchr(path, '/') = '\0';
	return rmdir(path);
}

static void write_text(const char *text, size_t len)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	assert_int_equal(fwrite(text, 1, len, out), len);
	fclose(out);
}

/* A change of what is not in the file needs no other file. */
static void test_saved(void **state)
{
	static const char *const others[] = {
		"a:a1@1,a2@2#5 b:b1@3", "a:a1@1,a2@2#5 c:b1@3", "a:a1@1,a3@2#5 b:b1@3",
		"a:a1@1,a2@2#6 b:b1@3", "a:a1@1,a2@2 b:b1@3",	"a:a1@4,a2@2#5 b:b1@3",
		"b:b1@3 a:a1@1,a2@2#5", "a:a1@1,a2@2#5",
	};
	char text[TEXT_MAX];
	struct registry_bed b;

	registry_bed_begin(&b);
	registry_bed_apply(&b, others[0], NOW, text);
	assert_false(registry_is_saved(b.r));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		registry_bed_apply(&b, others[0], NOW, text);
		assert_int_equal(registry_save(b.r, path), 0);
		registry_bed_apply(&b, others[i], NOW, text);
		assert_int_equal(registry_is_saved(b.r), i == 0);
	}
	registry_bed_apply(&b, others[0], NOW, text); /* the file has not what came before */
	assert_false(registry_is_saved(b.r));
	registry_bed_end(&b);
}

/* Networks come back from the file; one that was renamed in the meantime is known by its sites. */
static void test_networks_restart(void **state)
{
	static const char *const others[] = {
		"/g /h a/h:a1@1",
		"/g /x a/h:a1@1",
		"/h /g a/h:a1@1",
		"/g /h a:a1@1",
	};
	char text[TEXT_MAX];
	struct registry_bed b;
	unsigned line;

	registry_bed_begin(&b);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		registry_bed_apply(&b, others[0], NOW, text);
		assert_int_equal(registry_save(b.r, path), 0);
		registry_bed_apply(&b, others[i], NOW, text);
		assert_int_equal(registry_is_saved(b.r), i == 0);
	}
	registry_bed_apply(&b, "/h a/h:a1@1 c:c1@3", NOW, text);
	registry_bed_apply(&b, "/k /h a/h:a1@1 c:c1@3", NOW, text);
	assert_string_equal(text, "a=1:1 c=2:2 /k=1 /h=2");
	assert_int_equal(registry_save(b.r, path), 0);
	registry_bed_end(&b);

	registry_bed_begin(&b);
	assert_int_equal(registry_load(b.r, path, &line), 0);
	registry_bed_apply(&b, "/x /new /k a/x:a1@1 c:c1@3", NOW, text);
	assert_string_equal(text, "a=1:1 c=2:2 /x=2 /new=3 /k=1");
	registry_bed_end(&b);
}

static void test_restart(void **state)
{
	char text[TEXT_MAX];
	struct registry_bed b;
	unsigned line;

	registry_bed_begin(&b);
	assert_int_equal(registry_load(b.r, path, &line), -ENOENT);
	registry_bed_apply(&b, "a:a1@1,a2@~2 b:b1@3#7 c:", NOW, text);
	registry_bed_apply(&b, "b:b1@3#7 a:a2@~2 d:d1@1#4294967", NOW, text);
	assert_string_equal(text, "b=2:3 a=1:2 d=4:4");
	assert_int_equal(registry_save(b.r, path), 0);
	assert_int_equal(registry_save(b.r, path), 0); /* over the existing file */
	registry_bed_end(&b);

	registry_bed_begin(&b);
	assert_int_equal(registry_load(b.r, path, &line), 0);
	registry_bed_apply(&b, "a:x@~2 e:e1@9 c:b1@3#7", NOW,
			   text); /* the tunnel was renamed in the meantime */
	assert_string_equal(text, "a=1:2 e=3:1 c=2:3");
	assert_string_equal(b.retired, ""); /* no flow can have it since the start */
	assert_int_equal(ids_n_retired(b.nexthops), 0);
	assert_int_equal(ids_state(b.nexthops, 4), IDS_FREE);
	registry_bed_end(&b);
}

/* clang-format off */
#define HEAD "homeward-identities 1\n"
#define T1 "tunnel 7 192.0.2.1 198.51.100.1 - t1\n"
static const struct {
	const char *why, *text;
	unsigned line;
} damages[] = {
	{"nothing", "", 1},
	{"a network's number twice", HEAD "network 1 g\nnetwork 1 h\nend 2\n", 3},
	{"a network's name twice", HEAD "network 1 g\nnetwork 2 g\nend 2\n", 4},
	{"the default network", HEAD "network 1 default\nend 1\n", 3},
	{"network 0", HEAD "network 0 g\nend 1\n", 2},
	{"a network behind a site", HEAD "site 1 a\nnetwork 1 g\nend 2\n", 3},
	{"a site of no network", HEAD "network 1 g\nsite 1 a 2\nend 2\n", 3},
	{"a network is not counted", HEAD "network 1 g\nsite 1 a 1\nend 1\n", 4},
	{"another version", "homeward-identities 2\nend 0\n", 1},
	{"no end", HEAD "site 1 a\n", 2},
	{"cut off in the last line", HEAD "site 1 a\nend 1", 3},
	{"a line is missing", HEAD "site 1 a\nend 2\n", 3},
	{"more after the end", HEAD "end 0\nsite 1 a\n", 3},
	{"two ends", HEAD "end 0\nend 0\n", 3},
	{"another word", HEAD "port 1 a\nend 1\n", 2},
	{"an empty line", HEAD "\nend 0\n", 2},
	{"a site without a name", HEAD "site 1\nend 1\n", 2},
	{"two words for a name", HEAD "site 1 a b\nend 1\n", 2},
	{"two spaces", HEAD "site  1 a\nend 1\n", 2},
	{"a name that none has", HEAD "site 1 a/b\nend 1\n", 2},
	{"site 0", HEAD "site 0 a\nend 1\n", 2},
	{"a negative number", HEAD "site -1 a\nend 1\n", 2},
	{"a zero in front", HEAD "site 01 a\nend 1\n", 2},
	{"too large", HEAD "site 65535 a\nend 1\n", 2},
	{"far too large", HEAD "site 99999999999999999999999 a\nend 1\n", 2},
	{"a number twice", HEAD "site 1 a\nsite 1 b\nend 2\n", 3},
	{"a name twice", HEAD "site 1 a\nsite 2 b\nsite 3 a\nend 3\n", 5},
	{"a tunnel of no site", HEAD T1 "end 1\n", 2},
	{"a tunnel's number twice", HEAD "site 1 a\n" T1 "tunnel 7 192.0.2.1 198.51.100.2 - t2\nend 3\n", 4},
	{"a tunnel's name twice", HEAD "site 1 a\n" T1 "site 2 b\ntunnel 8 192.0.2.1 198.51.100.2 - t1\nend 4\n", 6},
	{"a number that no tunnel can have", HEAD "site 1 a\ntunnel 61 192.0.2.1 198.51.100.1 - t1\nend 2\n", 3},
	{"two families", HEAD "site 1 a\ntunnel 7 192.0.2.1 2001:db8::1 - t1\nend 2\n", 3},
	{"no far end", HEAD "site 1 a\ntunnel 7 192.0.2.1 0.0.0.0 - t1\nend 2\n", 3},
	{"a mapped address", HEAD "site 1 a\ntunnel 7 ::ffff:192.0.2.1 ::ffff:192.0.2.2 - t1\nend 2\n", 3},
	{"a VLAN that none can be", HEAD "site 1 a\ninterconnect 7 192.0.2.0 192.0.2.1 4095 t1\nend 2\n", 3},
	{"an interconnect without a site", HEAD "interconnect 7 192.0.2.0 192.0.2.1 1 t1\nend 1\n", 2},
	{"an interconnect of two families", HEAD "site 1 a\ninterconnect 7 192.0.2.0 fd00::1 1 t1\nend 2\n", 3},
	{"an interconnect without a VLAN", HEAD "site 1 a\ninterconnect 7 192.0.2.0 192.0.2.1 - t1\nend 2\n", 3},
	{"no address", HEAD "site 1 a\ntunnel 7 192.0.2.1 here - t1\nend 2\n", 3},
	{"a key too large", HEAD "site 1 a\ntunnel 7 192.0.2.1 198.51.100.1 4294967296 t1\nend 2\n", 3},
	{"a word too many", HEAD "site 1 a\ntunnel 7 192.0.2.1 198.51.100.1 - t1 x\nend 2\n", 3},
	{"a word too few", HEAD "site 1 a\ntunnel 7 192.0.2.1 198.51.100.1 t1\nend 2\n", 3},
};
/* clang-format on */

static void check_damage(const char *why, const char *text, size_t len, unsigned expected)
{
	char got[TEXT_MAX];
	unsigned line = 0;
	struct registry_bed b;
	int ret;

	write_text(text, len);
	registry_bed_begin(&b);
	ret = registry_load(b.r, path, &line);
	if (ret != -EBADMSG || line != expected)
		fail_msg("%s: %d in line %u", why, ret, line);
	registry_bed_apply(&b, "a:t1@1", NOW, got); /* the registry is empty again */
	if (strcmp(got, "a=1:1") != 0)
		fail_msg("%s: %s", why, got);
	registry_bed_end(&b);
}

static void test_damage(void **state)
{
	static const char nul[] = HEAD "site 1 a\0b\nend 1\n";
	char text[TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(damages); i++)
		check_damage(damages[i].why, damages[i].text, strlen(damages[i].text),
			     damages[i].line);
	check_damage("a NUL", nul, sizeof(nul) - 1, 2);
	memset(text, 'x', sizeof(text));
	memcpy(text, HEAD "site 1 ", strlen(HEAD "site 1 "));
	check_damage("a line without end", text, sizeof(text), 2);
}

/* The daemon's pool of ids is larger than what a tunnel may have. */
static void test_id_of_a_neighbour(void **state)
{
	static const char text[] =
		HEAD "site 1 a\ntunnel 65001 192.0.2.1 198.51.100.1 - t1\nend 2\n";
	struct registry_bed b = {.nexthops = ids_create(1, NEXTHOP_LAST)};
	unsigned line = 0;

	write_text(text, sizeof(text) - 1);
	b.r = registry_create(b.nexthops);
	assert_non_null(b.r);
	assert_int_equal(registry_load(b.r, path, &line), -EBADMSG);
	assert_int_equal(line, 3);
	registry_bed_end(&b);
}

/* A file that is truncated anywhere counts as damaged. */
static void test_cut(void **state)
{
	static const char whole[] =
		HEAD "site 1 a\n" T1 "site 2 b\ntunnel 8 2001:db8::1 2001:db8::2 5 t2\nend 4\n";
	unsigned line;
	struct registry_bed b;

	for (size_t len = 0; len < sizeof(whole); len++) {
		write_text(whole, len);
		registry_bed_begin(&b);
		assert_int_equal(registry_load(b.r, path, &line),
				 len == sizeof(whole) - 1 ? 0 : -EBADMSG);
		registry_bed_end(&b);
	}
}

/* Errors of reading and writing are returned, and the last file stays. */
static void test_unwritable(void **state)
{
	char text[TEXT_MAX], new_path[80];
	unsigned line;
	struct registry_bed b;

	write_text(HEAD "site 9 a\nend 1\n", strlen(HEAD "site 9 a\nend 1\n"));
	snprintf(new_path, sizeof(new_path), "%s.new", path);
	assert_int_equal(mkdir(new_path, 0700), 0); /* a folder in the way of the new file */
	registry_bed_begin(&b);
	registry_bed_apply(&b, "b:b1@1", NOW, text);
	assert_int_equal(registry_save(b.r, path), -EEXIST);
	registry_bed_end(&b);
	assert_int_equal(rmdir(new_path), 0);

	registry_bed_begin(&b);
	assert_int_equal(registry_load(b.r, "/nowhere/identities", &line), -ENOENT);
	assert_int_equal(registry_load(b.r, "/tmp", &line), -EIO);
	assert_int_equal(registry_load(b.r, path, &line), 0);
	registry_bed_apply(&b, "a:", NOW, text);
	assert_string_equal(text, "a=9");
	registry_bed_end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_networks_restart, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_saved, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_restart, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_damage, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_id_of_a_neighbour, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_cut, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_unwritable, make_folder, remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
