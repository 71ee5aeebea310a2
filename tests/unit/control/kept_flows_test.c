/*
 * The directory of kept flows: who may use it, and what is in it when. Adoption is in
 * setup/adopt_test.c, and whole restarts are end to end (tests/e2e/test_restart.py).
 */
#include "control/kept_flows.h"

#include "control/config/config.h"
#include "control/registry.h"
#include "network/ids.h"
#include "path/context.h"
#include "worker/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { CAPACITY = 100 };

static char directory[] = "/dev/shm/kept-flows-XXXXXX";
static struct config config = {.workers = 1};
static struct context context;
static struct worker *no_workers[1];
static struct ids *ids;
static struct registry *registry;

/* Needs no worker. */
struct context *__wrap_worker_context(struct worker *w);
struct context *__wrap_worker_context(struct worker *w)
{
	return &context;
}

static int make(void **state)
{
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(config.flows_directory, sizeof(config.flows_directory), "%s", directory);
	ids = ids_create(1, 100);
	registry = registry_create(ids);
	return registry == NULL;
}

static int unmake(void **state)
{
	char path[96];

	registry_destroy(registry);
	ids_destroy(ids);
	snprintf(path, sizeof(path), "%s/lock", directory);
	unlink(path);
	snprintf(path, sizeof(path), "%s/identities", directory);
	unlink(path);
	return rmdir(directory);
}

static bool has(const char *name)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return access(path, F_OK) == 0;
}

static void take_away(const char *name)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	assert_int_equal(unlink(path), 0);
}

/* The earlier file stays until the new one takes its place. The secret is that of the first. */
static void test_files(void **state)
{
	struct kept_flows *k = kept_flows_open(&config);
	uint8_t secret[16];

	assert_non_null(kept_flows_secret(k));
	memcpy(secret, kept_flows_secret(k), sizeof(secret));
	assert_non_null(kept_flows_create(k, 0, false, CAPACITY));
	assert_non_null(kept_flows_create(k, 0, true, CAPACITY));
	assert_true(has("new-4-0") && has("new-6-0") && !has("4-0"));
	kept_flows_adopt(k, no_workers, registry);
	assert_true(!has("new-4-0") && has("4-0") && has("6-0"));
	kept_flows_close(k);
	assert_true(has("4-0") && has("6-0"));

	k = kept_flows_open(&config); /* it ends before it has adopted */
	assert_memory_equal(kept_flows_secret(k), secret, sizeof(secret));
	assert_non_null(kept_flows_create(k, 0, false, CAPACITY));
	assert_true(has("new-4-0"));
	kept_flows_close(k);
	assert_true(has("4-0") && has("6-0") && !has("new-4-0"));

	k = kept_flows_open(&config);
	assert_non_null(kept_flows_create(k, 0, false, 2 * CAPACITY)); /* no IPv6 any more */
	kept_flows_adopt(k, no_workers, registry);
	assert_true(has("4-0") && !has("6-0"));
	kept_flows_close(k);
	take_away("4-0");
	take_away("identities");
}

/*
 * The numbers in the records are explained by a file beside them, except while they change; without
 * it the records are given up.
 */
static void test_identities(void **state)
{
	struct kept_flows *k = kept_flows_open(&config);

	assert_null(kept_flows_identities(k));
	assert_non_null(kept_flows_create(k, 0, false, CAPACITY));
	kept_flows_save(k, registry); /* the files are not ours yet */
	kept_flows_renumber(k);
	assert_true(kept_flows_are_saved(k));
	assert_false(has("identities"));
	kept_flows_adopt(k, no_workers, registry);
	assert_true(has("identities") && kept_flows_are_saved(k));
	kept_flows_renumber(k);
	assert_false(has("identities") || kept_flows_are_saved(k));
	kept_flows_save(k, registry);
	assert_true(has("identities") && kept_flows_are_saved(k));
	kept_flows_close(k);

	k = kept_flows_open(&config);
	assert_non_null(strstr(kept_flows_identities(k), "/identities"));
	kept_flows_forget(k, "a test");
	assert_false(has("4-0"));
	assert_null(kept_flows_identities(k));
	kept_flows_close(k);
	take_away("identities");
}

/* Earlier flows stay as long as there is memory for both. */
static void test_too_little_memory(void **state)
{
	struct kept_flows *k = kept_flows_open(&config);

	assert_non_null(kept_flows_create(k, 0, false, CAPACITY));
	kept_flows_adopt(k, no_workers, registry);
	kept_flows_close(k);
	k = kept_flows_open(&config);
	kept_flows_yield(k, 1 << 20);
	assert_true(has("4-0"));
	kept_flows_yield(k, UINT64_MAX / 2);
	assert_false(has("4-0"));
	assert_non_null(kept_flows_secret(k)); /* those of this process are kept */
	kept_flows_close(k);
}

static void assert_nothing_kept(struct kept_flows *k)
{
	assert_non_null(k);
	assert_null(kept_flows_secret(k));
	assert_null(kept_flows_create(k, 0, false, CAPACITY));
	kept_flows_adopt(k, no_workers, registry);
	kept_flows_close(k);
}

static void test_one_process(void **state)
{
	struct kept_flows *k = kept_flows_open(&config);

	assert_non_null(kept_flows_secret(k));
	assert_nothing_kept(kept_flows_open(&config));
	kept_flows_close(k);
}

static void test_forget(void **state)
{
	struct config forget = config;

	struct kept_flows *k = kept_flows_open(&config);

	assert_non_null(kept_flows_create(k, 0, false, CAPACITY));
	kept_flows_adopt(k, no_workers, registry);
	kept_flows_close(k);
	assert_true(has("4-0"));
	forget.flows_memory = FLOWS_FORGET;
	assert_nothing_kept(kept_flows_open(&forget));
	assert_false(has("4-0"));
}

static void test_places(void **state)
{
	static const char *const places[] = {"/dev/shm/there-is-none", "/dev/null", "/var",
					     "/proc"};
	struct config other = config;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(other.flows_directory, sizeof(other.flows_directory), "%s", places[i]);
		assert_nothing_kept(kept_flows_open(&other));
	}
	assert_int_equal(chmod(directory, 0770), 0);
	assert_nothing_kept(kept_flows_open(&config));
	assert_int_equal(chmod(directory, 0700), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_identities),
		cmocka_unit_test(test_too_little_memory),
		cmocka_unit_test(test_one_process),
		cmocka_unit_test(test_forget),
		cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests(tests, make, unmake);
}
