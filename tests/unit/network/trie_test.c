/*
 * The tree compared with a list that is searched in full, over thousands of random changes. Older
 * roots must not change.
 */
#include "dice.h"
#include "network/trie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROWS = 300, CHANGES = 20000, ASKED = 40 };

struct row {
	struct prefix6 prefix;
	uint32_t value; /* TRIE_NONE: not there */
};

static uint64_t seed;

static uint64_t dice(uint64_t n)
{
	return dice_next(&seed) % n;
}

/* Few different bits, so that prefixes contain and border each other at every length. */
static struct addr6 some_address(void)
{
	struct addr6 a = {{0, 0}};

	for (unsigned i = 0; i < 6; i++)
		a.half[i % 2] |= htobe64(UINT64_C(1) << 63 >> dice(64)) & -dice(2);
	return a;
}

static struct row *find_row(struct row *rows, const struct prefix6 *prefix)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].prefix.len == prefix->len &&
		    addr6_equal(&rows[i].prefix.addr, &prefix->addr))
			return &rows[i];
	return NULL;
}

static uint32_t longest(const struct row *rows, const struct addr6 *addr, unsigned below)
{
	const struct row *best = NULL;

	for (size_t i = 0; i < ROWS; i++) {
		const struct row *r = &rows[i];

		if (r->value != TRIE_NONE && r->prefix.len < below &&
		    prefix6_contains(&r->prefix, addr) &&
		    (best == NULL || r->prefix.len > best->prefix.len))
			best = r;
	}
	return best == NULL ? TRIE_NONE : best->value;
}

static void make_rows(struct row *rows)
{
	for (size_t i = 0; i < ROWS; i++) {
		struct prefix6 prefix;

		do {
			struct addr6 addr = some_address();

			prefix.len = (uint8_t)dice(129);
			prefix.addr = addr6_masked(&addr, prefix.len);
		} while (find_row(rows, &prefix) != NULL);
		rows[i] = (struct row){prefix, TRIE_NONE};
	}
}

static void check(const struct trie_node *root, const struct row *rows)
{
	for (unsigned i = 0; i < ASKED; i++) {
		const struct row *r = &rows[dice(ROWS)];
		struct addr6 addr = i % 2 == 0 ? some_address() : r->prefix.addr;

		assert_int_equal(trie_lookup(root, &addr), longest(rows, &addr, 129));
		assert_int_equal(trie_find(root, &r->prefix), r->value);
		assert_int_equal(trie_cover(root, &r->prefix),
				 longest(rows, &r->prefix.addr, r->prefix.len));
	}
}

static size_t count(const struct row *rows)
{
	size_t n = 0;

	for (size_t i = 0; i < ROWS; i++)
		n += rows[i].value != TRIE_NONE;
	return n;
}

static void change(struct trie *t, struct row *rows)
{
	struct row *r = &rows[dice(ROWS)];

	if (dice(2) == 0) {
		r->value = (uint32_t)dice(1000);
		assert_int_equal(trie_set(t, &r->prefix, r->value), 0);
	} else {
		r->value = TRIE_NONE;
		assert_int_equal(trie_remove(t, &r->prefix), 0);
	}
}

/* One older root is kept at a time, with the rows as they were. */
static void follows_every_change(void **state)
{
	static struct row rows[ROWS], before[ROWS];
	struct trie t = {0};
	const struct trie_node *old = NULL;

	seed = 8;
	make_rows(rows);
	memcpy(before, rows, sizeof(before));
	for (unsigned i = 0; i < CHANGES; i++) {
		change(&t, rows);
		if (i % 16 == 0) {
			check(t.root, rows);
			check(old, before);
			assert_int_equal(t.n, count(rows));
		}
		if (dice(50) == 0) {
			old = trie_commit(&t); /* the previous root is released */
			trie_release(&t);
			memcpy(before, rows, sizeof(before));
		}
	}
	for (size_t i = 0; i < ROWS; i++)
		assert_int_equal(trie_remove(&t, &rows[i].prefix), 0);
	assert_null(t.root);
	trie_fini(&t);
}

static struct prefix6 numbered(uint32_t n)
{
	return (struct prefix6){addr6_from_ipv4(htonl(n << 8)), MAPPED_BITS + 24};
}

static size_t length_of(const struct trie_node *list)
{
	size_t n = 0;

	for (; list != NULL; list = list->next)
		n++;
	return n;
}

/* The number of nodes that a change replaces does not depend on the size of the tree. */
static void a_change_is_small(void **state)
{
	struct trie t = {0};

	for (uint32_t i = 0; i < 100000; i++) {
		struct prefix6 p = numbered(i * 16);

		assert_int_equal(trie_set(&t, &p, i), 0);
	}
	assert_null(t.old); /* no reader knew the nodes */
	trie_commit(&t);
	for (uint32_t i = 0; i < 100; i++) {
		struct prefix6 p = numbered(i * 16 + 5), there = numbered(i * 160);

		assert_int_equal(trie_set(&t, &p, i), 0);
		/* the value is the same: nothing changes */
		assert_int_equal(trie_set(&t, &p, i), 0);
		assert_int_equal(trie_remove(&t, &there), 0);
		trie_commit(&t);
		assert_in_range(length_of(t.old), 1, 80);
		trie_release(&t);
	}
	trie_fini(&t);
}

/* Burst by burst: the same answers as one by one, from trees of every size. */
static void all_at_once(void **state)
{
	static const unsigned sizes[] = {0, 1, 2, 50, 3000};

	for (unsigned k = 0; k < 5; k++) {
		struct trie t = {0};
		size_t n = 0;

		for (unsigned i = 0; i < sizes[k]; i++) {
			struct prefix6 p = {some_address(), (uint8_t)dice(129)};

			assert_int_equal(trie_set(&t, &p, i), 0);
		}
		for (unsigned round = 0; round < 200; round++) {
			struct addr6 addrs[TRIE_LOOKUP_MAX];
			uint32_t values[TRIE_LOOKUP_MAX];

			n = dice(TRIE_LOOKUP_MAX + 1);
			for (unsigned i = 0; i < n; i++)
				addrs[i] = some_address();
			trie_lookup_all(t.root, addrs, (unsigned)n, values);
			for (unsigned i = 0; i < n; i++)
				assert_int_equal(values[i], trie_lookup(t.root, &addrs[i]));
		}
		assert_true(trie_has_more(t.root, t.n - 1) || t.n == 0);
		assert_false(trie_has_more(t.root, t.n));
		trie_fini(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_every_change),
		cmocka_unit_test(a_change_is_small),
		cmocka_unit_test(all_at_once),
	};

	return cmocka_run_group_tests_name("network/trie", tests, NULL, NULL);
}
