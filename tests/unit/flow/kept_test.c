/* Records in a file: another process reads what a table has written, and believes nothing else. */
#include "flow/kept.h"

#include "base/types.h"
#include "flows.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { CAPACITY = 100, FLOWS = 60, TCP = 6, ICMP = 1, GRE = 47 };
enum { BLOCK = 2 << 20, HEADER = 104 }; /* bytes */

#define SPREAD UINT64_C(0x9e3779b97f4a7c15)

static char directory[] = "/dev/shm/kept-test-XXXXXX";
static char path[64];

static struct kept_writer writer(bool six)
{
	struct kept_writer w = {.origin_ns = 7, .capacity = CAPACITY, .worker = 1, .workers = 2};

	w.six = six;
	memcpy(w.secret, flows_secret, sizeof(w.secret));
	return w;
}

static int make(void **state)
{
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/4-1", directory);
	return 0;
}

static int unmake(void **state)
{
	return rmdir(directory);
}

static struct kept create(bool six)
{
	struct kept_writer w = writer(six);
	struct kept k;

	assert_int_equal(kept_create(&k, path, &w), 0);
	return k;
}

/* What a table wrote is there after its end, of both families. */
static void test_records_outlive_their_table(void **state)
{
	struct kept k = create(false);
	struct flow_table *t = flow_table_create_kept(&k, flows_secret);
	struct kept_writer w;
	unsigned found = 0;

	assert_non_null(t);
	for (uint32_t i = 0; i < FLOWS; i++) {
		struct flow f = flows_make(i);

		assert_int_not_equal(flow_table_insert(t, &f), FLOW_NO_RECORD);
	}
	flow_table_remove(t, 3);
	flow_table_destroy(t);
	kept_begin(&k, 99);
	kept_close(&k);

	assert_int_equal(kept_open(&k, path, &w), 0);
	assert_int_equal(w.origin_ns, 99);
	assert_int_equal(w.capacity, CAPACITY);
	assert_int_equal(w.worker, 1);
	assert_int_equal(w.workers, 2);
	assert_false(w.six);
	assert_memory_equal(w.secret, flows_secret, sizeof(w.secret));
	for (uint32_t i = 0; i < k.capacity; i++) {
		struct flow f = flows_make(i);

		if (!kept_is_flow(&k.records[i], NULL))
			continue;
		assert_memory_equal(&k.records[i], &f, sizeof(f));
		found++;
	}
	assert_int_equal(found, FLOWS - 1);
	kept_close(&k);
	unlink(path);
}

/* Its random numbers are others than those of a table with the same secret. */
static void test_random_numbers_are_new(void **state)
{
	struct kept k = create(false);
	struct flow_table *a = flow_table_create_kept(&k, flows_secret);
	struct flow_table *b = flow_table_create_kept(&k, flows_secret);

	flow_table_set_stream(a, 3);
	flow_table_set_stream(b, 3);
	assert_int_not_equal(flow_table_random(a), flow_table_random(b));
	flow_table_destroy(a);
	flow_table_destroy(b);
	kept_close(&k);
	unlink(path);
}

static void test_addresses_outlive_their_table(void **state)
{
	const struct flow6 six = {.src = {{1, 2}}, .dst = {{3, 4}}, .nat_src = {{5, 6}}};
	struct kept k = create(true);
	struct flow_table *t = flow_table_create_kept(&k, flows_secret);
	struct kept_writer w;

	for (uint16_t i = 1; i <= CAPACITY; i++) {
		struct flow f = {.site = 1,
				 .proto = FLOWS_UDP,
				 .state = FLOW_UDP,
				 .nat_port = htons(i),
				 .sport = htons(i)};

		assert_int_not_equal(
			flow6_table_insert_hashed(t, &f, &six, i * SPREAD, ~(i * SPREAD)),
			FLOW_NO_RECORD);
	}
	flow_table_destroy(t);
	kept_close(&k);
	assert_int_equal(kept_open(&k, path, &w), 0);
	assert_true(w.six);
	for (uint32_t i = 0; i < CAPACITY; i++)
		assert_true(kept_is_flow(&k.records[i], &k.six[i]));
	kept_close(&k);
	unlink(path);
}

static int opened(void)
{
	struct kept_writer w;
	struct kept k;
	int ret = kept_open(&k, path, &w);

	kept_close(&k);
	return ret;
}

/* Any change of a byte of the header is seen. */
static void test_header_is_checked(void **state)
{
	struct kept k = create(false);
	uint8_t *header = k.map;

	for (size_t at = 0; at < HEADER; at++) {
		header[at] ^= 0x40;
		if (opened() != -EBADMSG)
			fail_msg("byte %zu may be anything", at);
		header[at] ^= 0x40;
	}
	assert_int_equal(opened(), 0);
	kept_close(&k);
	unlink(path);
}

static void test_size_is_checked(void **state)
{
	static const off_t sizes[] = {0, 10, BLOCK, BLOCK + 64 * CAPACITY, 3 * BLOCK};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct kept k = create(false);

		kept_close(&k);
		assert_int_equal(truncate(path, sizes[i]), 0);
		assert_int_equal(opened(), -EBADMSG);
		unlink(path);
	}
}

static void test_places_that_are_refused(void **state)
{
	struct kept_writer w = writer(false);
	struct kept k = create(false), other;
	struct rlimit limit, less;

	assert_int_equal(kept_create(&other, path, &w), -EEXIST);
	kept_close(&k);
	unlink(path);
	assert_int_equal(opened(), -ENOENT);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(opened(), -ELOOP);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(opened(), -EBADMSG);
	rmdir(path);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	less = (struct rlimit){.rlim_cur = BLOCK, .rlim_max = limit.rlim_max};
	setrlimit(RLIMIT_FSIZE, &less);
	assert_int_equal(kept_create(&k, path, &w), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &limit);
	assert_int_equal(access(path, F_OK), -1);
}

/* Files of records take memory; others do not count. */
static void test_memory_held(void **state)
{
	static const char *const names[] = {"4-0",  "6-12", "4-",      "5-0",
					    "4-0x", "lock", "new-4-0", "4-0000000000000000"};
	char other[96];
	struct kept k = create(false);
	FILE *f;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(kept_is_name(names[i]), i < 2);
	snprintf(other, sizeof(other), "%s/other", directory);
	f = fopen(other, "w");
	assert_non_null(f);
	fputs("text", f);
	fclose(f);
	assert_int_equal(kept_held(directory), kept_bytes(CAPACITY, false));
	kept_close(&k);
	unlink(path);
	assert_int_equal(kept_held(directory), 0);
	assert_int_equal(kept_held("/nowhere"), 0);
	unlink(other);
}

/* Each row says what is not as in a good UDP flow: fields whose value is 0 are. */
struct record_row {
	uint8_t proto, state;
	bool no_src, no_dst, no_nat_src, no_port, no_site, nowhere, good;
};

static struct flow record_of(const struct record_row *row)
{
	return (struct flow){
		.src = !row->no_src,
		.dst = !row->no_dst,
		.nat_src = !row->no_nat_src,
		.nat_port = !row->no_port,
		.site = !row->no_site,
		.far = row->nowhere ? FLOW_NOWHERE : 5,
		.proto = row->proto,
		.state = row->state,
	};
}

static void test_records_are_checked(void **state)
{
	static const struct record_row rows[] = {
		{.proto = FLOWS_UDP, .state = FLOW_UDP, .good = true},
		{.proto = FLOWS_UDP, .state = FLOW_FREE},
		{.proto = FLOWS_UDP, .state = FLOW_RESTING},
		{.proto = FLOWS_UDP, .state = FLOW_STATE_COUNT},
		{.proto = FLOWS_UDP, .state = 31},
		{.proto = FLOWS_UDP, .state = FLOW_TCP_ESTABLISHED},
		{.proto = TCP, .state = FLOW_UDP},
		{.proto = TCP, .state = FLOW_TCP_CLOSED, .good = true},
		{.proto = ICMP, .state = FLOW_ICMP, .good = true},
		{.proto = ICMP, .state = FLOW_ICMP, .no_port = true, .good = true},
		{.proto = GRE, .state = FLOW_OTHER, .good = true},
		{.proto = 0, .state = FLOW_OTHER},
		{.proto = FLOWS_UDP, .state = FLOW_UDP, .no_port = true},
		{.proto = FLOWS_UDP, .state = FLOW_UDP, .no_src = true},
		{.proto = FLOWS_UDP, .state = FLOW_UDP, .no_dst = true},
		{.proto = FLOWS_UDP, .state = FLOW_UDP, .no_nat_src = true},
		{.proto = FLOWS_UDP, .state = FLOW_UDP, .no_site = true},
		{.proto = FLOWS_UDP, .state = FLOW_UDP, .nowhere = true},
	};
	static const struct flow6 six = {.src = {{1, 2}}, .dst = {{3, 4}}, .nat_src = {{5, 6}}};
	static const struct flow6 empty;
	struct flow f = record_of(&rows[0]), row;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		row = record_of(&rows[i]);
		if (kept_is_flow(&row, NULL) != rows[i].good)
			fail_msg("row %zu", i);
	}
	assert_false(kept_is_flow(&f, &six)); /* addresses of both families */
	f.src = f.dst = f.nat_src = 0;
	assert_true(kept_is_flow(&f, &six));
	assert_false(kept_is_flow(&f, &empty));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records_outlive_their_table),
		cmocka_unit_test(test_random_numbers_are_new),
		cmocka_unit_test(test_addresses_outlive_their_table),
		cmocka_unit_test(test_header_is_checked),
		cmocka_unit_test(test_size_is_checked),
		cmocka_unit_test(test_places_that_are_refused),
		cmocka_unit_test(test_memory_held),
		cmocka_unit_test(test_records_are_checked),
	};

	return cmocka_run_group_tests(tests, make, unmake);
}
