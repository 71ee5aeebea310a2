/*
 * Writes to the maps of the BPF programs: exactly the difference, in batches or, if the kernel has
 * none, one by one.
 *
 * The maps are arrays here; bpf_map_*() of libbpf are wrapped.
 */
#include "control/port/port_internal.h"
#include "in/steer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <cmocka.h>

enum { FOUR, SIX, PREFIXES, VLANS, MAPS, ROWS = 32768, KEY_MAX = 20, MANY = 20000 };

static const uint32_t key_lens[MAPS] = {4, 16, 20, 4};
static const struct steer_maps maps = {FOUR, SIX, PREFIXES, VLANS, -1};

static struct map {
	uint8_t keys[ROWS][KEY_MAX];
	uint32_t flags[ROWS]; /* 0: free */
	size_t n;
} fake[MAPS];

static unsigned calls, writes;
static bool has_batches;
static int fail_after; /* writes; -1: never */

static uint32_t *find(int fd, const void *key)
{
	for (size_t i = 0; i < fake[fd].n; i++)
		if (memcmp(fake[fd].keys[i], key, key_lens[fd]) == 0)
			return &fake[fd].flags[i];
	return NULL;
}

static int write_one(int fd, const void *key, const void *value)
{
	uint32_t *flags = NULL;

	if (fail_after >= 0 && fail_after-- == 0)
		return -ENOMEM;
	writes++;
	if (writes < ROWS / 4) /* the large test writes each entry once */
		flags = find(fd, key);
	if (flags == NULL) {
		memcpy(fake[fd].keys[fake[fd].n], key, key_lens[fd]);
		flags = &fake[fd].flags[fake[fd].n++];
	}
	memcpy(flags, value, sizeof(*flags));
	return 0;
}

int __wrap_bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags);
int __wrap_bpf_map_delete_elem(int fd, const void *key);
int __wrap_bpf_map_update_batch(int fd, const void *keys, const void *values, __u32 *count,
				const struct bpf_map_batch_opts *opts);

int __wrap_bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags)
{
	calls++;
	return write_one(fd, key, value);
}

int __wrap_bpf_map_delete_elem(int fd, const void *key)
{
	uint32_t *flags = find(fd, key);

	calls++;
	if (flags == NULL || *flags == 0)
		return -ENOENT;
	*flags = 0;
	return 0;
}

int __wrap_bpf_map_update_batch(int fd, const void *keys, const void *values, __u32 *count,
				const struct bpf_map_batch_opts *opts)
{
	calls++;
	if (!has_batches)
		return -ENOTSUP;
	for (__u32 i = 0; i < *count; i++) {
		int ret = write_one(fd, (const uint8_t *)keys + i * key_lens[fd],
				    (const uint32_t *)values + i);

		if (ret != 0)
			return ret;
	}
	return 0;
}

static void reset(bool batches)
{
	memset(fake, 0, sizeof(fake));
	calls = writes = 0;
	has_batches = batches;
	fail_after = -1;
}

static struct steer_addr four(uint32_t addr, uint32_t flags)
{
	return (struct steer_addr){addr6_from_ipv4(htonl(addr)), flags, 0};
}

static struct steer_addr six(uint16_t last, uint32_t flags, uint8_t len)
{
	struct addr6 addr = {{htobe64(UINT64_C(0x20010db800000000)), htobe64(last)}};

	return (struct steer_addr){addr, flags, len};
}

static size_t live(int fd)
{
	size_t n = 0;

	for (size_t i = 0; i < fake[fd].n; i++)
		n += fake[fd].flags[i] != 0;
	return n;
}

static void check_holds(const struct steer_list *list)
{
	size_t n[MAPS] = {0};

	for (size_t i = 0; i < list->n; i++) {
		const struct steer_addr *a = &list->addrs[i];
		int fd = addr6_is_mapped(&a->addr) ? FOUR : a->len == 0 ? SIX : PREFIXES;
		be32_t ipv4 = addr6_to_ipv4(&a->addr);
		uint8_t key[KEY_MAX] = {0};
		const uint32_t *flags;

		if (fd == FOUR)
			memcpy(key, &ipv4, sizeof(ipv4));
		if (fd == SIX)
			memcpy(key, &a->addr, sizeof(a->addr));
		if (fd == PREFIXES) {
			const uint32_t len = a->len;

			memcpy(key, &len, sizeof(len));
			memcpy(key + 4, &a->addr, sizeof(a->addr));
		}
		flags = find(fd, key);
		if (flags == NULL || *flags != a->flags)
			fail_msg("entry %zu is not as it should be", i);
		n[fd]++;
	}
	for (int fd = 0; fd < MAPS; fd++)
		assert_int_equal(live(fd), n[fd]);
}

/* Sorted by value: IPv4 is ::ffff:..., before 2001:... */
static void check_difference(bool batches)
{
	struct steer_addr before[] = {four(1, STEER_EGRESS), four(2, STEER_TUNNEL_END),
				      four(3, STEER_EGRESS), six(1, STEER_EGRESS, 0),
				      six(2, STEER_EGRESS, 64)};
	struct steer_addr now[] = {four(1, STEER_EGRESS), four(2, STEER_TUNNEL_END | STEER_ARP),
				   four(4, STEER_EGRESS), six(1, STEER_EGRESS | STEER_ARP, 0),
				   six(3, STEER_EGRESS, 64)};
	const struct steer_list nothing = {NULL, 0}, first = {before, ARRAY_SIZE(before)},
				second = {now, ARRAY_SIZE(now)};

	reset(batches);
	assert_int_equal(steer_write(maps, &nothing, &first), 0);
	check_holds(&first);
	calls = writes = 0;
	assert_int_equal(steer_write(maps, &first, &first), 0);
	assert_int_equal(calls, 0);
	assert_int_equal(steer_write(maps, &first, &second), 0);
	check_holds(&second);
	assert_int_equal(writes, 4);
	assert_in_range(calls, 0, 4 + 2 + 1);
	assert_int_equal(steer_write(maps, &second, &nothing), 0);
	check_holds(&nothing);
}

static void test_difference(void **state)
{
	check_difference(true);
	check_difference(false);
}

/* One change among many addresses is one call. At the start one call writes many addresses. */
static void test_work_is_the_events(void **state)
{
	struct steer_addr *before = calloc(MANY, sizeof(*before)),
			  *now = calloc(MANY, sizeof(*now));
	const struct steer_list nothing = {NULL, 0}, first = {before, MANY}, second = {now, MANY};

	for (uint32_t i = 0; i < MANY; i++)
		before[i] = now[i] = four(i, STEER_TUNNEL_END);
	now[MANY / 2].flags |= STEER_ARP;
	reset(true);
	assert_int_equal(steer_write(maps, &nothing, &first), 0);
	assert_int_equal(writes, MANY);
	assert_in_range(calls, 1, MANY / 100);
	calls = writes = 0;
	assert_int_equal(steer_write(maps, &first, &second), 0);
	assert_int_equal(writes, 1);
	assert_int_equal(calls, 1);
	free(before);
	free(now);
}

/* The kernel refuses a write: the error is returned, and the same call succeeds later. */
static void test_again(void **state)
{
	struct steer_addr addrs[] = {four(1, STEER_EGRESS), four(2, STEER_EGRESS),
				     four(3, STEER_EGRESS)};
	const struct steer_list nothing = {NULL, 0}, list = {addrs, ARRAY_SIZE(addrs)};

	for (int batches = 0; batches < 2; batches++) {
		reset(batches);
		fail_after = 1;
		if (!batches)
			assert_int_equal(steer_write(maps, &nothing, &list), -ENOMEM);
		fail_after = -1;
		assert_int_equal(steer_write(maps, &nothing, &list), 0);
		check_holds(&list);
	}
}

/* Of VLANs only those that came or went are written. */
static void test_vlans(void **state)
{
	struct steer_list before = {.vlans = {1, [63] = UINT64_C(1) << 62}};
	struct steer_list now = {.vlans = {[1] = 2, [63] = UINT64_C(1) << 62}};
	const uint32_t gone = 0, came = 65, stays = 4094;

	reset(true);
	assert_int_equal(steer_write(maps, &before, &now), 0);
	assert_int_equal(writes, 2);
	assert_non_null(find(VLANS, &gone));
	assert_int_equal(*find(VLANS, &gone), 0);
	assert_non_null(find(VLANS, &came));
	assert_int_equal(*find(VLANS, &came), 1);
	assert_null(find(VLANS, &stays));
	fail_after = 0;
	assert_int_equal(steer_write(maps, &before, &now), -ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vlans),
		cmocka_unit_test(test_difference),
		cmocka_unit_test(test_work_is_the_events),
		cmocka_unit_test(test_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
